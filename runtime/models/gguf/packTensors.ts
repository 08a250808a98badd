/**
 * The tensors of a GGUF file with those of linear layers and tables in blocks: as the file has them where it has such
 * blocks.
 */
import type { Precision } from '../../contract/recipeWords.js';
import type { DecoderSpec } from '../decoder/spec.js';
import { BLOCK, quantise, reorder, type Blocks } from '../weights/blocks.js';
import { packings, type Packing } from '../packed/packModel.js';
import { requireFinite } from '../weights/finite.js';
import { packedTensor } from '../weights/packedWeight.js';
import { toFloat32 } from '../weights/safetensors.js';
import { AS_BLOCKS } from './file/asBlocks.js';
import type { Origin, Tensor } from './tensors.js';

/**
 * Blocks of 4 or 8 bits stay as the file has them, whatever the precision. Other quantised types are rounded to 8 bits,
 * which hardly changes them, and floats to the precision.
 */
export function packGgufTensors(
  tensors: readonly Tensor[],
  spec: DecoderSpec,
  precision: Exclude<Precision, 'float32'>,
  place: string,
): Tensor[] {
  const plan = packings(spec, precision, place);
  return tensors.map((tensor) => {
    const packing = plan.get(tensor.name);
    const { origin } = tensor;
    if (!packing || !origin) return tensor;
    const { name } = tensor;
    const own = packing.transposed ? undefined : AS_BLOCKS[origin.type];
    if (own) return packedTensor({ ...own, name, shape: packing.shape, pieces: () => repacked(origin, own.repack) });
    const bits = origin.isQuantised ? 8 : packing.bits;
    const at = `${place}: ${name}`;
    return packedTensor({ ...packing, name, bits, pieces: () => rounded(tensor, { ...packing, bits }, at) });
  });
}

async function* repacked({ bytes, order }: Origin, repack: (bytes: Uint8Array) => Blocks): AsyncGenerator<Blocks> {
  if (!order) {
    for await (const piece of bytes()) yield repack(piece);
    return;
  }
  const all: Uint8Array[] = [];
  for await (const piece of bytes()) all.push(piece);
  yield reorder(repack(Buffer.concat(all)), order);
}

/**
 * The values as they would be written, in blocks.
 * @throws HumanError for one that is not finite: a block would make a number of it
 */
async function* rounded(
  tensor: Tensor,
  { bits, shape: [N, K], transposed }: Packing,
  place: string,
): AsyncGenerator<Blocks> {
  const floats = (bytes: Uint8Array): Float32Array => {
    const values = toFloat32({ ...tensor, file: '' }, Uint8Array.from(bytes));
    requireFinite(values, place);
    return values;
  };
  const data = tensor.data();
  const pieces = Symbol.asyncIterator in data ? data : [await data];
  if (!transposed) {
    for await (const piece of pieces) yield* inBlocks(floats(piece), bits);
    return;
  }
  for await (const piece of pieces) {
    const all = floats(piece);
    const rows = new Float32Array(all.length);
    for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) rows[n * K + k] = all[k * N + n];
    yield* inBlocks(rows, bits);
  }
}

function* inBlocks(values: Float32Array, bits: 4 | 8): Generator<Blocks> {
  const step = BLOCK * 2 ** 15;
  for (let at = 0; at < values.length; at += step) yield quantise(values.subarray(at, at + step), bits);
}
