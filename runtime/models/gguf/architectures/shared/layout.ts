/** The form of an entry of the architectures, and the parts that entries share. */
import type { GgufFile } from '../../file/gguf.js';
import type { Metadata } from '../../file/metadata.js';
import { rotatingShare } from '../../../families/shared/ropeFrequencies.js';
import { ropeConfig } from './rope.js';
import type { GgufSource, RopeTensor } from './rope.js';
import type { TypedValue } from '../../file/writeFile.js';
import { shown } from '../../../../support/jsonFile.js';
import type { JsonObject } from '../../../../support/jsonFile.js';
import type { DecoderSpec } from '../../../decoder/spec.js';

/** What undoes the converter's change of a tensor. Heads are given where rows move. */
export type Change =
  | { kind: 'minus-one' }
  | { kind: 'transpose' }
  /** Rows of each head: pairs that rotate together are adjacent in GGUF, half a head apart in Hugging Face. */
  | { kind: 'unpermute'; heads: number }
  /** Rows [all q][all k][all v] → for each group of key heads its q, k, v. */
  | { kind: 'interleave'; heads: number; kvHeads: number };

export interface Architecture {
  /** `general.architecture` */
  name: string;
  /** Other families that are written as it, by `model_type`. */
  writtenFor: readonly string[];
  /** `model_type` of config.json; the architecture's own name where an entry has none. */
  modelType: string;
  className: string;
  /** Names outside the layers. */
  outer: Readonly<Record<string, string>>;
  /** `model.layers.{i}` without the number. */
  layers: string;
  /** Names inside a layer; `*` is the number of a row that is a tensor of its own in Hugging Face. */
  inner: Readonly<Record<string, string>>;
  /** Metadata that are tensors in Hugging Face, by key. */
  numbers?: Readonly<Record<string, LayerNumber>>;
  /** Keys of config.json besides sizes and names. */
  config: (m: Metadata, g: GgufSource, s: Sizes) => JsonObject;
  /** Metadata of this architecture, without its name in front; the reverse of an entry's `config`. */
  metadata?: (spec: DecoderSpec, config: JsonObject) => Record<string, TypedValue>;
  /** Key of the activation where config.json has one, and the one that llama.cpp computes. */
  activation: readonly [key: string | undefined, name: string];
  /** Key of the share of a head that rotates; without it whole heads rotate. */
  partial?: string;
  /** Linear layers that have a bias in llama.cpp besides q, k and v: those that may have one, or those that must. */
  biases?: { may: readonly string[] } | { must: readonly string[] };
  /** Tensors with rope's factors that llama.cpp reads; it loads no file with another one. */
  ropeTensors?: readonly RopeTensor[];
  /** llama.cpp has only tied heads for it, or only heads of their own; without it both. */
  head?: 'tied' | 'own';
  /** Layers with windows; without it GGUF cannot express them. */
  windows?: Windows;
  /** Change of a tensor, by its GGUF name inside the layer or outside. */
  change?: (name: string, s: Sizes) => Change | undefined;
  /** Names of the usual sizes in config.json, where the family has its own. */
  sizeNames?: Partial<Record<keyof typeof SIZE_NAMES, string | undefined>>;
}

/** One number of each layer. */
interface LayerNumber {
  /** Inside the layer. */
  name: string;
  shape: number[];
  /** The one value that is supported, about: files have it rounded. */
  only?: number;
}

/**
 * All layers but every `period`th have windows (0: all have); `missing` is the window of files that name none, 0 = no
 * windows.
 */
export interface Windows {
  period: number;
  missing?: number;
}

export interface Sizes {
  hidden: number;
  inner: number;
  layers: number;
  heads: number;
  kvHeads: number;
  headDim: number;
  ropeDim: number;
  context: number;
  vocab: number;
}

export const SIZE_NAMES = {
  hidden: 'hidden_size',
  inner: 'intermediate_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  kvHeads: 'num_key_value_heads',
  headDim: 'head_dim',
  context: 'max_position_embeddings',
  vocab: 'vocab_size',
};

export const OUTER = { token_embd: 'model.embed_tokens', output_norm: 'model.norm', output: 'lm_head' };
/**
 * Linear layers with a bias besides q, k and v: of blocks with a gated MLP, with a plain one, and with q, k and v in
 * one, too.
 */
export const GATED_BIASES = ['attn_output', 'ffn_gate', 'ffn_up', 'ffn_down'] as const;
export const PLAIN_BIASES = ['attn_output', 'ffn_up', 'ffn_down'] as const;
export const FUSED_BIASES = ['attn_qkv', ...PLAIN_BIASES] as const;

