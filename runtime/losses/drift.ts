import type { Builder, Value } from '../onnx/graph.js';
import { Max, Min, Mul, ReduceSum, Sub } from '../onnx/ops.js';

/**
 * The drift of losses from where they were, by Huber's loss: ½ d² up to a drift of one nat, |d| − ½ beyond, so that no
 * token pulls harder than a label of its weight would. Unlike KL(base ‖ model) it sees tokens to which the base gives
 * next to no probability: what a model must not learn is of such tokens.
 * @param nll [L] in nats
 * @param base [L] what it was
 * @param weights [L]
 * @returns loss [] = Σ weights · huber(nll − base)
 */
export function drift(g: Builder, nll: Value, base: Value, weights: Value): Value {
  const moved = Sub(g, nll, base);
  const clipped = Max(g, Min(g, moved, g.scalar(1)), g.scalar(-1));
  const huber = Mul(g, clipped, Sub(g, moved, Mul(g, clipped, g.scalar(0.5))));
  return ReduceSum(g, Mul(g, huber, weights), [0], false);
}
