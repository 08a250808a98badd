/** Families whose positions are ALiBi's slopes. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import type { LayerSpec } from '../spec.js';
import { fused, head, layerNorm, linear, plain, sizes, type Family } from './parts.js';

/** A geometric sequence from 2^(−8/n) on; a number of heads that is no power of two takes every second one of the next power's, too. */
export function alibiSlopes(heads: number): number[] {
  const power = 2 ** Math.floor(Math.log2(heads));
  const sequence = (n: number): number[] => Array.from({ length: n }, (_, i) => 2 ** ((-8 * (i + 1)) / n));
  return [...sequence(power), ...sequence(2 * power).filter((_, i) => i % 2 === 0)].slice(0, heads);
}

/** MPT's own order for other numbers of heads: every second of the next power's slopes from the second on, then the others. */
function mptSlopes(heads: number): number[] {
  const all = alibiSlopes(2 ** Math.ceil(Math.log2(heads)));
  if (all.length === heads) return all;
  return [...all.filter((_, i) => i % 2 === 1), ...all.filter((_, i) => i % 2 === 0)].slice(0, heads);
}

/** Fused q, k, v by heads, a norm of the embeddings, GELU as tanh. */
export const bloom: Family = (c) => {
  const named = (a: string, b: string): string => (c.has(a) ? a : b);
  const s = sizes(c, {
    hidden: named('n_embed', 'hidden_size'),
    layers: named('n_layer', 'num_hidden_layers'),
    heads: named('n_head', 'num_attention_heads'),
    contextLength: 'seq_length',
    defaultContext: 2048,
  });
  if (s.kvHeads !== s.heads) c.refuse('num_key_value_heads', 'Bloom has one key head for each query head');
  c.only('apply_residual_connection_post_layernorm', [false], 'residuals taken behind a norm are not supported');
  c.only('slow_but_exact', [false], 'products in slices are not supported');
  c.only('n_inner', [4 * s.hidden], `the MLP of this family has 4 · ${s.hidden} inner elements`);
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const norm = (name: string) => layerNorm(name, s.hidden, epsilon);
  const alibi = { slopes: alibiSlopes(s.heads), scale: 1, rounded: false };

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.h.${i}`;
    return {
      name,
      parallel: false,
      residualScale: 1,
      attentionIn: norm(`${name}.input_layernorm`),
      attention: {
        name: `${name}.self_attention`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        alibi,
        projections: fused(`${name}.self_attention.query_key_value`, s, 'groups', true),
        out: linear(`${name}.self_attention.dense`, s.hidden, s.hidden, true),
      },
      mlpIn: norm(`${name}.post_attention_layernorm`),
      mlp: plain(`${name}.mlp`, ['dense_h_to_4h', 'dense_4h_to_h'], s.hidden, 4 * s.hidden, 'gelu-tanh', true),
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: {
      weight: 'transformer.word_embeddings.weight',
      scale: 1,
      norm: norm('transformer.word_embeddings_layernorm'),
    },
    layers,
    finalNorm: norm('transformer.ln_f'),
    head: head('lm_head', 'transformer.word_embeddings.weight', c.boolean('tie_word_embeddings', true)),
  };
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
  const s = sizes(c, {
    hidden: 'd_model',
    layers: 'n_layers',
    heads: 'n_heads',
    contextLength: 'max_seq_len',
    defaultContext: 2048,
  });
  c.only('no_bias', [true], 'biases are not supported for this family');
  c.only('logit_scale', [], 'a factor on logits is not supported for this family');
  c.only('embedding_fraction', [1], 'a share of the embedding gradient is not supported');
  c.only('norm_type', ['low_precision_layernorm', 'layernorm'], 'only LayerNorm is supported for this family');
  const inner = c.size('expansion_ratio', 4) * s.hidden;
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const norm = (name: string) => layerNorm(name, s.hidden, epsilon, false);
  const own = mptAttention(c, s.heads, s.headDim);

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.blocks.${i}`;
    return {
      name,
      parallel: false,
      residualScale: 1,
      attentionIn: norm(`${name}.norm_1`),
      attention: {
        name: `${name}.attn`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        ...own,
        projections: fused(`${name}.attn.Wqkv`, s, 'sections', false),
        out: linear(`${name}.attn.out_proj`, s.hidden, s.hidden),
      },
      mlpIn: norm(`${name}.norm_2`),
      mlp: plain(`${name}.ffn`, ['up_proj', 'down_proj'], s.hidden, inner, 'gelu', false),
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.wte.weight', scale: 1 },
    layers,
    finalNorm: norm('transformer.norm_f'),
    head: head('lm_head', 'transformer.wte.weight', c.boolean('tie_word_embeddings', true)),
  };
};
