/** Gemma in GGUF. */
import { ropeOf } from './shared/exportMetadata.js';
import { ATTENTION, GATED, SANDWICH_NORMS, shiftedNorms, type Entries, type Sizes } from './shared/layout.js';

/** 1/√ of the scale of scores. Only the largest models do not scale by their head's size. */
const gemmaScale = (s: Sizes, largest: number): number => (s.layers === largest ? s.hidden / s.heads : s.headDim);
const GELU = ['hidden_activation', 'gelu_pytorch_tanh'] as const;

export const gemma = {
  gemma: {
    className: 'GemmaForCausalLM',
    head: 'tied',
    activation: ['hidden_act', 'gelu_pytorch_tanh'],
    change: shiftedNorms,
  },
  gemma2: {
    className: 'Gemma2ForCausalLM',
    head: 'tied',
    inner: { ...ATTENTION, ...GATED, ...SANDWICH_NORMS },
    activation: GELU,
    windows: { period: 2 },
    change: shiftedNorms,
    config: (m, _, s) => ({
      attn_logit_softcapping: m.decimal('gemma2.attn_logit_softcapping'),
      final_logit_softcapping: m.decimal('gemma2.final_logit_softcapping'),
      // The file does not have it; llama.cpp knows that only the 27B model (46 layers) differs.
      query_pre_attn_scalar: gemmaScale(s, 46),
    }),
    metadata: (spec) => ({
      attn_logit_softcapping: { f32: spec.layers[0].attention.softcap ?? 0 },
      final_logit_softcapping: { f32: spec.head.softcap ?? 0 },
    }),
  },
  gemma3: {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    inner: { ...ATTENTION, ...GATED, ...SANDWICH_NORMS },
    activation: GELU,
    windows: { period: 6 },
    change: shiftedNorms,
    config: (m, _, s) => ({
      final_logit_softcapping: m.has('gemma3.final_logit_softcapping')
        ? m.decimal('gemma3.final_logit_softcapping')
        : null,
      rope_local_base_freq: m.decimal('gemma3.rope.freq_base_swa', 10000),
      query_pre_attn_scalar: gemmaScale(s, 62),
    }),
    writtenFor: ['gemma3'],
    metadata: (spec) => ({
      'rope.freq_base_swa': { f32: ropeOf(spec, true)?.theta ?? 10000 },
      ...(spec.head.softcap === undefined ? {} : { final_logit_softcapping: { f32: spec.head.softcap } }),
    }),
  },
} satisfies Entries;
