/** Phi in GGUF. */
import { ATTENTION, FUSED, NORMS, OUTER, PLAIN_BIASES, type Entries } from './shared/layout.js';
import { LONG_FACTORS } from './shared/rope.js';

export const phi = {
  phi2: {
    modelType: 'phi',
    className: 'PhiForCausalLM',
    biases: { must: PLAIN_BIASES },
    head: 'own',
    outer: { ...OUTER, output_norm: 'model.final_layernorm' },
    inner: {
      ...ATTENTION,
      attn_norm: 'input_layernorm',
      attn_output: 'self_attn.dense',
      ffn_up: 'mlp.fc1',
      ffn_down: 'mlp.fc2',
    },
    sizeNames: { headDim: undefined },
    activation: ['hidden_act', 'gelu_new'],
    epsilon: 'layer_norm_eps',
    partial: 'partial_rotary_factor',
    config: () => ({ qk_layernorm: false }),
  },
  phi3: {
    className: 'Phi3ForCausalLM',
    ropeTensors: LONG_FACTORS,
    inner: { ...NORMS, ...FUSED },
    sizeNames: { headDim: undefined },
    partial: 'partial_rotary_factor',
    windows: { period: 0, missing: 0 },
    config: (m, _, s) => ({
      original_max_position_embeddings: m.count('phi3.rope.scaling.original_context_length', s.context),
    }),
  },
} satisfies Entries;
