import type { TrainingRow } from '../../runtime/learner/packing.js';
import type { Random } from '../../runtime/support/random.js';

/** Rows of tokens at random, of which the first three are a prompt, each with these factors on the adapters. */
export const randomRows = (
  lengths: readonly number[],
  { vocabSize }: { vocabSize: number },
  rng: Random,
  scales: TrainingRow['scales'],
): TrainingRow[] =>
  lengths.map((length) => {
    const ids = Array.from({ length }, () => rng.int(vocabSize));
    return { example: { ids, labels: ids.map((id, t) => (t < 3 ? -100 : id)) }, scales, weight: 0.1 };
  });
