/** GPT-2 and its relatives from before Llama. Sources: transformers' configuration and modeling files. */
import { ConfigReader } from './shared/configReader.js';
import { ropeSpec, rotatingShare } from './shared/ropeFrequencies.js';
import { mptSlopes } from './shared/alibiSlopes.js';
import { GPT2_NAMES, gptLike, type GptLike } from './shared/gptLike.js';
import {
  fused,
  layerNorm,
  linear,
  separate,
  sizes,
  ungrouped,
  type Families,
  type Family,
  type Sizes,
} from './shared/parts.js';

/** Sizes under GPT-2's keys; `kvHeads` is not one of them. */
function gptSizes(c: ConfigReader, context: number): Sizes {
  const s = sizes(c, {
    hidden: 'n_embd',
    layers: 'n_layer',
    heads: 'n_head',
    contextLength: 'n_positions',
    defaultContext: context,
  });
  return { ...s, kvHeads: s.heads };
}

/** GPT-2's names and LayerNorm with bias. */
function gptNamed(c: ConfigReader, s: Sizes, inner: string, activation: string) {
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  return {
    sizes: s,
    names: GPT2_NAMES,
    inner: c.optionalSize(inner) ?? 4 * s.hidden,
    activation: c.activation('activation_function', activation),
    norm: (name: string) => layerNorm(name, s.hidden, epsilon),
  } satisfies Partial<GptLike>;
}

/** What GPT-2 and GPT-BigCode (StarCoder, SantaCoder) share beyond that: learned positions, bias everywhere. */
function gpt2Like(c: ConfigReader, s: Sizes, activation: string) {
  c.only('add_cross_attention', [false], 'cross-attention is not supported');
  return {
    ...gptNamed(c, s, 'n_inner', activation),
    positions: { name: 'transformer.wpe', offset: 0 },
    outBias: true,
    mlpBias: true,
    tied: true,
  } satisfies Partial<GptLike>;
}

const unscaled = (c: ConfigReader): boolean => !c.boolean('scale_attn_weights', true);

/** `[[["global", "local"], 12]]`: the names, twelve times over. */
function attentionTypes(c: ConfigReader, layers: number): string[] {
  const value = c.raw('attention_types') ?? [[['global', 'local'], 12]];
  const kinds: string[] = [];
  for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
    const [names, times] = Array.isArray(item) ? (item as unknown[]) : [];
    if (!Array.isArray(names) || !Number.isInteger(times) || (times as number) > layers) continue;
    for (let n = 0; n < (times as number) && kinds.length <= layers; n++) kinds.push(...(names as string[]));
  }
  if (kinds.length !== layers || kinds.some((kind) => kind !== 'global' && kind !== 'local'))
    c.reject('attention_types', `"global" or "local" for each of ${layers} layers is needed`, 'Correct config.json.');
  return kinds;
}

/**
 * One norm before attention and MLP in parallel; interleaved rope over the first `rotary_dim` elements; the head has a
 * bias.
 */
const gptjLike =
  (projections: (c: ConfigReader, s: Sizes) => GptLike['projections']): Family =>
  (c) => {
    const s = gptSizes(c, 2048);
    const rotary = c.optionalSize('rotary_dim', 64) ?? s.headDim;
    if (rotary > s.headDim) c.reject('rotary_dim', `at most ${s.headDim}, the size of a head, is possible`);
    if (rotary % 2 !== 0) c.reject('rotary_dim', 'an even number is needed');
    // transformers has one rope for these families, whatever config.json says
    const rope = ropeSpec(new ConfigReader({}), {
      headDim: s.headDim,
      contextLength: s.contextLength,
      partial: rotatingShare(rotary, s.headDim),
      interleaved: true,
    });
    return gptLike(c, {
      ...gptNamed(c, s, 'n_inner', 'gelu_new'),
      names: { ...GPT2_NAMES, out: 'out_proj', mlpIn: undefined, up: 'fc_in', down: 'fc_out' },
      parallel: true,
      projections: projections(c, s),
      attention: () => ({ rope }),
      outBias: false,
      mlpBias: true,
      tied: false,
      headBias: true,
    });
  };
/** MPT's `attn_config`. Its other settings belong to models that transformers does not compute. */
function mptAttention(c: ConfigReader, heads: number, headDim: number) {
  const a = c.object('attn_config');
  a?.only('alibi', [true], 'only models with ALiBi positions are supported');
  // MPT's own code reads the number, transformers computes with 8.
  a?.only('alibi_bias_max', [8], 'only slopes of ALiBi from 2^(-8/n) on are supported');
  a?.only('attn_type', ['multihead_attention'], 'only attention with a key head for each query head is supported');
  a?.only('qk_ln', [false], 'norms of queries and keys are not supported for this family');
  a?.only('prefix_lm', [false], 'attention to later positions is not supported');
  a?.only('attn_uses_sequence_id', [false], 'several sequences in a row are not supported');
  return {
    alibi: { slopes: mptSlopes(heads), scale: 1, rounded: false },
    scale: a?.optionalPositive('softmax_scale') ?? headDim ** -0.5,
    clip: a?.has('clip_qkv') && a.number('clip_qkv') !== 0 ? a.positive('clip_qkv') : undefined,
  };
}

