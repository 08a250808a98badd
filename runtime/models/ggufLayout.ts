/** What an entry of ggufArchitectures.ts says, and the pieces that entries share. */
import type { GgufFile } from './gguf.js';
import type { Metadata } from './ggufMetadata.js';
import { ropeConfig } from './ggufRope.js';
import type { GgufSource } from './ggufRope.js';
import type { JsonObject } from './jsonFile.js';

/** What undoes the converter's change of a tensor. Heads are given where rows move. */
export type Change =
  | { kind: 'minus-one' }
  | { kind: 'transpose' }
  /** Rows of each head: pairs that rotate together are neighbours in GGUF, halves apart in Hugging Face. */
  | { kind: 'unpermute'; heads: number }
  /** Rows [all q][all k][all v] → for each group of key heads its q, k, v. */
  | { kind: 'interleave'; heads: number; kvHeads: number };

export interface Architecture {
  modelType: string;
  className: string;
  /** Names outside the layers. */
  outer: Readonly<Record<string, string>>;
  /** `model.layers.{i}` without the number. */
  layers: string;
  /** Names inside a layer. */
  inner: Readonly<Record<string, string>>;
  /** Keys of config.json beside those that every family has. */
  config: (m: Metadata, g: GgufSource, s: Sizes) => JsonObject;
  /** Change of a tensor, by its GGUF name inside the layer or outside. */
  change?: (name: string, s: Sizes) => Change | undefined;
  /** Names of the usual sizes in config.json, where the family has its own. */
  sizeNames?: Partial<Record<keyof typeof SIZE_NAMES, string | undefined>>;
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
export const ATTENTION = {
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
};
export const GATED = { ffn_gate: 'mlp.gate_proj', ffn_up: 'mlp.up_proj', ffn_down: 'mlp.down_proj' };
export const NORMS = { attn_norm: 'input_layernorm', ffn_norm: 'post_attention_layernorm' };
const LLAMA_LAYER = { ...NORMS, ...ATTENTION, ...GATED };
export const GEMMA_NORMS = {
  attn_norm: 'input_layernorm',
  post_attention_norm: 'post_attention_layernorm',
  ffn_norm: 'pre_feedforward_layernorm',
  post_ffw_norm: 'post_feedforward_layernorm',
};

const rmsEpsilon = (m: Metadata, arch: string): number => m.decimal(`${arch}.attention.layer_norm_rms_epsilon`);
export const epsilon = (m: Metadata, arch: string): number => m.decimal(`${arch}.attention.layer_norm_epsilon`);
export const hasBias = (g: GgufFile, name: string): boolean => g.tensors.has(`blk.0.${name}.bias`);
export const tied = (g: GgufFile): JsonObject => ({ tie_word_embeddings: !g.tensors.has('output.weight') });

/** q and k are stored with the two elements that rotate together side by side (`LlamaModel.permute`). */
export const permuted = (name: string, s: Sizes): Change | undefined => {
  const kind = 'unpermute' as const;
  if (/^attn_q\.(weight|bias)$/.test(name)) return { kind, heads: s.heads };
  return /^attn_k\.(weight|bias)$/.test(name) ? { kind, heads: s.kvHeads } : undefined;
};
/** Gemma's norms multiply by 1 + weight; GGUF stores the sum. */
export const shiftedNorms = (name: string): Change | undefined =>
  name.endsWith('norm.weight') ? { kind: 'minus-one' } : undefined;

type LlamaLike = Partial<Omit<Architecture, 'config'>> &
  Pick<Architecture, 'modelType' | 'className'> & { more?: Architecture['config'] };

/** Families that share Llama's names, RMS norms and rope. */
export const llamaLike = (arch: string, { more, ...own }: LlamaLike): Architecture => ({
  outer: OUTER,
  layers: 'model.layers',
  inner: LLAMA_LAYER,
  config: (m, g, s) => ({
    hidden_act: 'silu',
    rms_norm_eps: rmsEpsilon(m, arch),
    ...tied(g),
    ...ropeConfig(m, g, arch, s),
    ...more?.(m, g, s),
  }),
  ...own,
});

/** The Hugging Face name inside a layer; Falcon 40B has its two norms under other names. */
export function innerName({ modelType, inner }: Architecture, name: string, g: GgufFile): string | undefined {
  if (modelType === 'falcon' && name === 'attn_norm' && g.tensors.has('blk.0.attn_norm_2.weight')) return 'ln_mlp';
  return Object.hasOwn(inner, name) ? inner[name] : undefined;
}
