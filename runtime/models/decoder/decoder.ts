import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Cast, Gather, Mul, Reshape, Split } from '../../onnx/ops.js';
import { product } from '../../onnx/shapes.js';
import { ACTIVATION, xielu } from './activations.js';
import type { KeyValue } from './attend.js';
import { attention, attentionInputs, linear, type AttentionInputs } from './attention.js';
import { openHead } from './head.js';
import { norm, type Weight } from './norms.js';
import { packedRows } from './packedWeights.js';
import { embeddingSize, type DecoderSpec, type LayerSpec, type MlpSpec } from './spec.js';

interface Decoder {
  /** Rows that the head takes [B*T, E]; row b·T + t. */
  readonly hidden: Value;
  /** What enters each block, and what leaves the last one [B, T, C]; dropped by `prune` where it is not used. */
  readonly hiddenStates: readonly Value[];
  /** The vocabulary projection of rows [n, E] → [n, V]. */
  logits(rows: Value): Value;
  /** Keys and values of each layer [B, K, S, D], to be fed in again as `past_key_values.N.key` and `.value`. */
  readonly present: readonly KeyValue[];
}

/**
 * Forward graph of a decoder. Adds the inputs `input_ids` [B, T], `attention_mask` [B, T] (1 = token) and
 * `position_ids` [B, T], all int64; with a cache the mask is [B, S] and each layer has `past_key_values.N.key` and
 * `.value` [B, K, P, D], S = P + T. With `blocks` attention goes in blocks of queries: T = N·Q, and the input
 * `query_blocks` [N, Q] counts the positions. With `last`, [B], positions are a part of rows whose last positions these
 * are: LongRoPE asks for them. Rows may be padded on either side; what comes out at padding means nothing, but is
 * finite.
 *
 * Each linear layer is one Gemm node named like its module. `weight` gives a parameter by its name in the checkpoint.
 * Unused nodes (embedding tables cast before their rows are taken, hidden states) are left for `prune`.
 */
export function buildDecoder(
  g: Builder,
  spec: DecoderSpec,
  weight: Weight,
  options: { cache: boolean; blocks?: boolean; last?: Value },
): Decoder {
  const index = options.blocks ? g.input('query_blocks', 'int64', ['N', 'Q']) : undefined;
  const T = index ? product(index.shape) : 'T';
  const ids = g.input('input_ids', 'int64', ['B', T]);
  const mask = g.input('attention_mask', 'int64', ['B', options.cache ? 'S' : T]);
  const positions = g.input('position_ids', 'int64', ['B', T]);
  const pasts = options.cache ? spec.layers.map((layer, i) => pastInputs(g, layer, i)) : [];

  const inputs = attentionInputs(g, mask, positions, {
    past: options.cache ? 'P' : undefined,
    index,
    last: options.last,
  });
  const asStates = (x: Value): Value => g.named('hidden_states', () => Reshape(g, x, ['B', T, spec.hidden]));
  let x = embed(g, spec, ids, positions, weight);
  const hiddenStates = [asStates(x)];
  const present: KeyValue[] = [];
  spec.layers.forEach((layer, i) => {
    const block = decoderLayer(g, layer, x, weight, inputs, pasts[i]);
    x = block.y;
    present.push(block.present);
    hiddenStates.push(asStates(x));
  });
  const last = spec.finalNorm ? norm(g, spec.finalNorm, x, weight) : x;
  return {
    hidden: spec.head.projectOut ? linear(g, spec.head.projectOut, last, weight) : last,
    hiddenStates,
    present,
    logits(rows) {
      const head = openHead(g, spec, weight);
      return head.logits(g, rows, head.weights);
    },
  };
}

function pastInputs(g: Builder, { attention: { kvHeads, headDim } }: LayerSpec, i: number): KeyValue {
  const input = (part: string): Value => g.input(`past_key_values.${i}.${part}`, g.float, ['B', kvHeads, 'P', headDim]);
  return { key: input('key'), value: input('value') };
}

