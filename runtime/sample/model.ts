/** The sample's model before its first step: configuration and random weights. */
import { join } from 'node:path';
import { elementsOf } from '../onnx/shapes.js';
import { writeFileAtomic } from '../support/files.js';
import { decoderSpec } from '../models/families/config.js';
import { bytesOf, writeSafetensors } from '../models/weights/safetensors.js';
import { parameters } from '../models/decoder/spec.js';
import { random } from '../support/random.js';
import { corpus } from './data.js';
import { buildTokenizer } from './tokenizer.js';

/** Standard deviation of the random weights, as in Llama. */
const INITIAL_STD = 0.02;

/** Writes the model folder: config.json, generation_config.json, the tokenizer, and random weights. */
export async function writeFreshModel(folder: string, seed: number): Promise<void> {
  const { tokenizer, config: tokenizerConfig, vocabSize, ids } = buildTokenizer(corpus(seed));
  const special = { bos_token_id: ids['<|begin|>'], eos_token_id: ids['<|end|>'], pad_token_id: ids['<|end|>'] };
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabSize,
    hidden_size: 128,
    intermediate_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 32,
    hidden_act: 'silu',
    max_position_embeddings: 256,
    rope_theta: 10000,
    rms_norm_eps: 1e-6,
    attention_bias: false,
    mlp_bias: false,
    attention_dropout: 0,
    initializer_range: INITIAL_STD,
    tie_word_embeddings: true,
    torch_dtype: 'float32',
    ...special,
  };
  const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;
  await writeFileAtomic(join(folder, 'config.json'), json(config));
  await writeFileAtomic(
    join(folder, 'generation_config.json'),
    json({ ...special, do_sample: false, max_new_tokens: 40 }),
  );
  await writeFileAtomic(join(folder, 'tokenizer.json'), `${JSON.stringify(tokenizer)}\n`);
  await writeFileAtomic(join(folder, 'tokenizer_config.json'), json(tokenizerConfig));

  const rng = random(`${seed}/weights`);
  await writeSafetensors(
    join(folder, 'model.safetensors'),
    [...parameters(decoderSpec(config))].map(([name, shape]) => {
      const count = elementsOf(shape);
      const norm = name.endsWith('norm.weight');
      const values = Float32Array.from({ length: count }, () => (norm ? 1 : INITIAL_STD * rng.normal()));
      return { name, dtype: 'F32' as const, shape, bytes: 4 * count, data: () => bytesOf(values) };
    }),
    { format: 'pt' },
  );
}
