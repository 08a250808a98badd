import type { Builder, Value } from '../../onnx/graph.js';
import { Add, MatMul, MatrixTranspose, Mul, Softmax, Tanh } from '../../onnx/ops.js';
import type { AttentionSpec } from './spec.js';

/** Keys and values of a layer [B, K, S, D], after RoPE. */
export interface KeyValue {
  readonly key: Value;
  readonly value: Value;
}

/**
 * Shares of the values by the softmax of scores: [B, K, G*T, D].
 * @param query [B, K, G*T, D], the G query heads of a key head together, with the factors on scores
 * @param bias added to scores, [B, K or 1, G*T, S]
 */
export function attend(g: Builder, spec: AttentionSpec, query: Value, { key, value }: KeyValue, bias: Value): Value {
  const products = MatMul(g, query, MatrixTranspose(g, key)); // [B, K, G*T, S]
  const scores = spec.softcap === undefined ? products : Mul(g, Tanh(g, products), g.scalar(spec.softcap));
  return MatMul(g, Softmax(g, Add(g, scores, bias)), value);
}
