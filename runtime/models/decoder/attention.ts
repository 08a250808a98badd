import type { Builder, Value } from '../../onnx/graph.js';
import {
  Add,
  Cast,
  Concat,
  Div,
  Gemm,
  Log,
  Max,
  Min,
  Mul,
  Range,
  Reshape,
  Split,
  Transpose,
  Unsqueeze,
} from '../../onnx/ops.js';
import { product, type Dim } from '../../onnx/shapes.js';
import { attend, type KeyValue } from './attend.js';
import { attendInBlocks, queryBlocks, type QueryBlocks } from './attentionBlocks.js';
import { headNorm, norm, type Weight } from './norms.js';
import { rotate, ropeTables, type RopeTable } from './rope.js';
import { causalMask, groupedBias, type ScorePlaces } from './scoreBias.js';
import type { AlibiSpec, AttentionSpec, HeadNormSpec, LinearSpec, QueryScalingSpec, RopeSpec } from './spec.js';

/** y = x·Wᵀ + b on rows x [B*T, in]: one Gemm node named like the module, where adapters find it. */
export function linear(g: Builder, spec: LinearSpec, x: Value, weight: Weight): Value {
  const w = weight(`${spec.name}.weight`, spec.transposed ? [spec.in, spec.out] : [spec.out, spec.in]);
  const c = spec.bias ? weight(`${spec.name}.bias`, [spec.out]) : undefined;
  return g.named(spec.name, () => Gemm(g, x, w, { transB: !spec.transposed, c }));
}

/** What all layers share: tables of positions and masks, made once for each distinct kind. */
export interface AttentionInputs {
  /** B and T. */
  readonly shape: readonly [Dim, Dim];
  readonly table: (rope: RopeSpec, factor: number, headDim: number) => RopeTable;
  /** Factors on queries [B, 1, T, 1]. */
  readonly queryScale: (spec: QueryScalingSpec) => Value;
  /**
   * What is added to scores [B, K, G*T, S]: ALiBi, and a large negative number for what may not be seen; [B, 1, G*T, S]
   * without ALiBi.
   */
  readonly bias: (window: number | undefined, group: number, alibi?: AlibiSpec) => Value;
  /** For attention in blocks of queries. */
  readonly blocks?: QueryBlocks;
}

/**
 * @param attentionMask [B, S], 1 = a token; @param positions [B, T]. Without a cache S = T.
 * @param options `past`: the dim of a cache; `index`: [N, Q], for attention in blocks; `last`: see `ropeTables`
 */
export function attentionInputs(
  g: Builder,
  attentionMask: Value,
  positions: Value,
  { past, index, last }: { past?: string; index?: Value; last?: Value } = {},
): AttentionInputs {
  const tables = new Map<number, ReturnType<typeof ropeTables>>();
  const biases = new Map<string, Value>();
  const queryScales = new Map<string, Value>();
  const T = positions.shape[1];
  const places: ScorePlaces = {
    key: () => Range(g, attentionMask.shape[1]),
    query: () => Unsqueeze(g, past === undefined ? Range(g, T) : Add(g, Range(g, T), g.dim(past)), [1]),
    attentionMask,
  };

  return {
    shape: [positions.shape[0], T],
    blocks: index && queryBlocks(g, index, attentionMask, positions),
    table(rope, factor, headDim) {
      let table = tables.get(headDim);
      if (!table) tables.set(headDim, (table = ropeTables(g, positions, headDim, last)));
      return table(rope, factor);
    },
    queryScale({ beta, context }) {
      const id = `${beta}/${context}`;
      let scaling = queryScales.get(id);
      if (!scaling) {
        scaling = g.named('query_scaling', () => {
          const times = Cast(g, Div(g, Unsqueeze(g, positions, [1, 3]), g.int(context)), g.float); // whole numbers divide down
          return Add(g, Mul(g, Log(g, Add(g, times, g.scalar(1))), g.scalar(beta)), g.scalar(1));
        });
        queryScales.set(id, scaling);
      }
      return scaling;
    },
    bias(window, group, alibi) {
      const id = `${window}/${group}/${JSON.stringify(alibi)}`;
      let bias = biases.get(id);
      if (!bias) {
        bias = g.named('mask', () =>
          group === 1 && !alibi
            ? causalMask(g, places, window)
            : groupedBias(g, places, this.bias(window, 1), group, alibi),
        );
        biases.set(id, bias);
      }
      return bias;
    },
  };
}

/**
 * Causal self-attention of rows x [B*T, C]. The G query heads of a key head are grouped as [B, K, G*T, D], so that keys
 * and values are not repeated.
 * @param past keys and values [B, K, P, D] of the positions before
 */
