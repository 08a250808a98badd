import { sum } from '../contract/sum.js';
import { supervisedTokens } from '../data/conversation.js';
import type { Example } from '../data/examples.js';
import { float32, type Tensor } from '../device/session.js';
import type { TrainingRow } from './packing.js';

/** Supervised tokens over examples. */
export function tokenCount(examples: Iterable<Pick<TrainingRow['example'], 'labels'>>): number {
  let count = 0;
  for (const { labels } of examples) count += supervisedTokens(labels);
  return count;
}

/** Mean loss over supervised tokens. */
export const meanPerToken = (losses: readonly { nll: number; tokens: number }[]): number =>
  sum(losses.map((l) => l.nll)) / sum(losses.map((l) => l.tokens));

/** Rows of examples with the same factors and weight. */
export const rowsOf = (examples: readonly Example[], scales: Record<string, number>, weight: number): TrainingRow[] =>
  examples.map((example) => ({ example, scales, weight }));

/** Numbers as tensors of these dims. */
export const flatTensors = (values: readonly Float32Array[], dims: readonly (readonly number[])[]): Tensor[] =>
  values.map((value, i) => float32(value, dims[i]));

export const flatTensor = (flat: Float32Array): Tensor => float32(flat, [flat.length]);
