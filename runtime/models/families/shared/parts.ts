/** The parts of the families' entries. */
import type { ConfigReader } from './configReader.js';
import type { DecoderSpec, HeadNormSpec, LinearSpec, MlpSpec, NormSpec, ProjectionSpec } from '../../decoder/spec.js';

/** A spec without the keys that are the same for every family. */
export type FamilySpec = Omit<DecoderSpec, 'family' | 'architecture'>;
export type Family = (c: ConfigReader) => FamilySpec;
/** Families by their `model_type` in config.json. */
export type Families = Readonly<Record<string, Family>>;

export const linear = (name: string, from: number, to: number, bias = false, transposed = false): LinearSpec => ({
  name,
  in: from,
  out: to,
  bias,
  transposed,
});

export const rms = (name: string, size: number, epsilon: number, factor: NormSpec['factor'] = 'weight'): NormSpec => ({
  name,
  kind: 'rms',
  size,
  epsilon,
  factor,
  bias: false,
});

export const layerNorm = (name: string, size: number, epsilon: number, bias = true): NormSpec => ({
  name,
  kind: 'layer',
  size,
  epsilon,
  factor: 'weight',
  bias,
});

/** Norms of queries and keys by head, with a bias, where the config has them. */
export function optionalHeadNorms(
  c: ConfigReader,
  standard: boolean,
  { headDim }: Sizes,
  epsilon: number,
): (attention: string) => { qNorm?: HeadNormSpec; kNorm?: HeadNormSpec } {
  if (!c.boolean('qk_layernorm', standard)) return () => ({});
  const norm = (name: string): HeadNormSpec => ({ over: 'head', norm: layerNorm(name, headDim, epsilon) });
  return (name) => ({ qNorm: norm(`${name}.q_layernorm`), kNorm: norm(`${name}.k_layernorm`) });
}

export interface Sizes {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  contextLength: number;
}

/** A config may ask for so many layers: each is built. */
const MAX_LAYERS = 1024;
/** A config may ask for so many heads, and elements of one: there are lists of them for each layer. */
const MAX_HEADS = 4096;

/**
 * Sizes under the usual keys, or under a family's own. `headDim`: the family's default where it is not hidden / heads.
 */
export function sizes(
  c: ConfigReader,
  own: Partial<Record<'hidden' | 'layers' | 'heads' | 'kvHeads' | 'contextLength', string>> & {
    headDim?: number;
    defaultHeads?: number;
    defaultKvHeads?: number;
    defaultVocab?: number;
    defaultContext?: number;
  } = {},
): Sizes {
  const key = {
    hidden: own.hidden ?? 'hidden_size',
    layers: own.layers ?? 'num_hidden_layers',
    heads: own.heads ?? 'num_attention_heads',
    kvHeads: own.kvHeads ?? 'num_key_value_heads',
    context: own.contextLength ?? 'max_position_embeddings',
  };
  const hidden = c.size(key.hidden);
  const layers = c.size(key.layers);
  if (layers > MAX_LAYERS) c.reject(key.layers, `more than ${MAX_LAYERS} layers are not supported`);
  const heads = c.size(key.heads, own.defaultHeads);
  if (heads > MAX_HEADS) c.reject(key.heads, `more than ${MAX_HEADS} heads are not supported`);
  const kvHeads = c.optionalSize(key.kvHeads, own.defaultKvHeads) ?? heads;
  if (heads % kvHeads !== 0) c.reject(key.kvHeads, `it must divide ${key.heads} = ${heads}`);
  if (!c.has('head_dim') && own.headDim === undefined && hidden % heads !== 0)
    c.reject(key.hidden, `it is not a multiple of ${key.heads} = ${heads}`);
  const headDim = c.optionalSize('head_dim', own.headDim) ?? hidden / heads;
  if (headDim > MAX_HEADS)
    c.reject(c.has('head_dim') ? 'head_dim' : key.hidden, `heads of ${headDim} elements are not supported`);
  return {
    hidden,
    layers,
    heads,
    kvHeads,
    headDim,
    vocab: c.size('vocab_size', own.defaultVocab),
    contextLength: c.size(key.context, own.defaultContext),
  };
}

