/** Pieces that the families' entries are put together from. */
import type { ConfigReader } from '../configReader.js';
import { ropeSpec, type RopeOptions } from '../ropeFrequencies.js';
import type {
  AttentionSpec,
  DecoderSpec,
  HeadNormSpec,
  LayerSpec,
  LinearSpec,
  MlpSpec,
  NormSpec,
  RopeSpec,
} from '../spec.js';

/** A spec without what every family has from config.json alike. */
export type FamilySpec = Omit<DecoderSpec, 'family' | 'architecture'>;
export type Family = (c: ConfigReader) => FamilySpec;

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

export interface Sizes {
  hidden: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  vocab: number;
  contextLength: number;
}

/** Most layers a config may ask for: each is built. */
const MOST_LAYERS = 1024;

/** Sizes under the usual keys, or under a family's own. `headDim`: the family's default where it is not hidden / heads. */
export function sizes(
  c: ConfigReader,
  own: Partial<Record<'hidden' | 'layers' | 'heads' | 'kvHeads' | 'contextLength', string>> & {
    headDim?: number;
    defaultKvHeads?: number;
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
  if (layers > MOST_LAYERS) c.refuse(key.layers, `more than ${MOST_LAYERS} layers are not supported`);
  const heads = c.size(key.heads);
  const kvHeads = c.optionalSize(key.kvHeads, own.defaultKvHeads) ?? heads;
  if (heads % kvHeads !== 0) c.refuse(key.kvHeads, `it must divide ${key.heads} = ${heads}`);
  if (!c.has('head_dim') && own.headDim === undefined && hidden % heads !== 0)
    c.refuse(key.hidden, `it is not a multiple of ${key.heads} = ${heads}`);
  const headDim = c.optionalSize('head_dim', own.headDim) ?? hidden / heads;
  return {
    hidden,
    layers,
    heads,
    kvHeads,
    headDim,
    vocab: c.size('vocab_size'),
    contextLength: c.size(key.context, own.defaultContext),
  };
}

/** Separate q, k, v under their usual names. */
export const separate = (name: string, s: Sizes, bias = false): AttentionSpec['projections'] => ({
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

/** All of q, k, v in one layer. */
export const fused = (
  name: string,
  s: Sizes,
  layout: 'sections' | 'groups',
  bias: boolean,
  transposed = false,
): AttentionSpec['projections'] => ({
  kind: 'fused',
  layout,
  qkv: linear(name, s.hidden, (s.heads + 2 * s.kvHeads) * s.headDim, bias, transposed),
});

/** What differs between the Llama-like families; the rest is Llama. */
export interface LlamaLike {
  sizes?: Sizes;
  /** q, k, v have a bias. */
  qkvBias?: boolean;
  outBias?: boolean;
  mlpBias?: boolean;
  activation?: MlpSpec['activation'];
  norm?: (name: string, size: number) => NormSpec;
  /** Rope of each layer; undefined = none. */
  rope?: (layer: number) => RopeSpec | undefined;
  ropeOptions?: Partial<RopeOptions>;
  window?: (layer: number) => number | undefined;
  scale?: number;
  softcap?: number;
  qkNorm?: (name: string, heads: number) => HeadNormSpec;
  qkNormNames?: readonly [q: string, k: string];
  tied: boolean;
  embeddingScale?: number;
  residualScale?: number;
  logitScale?: number;
  logitSoftcap?: number;
  /** Changes a finished layer: other places for norms, other projections. */
  layer?: (layer: LayerSpec, s: Sizes) => LayerSpec;
}

/** Llama: norm → attention → +, norm → gated MLP → +, under `model.layers`. */
export function llamaLike(c: ConfigReader, o: LlamaLike): FamilySpec {
  const s = o.sizes ?? sizes(c);
  const inner = c.size('intermediate_size');
  const activation = o.activation ?? c.activation('hidden_act', 'silu');
  const epsilon = o.norm ? 0 : c.positive('rms_norm_eps', 1e-6);
  const norm = o.norm ?? ((name: string, size: number) => rms(name, size, epsilon));
  const shared = o.rope
    ? undefined
    : ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, ...o.ropeOptions });
  const [qName, kName] = o.qkNormNames ?? ['q_norm', 'k_norm'];

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `model.layers.${i}`;
    const attention = `${name}.self_attn`;
    const layer: LayerSpec = {
      name,
      parallel: false,
      residualScale: o.residualScale ?? 1,
      attentionIn: norm(`${name}.input_layernorm`, s.hidden),
      attention: {
        name: attention,
        heads: s.heads,
        kvHeads: s.kvHeads,
        headDim: s.headDim,
        scale: o.scale ?? s.headDim ** -0.5,
        softcap: o.softcap,
        window: o.window?.(i),
        rope: o.rope ? o.rope(i) : shared,
        projections: separate(attention, s, o.qkvBias),
        qNorm: o.qkNorm?.(`${attention}.${qName}`, s.heads),
        kNorm: o.qkNorm?.(`${attention}.${kName}`, s.kvHeads),
        out: linear(`${attention}.o_proj`, s.heads * s.headDim, s.hidden, o.outBias),
      },
      mlpIn: norm(`${name}.post_attention_layernorm`, s.hidden),
      mlp: gated(`${name}.mlp`, s.hidden, inner, activation, o.mlpBias),
    };
    return o.layer?.(layer, s) ?? layer;
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'model.embed_tokens.weight', scale: o.embeddingScale ?? 1 },
    layers,
    finalNorm: norm('model.norm', s.hidden),
    head: head('lm_head', 'model.embed_tokens.weight', o.tied, { scale: o.logitScale, softcap: o.logitSoftcap }),
  };
}

export const head = (
  name: string,
  embedding: string,
  tied: boolean,
  more: { bias?: boolean; scale?: number; softcap?: number } = {},
): DecoderSpec['head'] => ({
  name,
  weight: tied ? embedding : `${name}.weight`,
  tied,
  bias: more.bias ?? false,
  scale: more.scale ?? 1,
  softcap: more.softcap,
});

/** The window of the layers that `layer_types` calls sliding; `types` stands in where config.json has none. */
export function slidingWindows(
  c: ConfigReader,
  layers: number,
  window: number | undefined,
  types: (layer: number) => boolean,
): (number | undefined)[] {
  const listed = c.perLayer('layer_types', layers, ['full_attention', 'sliding_attention']);
  return Array.from({ length: layers }, (_, i) => {
    const sliding = listed ? listed[i] === 'sliding_attention' : types(i);
    if (sliding && window === undefined) {
      if (listed) c.refuse('layer_types', 'it names sliding layers, but there is no sliding_window');
      return undefined;
    }
    return sliding ? window : undefined;
  });
}
