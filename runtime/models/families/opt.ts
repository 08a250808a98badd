/**
 * OPT and BioGPT: learned positions from row 2 on, LayerNorm, a plain MLP. Sources: transformers' configuration and
 * modeling files.
 */
import { gptLike } from './shared/gptLike.js';
import { layerNorm, linear, separate, sizes, ungrouped, type Families } from './shared/parts.js';

/** Names inside a block of OPT and BioGPT. */
const OPT_NAMES = {
  attentionIn: 'self_attn_layer_norm',
  attention: 'self_attn',
  out: 'out_proj',
  mlpIn: 'final_layer_norm',
  mlp: undefined,
  up: 'fc1',
  down: 'fc2',
};

export const opt = {
  /** Scaled embeddings. */
  biogpt: (c) => {
    const s = ungrouped(c, sizes(c, { defaultContext: 1024 }));
    return gptLike(c, {
      sizes: s,
      names: {
        ...OPT_NAMES,
        blocks: 'biogpt.layers',
        embedding: 'biogpt.embed_tokens',
        finalNorm: 'biogpt.layer_norm',
        head: 'output_projection',
      },
      // transformers does not look at `layer_norm_eps`
      norm: (name) => layerNorm(name, s.hidden, 1e-5),
      embeddingScale: c.boolean('scale_embedding', true) ? Math.sqrt(s.hidden) : 1,
      positions: { name: 'biogpt.embed_positions', offset: 2 },
      projections: (name) => separate(name, s, true),
      outBias: true,
      mlpBias: true,
      inner: c.size('intermediate_size'),
      activation: c.activation('hidden_act', 'gelu'),
      tied: true,
    });
  },

  /** 350M: post-norm, no norm at the end, and embeddings smaller than the hidden size. */
  opt: (c) => {
    const s = sizes(c);
    const before = c.boolean('do_layer_norm_before', true);
    const normed = before && !c.boolean('_remove_final_layer_norm', false);
    const size = c.optionalSize('word_embed_proj_dim') ?? s.hidden;
    const decoder = 'model.decoder';
    const bias = c.boolean('enable_bias', true);
    const weighted = c.boolean('layer_norm_elementwise_affine', true);
    return gptLike(c, {
      sizes: s,
      names: {
        ...OPT_NAMES,
        blocks: `${decoder}.layers`,
        embedding: `${decoder}.embed_tokens`,
        finalNorm: normed ? `${decoder}.final_layer_norm` : undefined,
        head: 'lm_head',
      },
      // torch's own epsilon: config.json names none
      norm: (name) => ({ ...layerNorm(name, s.hidden, 1e-5, weighted), factor: weighted ? 'weight' : 'none' }),
      positions: { name: `${decoder}.embed_positions`, offset: 2 },
      postNorm: !before,
      projectIn: size === s.hidden ? undefined : linear(`${decoder}.project_in`, size, s.hidden),
      projectOut: size === s.hidden ? undefined : linear(`${decoder}.project_out`, s.hidden, size),
      projections: (name) => separate(name, s, bias),
      outBias: bias,
      mlpBias: bias,
      inner: c.size('ffn_dim'),
      activation: c.activation('activation_function', 'relu'),
      tied: true,
    });
  },
} satisfies Families;
