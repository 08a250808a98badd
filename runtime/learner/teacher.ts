import type { Example } from '../data/examples.js';
import type { Learner } from './learner.js';
import type { TrainingRow } from './packing.js';

/** What is stored at most: chosen, not measured. */
export const TEACHER_BYTES = 256 * 2 ** 20;

/**
 * What the base's head takes of rows, stored up to a limit of memory and computed again beyond it: its distributions
 * are the targets of the KL terms.
 */
function teacherStore(learner: Learner): (examples: readonly TrainingRow['example'][]) => Promise<Float32Array[]> {
  const stored = new Map<string, Float32Array>();
  let bytes = 0;
  return async (examples) => {
    // by content: rows of large files are other objects each time
    const keys = examples.map(({ ids, labels }) => JSON.stringify([ids, labels]));
    const missing = new Map(keys.map((key, i) => [key, examples[i]] as const).filter(([key]) => !stored.has(key)));
    const fresh = new Map<string, Float32Array>();
    if (missing.size > 0) {
      const taught = await learner.teach([...missing.values()]);
      [...missing.keys()].forEach((key, i) => {
        fresh.set(key, taught[i]);
        if (bytes + taught[i].byteLength <= TEACHER_BYTES) {
          stored.set(key, taught[i]);
          bytes += taught[i].byteLength;
        }
      });
    }
    return keys.map((key) => stored.get(key) ?? fresh.get(key)!);
  };
}

/**
 * Rows that a model is held to by KL(base ‖ model): each with what gives the base's own distributions, which is stored.
 * @returns the rows of some examples, with these factors on the adapters and this weight, held loosely or not
 */
export function heldRows(
  learner: Learner,
): (
  examples: readonly Example[],
  scales: Record<string, number>,
  weight: number,
  loose?: boolean,
) => Promise<TrainingRow[]> {
  const teach = teacherStore(learner);
  return async (examples, scales, weight, loose = false) => {
    if (examples.length === 0) return [];
    const teachers = await teach(examples);
    return examples.map((example, i) => ({ example, scales, weight, teacher: teachers[i], loose }));
  };
}
