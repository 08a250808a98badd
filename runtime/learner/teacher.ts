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
  const stored = new Map<TrainingRow['example'], Float32Array>();
  let bytes = 0;
  return async (examples) => {
    const missing = [...new Set(examples)].filter((example) => !stored.has(example));
    const fresh = new Map<TrainingRow['example'], Float32Array>();
    if (missing.length > 0) {
      const taught = await learner.teach(missing);
      missing.forEach((example, i) => {
        fresh.set(example, taught[i]);
        if (bytes + taught[i].byteLength <= TEACHER_BYTES) {
          stored.set(example, taught[i]);
          bytes += taught[i].byteLength;
        }
      });
    }
    return examples.map((example) => stored.get(example) ?? fresh.get(example)!);
  };
}

/**
 * Rows that a model is held to by KL(base ‖ model): each with what gives the base's own distributions, which is stored.
 * @returns the rows of some examples, with these factors on the adapters and this weight
 */
export function heldRows(
  learner: Learner,
): (examples: readonly Example[], scales: Record<string, number>, weight: number) => Promise<TrainingRow[]> {
  const teach = teacherStore(learner);
  return async (examples, scales, weight) => {
    if (examples.length === 0) return [];
    const teachers = await teach(examples);
    return examples.map((example, i) => ({ example, scales, weight, teacher: teachers[i] }));
  };
}
