import type { Builder, Value } from '../../onnx/graph.js';
import { Add, And, Cast, Expand, Greater, LessOrEqual, Reshape, Sub, Unsqueeze, Where } from '../../onnx/ops.js';
import { product } from '../../onnx/shapes.js';
import { alibiBias } from './alibi.js';
import type { AlibiSpec } from './spec.js';

/**
 * What is added to a score that may not be seen. Finite, so that a row that sees nothing (left padding) gives no NaN.
 */
export const HIDDEN = -1e9;

/** 0 where a score may be seen, HIDDEN elsewhere. */
export const hiddenUnless = (g: Builder, seen: Value): Value => Where(g, seen, g.scalar(0), g.scalar(HIDDEN));

/** Where scores [B, H, T, S] are: made when they are needed. */
export interface ScorePlaces {
  /** Indices of keys [S]. */
  readonly key: () => Value;
  /** Indices of queries [T, 1]. */
  readonly query: () => Value;
  /** [B, S], 1 = a token. */
  readonly attentionMask: Value;
  /** Each key's position in its row [B, S], counted over tokens; without it, it is counted from the mask. */
  readonly tokenPositions?: Value;
}

/** Scores may look at themselves and back, at tokens, and within the window: [B, 1, T, S], 0 or HIDDEN. */
export function causalMask(g: Builder, at: ScorePlaces, window: number | undefined): Value {
  const [k, q] = [at.key(), at.query()];
  let seen = LessOrEqual(g, k, q);
  if (window !== undefined) seen = And(g, seen, Greater(g, k, Sub(g, q, g.ints([window]))));
  const token = Unsqueeze(g, Cast(g, at.attentionMask, 'bool'), [1, 2]); // [B, 1, 1, S]
  return hiddenUnless(g, And(g, seen, token));
}

/**
 * What is added to the scores of grouped queries: [B, K, G*T, S], or [B, 1, G*T, S] without ALiBi.
 * @param mask [B, 1, T, S]
 */
export function groupedBias(
  g: Builder,
  at: ScorePlaces,
  mask: Value,
  group: number,
  alibi: AlibiSpec | undefined,
): Value {
  const [B, , T, S] = mask.shape;
  const rows = product([group, T]);
  if (alibi) {
    const all = Add(g, mask, alibiBias(g, alibi, at)); // [B, H, T, S]
    return Reshape(g, all, [B, alibi.slopes.length / group, rows, S]);
  }
  return group === 1 ? mask : Reshape(g, Expand(g, mask, [B, group, T, S]), [B, 1, rows, S]);
}
