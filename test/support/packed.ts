/** A model in blocks, and the same model with the numbers that the blocks stand for, in float32. */
import { join } from 'node:path';
import { dequantise } from '../../runtime/models/weights/blocks.js';
import type { PackedWeight } from '../../runtime/models/weights/packedWeight.js';
import type { ModelFolder } from '../../runtime/models/weights/modelFolder.js';
import {
  bytesOf,
  readBytes,
  readSafetensors,
  writeSafetensors,
  type TensorInfo,
} from '../../runtime/models/weights/safetensors.js';

type Model = Pick<ModelFolder, 'folder' | 'tensors' | 'packed'>;

/** The float32 values [N, K] of a packed weight, in the order of the checkpoint. */
export async function valuesOf({
  bits,
  shape: [N, K],
  hasMinimums,
  transposed,
  ...at
}: PackedWeight): Promise<Float32Array> {
  const read = (part: 'values' | 'scales' | 'minimums'): Promise<Uint8Array<ArrayBuffer>> =>
    readBytes({ name: part, dtype: 'U8', shape: [], file: at.file, ...at[part] });
  const values = dequantise({
    bits,
    values: await read('values'),
    scales: new Float32Array((await read('scales')).buffer),
    ...(hasMinimums && { minimums: new Float32Array((await read('minimums')).buffer) }),
  });
  if (!transposed) return values;
  const out = new Float32Array(values.length);
  for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) out[k * N + n] = values[n * K + k]!;
  return out;
}

/** Writes the numbers that a packed model computes with as a float32 model. `names`: of its tensors, by parameter. */
export async function unpacked(
  { tensors, packed }: Model,
  names: ReadonlyMap<string, string>,
  folder: string,
): Promise<Model> {
  const changed = new Map([...packed!].map(([parameter, weight]) => [names.get(parameter) ?? parameter, weight]));
  const file = join(folder, 'model.safetensors');
  await writeSafetensors(
    file,
    [...tensors.values()].map((info: TensorInfo) => {
      const weight = changed.get(info.name);
      const bytes = weight ? 4 * weight.shape[0] * weight.shape[1] : info.bytes;
      const data = async (): Promise<Uint8Array> => (weight ? bytesOf(await valuesOf(weight)) : readBytes(info));
      return { ...info, dtype: weight ? 'F32' : info.dtype, bytes, data };
    }),
  );
  return { folder, tensors: (await readSafetensors(file)).tensors };
}
