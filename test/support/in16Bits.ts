import { cp, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import { bytesOf, readFloat32, readSafetensors, writeSafetensors } from '../../runtime/models/weights/safetensors.js';

const HALVES = { BF16: f32ToBf16, F16: f32ToF16 };

/** The sample in a new folder of `dir`, with its matrices in these types in turn, and the rest in float32. */
export async function sampleIn16Bits(dir: string, ...dtypes: (keyof typeof HALVES)[]): Promise<string> {
  const folder = await mkdtemp(join(dir, `${dtypes.join('-')}-`));
  await cp(join(import.meta.dirname, '../../media/sample/tiny-assistant'), folder, { recursive: true });
  const file = join(folder, 'model.safetensors');
  const tensors = [...(await readSafetensors(file)).tensors.values()];
  const values = new Map(await Promise.all(tensors.map(async (info) => [info.name, await readFloat32(info)] as const)));
  await writeSafetensors(
    file,
    tensors.map(({ name, shape }, i) => {
      const dtype = shape.length === 2 ? dtypes[i % dtypes.length]! : 'F32';
      const data = dtype === 'F32' ? values.get(name)! : HALVES[dtype](values.get(name)!);
      return { name, dtype, shape, bytes: data.byteLength, data: () => bytesOf(data) };
    }),
  );
  return folder;
}
