/** Entries of ggufArchitectures.ts for the families that are not Llama's: plain MLPs, names of their own. */
import { ATTENTION, NORMS, OUTER, family, grouped, hasBias } from './ggufLayout.js';
import type { Architecture } from './ggufLayout.js';

const GPT2_NAMES = {
  outer: {
    token_embd: 'transformer.wte',
    position_embd: 'transformer.wpe',
    output_norm: 'transformer.ln_f',
    output: 'lm_head',
  },
  layers: 'transformer.h',
  inner: {
    attn_norm: 'ln_1',
    attn_qkv: 'attn.c_attn',
    attn_output: 'attn.c_proj',
    ffn_norm: 'ln_2',
    ffn_up: 'mlp.c_fc',
    ffn_down: 'mlp.c_proj',
  },
  sizeNames: {
    hidden: 'n_embd',
    inner: 'n_inner',
    layers: 'n_layer',
    heads: 'n_head',
    context: 'n_positions',
    kvHeads: undefined,
    headDim: undefined,
  },
  epsilon: 'layer_norm_epsilon',
  withoutRope: true,
} as const;

export const GPT_ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  phi2: family('phi2', {
    modelType: 'phi',
    className: 'PhiForCausalLM',
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
    more: () => ({ qk_layernorm: false }),
  }),
  gptneox: family('gptneox', {
    modelType: 'gpt_neox',
    className: 'GPTNeoXForCausalLM',
    outer: { token_embd: 'gpt_neox.embed_in', output_norm: 'gpt_neox.final_layer_norm', output: 'embed_out' },
    layers: 'gpt_neox.layers',
    inner: {
      ...NORMS,
      attn_qkv: 'attention.query_key_value',
      attn_output: 'attention.dense',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    sizeNames: { headDim: undefined, kvHeads: undefined },
    activation: ['hidden_act', 'gelu'],
    epsilon: 'layer_norm_eps',
    partial: 'rotary_pct',
    change: grouped,
    more: (m, g) => ({
      use_parallel_residual: m.boolean('gptneox.use_parallel_residual', true),
      attention_bias: hasBias(g, 'attn_qkv'),
      rotary_emb_base: m.decimal('gptneox.rope.freq_base', 10000),
    }),
  }),
  falcon: family('falcon', {
    modelType: 'falcon',
    className: 'FalconForCausalLM',
    outer: { token_embd: 'transformer.word_embeddings', output_norm: 'transformer.ln_f', output: 'lm_head' },
    layers: 'transformer.h',
    inner: {
      attn_norm: 'input_layernorm',
      attn_norm_2: 'ln_attn',
      attn_qkv: 'self_attention.query_key_value',
      attn_output: 'self_attention.dense',
      ffn_up: 'mlp.dense_h_to_4h',
      ffn_down: 'mlp.dense_4h_to_h',
    },
    sizeNames: { headDim: undefined, inner: 'ffn_hidden_size', kvHeads: 'num_kv_heads' },
    activation: ['activation', 'gelu'],
    epsilon: 'layer_norm_epsilon',
    change: grouped,
    more: (_, g, s) => ({
      alibi: false,
      bias: hasBias(g, 'attn_qkv'),
      multi_query: true,
      new_decoder_architecture: s.kvHeads > 1,
      ...(s.kvHeads > 1 ? { num_ln_in_parallel_attn: g.tensors.has('blk.0.attn_norm_2.weight') ? 2 : 1 } : {}),
      parallel_attn: true,
    }),
  }),
  gpt2: family('gpt2', {
    ...GPT2_NAMES,
    modelType: 'gpt2',
    className: 'GPT2LMHeadModel',
    activation: ['activation_function', 'gelu_new'],
    // Conv1D weights are [in, out].
    change: (name) =>
      /^(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { kind: 'transpose' } : undefined,
  }),
  starcoder: family('starcoder', {
    ...GPT2_NAMES,
    modelType: 'gpt_bigcode',
    className: 'GPTBigCodeForCausalLM',
    activation: ['activation_function', 'gelu_pytorch_tanh'],
    // One key head: all of q, then k, then v, as in GGUF.
    more: (m, _, s) => ({
      multi_query: s.kvHeads === 1 || m.refuse('starcoder.attention.head_count_kv', 'only one key head is supported'),
    }),
  }),
};
