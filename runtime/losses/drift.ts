import type { Builder, Value } from '../onnx/graph.js';
import { Mul, ReduceSum, Sub } from '../onnx/ops.js';

/**
 * Half the squared drift of losses from where they were. Unlike KL(base ‖ model) it sees tokens to which the base gives next to
 * no probability: what a model must not learn is of such tokens.
 * @param nll [L] in nats
 * @param base [L] what it was
 * @param weights [L]
 * @returns loss [] = Σ weights · ½ (nll − base)²
 */
export function drift(g: Builder, nll: Value, base: Value, weights: Value): Value {
  const moved = Sub(g, nll, base);
  return ReduceSum(g, Mul(g, Mul(g, Mul(g, moved, moved), g.scalar(0.5)), weights), [0], false);
}