export const PROJECTIONS = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
};
export const ATTENTION = {
  ...PROJECTIONS,
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
};
export const GATED = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' };
export const NORMS = { attn_norm: 'input_layernorm', ffn_norm: 'post_attention_layernorm' };
export const PLAIN = { ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' };
/** q, k, v in one matrix, and gate and up in one. */
export const FUSED = {
  attn_qkv: 'self_attn.qkv_proj',
  attn_output: 'self_attn.o_proj',
  ffn_up: 'mlp.gate_up_proj',
  ffn_down: 'mlp.down_proj',
};
export const OUTPUT_NORMS = {
  post_attention_norm: 'post_attention_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};
export const SANDWICH_NORMS = {
  ...OUTPUT_NORMS,
  attn_norm: 'input_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
};

export const hasBias = (g: GgufFile, name: string): boolean => g.tensors.has(`blk.0.${name}.bias`);
/** Whether q, k, v and the output, and the MLP have biases. */
export const biasKeys = (g: GgufFile): JsonObject => ({
  attention_bias: hasBias(g, 'attn_q'),
  mlp_bias: hasBias(g, 'ffn_up'),
});

/** The limit of queries, keys and values as metadata. */
export const clamp = ({ layers: [{ attention }] }: DecoderSpec): Record<string, TypedValue> =>
  attention.clip === undefined ? {} : { 'attention.clamp_kqv': { f32: attention.clip } };

/** In q and k the two elements that rotate together are stored side by side (`LlamaModel.permute`). */
export const permuted = (name: string, s: Sizes): Change | undefined => {
  const kind = 'unpermute' as const;
  if (/^attn_q\.(weight|bias)$/.test(name)) return { kind, heads: s.heads };
  return /^attn_k\.(weight|bias)$/.test(name) ? { kind, heads: s.kvHeads } : undefined;
};
/** Gemma's norms multiply by 1 + weight; GGUF stores the sum. */
export const shiftedNorms = (name: string): Change | undefined =>
  name.endsWith('norm.weight') ? { kind: 'minus-one' } : undefined;

/** Fused q, k, v, which Hugging Face keeps by key heads. */
export const grouped = (name: string, s: Sizes): Change | undefined =>
  /^attn_qkv\./.test(name) ? { kind: 'interleave', heads: s.heads, kvHeads: s.kvHeads } : undefined;

/** An entry of the architectures; what it leaves out is as in Llama. */
type Entry = Partial<Omit<Architecture, 'name' | 'config'>> &
  Pick<Architecture, 'className'> & {
    /** Key of the norms' epsilon: RMS norms, or others; null where config.json has none, for others. */
    epsilon?: string | null;
    /** Learned positions or ALiBi. */
    withoutRope?: true;
    /** Keys of config.json that only this family has. */
    config?: Architecture['config'];
  };
/** Entries by `general.architecture`. */
export type Entries = Readonly<Record<string, Entry>>;

export function architecture(name: string, entry: Entry): Architecture {
  const { epsilon = 'rms_norm_eps', activation = ['hidden_act', 'silu'], withoutRope, config, ...layout } = entry;
  const norm = epsilon === 'rms_norm_eps' ? 'layer_norm_rms_epsilon' : 'layer_norm_epsilon';
  const [activationKey, usual] = activation;
  return {
    name,
    writtenFor: [],
    modelType: name,
    outer: OUTER,
    layers: 'model.layers',
    inner: { ...NORMS, ...ATTENTION, ...GATED },
    activation,
    config: (m, g, s) => ({
      ...(activationKey === undefined ? {} : { [activationKey]: m.text(`${name}.hidden_activation`, usual) }),
      ...(epsilon === null ? {} : { [epsilon]: m.decimal(`${name}.attention.${norm}`) }),
      tie_word_embeddings: !g.tensors.has('output.weight'),
      ...(withoutRope ? {} : ropeConfig(m, g, name, s)),
      ...(entry.partial === undefined ? {} : { [entry.partial]: rotatingShare(s.ropeDim, s.headDim) }),
      ...(entry.windows ? windowConfig(m, name, s, entry.windows) : {}),
      ...config?.(m, g, s),
    }),
    ...layout,
  };
}

function windowConfig(m: Metadata, arch: string, { layers }: Sizes, { period, missing }: Windows): JsonObject {
  const key = `${arch}.attention.sliding_window`;
  const window = m.count(key, missing);
  // Gemma 3 reads the base of these layers itself.
  const base = `${arch}.rope.freq_base`;
  if (arch !== 'gemma3' && m.decimal(`${base}_swa`, 0) !== 0 && m.decimal(`${base}_swa`) !== m.decimal(base, 10000))
    m.reject(`${base}_swa`, 'another base in the layers with windows is not supported for this family');
  if (window === 0) return { sliding_window: null };
  if (period === 0) return { sliding_window: window };
  const pattern = m.raw(`${key}_pattern`) ?? period;
  const isPeriod = Number.isInteger(pattern) && Number(pattern) > 0;
  const isList = Array.isArray(pattern) && pattern.every((entry) => Number(entry) === 0 || Number(entry) === 1);
  if (!isPeriod && !isList) m.reject(`${key}_pattern`, `${shown(pattern)} does not say which layers have windows`);
  const slides = Array.isArray(pattern)
    ? (i: number): boolean => Number(pattern[i]) === 1
    : (i: number): boolean => (i + 1) % Number(pattern) !== 0;
  if (Array.isArray(pattern) && pattern.length !== layers)
    m.reject(`${key}_pattern`, `it has ${pattern.length} entries for ${layers} layers`);
  return {
    sliding_window: window,
    layer_types: Array.from({ length: layers }, (_, i) => (slides(i) ? 'sliding_attention' : 'full_attention')),
  };
}

/** The Hugging Face name inside a layer; Falcon 40B has its two norms under other names. */
export function innerName({ modelType, inner }: Architecture, name: string, g: GgufFile): string | undefined {
  if (modelType === 'falcon' && name === 'attn_norm' && g.tensors.has('blk.0.attn_norm_2.weight')) return 'ln_mlp';
  return Object.hasOwn(inner, name) ? inner[name] : undefined;
}