/** Rows of the tables, [B*T, C]. */
function embed(g: Builder, spec: DecoderSpec, ids: Value, positions: Value, weight: Weight): Value {
  const [C, E] = [spec.hidden, embeddingSize(spec)];
  return g.named('embed', () => {
    const { norm: normSpec, scale, projectIn } = spec.embedding;
    const taken = Reshape(g, takeRows(g, weight(spec.embedding.weight, [spec.vocabSize, E]), ids), [
      product(ids.shape),
      E,
    ]);
    const scaled = scale === 1 ? taken : Mul(g, taken, g.scalar(scale));
    const normed = normSpec ? norm(g, normSpec, scaled, weight) : scaled;
    const rows = projectIn ? linear(g, projectIn, normed, weight) : normed;
    if (!spec.positions) return rows;
    const { weight: table, size, offset } = spec.positions;
    const rowsAt = offset === 0 ? positions : Add(g, positions, g.int(offset));
    const learned = takeRows(g, weight(table, [size, C]), rowsAt);
    return Add(g, rows, Reshape(g, learned, [product(ids.shape), C]));
  });
}

/**
 * Rows of a table. Where a Cast makes it from a half-precision weight, or it is in blocks, only the rows are widened.
 */
function takeRows(g: Builder, table: Value, indices: Value): Value {
  const rows = packedRows(g, table, indices);
  if (rows) return rows;
  const node = g.producer(table);
  const stored = node?.op === 'Cast' ? node.inputs[0] : table;
  return Cast(g, Gather(g, stored, indices), table.dtype);
}

function decoderLayer(
  g: Builder,
  layer: LayerSpec,
  x: Value,
  weight: Weight,
  inputs: AttentionInputs,
  past?: KeyValue,
): { y: Value; present: KeyValue } {
  const normed = (spec: LayerSpec['mlpIn'], value: Value): Value => (spec ? norm(g, spec, value, weight) : value);
  const residual = (to: Value, branch: Value): Value =>
    g.named(layer.name, () =>
      Add(g, to, layer.residualScale === 1 ? branch : Mul(g, branch, g.scalar(layer.residualScale))),
    );

  const entered = normed(layer.attentionIn, x);
  const { y, present } = attention(g, layer.attention, entered, weight, inputs, past);
  const joined = (to: Value, branch: Value, out: LayerSpec['mlpOut']): Value =>
    layer.postNorm ? normed(out, residual(to, branch)) : residual(to, normed(out, branch));
  const attended = joined(layer.residualAfterNorm ? entered : x, y, layer.attentionOut);
  const mlpFrom = layer.parallel ? (layer.mlpIn ? normed(layer.mlpIn, x) : entered) : normed(layer.mlpIn, attended);
  const base = layer.residualAfterNorm ? mlpFrom : attended;
  return { y: joined(base, mlp(g, layer.mlp, mlpFrom, weight), layer.mlpOut), present };
}

function mlp(g: Builder, spec: MlpSpec, x: Value, weight: Weight): Value {
  const activate = (value: Value): Value => {
    if (spec.activation !== 'xielu') return ACTIVATION[spec.activation](g, value);
    const alpha = (sign: string): Value => weight(`${spec.name}.act_fn.alpha_${sign}`, [1]);
    return xielu(g, value, alpha('p'), alpha('n'));
  };
  const inner = g.named(spec.name, () => {
    if (spec.kind === 'plain') return activate(linear(g, spec.up, x, weight));
    if (spec.kind === 'gated') {
      const gate = activate(linear(g, spec.gate, x, weight));
      return Mul(g, gate, linear(g, spec.up, x, weight));
    }
    const half = spec.gateUp.out / 2;
    const [gate, up] = Split(g, linear(g, spec.gateUp, x, weight), [half, half], 1);
    return Mul(g, activate(gate), up);
  });
  return g.named(spec.name, () => linear(g, spec.down, inner, weight));
}
