import type { Builder, Value } from '../../onnx/graph.js';
import { Cast, LessOrEqual, MatMul, Mul, Sub, Unsqueeze } from '../../onnx/ops.js';
import { floats } from './rope.js';
import type { AlibiSpec } from './spec.js';

/**
 * ALiBi's part of scores: [H, T, S], or [B, H, 1, S] where positions are rounded.
 * @param at indices of keys [S] and of queries [T, 1], and the mask [B, S]; made when they are needed
 */
export function alibiBias(
  g: Builder,
  { slopes, scale, rounded }: AlibiSpec,
  at: { key: () => Value; query: () => Value; attentionMask: Value },
): Value {
  const perHead = (values: readonly number[]): Value => Unsqueeze(g, floats(g, values), [1, 2]); // [H, 1, 1]
  // Distances stay small where positions are large, so that nothing is lost in float32.
  if (!rounded) {
    const distance = Cast(g, Sub(g, at.key(), at.query()), g.float);
    return Mul(g, distance, perHead(slopes.map((slope) => slope * scale)));
  }
  // What is rounded is the position in its row, counted over tokens: the sum of the mask up to the key, less 1.
  const round = (x: Value): Value => Cast(g, Cast(g, x, 'bfloat16'), g.float);
  const upTo = Cast(g, LessOrEqual(g, Unsqueeze(g, at.key(), [1]), at.key()), g.float); // [S, S]
  const tokens = MatMul(g, Cast(g, at.attentionMask, g.float), upTo); // [B, S]
  const position = Unsqueeze(g, Sub(g, tokens, g.scalar(1)), [1, 2]); // [B, 1, 1, S]
  return Mul(g, round(Mul(g, round(position), perHead(slopes))), g.scalar(scale));
}
