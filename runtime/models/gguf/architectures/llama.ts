/** Llama and its nearest relatives in GGUF. */
import { ATTENTION, GATED, GATED_BIASES, NORMS, biasKeys, hasBias, permuted, type Entries } from './shared/layout.js';
import { ROPE_TENSORS } from './shared/rope.js';

export const llama = {
  llama: {
    className: 'LlamaForCausalLM',
    biases: { may: GATED_BIASES },
    ropeTensors: ROPE_TENSORS,
    change: permuted,
    config: (_, g) => biasKeys(g),
    writtenFor: ['mistral', 'ministral', 'internlm3'],
  },
  ernie4_5: {
    className: 'Ernie4_5ForCausalLM',
    biases: { may: ['attn_output'] },
    config: (_, g) => ({ use_bias: hasBias(g, 'attn_q') }),
  },
  'hunyuan-dense': {
    modelType: 'hunyuan_v1_dense',
    className: 'HunYuanDenseV1ForCausalLM',
    inner: {
      ...NORMS,
      ...ATTENTION,
      ...GATED,
      attn_q_norm: 'self_attn.query_layernorm',
      attn_k_norm: 'self_attn.key_layernorm',
    },
  },
  seed_oss: {
    className: 'SeedOssForCausalLM',
    inner: { ...ATTENTION, ...GATED, attn_norm: NORMS.attn_norm, post_attention_norm: NORMS.ffn_norm },
    config: (_, g) => ({ ...biasKeys(g), attention_out_bias: hasBias(g, 'attn_output') }),
  },
  smollm3: {
    className: 'SmolLM3ForCausalLM',
    change: permuted,
    // Every fourth layer is without rope: llama.cpp assumes it, the file has no key for it.
    config: (_, g, s) => ({
      ...biasKeys(g),
      no_rope_layer_interval: 4,
      no_rope_layers: Array.from({ length: s.layers }, (_layer, i) => ((i + 1) % 4 === 0 ? 0 : 1)),
      use_sliding_window: false,
    }),
  },
} satisfies Entries;
