/**
 * Writes random weights of a known shape as a Hugging Face folder, seeded: `node weights.mjs SHAPE FOLDER [LAYERS]`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../runtime/support/files.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { bytesOf, writeSafetensors, type TensorToWrite } from '../../runtime/models/weights/safetensors.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { random } from '../../runtime/support/random.js';
import { SHAPES } from './shapes.js';

/** As transformers initialises: matrices N(0, 0.02²), norms 1, biases 0. */
const DEVIATION = 0.02;
/** Values made at once: 4 MiB of float32. */
const PIECE = 2 ** 20;

const [name = '', folder = '', layers] = process.argv.slice(2);
const shape = SHAPES[name];
if (!shape || folder === '') throw new Error(`weights.mjs ${Object.keys(SHAPES).join('|')} FOLDER [LAYERS]`);
const { dtype } = shape;
const config = { ...shape.config, ...(layers !== undefined && { num_hidden_layers: Number(layers) }) };
/** Drawn once; every matrix reads them from a place of its own, so that billions of weights take no hours. */
const rng = random(name);
const drawn = stored(Float32Array.from({ length: 2 * PIECE }, () => DEVIATION * rng.normal()));

const tensors = [...parameters(decoderSpec(config))].map(([tensor, dims]): TensorToWrite => {
  const count = dims.reduce((a, b) => a * b, 1);
  const size = dtype === 'F32' ? 4 : 2;
  const constant = dims.length > 1 ? undefined : tensor.endsWith('.bias') ? 0 : 1;
  return {
    name: tensor,
    dtype,
    shape: dims,
    bytes: size * count,
    data: async function* () {
      const places = random(tensor);
      for (let at = 0; at < count; at += PIECE) {
        const start = places.int(PIECE);
        const length = Math.min(PIECE, count - at);
        yield bytesOf(
          constant === undefined
            ? drawn.subarray(start, start + length)
            : stored(new Float32Array(length).fill(constant)),
        );
      }
    },
  };
});

/** As the file has them: float32 cut to bfloat16. */
function stored(values: Float32Array): Float32Array | Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return dtype === 'F32' ? values : Uint16Array.from(words, (word) => word >>> 16);
}

await mkdir(folder, { recursive: true });
await writeSafetensors(join(folder, 'model.safetensors'), tensors, { format: 'pt' });
// last: its presence says that the folder is complete
const torch_dtype = dtype === 'F32' ? 'float32' : 'bfloat16';
await writeFileAtomic(join(folder, 'config.json'), `${JSON.stringify({ ...config, torch_dtype }, null, 2)}\n`);
