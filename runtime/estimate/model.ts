import type { DecoderSpec } from '../models/decoder/spec.js';
import { findTensor } from '../models/decoder/weights.js';
import { decoderSpec } from '../models/families/config.js';
import { openModel } from '../models/folder.js';
import type { Device, Precision } from '../contract/recipeWords.js';
import { sum } from '../contract/sum.js';
import { DEVICES } from '../device/devices.js';
import { planConversion } from '../models/gguf/convert.js';
import { packGgufTensors } from '../models/gguf/packTensors.js';
import { asFloat32 } from '../models/packed/float32Copy.js';
import { packings } from '../models/packed/packModel.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { packedTensor, takePacked } from '../models/weights/packedWeight.js';
import type { TensorInfo } from '../models/weights/safetensors.js';

/** A model as graphs are built from it: its tensors' shapes and types, where none is read. */
export interface PlannedModel {
  readonly spec: DecoderSpec;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly packed?: ModelFolder['packed'];
  /** Of the weights as they are held: as they lie in the file, or in the cache after a GGUF file is converted. */
  readonly bytes: number;
}

/**
 * @param device on which it computes: a CPU maps a copy in float32 where there is memory for it, and one that keeps
 * weights has float32 alone
 * @throws HumanError for what is missing, damaged or not supported
 */
export async function plannedModel(
  path: string,
  precision: Precision = 'float32',
  device: Device = 'cpu',
): Promise<PlannedModel> {
  const isGguf = path.toLowerCase().endsWith('.gguf');
  const { config, tensors } = isGguf ? await ofGguf(path, precision) : await openModel(path, { cache: '' });
  const spec = decoderSpec(config, path);
  if (!isGguf && precision !== 'float32')
    for (const [name, packing] of packings(spec, precision, path)) {
      const { name: own, ...info } = packedTensor({ name, ...packing, pieces: nothing });
      tensors.set(own, { ...info, name: own, shape: [...info.shape], file: path, offset: 0 });
      const [N, K] = packing.shape;
      tensors.delete(findTensor(tensors, name, packing.transposed ? [K, N] : [N, K]).name);
    }
  const { keeps } = DEVICES[device];
  const wide =
    precision === 'float32' && (keeps || device === 'cpu')
      ? asFloat32({ tensors }, spec, keeps ? Infinity : undefined)
      : undefined;
  for (const info of wide ?? []) tensors.set(info.name, info);
  // Where they are not aligned, the run maps copies that are.
  for (const [name, info] of tensors) tensors.set(name, { ...info, offset: 0 });
  const bytes = sum([...tensors.values()].map((info) => info.bytes));
  const packed = precision === 'float32' ? undefined : takePacked(tensors);
  return { spec, tensors, packed, bytes };
}

/** No weight is read. */
async function* nothing(): AsyncGenerator<never> {}

async function ofGguf(
  path: string,
  precision: Precision,
): Promise<{ config: Parameters<typeof decoderSpec>[0]; tensors: Map<string, TensorInfo> }> {
  const { config, tensors } = await planConversion(path);
  const held = precision === 'float32' ? tensors : packGgufTensors(tensors, decoderSpec(config), precision, path);
  const infos = held.map(({ name, dtype, shape, bytes }) => ({
    name,
    dtype,
    shape: [...shape],
    bytes,
    file: path,
    offset: 0,
  }));
  return { config, tensors: new Map(infos.map((info) => [info.name, info])) };
}
