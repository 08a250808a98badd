/**
 * How GGUF files store the families: metadata → config.json, tensor names → Hugging Face names, and what llama.cpp's converter
 * (conversion/*.py) does to the values on the way in, to be undone. One entry per `general.architecture`.
 */
import { GPT_ARCHITECTURES } from './gptArchitectures.js';
import {
  ATTENTION,
  FUSED,
  GATED,
  GATED_BIASES,
  NORMS,
  SANDWICH_NORMS,
  OUTPUT_NORMS,
  PLAIN,
  PLAIN_BIASES,
  PROJECTIONS,
  biases,
  family,
  hasBias,
  permuted,
  shiftedNorms,
} from './layout.js';
import type { Architecture, Sizes } from './layout.js';
import { ropeConfig } from './rope.js';
import { isObject } from '../../jsonFile.js';

/** 1/√ of the scale of scores. Only the largest models do not scale by their head's size. */
const gemmaScale = (s: Sizes, largest: number): number => (s.layers === largest ? s.hidden / s.heads : s.headDim);
const GELU = ['hidden_activation', 'gelu_pytorch_tanh'] as const;

/** `general.architecture` → entry. Mistral files call themselves llama, OLMo 3 files olmo2. */
export const ARCHITECTURES: Readonly<Record<string, Architecture>> = {
  llama: family('llama', {
    modelType: 'llama',
    className: 'LlamaForCausalLM',
    biases: { may: GATED_BIASES },
    change: permuted,
    more: (_, g) => biases(g),
  }),
  mistral: family('mistral', {
    modelType: 'mistral',
    className: 'MistralForCausalLM',
    biases: { may: GATED_BIASES },
    change: permuted,
    more: () => ({ sliding_window: null }),
  }),
  // The text models of Mistral 3: with queries that grow beyond the original context, or Mistral's.
  mistral3: family('mistral3', {
    modelType: 'ministral3',
    className: 'Ministral3ForCausalLM',
    biases: { may: GATED_BIASES },
    change: permuted,
    more: (m, g, s) => {
      const beta = m.decimal('mistral3.attention.temperature_scale', 0);
      const log = m.decimal('mistral3.rope.scaling.yarn_log_multiplier', 0);
      const { rope_theta, rope_scaling } = ropeConfig(m, g, 'mistral3', s);
      if (beta === 0 && log === 0)
        return { model_type: 'mistral', architectures: ['MistralForCausalLM'], sliding_window: null };
      if (!isObject(rope_scaling) || rope_scaling.rope_type !== 'yarn')
        return m.refuse('mistral3.rope.scaling.type', 'YaRN is needed');
      const { type: _, ...yarn } = rope_scaling;
      const more = { mscale: 1, mscale_all_dim: log, llama_4_scaling_beta: beta };
      return { rope_scaling: null, rope_parameters: { ...yarn, ...more, rope_theta } };
    },
  }),
  qwen2: family('qwen2', {
    modelType: 'qwen2',
    className: 'Qwen2ForCausalLM',
    more: () => ({ use_sliding_window: false }),
  }),
  qwen3: family('qwen3', {
    modelType: 'qwen3',
    className: 'Qwen3ForCausalLM',
    more: (_, g) => ({ attention_bias: hasBias(g, 'attn_q'), use_sliding_window: false }),
  }),
  smollm3: family('smollm3', {
    modelType: 'smollm3',
    className: 'SmolLM3ForCausalLM',
    change: permuted,
    // Every fourth layer is without rope: llama.cpp assumes it, the file has no key for it.
    more: (_, g, s) => ({
      ...biases(g),
      no_rope_layer_interval: 4,
      no_rope_layers: Array.from({ length: s.layers }, (_layer, i) => ((i + 1) % 4 === 0 ? 0 : 1)),
      use_sliding_window: false,
    }),
  }),
  granite: family('granite', {
    modelType: 'granite',
    className: 'GraniteForCausalLM',
    biases: { may: GATED_BIASES },
    change: permuted,
    more: (m, g) => ({
      ...biases(g),
      attention_multiplier: m.decimal('granite.attention.scale', 1),
      embedding_multiplier: m.decimal('granite.embedding_scale', 1),
      residual_multiplier: m.decimal('granite.residual_scale', 1),
      logits_scaling: m.decimal('granite.logit_scale', 1),
    }),
  }),
  seed_oss: family('seed_oss', {
    modelType: 'seed_oss',
    className: 'SeedOssForCausalLM',
    inner: { ...ATTENTION, ...GATED, attn_norm: NORMS.attn_norm, post_attention_norm: NORMS.ffn_norm },
    more: (_, g) => ({ ...biases(g), attention_out_bias: hasBias(g, 'attn_output') }),
  }),
  ernie4_5: family('ernie4_5', {
    modelType: 'ernie4_5',
    className: 'Ernie4_5ForCausalLM',
    biases: { may: ['attn_output'] },
    more: (_, g) => ({ use_bias: hasBias(g, 'attn_q') }),
  }),
  arcee: family('arcee', {
    modelType: 'arcee',
    className: 'ArceeForCausalLM',
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    activation: ['hidden_act', 'relu2'],
    change: permuted,
    more: (_, g) => biases(g),
  }),
  nemotron: family('nemotron', {
    modelType: 'nemotron',
    className: 'NemotronForCausalLM',
    biases: { may: PLAIN_BIASES },
    head: 'own',
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    activation: ['hidden_act', 'relu2'],
    epsilon: 'norm_eps',
    partial: 'partial_rotary_factor',
    change: shiftedNorms,
    more: (_, g) => biases(g),
  }),
  jais2: family('jais2', {
    modelType: 'jais2',
    className: 'Jais2ForCausalLM',
    inner: { ...NORMS, ...ATTENTION, ...PLAIN },
    biases: { must: PLAIN_BIASES },
    activation: ['hidden_act', 'relu2'],
    epsilon: 'layer_norm_eps',
    more: (_, g) => biases(g),
  }),
  olmo: family('olmo', {
    modelType: 'olmo',
    className: 'OlmoForCausalLM',
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED },
    epsilon: null,
    change: permuted,
    more: (m) => {
      const key = 'olmo.attention.layer_norm_epsilon';
      if (m.decimal(key) !== 1e-5) m.refuse(key, 'OLMo has 1e-5');
      return { clip_qkv: m.decimal('olmo.attention.clamp_kqv', 0) || null };
    },
  }),
  olmo2: family('olmo2', {
    modelType: 'olmo2',
    className: 'Olmo2ForCausalLM',
    head: 'own',
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED, ...OUTPUT_NORMS },
    windows: { period: 4, missing: 0 },
    more: (m) =>
      m.count('olmo2.attention.sliding_window', 0) === 0
        ? {}
        : { model_type: 'olmo3', architectures: ['Olmo3ForCausalLM'] },
  }),
  exaone4: family('exaone4', {
    modelType: 'exaone4',
    className: 'Exaone4ForCausalLM',
    sizeNames: { headDim: undefined },
    inner: { ...ATTENTION, ...GATED, ...OUTPUT_NORMS },
    windows: { period: 4, missing: 0 },
  }),
  'command-r': family('command-r', {
    modelType: 'cohere',
    className: 'CohereForCausalLM',
    head: 'tied',
    sizeNames: { headDim: undefined },
    // The norms of queries and keys that llama.cpp has for 64 layers and more (Command R+) are not among them.
    inner: { ...NORMS, ...PROJECTIONS, ...GATED },
    epsilon: 'layer_norm_eps',
    more: (m, g) => ({ attention_bias: hasBias(g, 'attn_q'), logit_scale: m.decimal('command-r.logit_scale') }),
  }),
  cohere2: family('cohere2', {
    modelType: 'cohere2',
    className: 'Cohere2ForCausalLM',
    head: 'tied',
    sizeNames: { headDim: undefined },
    epsilon: 'layer_norm_eps',
    windows: { period: 4 },
    more: (m) => ({ logit_scale: m.decimal('cohere2.logit_scale') }),
  }),
  chatglm: family('chatglm', {
    modelType: 'glm',
    className: 'GlmForCausalLM',
    inner: { ...NORMS, ...ATTENTION, ...FUSED },
    partial: 'partial_rotary_factor',
    more: (_, g) => ({ attention_bias: hasBias(g, 'attn_q') }),
  }),
  glm4: family('glm4', {
    modelType: 'glm4',
    className: 'Glm4ForCausalLM',
    inner: {
      ...NORMS,
      ...ATTENTION,
      ...FUSED,
      post_attention_norm: 'post_self_attn_layernorm',
      post_ffw_norm: 'post_mlp_layernorm',
    },
    partial: 'partial_rotary_factor',
    more: (_, g) => ({ attention_bias: hasBias(g, 'attn_q') }),
  }),
  phi3: family('phi3', {
    modelType: 'phi3',
    className: 'Phi3ForCausalLM',
    inner: { ...NORMS, ...FUSED },
    sizeNames: { headDim: undefined },
    partial: 'partial_rotary_factor',
    windows: { period: 0, missing: 0 },
    more: (m, _, s) => ({
      original_max_position_embeddings: m.count('phi3.rope.scaling.original_context_length', s.context),
    }),
  }),
  'hunyuan-dense': family('hunyuan-dense', {
    modelType: 'hunyuan_v1_dense',
    className: 'HunYuanDenseV1ForCausalLM',
    inner: {
      ...NORMS,
      ...ATTENTION,
      ...GATED,
      attn_q_norm: 'self_attn.query_layernorm',
      attn_k_norm: 'self_attn.key_layernorm',
    },
  }),
  apertus: family('apertus', {
    modelType: 'apertus',
    className: 'ApertusForCausalLM',
    biases: { may: ['attn_output'] },
    head: 'own',
    inner: { ...ATTENTION, ...PLAIN, attn_norm: 'attention_layernorm', ffn_norm: 'feedforward_layernorm' },
    numbers: {
      'xielu.alpha_p': { name: 'mlp.act_fn.alpha_p', shape: [1] },
      'xielu.alpha_n': { name: 'mlp.act_fn.alpha_n', shape: [1] },
      'xielu.beta': { name: 'mlp.act_fn.beta', shape: [], only: 0.5 },
      'xielu.eps': { name: 'mlp.act_fn.eps', shape: [], only: -1e-6 },
    },
    activation: ['hidden_act', 'xielu'],
    more: (m, g) => {
      const scaled = m.has('apertus.rope.scaling.type') || g.rope['rope_freqs.weight'];
      return {
        attention_bias: hasBias(g, 'attn_q'),
        ...(scaled ? {} : { rope_parameters: { rope_type: 'default' } }),
      };
    },
  }),
  gemma: family('gemma', {
    modelType: 'gemma',
    className: 'GemmaForCausalLM',
    head: 'tied',
    activation: ['hidden_act', 'gelu_pytorch_tanh'],
    change: shiftedNorms,
  }),
  gemma2: family('gemma2', {
    modelType: 'gemma2',
    className: 'Gemma2ForCausalLM',
    head: 'tied',
    inner: { ...ATTENTION, ...GATED, ...SANDWICH_NORMS },
    activation: GELU,
    windows: { period: 2 },
    change: shiftedNorms,
    more: (m, _, s) => ({
      attn_logit_softcapping: m.decimal('gemma2.attn_logit_softcapping'),
      final_logit_softcapping: m.decimal('gemma2.final_logit_softcapping'),
      // The file does not have it; llama.cpp knows that only the 27B model (46 layers) differs.
      query_pre_attn_scalar: gemmaScale(s, 46),
    }),
  }),
  gemma3: family('gemma3', {
    modelType: 'gemma3_text',
    className: 'Gemma3ForCausalLM',
    inner: { ...ATTENTION, ...GATED, ...SANDWICH_NORMS },
    activation: GELU,
    windows: { period: 6 },
    change: shiftedNorms,
    more: (m, _, s) => ({
      final_logit_softcapping: m.has('gemma3.final_logit_softcapping')
        ? m.decimal('gemma3.final_logit_softcapping')
        : null,
      rope_local_base_freq: m.decimal('gemma3.rope.freq_base_swa', 10000),
      query_pre_attn_scalar: gemmaScale(s, 62),
    }),
  }),
  starcoder2: family('starcoder2', {
    modelType: 'starcoder2',
    className: 'Starcoder2ForCausalLM',
    biases: { must: PLAIN_BIASES },
    inner: { ...NORMS, ...ATTENTION, ffn_up: 'mlp.c_fc', ffn_down: 'mlp.c_proj' },
    activation: ['hidden_act', 'gelu_pytorch_tanh'],
    epsilon: 'norm_epsilon',
    more: (_, g) => ({ use_bias: hasBias(g, 'attn_q'), sliding_window: null }),
  }),
  stablelm: family('stablelm', {
    modelType: 'stablelm',
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
    more: (m, g) => ({
      use_qkv_bias: hasBias(g, 'attn_q'),
      use_parallel_residual: m.boolean('stablelm.use_parallel_residual', false),
      qk_layernorm: g.tensors.has('blk.0.attn_q_norm.weight'),
    }),
  }),
  ...GPT_ARCHITECTURES,
};
