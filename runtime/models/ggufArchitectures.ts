/**
 * How GGUF files store the families: metadata → config.json, tensor names → Hugging Face names, and what llama.cpp's converter
 * (conversion/*.py) does to the values on the way in, to be undone. One entry per `general.architecture`.
 */
import {
  ATTENTION,
  GATED,
  GEMMA_NORMS,
  NORMS,
  OUTER,
  epsilon,
  hasBias,
  llamaLike,
  permuted,
  shiftedNorms,
  tied,
} from './ggufLayout.js';
import type { Architecture, Sizes } from './ggufLayout.js';
import { ropeConfig } from './ggufRope.js';

/** 1/√ of the scale of scores. Only the largest models do not scale by their head's size. */
const gemmaScale = (s: Sizes, largest: number): number => (s.layers === largest ? s.hidden / s.heads : s.headDim);

/** `general.architecture` → entry. Mistral files call themselves llama. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: llamaLike('llama', {
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    change: permuted,
    more: (_, g) => ({ attention_bias: hasBias(g, 'attn_q'), mlp_bias: hasBias(g, 'ffn_gate') }),
  }),
  mistral: llamaLike('mistral', {
    modelType: 'mistral',
    className: 'MistralForCausalLM',
    change: permuted,
    more: () => ({ sliding_window: null }),
  }),
  qwen2: llamaLike('qwen2', {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    more: () => ({ use_sliding_window: false }),
  }),
  qwen3: llamaLike('qwen3', {
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    more: (_, g) => ({ attention_bias: hasBias(g, 'attn_q'), use_sliding_window: false }),
  }),
  smollm3: llamaLike('smollm3', {
    modelType: 'smollm3',
    className: 'SmolLM3ForCausalLM',
    change: permuted,
    // Every fourth layer is without rope; the file does not say, llama.cpp takes it for granted.
    more: (_, g, s) => ({
      attention_bias: hasBias(g, 'attn_q'),
      mlp_bias: hasBias(g, 'ffn_gate'),
      no_rope_layer_interval: 4,
      no_rope_layers: Array.from({ length: s.layers }, (_layer, i) => ((i + 1) % 4 === 0 ? 0 : 1)),
      use_sliding_window: false,
    }),
  }),
  granite: llamaLike('granite', {
    modelType: 'granite',
    className: 'GraniteForCausalLM',
    change: permuted,
    more: (m, g) => ({
      attention_bias: hasBias(g, 'attn_q'),
      mlp_bias: hasBias(g, 'ffn_gate'),
      attention_multiplier: m.decimal('granite.attention.scale', 1),
      embedding_multiplier: m.decimal('granite.embedding_scale', 1),
      residual_multiplier: m.decimal('granite.residual_scale', 1),
      logits_scaling: m.decimal('granite.logit_scale', 1),
    }),
  }),
  olmo2: llamaLike('olmo2', {
    modelType: 'olmo2',
    className: 'Olmo2ForCausalLM',
    inner: {
      ...ATTENTION,
      ...GATED,
      post_attention_norm: 'post_attention_layernorm',
      post_ffw_norm: 'post_feedforward_layernorm',
    },
    more: () => ({ attention_bias: false }),
  }),
  phi3: llamaLike('phi3', {
    modelType: 'phi3',
    className: 'Phi3ForCausalLM',
    inner: {
      ...NORMS,
      attn_qkv: 'self_attn.qkv_proj',
      attn_output: 'self_attn.o_proj',
      ffn_up: 'mlp.gate_up_proj',
      ffn_down: 'mlp.down_proj',
    },
    sizeNames: { headDim: undefined },
    more: (m, _, s) => ({
      sliding_window: m.count('phi3.attention.sliding_window', 0) || null,
      original_max_position_embeddings: m.count('phi3.rope.scaling.original_context_length', s.context),
      partial_rotary_factor: s.ropeDim / s.headDim,
    }),
  }),
  gemma: llamaLike('gemma', {
    modelType: 'gemma',
    className: 'GemmaForCausalLM',
    change: shiftedNorms,
    more: () => ({ hidden_act: 'gelu_pytorch_tanh', hidden_activation: 'gelu_pytorch_tanh', attention_bias: false }),
  }),
  gemma2: llamaLike('gemma2', {
    modelType: 'gemma2',
    className: 'Gemma2ForCausalLM',
    inner: { ...ATTENTION, ...GATED, ...GEMMA_NORMS },
    change: shiftedNorms,
    more: (m, _, s) => ({
      hidden_act: 'gelu_pytorch_tanh',
      hidden_activation: 'gelu_pytorch_tanh',
      attention_bias: false,
      attn_logit_softcapping: m.decimal('gemma2.attn_logit_softcapping'),
      final_logit_softcapping: m.decimal('gemma2.final_logit_softcapping'),
      sliding_window: m.count('gemma2.attention.sliding_window'),
      // The file does not have it; llama.cpp knows that only the 27B model (46 layers) differs.
      query_pre_attn_scalar: gemmaScale(s, 46),
    }),
  }),
  gemma3: llamaLike('gemma3', {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    inner: { ...ATTENTION, ...GATED, ...GEMMA_NORMS },
    change: shiftedNorms,
    more: (m, _, s) => ({
      hidden_act: 'gelu_pytorch_tanh',
      hidden_activation: 'gelu_pytorch_tanh',
      attention_bias: false,
      final_logit_softcapping: m.has('gemma3.final_logit_softcapping')
        ? m.decimal('gemma3.final_logit_softcapping')
        : null,
      sliding_window: m.count('gemma3.attention.sliding_window'),
      layer_types: Array.from({ length: s.layers }, (_layer, i) =>
        (i + 1) % 6 === 0 ? 'full_attention' : 'sliding_attention',
      ),
      rope_local_base_freq: m.decimal('gemma3.rope.freq_base_swa', 10000),
      query_pre_attn_scalar: gemmaScale(s, 62),
    }),
  }),
  starcoder2: {
    modelType: 'starcoder2',
    className: 'Starcoder2ForCausalLM',
    outer: OUTER,
    layers: 'model.layers',
    inner: { ...NORMS, ...ATTENTION, ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj' },
    config: (m, g, s) => ({
      hidden_act: 'gelu_pytorch_tanh',
      norm_epsilon: epsilon(m, 'starcoder2'),
      use_bias: hasBias(g, 'attn_q'),
      sliding_window: null,
      ...tied(g),
      ...ropeConfig(m, g, 'starcoder2', s),
    }),
  },
  stablelm: {
    modelType: 'stablelm',
    className: 'StableLmForCausalLM',
    outer: OUTER,
    layers: 'model.layers',
    inner: { ...NORMS, ...ATTENTION, ...GATED },
    sizeNames: { headDim: undefined },
    config: (m, g, s) => {
      // One norm per head, stacked in GGUF and apart in Hugging Face.
      if (g.tensors.has('blk.0.attn_q_norm.weight'))
        m.refuse('blk.0.attn_q_norm.weight', 'StableLM with norms on q and k is not supported');
      return {
        hidden_act: 'silu',
        layer_norm_eps: epsilon(m, 'stablelm'),
        use_qkv_bias: hasBias(g, 'attn_q'),
        use_parallel_residual: m.boolean('stablelm.use_parallel_residual', false),
        qk_layernorm: false,
        partial_rotary_factor: s.ropeDim / s.headDim,
        ...tied(g),
        ...ropeConfig(m, g, 'stablelm', s),
      };
    },
  },
  phi2: {
    modelType: 'phi',
    className: 'PhiForCausalLM',
    outer: { ...OUTER, output_norm: 'model.final_layernorm' },
    layers: 'model.layers',
    inner: {
      ...ATTENTION,
      attn_norm: 'input_layernorm',
      attn_output: 'self_attn.dense',
      ffn_up: 'mlp.fc1',
      ffn_down: 'mlp.fc2',
    },
    sizeNames: { headDim: undefined },
    config: (m, g, s) => ({
      hidden_act: 'gelu_new',
      layer_norm_eps: epsilon(m, 'phi2'),
      qk_layernorm: false,
      partial_rotary_factor: s.ropeDim / s.headDim,
      ...tied(g),
      ...ropeConfig(m, g, 'phi2', s),
    }),
  },
  gptneox: {
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
    change: (name, s) =>
      /^attn_qkv\./.test(name) ? { kind: 'interleave', heads: s.heads, kvHeads: s.heads } : undefined,
    config: (m, g, s) => {
      const { rope_theta: base, ...rope } = ropeConfig(m, g, 'gptneox', s);
      return {
        hidden_act: 'gelu',
        layer_norm_eps: epsilon(m, 'gptneox'),
        use_parallel_residual: m.boolean('gptneox.use_parallel_residual', true),
        attention_bias: hasBias(g, 'attn_qkv'),
        rotary_pct: s.ropeDim / s.headDim,
        rotary_emb_base: base,
        ...tied(g),
        ...rope,
      };
    },
  },
  falcon: {
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
    change: (name, s) =>
      /^attn_qkv\./.test(name) ? { kind: 'interleave', heads: s.heads, kvHeads: s.kvHeads } : undefined,
    config: (m, g, s) => {
      const twoNorms = g.tensors.has('blk.0.attn_norm_2.weight');
      return {
        activation: 'gelu',
        alibi: false,
        bias: hasBias(g, 'attn_qkv'),
        layer_norm_epsilon: epsilon(m, 'falcon'),
        multi_query: true,
        new_decoder_architecture: s.kvHeads > 1,
        ...(s.kvHeads > 1 ? { num_ln_in_parallel_attn: twoNorms ? 2 : 1 } : {}),
        parallel_attn: true,
        ...tied(g),
        ...ropeConfig(m, g, 'falcon', s),
      };
    },
  },
  gpt2: {
    modelType: 'gpt2',
    className: 'GPT2LMHeadModel',
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
    // Conv1D weights are [in, out].
    change: (name) =>
      /^(attn_qkv|attn_output|ffn_up|ffn_down)\.weight$/.test(name) ? { kind: 'transpose' } : undefined,
    config: (m, g) => ({ activation_function: 'gelu_new', layer_norm_epsilon: epsilon(m, 'gpt2'), ...tied(g) }),
  },
};
