import type { Builder, Value } from '../onnx/graph.js';
import { Add, Div, LogSoftmax, Mul, Probabilities, ReduceSum, Sub } from '../onnx/ops.js';

/**
 * KL(teacher ‖ model) of supervised positions: Σᵥ p (log p − log q), p the teacher's distribution. A loose hold lets go
 * of tokens that the data insist on: its loss is ρ(kl) = kl / (1 + kl), Geman and McClure's function with the KL for the
 * squared residual, always below one nat. With a bound of a tenth, ordinary answers were let go, too.
 * @param logits [M, V] of the model
 * @param teacher log-probabilities [M, V] of the model that is held, without a gradient
 * @param weights [M] of the KL
 * @param loose [M] of ρ
 * @returns kl [M] in nats, and loss [] = Σ weights · kl + Σ loose · ρ(kl)
 */
export function distillation(
  g: Builder,
  logits: Value,
  teacher: Value,
  weights: Value,
  loose: Value,
): { kl: Value; loss: Value } {
  const kl = divergence(g, LogSoftmax(g, logits), teacher);
  const bounded = Div(g, kl, Add(g, kl, g.scalar(1)));
  return { kl, loss: ReduceSum(g, Add(g, Mul(g, kl, weights), Mul(g, bounded, loose)), [0], false) };
}

/** KL(teacher ‖ model) [M] in nats, of log-probabilities [M, V]. */
export const divergence = (g: Builder, model: Value, teacher: Value): Value =>
  ReduceSum(g, Mul(g, Probabilities(g, teacher), Sub(g, teacher, model)), [1], false);
