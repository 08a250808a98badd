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
  const nll = negativeLogLikelihood(g, LogSoftmax(g, logits), targets);
  return { nll, loss: ReduceSum(g, Mul(g, nll, weights), [0], false) };
}

/**
 * @param logProbs [L, V]
 * @param targets token ids [L], int64
 * @returns nll [L] in nats
 */
export function negativeLogLikelihood(g: Builder, logProbs: Value, targets: Value): Value {
  const L = logProbs.shape[0];
  const picked = GatherElements(g, logProbs, Reshape(g, targets, [L, 1]), 1); // [L, 1]
  return Neg(g, Reshape(g, picked, [L]));
}
