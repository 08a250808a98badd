/** Shapes of models that benchmarks make on the spot. */
interface Shape {
  /** Name of the type in the file, and in config.json. */
  readonly dtype: 'F32' | 'BF16';
  readonly config: Record<string, unknown>;
}
const llama = (sizes: Record<string, unknown>): Record<string, unknown> => ({
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_act: 'silu',
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: true,
  ...sizes,
});
const qwen = (sizes: Record<string, unknown>): Record<string, unknown> => ({
  ...llama({ max_position_embeddings: 32768, rope_theta: 1e6, ...sizes }),
  architectures: ['Qwen2ForCausalLM'],
  model_type: 'qwen2',
});

const smollm2 = (vocabulary: number): Shape => ({
  dtype: 'F32',
  config: llama({
    ...{ vocab_size: vocabulary, hidden_size: 576, num_hidden_layers: 30, intermediate_size: 1536 },
    ...{ num_attention_heads: 9, num_key_value_heads: 3, max_position_embeddings: 8192 },
  }),
});

/** SmolLM2-135M, the same with a large vocabulary, Qwen2-0.5B, Llama-3.2-1B, Qwen2.5-1.5B and Qwen2.5-7B. */
export const SHAPES: Record<string, Shape> = {
  '135m': smollm2(49152),
  '135m-256k': smollm2(262144),
  '0.5b': {
    dtype: 'BF16',
    config: qwen({
      ...{ vocab_size: 151936, hidden_size: 896, num_hidden_layers: 24, intermediate_size: 4864 },
      ...{ num_attention_heads: 14, num_key_value_heads: 2 },
    }),
  },
  '1b': {
    dtype: 'BF16',
    config: llama({
      ...{ vocab_size: 128256, hidden_size: 2048, num_hidden_layers: 16, intermediate_size: 8192 },
      ...{ num_attention_heads: 32, num_key_value_heads: 8, max_position_embeddings: 8192, rope_theta: 5e5 },
    }),
  },
  '1.5b': {
    dtype: 'BF16',
    config: qwen({
      ...{ vocab_size: 151936, hidden_size: 1536, num_hidden_layers: 28, intermediate_size: 8960 },
      ...{ num_attention_heads: 12, num_key_value_heads: 2 },
    }),
  },
  '7b': {
    dtype: 'BF16',
    config: qwen({
      ...{ vocab_size: 152064, hidden_size: 3584, num_hidden_layers: 28, intermediate_size: 18944 },
      ...{ num_attention_heads: 28, num_key_value_heads: 4, tie_word_embeddings: false },
    }),
  },
};
