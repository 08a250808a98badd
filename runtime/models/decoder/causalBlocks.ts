import type { Builder, Value } from '../../onnx/graph.js';
import {
  Add,
  Cast,
  Concat,
  Expand,
  Full,
  Gather,
  LessOrEqual,
  Log,
  MatMul,
  MatrixTranspose,
  Mul,
  Neg,
  Pad,
  Range,
  ReduceMax,
  ReduceSum,
  Reshape,
  Slice,
  SliceAt,
  Softmax,
  Sub,
  Unsqueeze,
} from '../../onnx/ops.js';
import { Scan } from '../../onnx/scan.js';
import { product } from '../../onnx/shapes.js';
import type { KeyValue } from './attend.js';
import { HIDDEN, hiddenUnless } from './scoreBias.js';
import type { AttentionSpec } from './spec.js';

/**
 * Whether nothing but the order of tokens and the mask changes a score, so that keys before a block need nothing added.
 */
export const isCausalOnly = ({ window, alibi, softcap }: AttentionSpec): boolean =>
  window === undefined && alibi === undefined && softcap === undefined;

/**
 * The one place before the keys takes 16, so that keys stay aligned to 64 bytes: products with them are up to a tenth
 * faster.
 */
export const FRONT = 16;

/** What the layers of a batch share. */
export interface CausalInputs {
  /**
   * Two more features of each key [B, 1, 2, W]: 1 at the place before the keys, and HIDDEN at a place that is no
   * token's.
   */
  readonly keys: Value;
  /** One more feature of each value [1, 1, 1, W]: 1, but before the keys 0. */
  readonly values: Value;
  /** Added to the scores of a block's queries with its own keys: [Q, Q]. */
  readonly triangle: Value;
}

/** @param index [N, Q]; @param attentionMask [B, T], 1 = a token */
export function causalInputs(g: Builder, index: Value, attentionMask: Value): CausalInputs {
  const [B, T] = attentionMask.shape;
  const token = Unsqueeze(g, Cast(g, attentionMask, 'bool'), [1, 2]);
  const hidden = hiddenUnless(g, token); // [B, 1, 1, T]
  const behindPlace = (first: number, others: number, x: Value): Value => {
    const places = [Full(g, [B, 1, 1, 1], first), Full(g, [B, 1, 1, FRONT - 1], others)];
    return Concat(g, [...places, x], 3, 'W');
  };
  const place = Range(g, index.shape[1]);
  return {
    keys: Concat(g, [behindPlace(1, 0, Full(g, [B, 1, 1, T])), behindPlace(0, HIDDEN, hidden)], 2),
    values: behindFront(g, Full(g, [1, 1, 1, T], 1)),
    triangle: hiddenUnless(g, LessOrEqual(g, place, Unsqueeze(g, place, [1]))),
  };
}

/** Zeros at the places before the keys: [..., T] → [..., W]. */
const behindFront = (g: Builder, x: Value): Value =>
  Pad(g, x, g.ints([0, 0, 0, FRONT, 0, 0, 0, 0]), [...x.shape.slice(0, -1), 'W']);

/** Keys or values [B, K, D, W], or shares or scores, before a block, and a block's own. */
interface Parts {
  readonly before: Value;
  readonly own: Value;
}

/**
 * Contexts of blocks of queries, where only the order of tokens and the mask hide keys. All scores go through the
 * products and one softmax, and nothing else. The scores of a block's own keys, which need a triangle added, have a
 * softmax of their own; in that of the keys before them they are one more key, whose score is the logarithm of their
 * sum. The mask is a feature of the keys.
 *
 * The gradient is FlashAttention-2's (Dao, arXiv 2307.08691): Σ shares · their gradients, over a row, is Σ context ·
 * its gradient. It is subtracted in the product that gives gradients of shares, as one more feature of the values.
 * Products that round their inputs (TF32) lose digits of it.
 * @param queries [N, B, H, Q·D] with the factors on scores; @param key [B, K, T, D], as @param value; @param index [N,
 * Q]
 * @returns contexts [N, B, K, G*Q, D]
 */
