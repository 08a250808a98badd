/** Small configs of many families, as tests of `decoderSpec` change them. */
export type Config = Record<string, unknown>;

export const LLAMA: Config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 64,
  vocab_size: 128,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
};
/** As published for 4B: what is like transformers' defaults is left out. */
export const GEMMA3: Config = {
  model_type: 'gemma3_text',
  hidden_size: 2560,
  intermediate_size: 10240,
  num_hidden_layers: 34,
  rope_scaling: { factor: 8, rope_type: 'linear' },
  sliding_window: 1024,
};
export const OTHERS: Record<string, Config> = {
  qwen2: { ...LLAMA, model_type: 'qwen2', architectures: ['Qwen2ForCausalLM'] },
  gemma: { ...LLAMA, model_type: 'gemma', architectures: ['GemmaForCausalLM'], head_dim: 8, num_key_value_heads: 1 },
  gemma2: { ...LLAMA, model_type: 'gemma2', architectures: ['Gemma2ForCausalLM'], head_dim: 8 },
  falcon: { ...LLAMA, model_type: 'falcon', architectures: ['FalconForCausalLM'] },
  bloom: { model_type: 'bloom', n_embed: 32, n_layer: 2, num_attention_heads: 4, vocab_size: 128 },
  mpt: { model_type: 'mpt', d_model: 24, n_layers: 2, n_heads: 12, max_seq_len: 64, vocab_size: 128 },
  gemma3: {
    model_type: 'gemma3',
    architectures: ['Gemma3ForConditionalGeneration'],
    text_config: GEMMA3,
    vision_config: { hidden_size: 1152 },
  },
  mistral: { ...LLAMA, model_type: 'mistral', num_key_value_heads: 2 },
  phi3: { ...LLAMA, model_type: 'phi3' },
  hunyuan: { ...LLAMA, model_type: 'hunyuan_v1_dense' },
  apertus: { ...LLAMA, model_type: 'apertus', hidden_act: 'xielu', rope_scaling: { rope_type: 'default' } },
  olmo: { ...LLAMA, model_type: 'olmo' },
  granite4: {
    ...LLAMA,
    model_type: 'granitemoehybrid',
    num_local_experts: 0,
    layer_types: ['attention', 'full_attention'],
  },
  codegen: { model_type: 'codegen', n_embd: 32, n_layer: 2, n_head: 4, rotary_dim: 4, vocab_size: 128 },
  opt: { ...LLAMA, model_type: 'opt', architectures: ['OPTForCausalLM'], ffn_dim: 64 },
  gpt_neox: { ...LLAMA, model_type: 'gpt_neox', architectures: ['GPTNeoXForCausalLM'] },
  gpt_neo: { ...LLAMA, model_type: 'gpt_neo', num_layers: 2, num_heads: 4 },
  cohere: { ...LLAMA, model_type: 'cohere' },
  exaone4: { ...LLAMA, model_type: 'exaone4' },
  gpt2: { model_type: 'gpt2', n_embd: 32, n_layer: 2, n_head: 4, n_positions: 64, vocab_size: 128 },
};