export const gpt = {
  /** Weights are stored [in, out] (Conv1D). */
  gpt2: (c) => {
    const s = gptSizes(c, 1024);
    const scale = unscaled(c) ? 1 : s.headDim ** -0.5;
    const byLayer = c.boolean('scale_attn_by_inverse_layer_idx', false);
    return gptLike(c, {
      ...gpt2Like(c, s, 'gelu_new'),
      projections: (name) => fused(`${name}.c_attn`, s, 'sections', true, true),
      attention: (i) => ({ scale: byLayer ? scale / (i + 1) : scale }),
      transposed: true,
    });
  },

  /** One key and value head for all queries, unless `multi_query` is off. */
  gpt_bigcode: (c) => {
    const one = c.boolean('multi_query', true);
    const all = gptSizes(c, 1024);
    const s = one ? { ...all, kvHeads: 1 } : all;
    const scale = unscaled(c) ? 1 : s.headDim ** -0.5;
    return gptLike(c, {
      ...gpt2Like(c, s, 'gelu_pytorch_tanh'),
      projections: (name) => fused(`${name}.c_attn`, s, one ? 'sections' : 'groups', true),
      attention: () => ({ scale }),
    });
  },

  /**
   * Separate q, k, v; scores are not scaled; every second layer has a window, or those that `attention_types` names.
   */
  gpt_neo: (c) => {
    const s = sizes(c, { layers: 'num_layers', heads: 'num_heads', defaultContext: 2048 });
    const window = c.size('window_size', 256);
    const kinds = attentionTypes(c, s.layers);
    return gptLike(c, {
      ...gptNamed(c, s, 'intermediate_size', 'gelu_new'),
      names: { ...GPT2_NAMES, attention: 'attn.attention', out: 'out_proj' },
      positions: { name: 'transformer.wpe', offset: 0 },
      projections: (name) => separate(name, s),
      attention: (i) => ({ scale: 1, window: kinds[i] === 'local' ? window : undefined }),
      outBias: true,
      mlpBias: true,
      tied: true,
    });
  },

  gptj: gptjLike((_, s) => (name) => separate(name, s)),

  /** GPT-J with q, v, k in one layer, in four blocks. */
  codegen: gptjLike((c, s) => {
    const blocks = 4;
    if (s.heads % blocks !== 0) c.reject('n_head', `a multiple of ${blocks} is needed`);
    return (name) => ({
      kind: 'fused',
      blocks,
      order: 'qvk',
      qkv: linear(`${name}.qkv_proj`, s.hidden, 3 * s.hidden),
    });
  }),

  /** No bias anywhere; q, k, v in one layer; ALiBi. */
  mpt: (c) => {
    const s = ungrouped(
      c,
      sizes(c, {
        hidden: 'd_model',
        layers: 'n_layers',
        heads: 'n_heads',
        contextLength: 'max_seq_len',
        defaultContext: 2048,
      }),
    );
    c.only('no_bias', [true], 'biases are not supported for this family');
    c.only('logit_scale', [], 'a factor on logits is not supported for this family');
    c.only('embedding_fraction', [1], 'a share of the embedding gradient is not supported');
    c.only('norm_type', ['low_precision_layernorm', 'layernorm'], 'only LayerNorm is supported for this family');
    const epsilon = c.positive('layer_norm_epsilon', 1e-5);
    const own = mptAttention(c, s.heads, s.headDim);
    return gptLike(c, {
      sizes: s,
      names: {
        blocks: 'transformer.blocks',
        embedding: 'transformer.wte',
        finalNorm: 'transformer.norm_f',
        head: 'lm_head',
        attentionIn: 'norm_1',
        attention: 'attn',
        out: 'out_proj',
        mlpIn: 'norm_2',
        mlp: 'ffn',
        up: 'up_proj',
        down: 'down_proj',
      },
      norm: (name) => layerNorm(name, s.hidden, epsilon, false),
      projections: (name) => fused(`${name}.Wqkv`, s, 'sections', false),
      attention: () => own,
      outBias: false,
      mlpBias: false,
      // `expansion_ratio` changes nothing in transformers
      inner: 4 * s.hidden,
      activation: 'gelu',
      tied: true,
    });
  },
} satisfies Families;
