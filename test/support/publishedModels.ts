/**
 * Published models with the settings of their config.json and fewer, narrower layers: random weights, a small
 * tokenizer. Windows, original contexts and rope factors are cut down with them.
 */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../runtime/support/files.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { bytesOf, writeSafetensors, type TensorToWrite } from '../../runtime/models/weights/safetensors.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { random } from '../../runtime/support/random.js';

const TOKENIZER = join(import.meta.dirname, '..', 'fixtures', 'tokenizers', 'gpt2', 'tokenizer.json');

type Config = Record<string, unknown>;
const small = {
  vocab_size: 512,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 64,
  bos_token_id: 0,
  eos_token_id: 0,
};
const rms = { rms_norm_eps: 1e-6, hidden_act: 'silu' };
const alternating = (period: number, layers: number): string[] =>
  Array.from({ length: layers }, (_, i) => ((i + 1) % period === 0 ? 'full_attention' : 'sliding_attention'));
const gemma = { head_dim: 32, query_pre_attn_scalar: 32, hidden_activation: 'gelu_pytorch_tanh', rms_norm_eps: 1e-6, tie_word_embeddings: true, vocab_size: 512 }; // oxfmt-ignore
const longrope = {
  type: 'longrope',
  long_factor: [1, 1.2, 1.5, 2.5, 4, 8],
  short_factor: [1, 1, 1.05, 1.1, 1.2, 1.25],
};

