/** Granite in GGUF. */
import { numberOr } from './shared/exportMetadata.js';
import { GATED_BIASES, biasKeys, permuted, type Entries } from './shared/layout.js';
import { ROPE_TENSORS } from './shared/rope.js';

export const granite = {
  granite: {
    className: 'GraniteForCausalLM',
    biases: { may: GATED_BIASES },
    ropeTensors: ROPE_TENSORS,
    change: permuted,
    config: (m, g, s) => {
      // What is a remark elsewhere switches rope off here.
      if (!m.boolean('granite.rope.scaling.finetuned', true))
        m.reject('granite.rope.scaling.finetuned', 'it is false, which makes this a model without rope');
      // llama.cpp takes 0 as not given.
      return {
        ...biasKeys(g),
        attention_multiplier: m.decimal('granite.attention.scale', 0) || 1 / Math.sqrt(s.headDim),
        embedding_multiplier: m.decimal('granite.embedding_scale', 0) || 1,
        residual_multiplier: m.decimal('granite.residual_scale', 0) || 1,
        logits_scaling: m.decimal('granite.logit_scale', 1),
      };
    },
    writtenFor: ['granitemoehybrid'],
    metadata: (spec, config) => ({
      'attention.scale': { f32: spec.layers[0].attention.scale },
      embedding_scale: { f32: spec.embedding.scale },
      residual_scale: { f32: spec.layers[0].residualScale },
      logit_scale: { f32: numberOr(config.logits_scaling, 1) },
    }),
  },
} satisfies Entries;