/** The same sizes, where a family has one key head for each query head. */
export function ungrouped(c: ConfigReader, s: Sizes): Sizes {
  if (s.kvHeads !== s.heads) c.reject('num_key_value_heads', 'this family has one key head for each query head');
  return s;
}

/** Separate q, k, v under their usual names. */
export const separate = (name: string, s: Sizes, bias = false): ProjectionSpec => ({
  kind: 'separate',
  q: linear(`${name}.q_proj`, s.hidden, s.heads * s.headDim, bias),
  k: linear(`${name}.k_proj`, s.hidden, s.kvHeads * s.headDim, bias),
  v: linear(`${name}.v_proj`, s.hidden, s.kvHeads * s.headDim, bias),
});

/** down(act(gate(x)) · up(x)) under the usual names. */
export const gated = (
  name: string,
  hidden: number,
  inner: number,
  activation: MlpSpec['activation'],
  bias = false,
): MlpSpec => ({
  name,
  kind: 'gated',
  activation,
  gate: linear(`${name}.gate_proj`, hidden, inner, bias),
  up: linear(`${name}.up_proj`, hidden, inner, bias),
  down: linear(`${name}.down_proj`, inner, hidden, bias),
});

/** down(act(up(x))) under a family's own names. */
export const plain = (
  name: string,
  [up, down]: readonly [up: string, down: string],
  hidden: number,
  inner: number,
  activation: MlpSpec['activation'],
  bias: boolean,
  transposed = false,
): MlpSpec => ({
  name,
  kind: 'plain',
  activation,
  up: linear(`${name}.${up}`, hidden, inner, bias, transposed),
  down: linear(`${name}.${down}`, inner, hidden, bias, transposed),
});

/** down(act(gate(x)) · up(x)) with gate and up in one layer. */
export const gatedFused = (
  name: string,
  hidden: number,
  inner: number,
  activation: MlpSpec['activation'],
  [gateUp, down]: readonly [gateUp: string, down: string] = ['gate_up_proj', 'down_proj'],
): MlpSpec => ({
  name,
  kind: 'gated-fused',
  activation,
  gateUp: linear(`${name}.${gateUp}`, hidden, 2 * inner),
  down: linear(`${name}.${down}`, inner, hidden),
});

/** All of q, k, v in one layer: all queries, keys, values, or those of each key head together. */
export const fused = (
  name: string,
  s: Sizes,
  layout: 'sections' | 'groups',
  bias: boolean,
  transposed = false,
): ProjectionSpec => ({
  kind: 'fused',
  blocks: layout === 'groups' ? s.kvHeads : 1,
  order: 'qkv',
  qkv: linear(name, s.hidden, (s.heads + 2 * s.kvHeads) * s.headDim, bias, transposed),
});

export const head = (
  name: string,
  embedding: string,
  tied: boolean,
  { bias = false, scale = 1, softcap }: { bias?: boolean; scale?: number; softcap?: number } = {},
): DecoderSpec['head'] => ({
  name,
  weight: tied ? embedding : `${name}.weight`,
  tied,
  bias,
  scale,
  softcap,
});

/**
 * The window of each layer that `layer_types` calls sliding; `isSliding` decides where config.json has no such list.
 */
export function slidingWindows(
  c: ConfigReader,
  layers: number,
  window: number | undefined,
  isSliding: (layer: number) => boolean,
): (number | undefined)[] {
  const listed = c.perLayer('layer_types', layers, ['full_attention', 'sliding_attention']);
  return Array.from({ length: layers }, (_, i) => {
    const sliding = listed ? listed[i] === 'sliding_attention' : isSliding(i);
    if (sliding && window === undefined) {
      if (listed) c.reject('layer_types', 'it names sliding layers, but there is no sliding_window');
      return undefined;
    }
    return sliding ? window : undefined;
  });
}
