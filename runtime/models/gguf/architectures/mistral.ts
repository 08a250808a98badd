/** Mistral in GGUF. */
import { isObject } from '../../../contract/isObject.js';
import type { TypedValue } from '../file/writeFile.js';
import { numberOr, ropeParameters } from './shared/exportMetadata.js';
import { GATED_BIASES, permuted, type Entries } from './shared/layout.js';
import { ROPE_TENSORS, ropeConfig } from './shared/rope.js';

export const mistral = {
  mistral: {
    className: 'MistralForCausalLM',
    biases: { may: GATED_BIASES },
    change: permuted,
    config: () => ({ sliding_window: null }),
  },
  // The text models of Mistral 3: with query scaling, or Mistral's.
  mistral3: {
    modelType: 'ministral3',
    className: 'Ministral3ForCausalLM',
    biases: { may: GATED_BIASES },
    ropeTensors: ROPE_TENSORS,
    change: permuted,
    config: (m, g, s) => {
      const beta = m.decimal('mistral3.attention.temperature_scale', 0);
      const log = m.decimal('mistral3.rope.scaling.yarn_log_multiplier', 0);
      const { rope_theta, rope_scaling } = ropeConfig(m, g, 'mistral3', s);
      if (beta === 0 && log === 0)
        return { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: null };
      if (!isObject(rope_scaling) || rope_scaling.rope_type !== 'yarn')
        return m.reject('mistral3.rope.scaling.type', 'YaRN is needed');
      const { type: _, ...yarn } = rope_scaling;
      const scaling = { mscale: 1, mscale_all_dim: log, llama_4_scaling_beta: beta };
      return { rope_scaling: null, rope_parameters: { ...yarn, ...scaling, rope_theta } };
    },
    writtenFor: ['mistral3'],
    metadata: (spec, config): Record<string, TypedValue> => {
      if (!spec.layers[0].attention.queryScaling) return {};
      const p = ropeParameters(config);
      return {
        'attention.temperature_scale': { f32: numberOr(p.llama_4_scaling_beta, 0) },
        'rope.scaling.yarn_log_multiplier': { f32: numberOr(p.mscale_all_dim, 0) },
        'rope.scaling.yarn_beta_fast': { f32: numberOr(p.beta_fast, 32) },
        'rope.scaling.yarn_beta_slow': { f32: numberOr(p.beta_slow, 1) },
      };
    },
  },
} satisfies Entries;
