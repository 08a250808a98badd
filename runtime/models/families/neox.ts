/**
 * GPT-NeoX, Persimmon, Bloom and Falcon: q, k, v fused head by head. Sources: transformers' configuration and modeling
 * files.
 */
import { bf16ToF32, f32ToBf16 } from '../weights/halfFloats.js';
import { ropeSpec } from './shared/ropeFrequencies.js';
import { alibiSlopes } from './shared/alibiSlopes.js';
import { gptLike, type GptNames } from './shared/gptLike.js';
import { fused, layerNorm, optionalHeadNorms, sizes, ungrouped, type Families } from './shared/parts.js';

const NAMES: GptNames = {
  blocks: 'gpt_neox.layers',
  embedding: 'gpt_neox.embed_in',
  finalNorm: 'gpt_neox.final_layer_norm',
  head: 'embed_out',
  attentionIn: 'input_layernorm',
  attention: 'attention',
  out: 'dense',
  mlpIn: 'post_attention_layernorm',
  mlp: 'mlp',
  up: 'dense_h_to_4h',
  down: 'dense_4h_to_h',
};

/** Names of Bloom and Falcon. */
const BLOOM_NAMES: GptNames = {
  ...NAMES,
  blocks: 'transformer.h',
  embedding: 'transformer.word_embeddings',
  finalNorm: 'transformer.ln_f',
  head: 'lm_head',
  attention: 'self_attention',
};

export const neox = {
  /** Partial rope; attention and MLP in parallel with a norm each, or one after the other. */
  gpt_neox: (c) => {
    const s = ungrouped(c, sizes(c));
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    const bias = c.boolean('attention_bias', true);
    const rope = ropeSpec(c, {
      headDim: s.headDim,
      contextLength: s.contextLength,
      thetaKey: 'rotary_emb_base',
      partial: 0.25,
      partialKey: 'rotary_pct',
    });
    return gptLike(c, {
      sizes: s,
      names: NAMES,
      norm: (name) => layerNorm(name, s.hidden, epsilon),
      parallel: c.boolean('use_parallel_residual', true),
      projections: (name) => fused(`${name}.query_key_value`, s, 'groups', bias),
      attention: () => ({ rope }),
      outBias: bias,
      mlpBias: true,
      inner: c.size('intermediate_size'),
      activation: c.activation('hidden_act', 'gelu'),
      tied: false,
    });
  },

  /** Attention and MLP one after the other, norms of queries and keys, Llama's outer names. */
  persimmon: (c) => {
    const s = ungrouped(c, sizes(c));
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, partial: 0.5, even: true });
    const headNorms = optionalHeadNorms(c, true, s, epsilon);
    return gptLike(c, {
      sizes: s,
      names: {
        ...NAMES,
        blocks: 'model.layers',
        embedding: 'model.embed_tokens',
        finalNorm: 'model.final_layernorm',
        head: 'lm_head',
        attention: 'self_attn',
      },
      norm: (name) => layerNorm(name, s.hidden, epsilon),
      projections: (name) => fused(`${name}.query_key_value`, s, 'groups', true),
      attention: (_, name) => ({ rope, ...headNorms(name) }),
      outBias: true,
      mlpBias: true,
      inner: c.size('intermediate_size'),
      activation: c.activation('hidden_act', 'relu2'),
      tied: false,
    });
  },

  /** ALiBi, a norm of the embeddings, GELU with tanh. */
  bloom: (c) => {
    const named = (a: string, b: string): string => (c.has(a) ? a : b);
    const s = ungrouped(
      c,
      sizes(c, {
        hidden: named('n_embed', 'hidden_size'),
        layers: named('n_layer', 'num_hidden_layers'),
        heads: named('n_head', 'num_attention_heads'),
        contextLength: 'seq_length',
        defaultContext: 2048,
      }),
    );
    if (c.number('pretraining_tp', 1) > 1) c.only('slow_but_exact', [false], 'products in slices are not supported');
    c.only('n_inner', [4 * s.hidden], `the MLP of this family has 4 · ${s.hidden} inner elements`);
    const epsilon = c.positive('layer_norm_epsilon', 1e-5);
    const alibi = { slopes: alibiSlopes(s.heads), scale: 1, rounded: false };
    return gptLike(c, {
      sizes: s,
      names: BLOOM_NAMES,
      norm: (name) => layerNorm(name, s.hidden, epsilon),
      residualAfterNorm: c.boolean('apply_residual_connection_post_layernorm', false),
      embeddingNorm: 'transformer.word_embeddings_layernorm',
      projections: (name) => fused(`${name}.query_key_value`, s, 'groups', true),
      attention: () => ({ alibi }),
      outBias: true,
      mlpBias: true,
      inner: 4 * s.hidden,
      activation: 'gelu-tanh',
      tied: true,
    });
  },

  /**
   * Attention and MLP in parallel. 40B and 180B (`new_decoder_architecture`): several key heads and a norm each. 7B:
   * one key head and one norm. RW: as many key heads as query heads, ALiBi in place of rope.
   */
  falcon: (c) => {
    const all = sizes(c, {
      kvHeads: 'num_kv_heads',
      defaultContext: 2048,
      hidden: c.has('n_embed') ? 'n_embed' : 'hidden_size',
    });
    const grouped = c.boolean('new_decoder_architecture', false);
    const parallel = grouped || c.boolean('parallel_attn', true);
    if (grouped) c.only('parallel_attn', [true], 'the new decoder architecture has attention and MLP in parallel');
    const s = { ...all, kvHeads: grouped ? all.kvHeads : c.boolean('multi_query', true) ? 1 : all.heads };
    if (parallel)
      c.only('num_ln_in_parallel_attn', grouped ? [1, 2] : [1], 'this number of norms is not supported here');
    const twoNorms = grouped && (c.optionalSize('num_ln_in_parallel_attn') ?? 2) === 2;
    const epsilon = c.positive('layer_norm_epsilon', 1e-5);
    const bias = c.boolean('bias', false);
    const scale = s.headDim ** -0.5;
    // Scores are scaled with their ALiBi part.
    const slopes = (): number[] => [...bf16ToF32(f32ToBf16(Float32Array.from(alibiSlopes(s.heads))))];
    const positions = c.boolean('alibi', false)
      ? { alibi: { slopes: slopes(), scale, rounded: true } }
      : { rope: ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength }) };
    const norms = twoNorms
      ? { attentionIn: 'ln_attn', mlpIn: 'ln_mlp' }
      : { mlpIn: parallel ? undefined : BLOOM_NAMES.mlpIn };
    return gptLike(c, {
      sizes: s,
      names: { ...BLOOM_NAMES, ...norms },
      norm: (name) => layerNorm(name, s.hidden, epsilon),
      parallel,
      projections: (name) => fused(`${name}.query_key_value`, s, 'groups', bias),
      attention: () => positions,
      outBias: bias,
      mlpBias: bias,
      inner: c.optionalSize('ffn_hidden_size') ?? 4 * s.hidden,
      activation: c.activation('activation', 'gelu'),
      tied: true,
    });
  },
} satisfies Families;
