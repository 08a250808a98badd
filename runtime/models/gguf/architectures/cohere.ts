/** Command R and StableLM in GGUF. */
import { ATTENTION, GATED, NORMS, PROJECTIONS, hasBias, type Entries } from './shared/layout.js';

export const cohere = {
  'command-r': {
    modelType: 'cohere',
    className: 'CohereForCausalLM',
    head: 'tied',
    sizeNames: { headDim: undefined },
    // The norms of queries and keys that llama.cpp has for 64 layers and more (Command R+) are not among them.
    inner: { ...NORMS, ...PROJECTIONS, ...GATED },
    epsilon: 'layer_norm_eps',
    config: (m, g) => ({ attention_bias: hasBias(g, 'attn_q'), logit_scale: m.decimal('command-r.logit_scale') }),
    metadata: (spec) => ({ logit_scale: { f32: spec.head.scale } }),
  },
  cohere2: {
    className: 'Cohere2ForCausalLM',
    head: 'tied',
    sizeNames: { headDim: undefined },
    epsilon: 'layer_norm_eps',
    windows: { period: 4 },
    config: (m) => ({ logit_scale: m.decimal('cohere2.logit_scale') }),
    metadata: (spec) => ({ logit_scale: { f32: spec.head.scale } }),
  },
  stablelm: {
    className: 'StableLmForCausalLM',
    head: 'own',
    sizeNames: { headDim: undefined },
    epsilon: 'layer_norm_eps',
    partial: 'partial_rotary_factor',
    // One norm per head, stacked in GGUF and apart in Hugging Face.
    inner: {
      ...NORMS,
      ...ATTENTION,
      ...GATED,
      attn_q_norm: 'self_attn.q_layernorm.norms.*',
      attn_k_norm: 'self_attn.k_layernorm.norms.*',
    },
    config: (m, g) => ({
      use_qkv_bias: hasBias(g, 'attn_q'),
      use_parallel_residual: m.boolean('stablelm.use_parallel_residual', false),
      qk_layernorm: g.tensors.has('blk.0.attn_q_norm.weight'),
    }),
    metadata: (spec) => ({ use_parallel_residual: { bool: spec.layers[0].parallel } }),
  },
} satisfies Entries;
