/** Llama with a plain MLP in GGUF. */
import {
  ATTENTION,
  NORMS,
  PLAIN,
  PLAIN_BIASES,
  biasKeys,
  hasBias,
  permuted,
  shiftedNorms,
  type Entries,
} from './shared/layout.js';
import { LLAMA3_FACTORS, ROPE_TENSORS, ropeConfig } from './shared/rope.js';

export const plainMlp = {
  apertus: {
    className: 'ApertusForCausalLM',
    biases: { may: ['attn_output'] },
    ropeTensors: ROPE_TENSORS,
    head: 'own',
    inner: { ...ATTENTION, ...PLAIN, attn_norm: 'attention_layernorm', ffn_norm: 'feedforward_layernorm' },
    numbers: {
      'xielu.alpha_p': { name: 'mlp.act_fn.alpha_p', shape: [1] },
      'xielu.alpha_n': { name: 'mlp.act_fn.alpha_n', shape: [1] },
      'xielu.beta': { name: 'mlp.act_fn.beta', shape: [], only: 0.5 },
      'xielu.eps': { name: 'mlp.act_fn.eps', shape: [], only: -1e-6 },
    },
    activation: ['hidden_act', 'xielu'],
    config: (m, g, s) => ({
      attention_bias: hasBias(g, 'attn_q'),
      ...(ropeConfig(m, g, 'apertus', s).rope_scaling ? {} : { rope_parameters: { rope_type: 'default' } }),
    }),
  },
  arcee: {
    className: 'ArceeForCausalLM',
    ropeTensors: [LLAMA3_FACTORS],
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    activation: ['hidden_act', 'relu2'],
    change: permuted,
    config: (_, g) => biasKeys(g),
  },
  jais2: {
    className: 'Jais2ForCausalLM',
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    biases: { must: PLAIN_BIASES },
    activation: ['hidden_act', 'relu2'],
    epsilon: 'layer_norm_eps',
    config: (_, g) => biasKeys(g),
  },
  nemotron: {
    className: 'NemotronForCausalLM',
    biases: { may: PLAIN_BIASES },
    head: 'own',
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    activation: ['hidden_act', 'relu2'],
    epsilon: 'norm_eps',
    partial: 'partial_rotary_factor',
    change: shiftedNorms,
    config: (_, g) => biasKeys(g),
  },
  starcoder2: {
    className: 'Starcoder2ForCausalLM',
    biases: { must: PLAIN_BIASES },
    inner: { ...NORMS, ...ATTENTION, ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj' },
    activation: ['hidden_act', 'gelu_pytorch_tanh'],
    epsilon: 'norm_epsilon',
    config: (_, g) => ({ use_bias: hasBias(g, 'attn_q'), sliding_window: null }),
  },
} satisfies Entries;
