/**
 * Phi: attention and MLP in parallel (Phi 1 and 2), and Llama with fused layers (Phi 3). Sources: transformers'
 * configuration and modeling files.
 */
import { ropeSpec } from './shared/ropeFrequencies.js';
import { gptLike } from './shared/gptLike.js';
import { llamaLike } from './shared/llamaLike.js';
import { fused, gatedFused, layerNorm, optionalHeadNorms, separate, sizes, type Families } from './shared/parts.js';

export const phi = {
  /** One norm before attention and MLP, partial rope, bias everywhere, also in the head. */
  phi: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, partial: 0.5, even: true });
    const headNorms = optionalHeadNorms(c, false, s, epsilon);
    return gptLike(c, {
      sizes: s,
      names: {
        blocks: 'model.layers',
        embedding: 'model.embed_tokens',
        finalNorm: 'model.final_layernorm',
        head: 'lm_head',
        attentionIn: 'input_layernorm',
        attention: 'self_attn',
        out: 'dense',
        mlpIn: undefined,
        mlp: 'mlp',
        up: 'fc1',
        down: 'fc2',
      },
      norm: (name) => layerNorm(name, s.hidden, epsilon),
      parallel: true,
      projections: (name) => separate(name, s, true),
      attention: (_, name) => ({ rope, ...headNorms(name) }),
      outBias: true,
      mlpBias: true,
      inner: c.size('intermediate_size'),
      activation: c.activation('hidden_act', 'gelu_new'),
      tied: false,
      headBias: true,
    });
  },

  /** q, k, v in one layer, gate and up in one layer. The names `su` and `yarn` mean LongRoPE here. */
  phi3: (c) => {
    const s = sizes(c);
    const inner = c.size('intermediate_size');
    const window = c.optionalSize('sliding_window');
    return llamaLike(c, {
      sizes: s,
      window: () => window,
      epsilon: 1e-5,
      ropeOptions: { partial: true, originalContext: 4096, rename: { su: 'longrope', yarn: 'longrope' } },
      layer: (layer) => ({
        ...layer,
        attention: {
          ...layer.attention,
          projections: fused(`${layer.attention.name}.qkv_proj`, s, 'sections', false),
        },
        mlp: gatedFused(layer.mlp.name, s.hidden, inner, layer.mlp.activation),
      }),
    });
  },
} satisfies Families;
