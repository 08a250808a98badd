/** OLMo and EXAONE 4 in GGUF. */
import { ATTENTION, GATED, OUTPUT_NORMS, clamp, permuted, type Entries } from './shared/layout.js';
import { LLAMA3_FACTORS } from './shared/rope.js';

export const olmo = {
  olmo: {
    className: 'OlmoForCausalLM',
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED },
    epsilon: null,
    change: permuted,
    config: (m) => {
      const key = 'olmo.attention.layer_norm_epsilon';
      if (m.decimal(key) !== 1e-5) m.reject(key, 'OLMo has 1e-5');
      return { clip_qkv: m.decimal('olmo.attention.clamp_kqv', 0) || null };
    },
    metadata: clamp,
  },
  olmo2: {
    className: 'Olmo2ForCausalLM',
    head: 'own',
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED, ...OUTPUT_NORMS },
    windows: { period: 4, missing: 0 },
    config: (m) =>
      m.count('olmo2.attention.sliding_window', 0) === 0
        ? {}
        : { model_type: 'olmo3', architectures: ['Olmo3ForCausalLM'] },
    writtenFor: ['olmo3'],
  },
  exaone4: {
    className: 'Exaone4ForCausalLM',
    ropeTensors: [LLAMA3_FACTORS],
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED, ...OUTPUT_NORMS },
    windows: { period: 4, missing: 0 },
  },
} satisfies Entries;
