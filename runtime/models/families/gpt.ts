/** GPT-2. Sources: transformers' configuration and modeling files. */
import type { LayerSpec } from '../spec.js';
import { head, layerNorm, linear, sizes, type Family } from './parts.js';

/** Weights [in, out] (Conv1D), learned positions, LayerNorm with bias. */
export const gpt2: Family = (c) => {
  const s = sizes(c, {
    hidden: 'n_embd',
    layers: 'n_layer',
    heads: 'n_head',
    contextLength: 'n_positions',
    defaultContext: 1024,
  });
  if (s.kvHeads !== s.heads) c.refuse('num_key_value_heads', 'GPT-2 has one key head for each query head');
  c.only('add_cross_attention', [false], 'cross-attention is not supported');
  const inner = c.optionalSize('n_inner') ?? 4 * s.hidden;
  const activation = c.activation('activation_function', 'gelu_new');
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const scaled = c.boolean('scale_attn_weights', true);
  const byLayer = c.boolean('scale_attn_by_inverse_layer_idx', false);
  const tied = c.boolean('tie_word_embeddings', true);
  const conv = (name: string, from: number, to: number) => linear(name, from, to, true, true);

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.h.${i}`;
    return {
      name,
      parallel: false,
      residualScale: 1,
      attentionIn: layerNorm(`${name}.ln_1`, s.hidden, epsilon),
      attention: {
        name: `${name}.attn`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: (scaled ? s.headDim ** -0.5 : 1) / (byLayer ? i + 1 : 1),
        projections: { kind: 'fused', layout: 'sections', qkv: conv(`${name}.attn.c_attn`, s.hidden, 3 * s.hidden) },
        out: conv(`${name}.attn.c_proj`, s.hidden, s.hidden),
      },
      mlpIn: layerNorm(`${name}.ln_2`, s.hidden, epsilon),
      mlp: {
        name: `${name}.mlp`,
        kind: 'plain',
        activation,
        up: conv(`${name}.mlp.c_fc`, s.hidden, inner),
        down: conv(`${name}.mlp.c_proj`, inner, s.hidden),
      },
    };
  });
  return {
    prefix: 'transformer',
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.wte.weight', scale: 1 },
    positions: { weight: 'transformer.wpe.weight', size: s.contextLength },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.wte.weight', tied),
  };
};