export function attendCausally(
  g: Builder,
  { heads: H, kvHeads: K, headDim: D }: AttentionSpec,
  queries: Value,
  { key, value }: KeyValue,
  index: Value,
  { keys, values, triangle }: CausalInputs,
): Value {
  const [B] = key.shape;
  const Q = index.shape[1];
  const rows = product([H / K, Q]);
  const featured = (x: Value, more: Value): Value =>
    Concat(g, [behindFront(g, MatrixTranspose(g, x)), Expand(g, more, [B, K, more.shape[2], 'W'])], 2);
  const bias = Reshape(g, Expand(g, triangle, [1, H / K, Q, Q]), [1, 1, rows, Q]);

  const partsOf = (b: Builder, at: Value, x: Value): Parts => {
    const start = Add(b, Gather(b, at, b.ints([0])), b.ints([FRONT]));
    return {
      before: SliceAt(b, x, 3, b.ints([0]), start, 'I'),
      own: SliceAt(b, x, 3, start, Add(b, start, b.dim(Q)), Q),
    };
  };
  /** Shares of the values, and the queries [B, K, G*Q, D + 2] whose products with keys before are the scores. */
  const share = (b: Builder, q: Value, keys: Parts, bias: Value): Parts & { readonly query: Value } => {
    const one = Full(b, [B, K, rows, 1], 1);
    const withTotal = (total: Value): Value => Concat(b, [Reshape(b, q, [B, K, rows, D]), total, one], 3);
    const scores = Add(b, MatMul(b, withTotal(one), keys.own), bias); // own keys have no total
    const own = Softmax(b, scores);
    const query = withTotal(Sub(b, ReduceMax(b, scores, [-1]), Log(b, ReduceMax(b, own, [-1]))));
    const before = Softmax(b, MatMul(b, query, keys.before));
    const ofOwn = SliceAt(b, before, 3, b.ints([0]), b.ints([1]), 1);
    return { query, before, own: Mul(b, own, ofOwn) };
  };

  const { stacked } = Scan(
    g,
    { slices: [index, queries], whole: [featured(key, keys), featured(value, values), bias] },
    (b, [at, q], [keys, values, bias]) => {
      const shares = share(b, q, partsOf(b, at, keys), bias);
      const { before, own } = partsOf(b, at, values);
      const context = Add(
        b,
        MatMul(b, shares.before, MatrixTranspose(b, before)),
        MatMul(b, shares.own, MatrixTranspose(b, own)),
      );
      return { stacked: [Slice(b, context, 3, 0, D)] };
    },
    (b, { slices: [at, q], whole: [keys, values, bias], results: [y], dResults: [dY] }) => {
      const keyParts = partsOf(b, at, keys);
      const valueParts = partsOf(b, at, values);
      const shares = share(b, q, keyParts, bias);
      const dContext = Concat(b, [dY, Neg(b, ReduceSum(b, Mul(b, y, dY), [-1]))], 3);
      const dScores = (part: keyof Parts): Value => Mul(b, shares[part], MatMul(b, dContext, valueParts[part]));
      const d: Parts = { before: dScores('before'), own: dScores('own') };
      const dQuery = Add(
        b,
        MatMul(b, d.before, MatrixTranspose(b, keyParts.before)),
        MatMul(b, d.own, MatrixTranspose(b, keyParts.own)),
      );
      /** aᵀ · both parts, at their places in the whole. */
      const products = (a: Value, { before, own }: Parts, whole: Value): Value => {
        const t = MatrixTranspose(b, a);
        const both = Concat(b, [MatMul(b, t, before), MatMul(b, t, own)], 3, 'J');
        const behind = Sub(b, b.dim('W'), b.dim('J'));
        return Pad(b, both, Concat(b, [b.ints(new Array<number>(7).fill(0)), behind], 0), whole.shape);
      };
      return {
        slices: [undefined, Reshape(b, Slice(b, dQuery, 3, 0, D), q.shape)],
        whole: [products(shares.query, d, keys), products(dContext, shares, values), undefined],
      };
    },
  );
  return stacked[0];
}