/** Name → config. `windows` reach into the test's rows of 24 tokens unless said otherwise. */
export const PUBLISHED: Readonly<Record<string, Config>> = {
  'gemma-2-2b': { model_type: 'gemma2', ...small, ...gemma, num_hidden_layers: 4, attn_logit_softcapping: 50, final_logit_softcapping: 30, sliding_window: 6, rope_theta: 10000 }, // oxfmt-ignore
  'gemma-3-1b': { model_type: 'gemma3_text', ...small, ...gemma, num_hidden_layers: 7, sliding_window: 6, rope_theta: 1000000, rope_local_base_freq: 10000 }, // oxfmt-ignore
  'gemma-3-4b': { model_type: 'gemma3_text', ...small, ...gemma, num_hidden_layers: 6, sliding_window: 6, layer_types: alternating(6, 6), rope_parameters: { full_attention: { rope_type: 'linear', factor: 8, rope_theta: 1000000 }, sliding_attention: { rope_type: 'default', rope_theta: 10000 } } }, // oxfmt-ignore
  // with images; what is like transformers' defaults is left out
  'gemma-3-4b-it': { model_type: 'gemma3', bos_token_id: 0, eos_token_id: 0, text_config: { model_type: 'gemma3_text', vocab_size: 512, hidden_size: 64, intermediate_size: 96, num_hidden_layers: 7, num_attention_heads: 4, num_key_value_heads: 2, head_dim: 32, query_pre_attn_scalar: 32, rope_scaling: { factor: 8, rope_type: 'linear' }, sliding_window: 6 }, vision_config: { hidden_size: 8 } }, // oxfmt-ignore
  'SmolLM3-3B': { model_type: 'smollm3', ...small, ...rms, num_hidden_layers: 5, rope_theta: 5000000, tie_word_embeddings: true, no_rope_layers: [1, 1, 1, 0, 1], no_rope_layer_interval: 4 }, // oxfmt-ignore
  'starcoder2-3b': { model_type: 'starcoder2', ...small, hidden_act: 'gelu_pytorch_tanh', norm_epsilon: 1e-5, use_bias: true, sliding_window: 32, rope_theta: 999999.4420358813 }, // oxfmt-ignore
  'stablelm-2-1.6b': { model_type: 'stablelm', ...small, hidden_act: 'silu', num_key_value_heads: 4, layer_norm_eps: 1e-5, use_qkv_bias: true, partial_rotary_factor: 0.25, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'stablelm-zephyr-3b': { model_type: 'stablelm', ...small, hidden_act: 'silu', num_key_value_heads: 4, layer_norm_eps: 1e-5, use_qkv_bias: false, partial_rotary_factor: 0.25, rope_theta: 10000 }, // oxfmt-ignore
  'stablelm-2-12b': { model_type: 'stablelm', ...small, hidden_act: 'silu', layer_norm_eps: 1e-5, use_qkv_bias: false, use_parallel_residual: true, qk_layernorm: true, partial_rotary_factor: 0.25, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'phi-2': { model_type: 'phi', ...small, hidden_size: 80, num_key_value_heads: 4, hidden_act: 'gelu_new', layer_norm_eps: 1e-5, partial_rotary_factor: 0.4, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'Phi 3.5 mini': { model_type: 'phi3', ...small, ...rms, hidden_size: 48, num_key_value_heads: 4, rms_norm_eps: 1e-5, rope_theta: 10000, rope_scaling: longrope, original_max_position_embeddings: 16, sliding_window: 262144, tie_word_embeddings: false }, // oxfmt-ignore
  'Phi 4 mini': { model_type: 'phi3', ...small, ...rms, rms_norm_eps: 1e-5, partial_rotary_factor: 0.75, rope_theta: 10000, rope_scaling: longrope, original_max_position_embeddings: 16, sliding_window: 262144, tie_word_embeddings: true }, // oxfmt-ignore
  'Qwen2.5-0.5B': { model_type: 'qwen2', ...small, ...rms, rope_theta: 1000000, tie_word_embeddings: true, use_sliding_window: false, sliding_window: 32768, max_window_layers: 24 }, // oxfmt-ignore
  'Qwen2.5-7B with YaRN': { model_type: 'qwen2', ...small, ...rms, rope_theta: 1000000, use_sliding_window: false, sliding_window: 131072, rope_scaling: { type: 'yarn', factor: 4, original_max_position_embeddings: 16 } }, // oxfmt-ignore
  'Qwen3-0.6B': { model_type: 'qwen3', ...small, ...rms, head_dim: 32, rope_theta: 1000000, tie_word_embeddings: true, attention_bias: false, use_sliding_window: false, sliding_window: null, max_window_layers: 28 }, // oxfmt-ignore
  'Llama-3.2-1B': { model_type: 'llama', ...small, ...rms, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 64, rms_norm_eps: 1e-5, max_position_embeddings: 131072, rope_theta: 500000, rope_scaling: { rope_type: 'llama3', factor: 32, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }, tie_word_embeddings: true }, // oxfmt-ignore
  'TinyLlama-1.1B': { model_type: 'llama', ...small, ...rms, rms_norm_eps: 1e-5, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'Mistral-7B-v0.1': { model_type: 'mistral', ...small, ...rms, rms_norm_eps: 1e-5, sliding_window: 32, rope_theta: 10000 }, // oxfmt-ignore
  'internlm3-8b': { model_type: 'internlm3', ...small, ...rms, head_dim: 32, rms_norm_eps: 1e-5, qkv_bias: false, bias: false, rope_theta: 50000000, rope_scaling: { factor: 6, rope_type: 'dynamic' }, tie_word_embeddings: false }, // oxfmt-ignore
  'Mistral-Small-3.1-24B': { model_type: 'mistral3', bos_token_id: 0, eos_token_id: 0, text_config: { model_type: 'mistral', ...small, ...rms, head_dim: 32, rms_norm_eps: 1e-5, rope_theta: 1000000000, sliding_window: null }, tie_word_embeddings: false, vision_config: { hidden_size: 8 } }, // oxfmt-ignore
  'Ministral-3-3B': { model_type: 'mistral3', bos_token_id: 0, eos_token_id: 0, text_config: { model_type: 'ministral3', ...small, ...rms, head_dim: 32, rms_norm_eps: 1e-5, max_position_embeddings: 128, rope_parameters: { beta_fast: 32, beta_slow: 1, factor: 16, llama_4_scaling_beta: 0.1, mscale: 1, mscale_all_dim: 1, original_max_position_embeddings: 8, rope_theta: 1000000, rope_type: 'yarn', type: 'yarn' }, sliding_window: null, tie_word_embeddings: true }, tie_word_embeddings: true, vision_config: { hidden_size: 8 } }, // oxfmt-ignore
  'Jais-2-8B': { model_type: 'jais2', ...small, hidden_act: 'relu2', head_dim: 16, layer_norm_eps: 1e-5, attention_bias: true, mlp_bias: true, rope_theta: 500000, tie_word_embeddings: false }, // oxfmt-ignore
  'Mistral-7B-v0.3': { model_type: 'mistral', ...small, ...rms, rms_norm_eps: 1e-5, sliding_window: null, rope_theta: 1000000 }, // oxfmt-ignore
  'OLMo-1B': { model_type: 'olmo', ...small, hidden_act: 'silu', num_key_value_heads: 4, clip_qkv: null, rope_theta: 10000, tie_word_embeddings: true }, // oxfmt-ignore
  'OLMo-7B': { model_type: 'olmo', ...small, hidden_act: 'silu', num_key_value_heads: 4, clip_qkv: 1.5, rope_theta: 10000, attention_bias: false, tie_word_embeddings: false }, // oxfmt-ignore
  'OLMo-2-1B': { model_type: 'olmo2', ...small, ...rms, rope_theta: 500000, num_key_value_heads: 4, attention_bias: false, tie_word_embeddings: false }, // oxfmt-ignore
  'Olmo-3-7B': { model_type: 'olmo3', ...small, ...rms, num_hidden_layers: 5, num_key_value_heads: 4, rope_theta: 500000, sliding_window: 6, rope_scaling: { rope_type: 'yarn', factor: 8, original_max_position_embeddings: 8, attention_factor: 1.2079441541679836, beta_fast: 32, beta_slow: 1 }, tie_word_embeddings: false }, // oxfmt-ignore
  'granite-3.1-2b': { model_type: 'granite', ...small, ...rms, rms_norm_eps: 1e-5, attention_multiplier: 0.015625, embedding_multiplier: 12, residual_multiplier: 0.22, logits_scaling: 8, rope_theta: 5000000, attention_bias: false, tie_word_embeddings: true }, // oxfmt-ignore
  'granite-4.0-1b': { model_type: 'granitemoehybrid', ...small, ...rms, intermediate_size: 512, shared_intermediate_size: 96, rms_norm_eps: 1e-5, attention_multiplier: 0.0078125, embedding_multiplier: 12, residual_multiplier: 0.22, logits_scaling: 6, layer_types: ['attention', 'attention'], num_local_experts: 0, num_experts_per_tok: 0, position_embedding_type: 'rope', rope_scaling: null, rope_theta: 10000000, mamba_n_heads: 48, mamba_d_state: 128, attention_bias: false, tie_word_embeddings: true }, // oxfmt-ignore
  'pythia-160m': { model_type: 'gpt_neox', ...small, num_key_value_heads: 4, hidden_act: 'gelu', layer_norm_eps: 1e-5, rotary_pct: 0.25, rotary_emb_base: 10000, use_parallel_residual: true, tie_word_embeddings: false }, // oxfmt-ignore
  'gpt-neox-20b': { model_type: 'gpt_neox', ...small, num_key_value_heads: 4, hidden_act: 'gelu_fast', layer_norm_eps: 1e-5, rotary_pct: 0.25, rotary_emb_base: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  gpt2: { model_type: 'gpt2', vocab_size: 512, n_embd: 64, n_layer: 2, n_head: 4, n_positions: 64, activation_function: 'gelu_new', layer_norm_epsilon: 1e-5, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  starcoder: { model_type: 'gpt_bigcode', vocab_size: 512, n_embd: 64, n_layer: 2, n_head: 4, n_positions: 64, n_inner: 256, activation_function: 'gelu_pytorch_tanh', layer_norm_epsilon: 1e-5, multi_query: true, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  'falcon-7b': { model_type: 'falcon', vocab_size: 512, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, multi_query: true, parallel_attn: true, bias: false, alibi: false, new_decoder_architecture: false, layer_norm_epsilon: 1e-5, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  'falcon-40b': { model_type: 'falcon', vocab_size: 512, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, num_kv_heads: 2, parallel_attn: true, bias: false, alibi: false, new_decoder_architecture: true, layer_norm_epsilon: 1e-5, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  'bloom-560m': { model_type: 'bloom', vocab_size: 512, hidden_size: 64, n_layer: 2, n_head: 4, seq_length: 64, layer_norm_epsilon: 1e-5, apply_residual_connection_post_layernorm: false, slow_but_exact: false, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  'mpt-7b': { model_type: 'mpt', vocab_size: 512, d_model: 64, n_layers: 2, n_heads: 4, max_seq_len: 64, expansion_ratio: 4, no_bias: true, norm_type: 'low_precision_layernorm', attn_config: { alibi: true, alibi_bias_max: 8, attn_type: 'multihead_attention', clip_qkv: 1.5, qk_ln: false }, bos_token_id: 0, eos_token_id: 0 }, // oxfmt-ignore
  'c4ai-command-r-v01': { model_type: 'cohere', ...small, hidden_act: 'silu', num_key_value_heads: 4, layer_norm_eps: 1e-5, logit_scale: 0.0625, rope_theta: 8000000, use_qk_norm: false }, // oxfmt-ignore
  'c4ai-command-r7b': { model_type: 'cohere2', ...small, hidden_act: 'silu', num_hidden_layers: 5, head_dim: 16, layer_norm_eps: 1e-5, logit_scale: 0.25, sliding_window: 6, sliding_window_pattern: 4, rope_theta: 50000, rotary_pct: 1, position_embedding_type: 'rope_gptj', use_qk_norm: false }, // oxfmt-ignore
  'glm-4-9b-chat': { model_type: 'glm', ...small, ...rms, head_dim: 16, rms_norm_eps: 1.5625e-7, partial_rotary_factor: 0.5, attention_bias: true, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'GLM-4-9B-0414': { model_type: 'glm4', ...small, ...rms, head_dim: 16, rms_norm_eps: 1e-5, partial_rotary_factor: 0.5, attention_bias: false, rope_theta: 10000, tie_word_embeddings: false }, // oxfmt-ignore
  'EXAONE-4.0-1.2B': { model_type: 'exaone4', ...small, ...rms, hidden_size: 128, num_attention_heads: 2, num_key_value_heads: 1, head_dim: 64, rms_norm_eps: 1e-5, rope_theta: 1000000, rope_scaling: { rope_type: 'llama3', factor: 16, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 }, max_position_embeddings: 65536, sliding_window: null, sliding_window_pattern: null, tie_word_embeddings: true }, // oxfmt-ignore
  // llama.cpp knows the model with windows by its 64 layers
  'EXAONE-4.0-32B': { model_type: 'exaone4', ...small, ...rms, hidden_size: 32, intermediate_size: 32, num_hidden_layers: 64, head_dim: 8, rms_norm_eps: 1e-5, rope_theta: 1000000, sliding_window: 6, sliding_window_pattern: 'LLLG', tie_word_embeddings: false }, // oxfmt-ignore
  'ERNIE-4.5-0.3B': { model_type: 'ernie4_5', ...small, ...rms, head_dim: 32, rms_norm_eps: 1e-5, rope_theta: 500000, use_bias: false, tie_word_embeddings: true }, // oxfmt-ignore
  'Minitron-4B': { model_type: 'nemotron', ...small, hidden_act: 'relu2', head_dim: 16, norm_eps: 1e-5, partial_rotary_factor: 0.5, rope_theta: 10000, attention_bias: false, mlp_bias: false, tie_word_embeddings: false }, // oxfmt-ignore
  'AFM-4.5B': { model_type: 'arcee', ...small, ...rms, hidden_act: 'relu2', head_dim: 16, rms_norm_eps: 1e-5, rope_theta: 10000, rope_scaling: { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 16, beta_fast: 32, beta_slow: 1, mscale: 1 }, attention_bias: false, mlp_bias: false, tie_word_embeddings: false }, // oxfmt-ignore
  'Hunyuan-0.5B': { model_type: 'hunyuan_v1_dense', ...small, ...rms, head_dim: 32, rms_norm_eps: 1e-5, rope_theta: 10000, rope_scaling: { alpha: 1000, beta_fast: 32, beta_slow: 1, factor: 1, mscale: 1, mscale_all_dim: 1, type: 'dynamic' }, use_qk_norm: true, use_cla: false, attention_bias: false, tie_word_embeddings: true }, // oxfmt-ignore
  'Apertus-8B': { model_type: 'apertus', ...small, rms_norm_eps: 1e-5, hidden_act: 'xielu', qk_norm: true, post_norm: false, attention_bias: false, rope_theta: 12000000, max_position_embeddings: 65536, rope_scaling: { factor: 8, high_freq_factor: 4, low_freq_factor: 1, original_max_position_embeddings: 8192, rope_type: 'llama3', type: 'llama3' }, tie_word_embeddings: false }, // oxfmt-ignore
  'Seed-OSS-36B': { model_type: 'seed_oss', ...small, ...rms, head_dim: 32, rope_theta: 10000000, attention_bias: true, attention_out_bias: false, mlp_bias: false, tie_word_embeddings: false }, // oxfmt-ignore
};

/**
 * Writes the model into a folder: matrices of a size that keeps the activations of order one, norms about what leaves
 * them so.
 */
export async function writePublished(name: string, folder: string): Promise<void> {
  const config = PUBLISHED[name]!;
  const spec = decoderSpec(config);
  const around = spec.finalNorm!.factor === 'one-plus-weight' ? 0 : 1;
  const tensors = [...parameters(spec)].map(([parameter, shape]): TensorToWrite => {
    const count = shape.reduce((a, b) => a * b, 1);
    return {
      name: parameter,
      dtype: 'F32',
      shape,
      bytes: 4 * count,
      data: () => {
        const rng = random(`${name} ${parameter}`);
        const vector = shape.length === 1;
        const center = vector && parameter.endsWith('.weight') ? around : 0;
        const scale = vector ? 0.1 : 1 / Math.sqrt(shape[1]!);
        return bytesOf(Float32Array.from({ length: count }, () => center + scale * rng.normal()));
      },
    };
  });
  await mkdir(folder, { recursive: true });
  await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
  await cp(TOKENIZER, join(folder, 'tokenizer.json'));
  await writeFileAtomic(join(folder, 'config.json'), JSON.stringify(config, null, 2));
}
