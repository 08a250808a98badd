import { sum } from '../contract/sum.js';
import { weightsCount } from '../models/decoder/spec.js';
import type { Parts } from './parts.js';

/** Bytes that a run writes at least: when it takes most of the disk, and when it is done. */
export interface DiskBytes {
  readonly most: number;
  readonly kept: number;
}

/** A checkpoint is written beside the one before, the result beside the last one. Logs and answers are small. */
export function diskBytes(
  { recipe, model, adapters, method }: Pick<Parts, 'recipe' | 'model' | 'adapters' | 'method'>,
  steps: number,
): DiskBytes {
  const full = method === 'full';
  const trained = full ? weightsCount(model.spec) : adapters[0].layout.size;
  const checkpoint = (recipe.optimizer.moments === '8bit' ? 4 + 2 : 4 + 8) * trained;
  const result = full ? sum([...model.tensors.values()].map(({ bytes }) => bytes)) : 4 * trained;
  const kept = checkpoint + result;
  return { most: steps > recipe.evaluateEvery ? Math.max(2 * checkpoint, kept) : kept, kept };
}
