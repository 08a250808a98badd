import type { Builder, Value } from '../onnx/graph.js';
import { GatherElements, LogSoftmax, Mul, Neg, ReduceSum, Reshape } from '../onnx/ops.js';

/**
 * Cross-entropy of supervised positions.
 * @param logits [L, V]
 * @param targets token ids [L], int64
 * @param weights [L]; 1/N for a mean over the N supervised tokens of an optimizer step
 * @returns nll [L] in nats, and loss [] = Σ weights · nll
 */
export function crossEntropy(g: Builder, logits: Value, targets: Value, weights: Value): { nll: Value; loss: Value } {
  const L = logits.shape[0];
  const picked = GatherElements(g, LogSoftmax(g, logits), Reshape(g, targets, [L, 1]), 1); // [L, 1]
  const nll = Neg(g, Reshape(g, picked, [L]));
  return { nll, loss: ReduceSum(g, Mul(g, nll, weights), [0], false) };
}
