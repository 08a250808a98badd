/** Families whose positions are ALiBi's slopes. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import { alibiSlopes, mptSlopes } from './alibiSlopes.js';
import { gptLike } from './gptLike.js';
import { BLOOM_NAMES } from './neox.js';
import { fused, layerNorm, sizes, ungrouped, type Family } from './parts.js';

/** Fused q, k, v by heads, a norm of the embeddings, GELU as tanh. */
export const bloom: Family = (c) => {
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
    residualsOfNorms: c.boolean('apply_residual_connection_post_layernorm', false),
    embeddingNorm: 'transformer.word_embeddings_layernorm',
    projections: (name) => fused(`${name}.query_key_value`, s, 'groups', true),
    attention: () => ({ alibi }),
    outBias: true,
    mlpBias: true,
    inner: 4 * s.hidden,
    activation: 'gelu-tanh',
    tied: true,
  });
};

/** What `attn_config` says of MPT's attention. Its other settings belong to models that transformers does not compute. */
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

/** No bias anywhere; q, k, v in one layer. */
export const mpt: Family = (c) => {
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
};
