/** GLM in GGUF. */
import { ATTENTION, FUSED, NORMS, hasBias, type Entries } from './shared/layout.js';

export const glm = {
  chatglm: {
    modelType: 'glm',
    className: 'GlmForCausalLM',
    inner: { ...NORMS, ...ATTENTION, ...FUSED },
    partial: 'partial_rotary_factor',
    config: (_, g) => ({ attention_bias: hasBias(g, 'attn_q') }),
  },
  glm4: {
    className: 'Glm4ForCausalLM',
    inner: {
      ...NORMS,
      ...ATTENTION,
      ...FUSED,
      post_attention_norm: 'post_self_attn_layernorm',
      post_ffw_norm: 'post_mlp_layernorm',
    },
    partial: 'partial_rotary_factor',
    config: (_, g) => ({ attention_bias: hasBias(g, 'attn_q') }),
  },
} satisfies Entries;
