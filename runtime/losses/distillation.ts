import type { Builder, Value } from '../onnx/graph.js';
import { LogSoftmax, Mul, Probabilities, ReduceSum, Sub } from '../onnx/ops.js';

/**
 * KL(teacher ‖ model) of supervised positions: Σᵥ p (log p − log q), p the teacher's distribution.
 * @param logits [M, V] of the model
 * @param teacher log-probabilities [M, V] of the model that is held, without a gradient
 * @param weights [M]
 * @returns kl [M] in nats, and loss [] = Σ weights · kl
 */
export function distillation(g: Builder, logits: Value, teacher: Value, weights: Value): { kl: Value; loss: Value } {
  const kl = divergence(g, LogSoftmax(g, logits), teacher);
  return { kl, loss: ReduceSum(g, Mul(g, kl, weights), [0], false) };
}

/** KL(teacher ‖ model) [M] in nats, of log-probabilities [M, V]. */
export const divergence = (g: Builder, model: Value, teacher: Value): Value =>
  ReduceSum(g, Mul(g, Probabilities(g, teacher), Sub(g, teacher, model)), [1], false);
