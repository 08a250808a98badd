import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Cast, Concat, Cos, Less, Mul, ReduceMax, Reshape, Sin, Split, Where } from '../../onnx/ops.js';
import type { RopeSpec } from './spec.js';

/** cos and signed sin [B, 1, T, D], each with a factor. */
export interface RopeTable {
  readonly cos: Value;
  readonly sin: Value;
}

/**
 * Tables of cos and sin out of position_ids [B, T], one per distinct rope and factor. The part of a head that does not
 * rotate has the angle 0. A factor on queries (the attention's scale) costs nothing here.
 * @param last position of each row [B], where `positions` are a part of them
 */
export function ropeTables(
  g: Builder,
  positions: Value,
  headDim: number,
  last?: Value,
): (rope: RopeSpec, factor: number) => RopeTable {
  const angles = new Map<string, { cos: Value; sin: Value }>();
  const tables = new Map<string, RopeTable>();
  return (rope, factor) =>
    g.named('rope', () => {
      const key = JSON.stringify(rope);
      let waves = angles.get(key);
      if (!waves) {
        const [B, T] = positions.shape as [string, string];
        const p = Reshape(g, Cast(g, positions, g.float), [B, 1, T, 1]);
        const angle = Mul(g, p, frequencies(g, rope, positions, headDim, last));
        waves = { cos: Cos(g, angle), sin: Sin(g, angle) };
        angles.set(key, waves);
      }
      const known = tables.get(`${key}${factor}`);
      if (known) return known;
      // y = x·cos + swap(x)·sin, where the first of a pair has −sin
      const { dim, interleaved } = rope;
      const rotated = factor * rope.attentionFactor;
      const isFirst = (i: number): boolean => (interleaved ? i % 2 === 0 : i < dim / 2);
      const cosFactors = Array.from({ length: headDim }, (_, i) => (i < dim ? rotated : factor));
      const sinFactors = cosFactors.map((c, i) => (i < dim && isFirst(i) ? -c : c));
      const table = {
        cos: cosFactors.every((c) => c === 1) ? waves.cos : Mul(g, waves.cos, floats(g, cosFactors)),
        sin: Mul(g, waves.sin, floats(g, sinFactors)),
      };
      tables.set(`${key}${factor}`, table);
      return table;
    });
}

/** A constant of the graph's own type. */
export const floats = (g: Builder, values: readonly number[]): Value =>
  g.constant(g.float, [values.length], g.float === 'float64' ? Float64Array.from(values) : Float32Array.from(values));

/**
 * Angles per position for each element of a head [D]; LongRoPE's [B, 1, 1, D], the long set for rows whose last
 * position asks for it.
 */
function frequencies(g: Builder, rope: RopeSpec, positions: Value, headDim: number, given?: Value): Value {
  const spread = (invFreq: readonly number[]): Value =>
    floats(
      g,
      Array.from({ length: headDim }, (_, i) => {
        if (i >= rope.dim) return 0;
        return invFreq[rope.interleaved ? i >> 1 : i % (rope.dim / 2)];
      }),
    );
  if (!rope.long) return spread(rope.invFreq);
  const last = Reshape(g, given ?? ReduceMax(g, positions, [1]), [positions.shape[0], 1, 1, 1]);
  return Where(g, Less(g, last, g.int(rope.long.from)), spread(rope.invFreq), spread(rope.long.invFreq));
}

/** Rotates x [B, H, T, D] (Su et al. 2021, RoFormer, section 3.2). */
export function rotate(g: Builder, rope: RopeSpec, table: RopeTable, x: Value): Value {
  return Add(g, Mul(g, x, table.cos), Mul(g, swapPairs(g, rope, x), table.sin));
}

/** The other element of each pair in the place of the first, and the reverse. */
function swapPairs(g: Builder, { dim, interleaved }: RopeSpec, x: Value): Value {
  const D = x.shape.at(-1) as number;
  const rest = D > dim ? [D - dim] : [];
  if (!interleaved) {
    const [first, second, ...pass] = Split(g, x, [dim / 2, dim / 2, ...rest], -1);
    return Concat(g, [second, first, ...pass], -1);
  }
  const [rotating, ...pass] = rest.length > 0 ? Split(g, x, [dim, ...rest], -1) : [x];
  const pairs = Reshape(g, rotating, [...x.shape.slice(0, -1), dim / 2, 2]);
  const [even, odd] = Split(g, pairs, [1, 1], -1);
  const swapped = Reshape(g, Concat(g, [odd, even], -1), rotating.shape);
  return pass.length > 0 ? Concat(g, [swapped, ...pass], -1) : swapped;
}
