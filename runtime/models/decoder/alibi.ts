import type { Builder, Value } from '../../onnx/graph.js';
import { Cast, LessOrEqual, MatMul, Mul, Sub, Unsqueeze } from '../../onnx/ops.js';
import { floats } from './rope.js';
import type { ScorePlaces } from './scoreBias.js';
import type { AlibiSpec } from './spec.js';

/**
 * ALiBi's part of scores: [H, T, S], or [B, H, 1, S] where positions are rounded.
 */
export function alibiBias(g: Builder, { slopes, scale, rounded }: AlibiSpec, at: ScorePlaces): Value {
  const perHead = (values: readonly number[]): Value => Unsqueeze(g, floats(g, values), [1, 2]); // [H, 1, 1]
  // Distances stay small where positions are large, so that nothing is lost in float32.
  if (!rounded) {
    const distance = Cast(g, Sub(g, at.key(), at.query()), g.float);
    return Mul(g, distance, perHead(slopes.map((slope) => slope * scale)));
  }
  // What is rounded is the position in its row, counted over tokens.
  const round = (x: Value): Value => Cast(g, Cast(g, x, 'bfloat16'), g.float);
  const position = at.tokenPositions ? Cast(g, at.tokenPositions, g.float) : counted(g, at); // [B, S]
  return Mul(g, round(Mul(g, round(Unsqueeze(g, position, [1, 2])), perHead(slopes))), g.scalar(scale));
}

/** The sum of the mask up to each key, less 1: [B, S]. */
function counted(g: Builder, at: ScorePlaces): Value {
  const upTo = Cast(g, LessOrEqual(g, Unsqueeze(g, at.key(), [1]), at.key()), g.float); // [S, S]
  return Sub(g, MatMul(g, Cast(g, at.attentionMask, g.float), upTo), g.scalar(1));
}
