/** Seconds that the parts of a step take on a machine of known speed. */
import type { OptimizerOptions } from '../contract/recipeTraining.js';
import type { Work } from '../onnx/cost.js';
import type { Speed } from './speed.js';

/** Of a run of a graph. */
export const workSeconds = ({ flops, moved, nodes }: Work, speed: Speed): number =>
  flops / speed.flops + moved / speed.moved + nodes * speed.node;

/**
 * What the optimizer reads and writes: the gradient for its norm, then it again with parameters and moments, and these
 * written: 1 + 4 + 3.
 */
const UPDATE_VECTORS = 8;
/**
 * How many times as long it takes with moments that are decoded from 8 bits and coded again: `test/bench/updates.ts`
 * measured 7.3 on an AMD EPYC. Of a small full fine-tuning the whole step takes twice the time (docs/recipes.md,
 * `optimizer.moments`).
 */
const CODED = 7;

/** Of the optimizer's step for so many trained numbers. */
export const updateSeconds = (trained: number, moments: OptimizerOptions['moments'], speed: Speed): number =>
  ((moments === '8bit' ? CODED : 1) * 4 * UPDATE_VECTORS * trained) / speed.moved;
