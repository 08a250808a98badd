/**
 * GLM: bias in q, k, v, interleaved rope over half of each head, gate and up in one layer. Sources: transformers'
 * configuration and modeling files.
 */
import { llamaLike } from './shared/llamaLike.js';
import { gatedFused, rms, sizes, type Families, type Family } from './shared/parts.js';

const glmLike =
  (outputNorms: boolean): Family =>
  (c) => {
    const s = sizes(c, { headDim: 128, defaultKvHeads: 2 });
    const epsilon = c.positive('rms_norm_eps', 1.5625e-7);
    const norm = (name: string) => rms(name, s.hidden, epsilon);
    const inner = c.size('intermediate_size');
    return llamaLike(c, {
      sizes: s,
      qkvBias: c.boolean('attention_bias', true),
      norm,
      ropeOptions: { partial: 0.5, interleaved: true },
      layer: (layer) => ({
        ...layer,
        attentionOut: outputNorms ? norm(`${layer.name}.post_self_attn_layernorm`) : undefined,
        mlpOut: outputNorms ? norm(`${layer.name}.post_mlp_layernorm`) : undefined,
        mlp: gatedFused(layer.mlp.name, s.hidden, inner, layer.mlp.activation),
      }),
    });
  };

export const glm = {
  glm: glmLike(false),
  /** Norms after attention and MLP, too. */
  glm4: glmLike(true),
} satisfies Families;
