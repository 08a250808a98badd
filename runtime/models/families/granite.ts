/**
 * Granite and HyperCLOVA X: Llama with factors on embeddings, scores, residual branches and logits. Sources:
 * transformers' configuration and modeling files.
 */
import type { ConfigReader } from './shared/configReader.js';
import { ropeSpec } from './shared/ropeFrequencies.js';
import { llamaLike } from './shared/llamaLike.js';
import { gatedFused, rms, sizes, type Families } from './shared/parts.js';

const factors = (c: ConfigReader) => ({
  attentionBias: c.boolean('attention_bias', false),
  scale: c.positive('attention_multiplier', 1),
  embeddingScale: c.positive('embedding_multiplier', 1),
  residualScale: c.positive('residual_multiplier', 1),
  logitScale: 1 / c.positive('logits_scaling', 1),
});

export const granite = {
  granite: (c) => llamaLike(c, { ...factors(c), mlpBias: c.boolean('mlp_bias', false) }),

  /**
   * Granite 4 without Mamba and without experts: gate and up in one layer, under other names; rope only where
   * config.json asks for it.
   */
  granitemoehybrid: (c) => {
    const s = sizes(c);
    if (c.number('num_local_experts', 8) !== 0) c.reject('num_local_experts', 'mixtures of experts are not supported');
    c.ignore('num_experts_per_tok'); // of none
    const types = c.has('layer_types') ? 'layer_types' : 'layers_block_type';
    if (!c.perLayer(types, s.layers, ['attention', 'full_attention']))
      c.reject(types, 'layers are Mamba where it is missing, which is not supported');
    const inner = c.size('shared_intermediate_size', 1024);
    const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
    const hasRope = c.raw('position_embedding_type') === 'rope';
    return llamaLike(c, {
      ...factors(c),
      sizes: s,
      rope: () => (hasRope ? rope : undefined),
      layer: (layer) => ({
        ...layer,
        mlp: gatedFused(`${layer.name}.shared_mlp`, s.hidden, inner, layer.mlp.activation, [
          'input_linear',
          'output_linear',
        ]),
      }),
    });
  },

  /** Norms after attention and MLP, too; here the number for logits is a factor. */
  hyperclovax: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('rms_norm_eps', 1e-6);
    const outputNorms = c.boolean('use_post_norm', true);
    const outputNorm = (name: string) => (outputNorms ? rms(name, s.hidden, epsilon) : undefined);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      mlpBias: c.boolean('mlp_bias', false),
      scale: c.optionalPositive('attention_multiplier'),
      embeddingScale: c.positive('embedding_multiplier', 1),
      residualScale: c.positive('residual_multiplier', 1),
      logitScale: c.positive('logits_scaling', 1),
      layer: (layer) => ({
        ...layer,
        attentionOut: outputNorm(`${layer.name}.post_norm1`),
        mlpOut: outputNorm(`${layer.name}.post_norm2`),
      }),
    });
  },
} satisfies Families;