export function attention(
  g: Builder,
  spec: AttentionSpec,
  x: Value,
  weight: Weight,
  inputs: AttentionInputs,
  past?: KeyValue,
): { y: Value; present: KeyValue } {
  const { heads: H, kvHeads: K, headDim: D, rope } = spec;
  const [B, T] = inputs.shape;
  const rowNorm = (n: HeadNormSpec | undefined, y: Value): Value =>
    n?.over === 'row' ? norm(g, n.norm, y, weight) : y;
  const perHead = (n: HeadNormSpec | undefined, y: Value): Value =>
    n && n.over !== 'row' && !n.afterRope ? headNorm(g, n, y, weight) : y;
  const split = (y: Value, heads: number): Value => Reshape(g, y, [B, T, heads, D]);
  const toHeads = (y: Value): Value => Transpose(g, y, [0, 2, 1, 3]); // [B, T, H, D] → [B, H, T, D]

  const rows = project(g, spec, x, weight);
  return g.named(spec.name, () => {
    const q = toHeads(perHead(spec.qNorm, split(rowNorm(spec.qNorm, rows.q), H)));
    const k = toHeads(perHead(spec.kNorm, split(rowNorm(spec.kNorm, rows.k), K)));
    const v = toHeads(split(rows.v, K));
    const rotated = (y: Value, factor: number): Value => (rope ? rotate(g, rope, inputs.table(rope, factor, D), y) : y);
    const normed = (n: HeadNormSpec | undefined, y: Value): Value => (n?.afterRope ? norm(g, n.norm, y, weight) : y);
    // queries already carry the factors on scores: with RoPE in its tables, unless a norm follows it
    const factor = spec.scale / (spec.softcap ?? 1);
    const inTable = rope !== undefined && !spec.qNorm?.afterRope;
    const unscaled = normed(spec.qNorm, rotated(q, inTable ? factor : 1));
    const scaled = inTable || factor === 1 ? unscaled : Mul(g, unscaled, g.scalar(factor));
    const query = spec.queryScaling ? Mul(g, scaled, inputs.queryScale(spec.queryScaling)) : scaled;
    const key = normed(spec.kNorm, rotated(k, 1));
    const present: KeyValue = past
      ? { key: Concat(g, [past.key, key], 2, 'S'), value: Concat(g, [past.value, v], 2, 'S') }
      : { key, value: v };

    const joined = (): Value => {
      const group = H / K;
      const grouped = Reshape(g, query, [B, K, product([group, T]), D]);
      const context = attend(g, spec, grouped, present, inputs.bias(spec.window, group, spec.alibi));
      return Reshape(g, Transpose(g, Reshape(g, context, [B, H, T, D]), [0, 2, 1, 3]), [product([B, T]), H * D]);
    };
    const contexts = inputs.blocks ? attendInBlocks(g, spec, query, present, inputs.blocks) : joined();
    return { y: linear(g, spec.out, contexts, weight), present };
  });
}

/** Rows of q [B*T, H·D], k and v [B*T, K·D], limited where the family limits them. */
function project(g: Builder, spec: AttentionSpec, x: Value, weight: Weight): { q: Value; k: Value; v: Value } {
  const { q, k, v } = projected(g, spec, x, weight);
  const { clip } = spec;
  if (clip === undefined) return { q, k, v };
  const limited = (y: Value): Value => Max(g, Min(g, y, g.scalar(clip)), g.scalar(-clip));
  return g.named(spec.name, () => ({ q: limited(q), k: limited(k), v: limited(v) }));
}

function projected(g: Builder, spec: AttentionSpec, x: Value, weight: Weight): { q: Value; k: Value; v: Value } {
  const { heads: H, kvHeads: K, headDim: D, projections: p } = spec;
  if (p.kind === 'separate')
    return { q: linear(g, p.q, x, weight), k: linear(g, p.k, x, weight), v: linear(g, p.v, x, weight) };
  const qkv = linear(g, p.qkv, x, weight);
  return g.named(spec.name, () => {
    // [B*T, blocks · (queries, keys, values of a block)]
    const [rows] = qkv.shape;
    const sizes = { q: (H / p.blocks) * D, k: (K / p.blocks) * D, v: (K / p.blocks) * D };
    const order = [...p.order] as (keyof typeof sizes)[];
    const parts = Split(
      g,
      Reshape(g, qkv, [rows, p.blocks, sizes.q + sizes.k + sizes.v]),
      order.map((name) => sizes[name]),
      2,
    );
    const part = (name: keyof typeof sizes): Value =>
      Reshape(g, parts[order.indexOf(name)], [rows, p.blocks * sizes[name]]);
    return { q: part('q'), k: part('k'), v: part('v') };
  });
}
