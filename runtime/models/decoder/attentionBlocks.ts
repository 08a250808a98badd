import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Gather, Max, Reshape, SliceAt, Sub, Transpose, Unsqueeze } from '../../onnx/ops.js';
import { Scan } from '../../onnx/scan.js';
import { product } from '../../onnx/shapes.js';
import { attend, type KeyValue } from './attend.js';
import { attendCausally, causalInputs, isCausalOnly, type CausalInputs } from './causalBlocks.js';
import { causalMask, groupedBias } from './scoreBias.js';
import type { AttentionSpec } from './spec.js';

/** A batch of rows of T = N·Q positions, in N blocks of Q. */
export interface QueryBlocks {
  /** Index of each position [N, Q]: 0, 1, 2, …. */
  readonly index: Value;
  /** [B, T], 1 = a token. */
  readonly attentionMask: Value;
  /** [B, T] */
  readonly positions: Value;
  /** Made once, when a layer needs it. */
  readonly causal: () => CausalInputs;
}

export function queryBlocks(g: Builder, index: Value, attentionMask: Value, positions: Value): QueryBlocks {
  let causal: CausalInputs | undefined;
  return {
    index,
    attentionMask,
    positions,
    causal: () => (causal ??= g.named('mask', () => causalInputs(g, index, attentionMask))),
  };
}

/**
 * Attention in blocks of queries, one after the other: a block's scores are with the keys up to its end, from the first
 * that its window reaches, and are not kept. Memory is that of one block, B·H·Q·T, and half of the products fall away.
 * @param query [B, H, T, D] with the factors on scores; @param present keys and values [B, K, T, D]
 * @returns contexts [B*T, H·D]
 */
export function attendInBlocks(
  g: Builder,
  spec: AttentionSpec,
  query: Value,
  present: KeyValue,
  blocks: QueryBlocks,
): Value {
  const { heads: H, headDim: D } = spec;
  const [B, , T] = query.shape;
  const [N, Q] = blocks.index.shape;
  const cut = Transpose(g, Reshape(g, query, [B, H, N, product([Q, D])]), [2, 0, 1, 3]); // [N, B, H, Q·D]
  const contexts = isCausalOnly(spec)
    ? attendCausally(g, spec, cut, present, blocks.index, blocks.causal())
    : attendWithBias(g, spec, cut, present, blocks);
  const byToken = Transpose(g, Reshape(g, contexts, [N, B, H, Q, D]), [1, 0, 3, 2, 4]);
  return Reshape(g, byToken, [product([B, T]), H * D]);
}

/** The dim of the keys that a block meets: with a window, at most window − 1 before its own. */
export const keysDim = (window?: number): string => `J${window ?? ''}`;

/**
 * Contexts [N, B, K, G*Q, D] of queries [N, B, H, Q·D]: what hides keys, and ALiBi, is added to all scores of a block.
 */
function attendWithBias(
  g: Builder,
  spec: AttentionSpec,
  queries: Value,
  { key, value }: KeyValue,
  { index, attentionMask, positions }: QueryBlocks,
): Value {
  const { heads: H, kvHeads: K, headDim: D, window, alibi } = spec;
  const [B, , T] = key.shape;
  const Q = index.shape[1];
  const group = H / K;
  const whole = [Reshape(g, index, [T]), attentionMask, positions, key, value];
  const { stacked } = Scan(g, { slices: [index, queries], whole }, (b, [at, q], [keyIndex, mask, token, k, v]) => {
    const first = Gather(b, at, b.ints([0])); // [1]
    const end = Add(b, first, b.dim(Q));
    const start = window === undefined ? b.ints([0]) : Max(b, Sub(b, first, b.ints([window - 1])), b.ints([0]));
    const seen = (x: Value, axis: number): Value => SliceAt(b, x, axis, start, end, keysDim(window));
    const keys = seen(keyIndex, 0);
    const places = {
      key: () => keys,
      query: () => Unsqueeze(b, at, [1]),
      attentionMask: seen(mask, 1),
      tokenPositions: alibi?.rounded ? seen(token, 1) : undefined,
    };
    const bias = groupedBias(b, places, causalMask(b, places, window), group, alibi);
    const grouped = Reshape(b, q, [B, K, product([group, Q]), D]);
    return { stacked: [attend(b, spec, grouped, { key: seen(k, 2), value: seen(v, 2) }, bias)] };
  });
  return stacked[0];
}
