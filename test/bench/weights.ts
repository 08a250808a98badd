/** Writes random weights of SmolLM2-135M's shape as a Hugging Face folder, float32, seeded: `node weights.mjs FOLDER`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../runtime/support/files.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { bytesOf, writeSafetensors, type TensorToWrite } from '../../runtime/models/weights/safetensors.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { random } from '../../runtime/support/random.js';

const CONFIG = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  vocab_size: 49152,
  hidden_size: 576,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  intermediate_size: 1536,
  hidden_act: 'silu',
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  tie_word_embeddings: true,
  torch_dtype: 'float32',
};
/** As transformers initialises: matrices N(0, 0.02²), norms 1. */
const DEVIATION = 0.02;
/** Values made at once: 4 MiB. */
const PIECE = 2 ** 20;

const folder = process.argv[2]!;
const tensors = [...parameters(decoderSpec(CONFIG))].map(([name, shape]): TensorToWrite => {
  const count = shape.reduce((a, b) => a * b, 1);
  return {
    name,
    dtype: 'F32',
    shape,
    bytes: 4 * count,
    data: async function* () {
      const rng = random(name);
      for (let at = 0; at < count; at += PIECE) {
        const values = new Float32Array(Math.min(PIECE, count - at));
        yield bytesOf(shape.length === 1 ? values.fill(1) : values.map(() => DEVIATION * rng.normal()));
      }
    },
  };
});
await mkdir(folder, { recursive: true });
await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
// last: its presence says that the folder is complete
await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify(CONFIG, null, 2)}\n`);
