import type { ModelFolder } from '../../models/weights/modelFolder.js';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../models/weights/halfFloats.js';
import { nameEndTokens } from '../../models/text/endTokens.js';
import { saveModel } from '../../models/weights/saveModel.js';
import { readFloat32 } from '../../models/weights/safetensors.js';
import { headOf } from '../../models/weights/tiedHead.js';
import { parameters, type DecoderSpec } from '../../models/decoder/spec.js';
import { findTensor } from '../../models/decoder/weights.js';
import { float32, type Backend, type Tensor } from '../../device/session.js';

/** The base's parameters as float32 tensors: the start of full fine-tuning. */
export async function baseTensors(model: Pick<ModelFolder, 'tensors'>, spec: DecoderSpec): Promise<Tensor[]> {
  const tensors: Tensor[] = [];
  for (const [name, shape] of parameters(spec)) {
    const info = findTensor(model.tensors, name, shape);
    tensors.push(float32(await readFloat32(info), info.shape));
  }
  return tensors;
}

/** The same parameters, rounded to what their files hold: in place where they are on the CPU. */
export async function asStored(
  model: Pick<ModelFolder, 'tensors'>,
  spec: DecoderSpec,
  tensors: readonly Tensor[],
  backend: Backend,
): Promise<Tensor[]> {
  const rounded: Tensor[] = [];
  for (const [name, shape] of parameters(spec)) {
    const tensor = tensors[rounded.length];
    const { dtype } = findTensor(model.tensors, name, shape);
    const values = await backend.read(tensor);
    if (dtype === 'BF16') bf16ToF32(f32ToBf16(values), values);
    if (dtype === 'F16') f16ToF32(f32ToF16(values), values);
    rounded.push(float32(values, tensor.dims));
  }
  return rounded;
}

/**
 * Writes a model folder with these parameters (in the order of `parameters(spec)`) in place of the base's, each in the
 * base's own dtype. A tied head that the base stores a second time is written with its embedding.
 */
export async function saveFullModel(
  folder: string,
  model: ModelFolder,
  spec: DecoderSpec,
  tensors: readonly Tensor[],
  backend: Backend,
): Promise<void> {
  const at = new Map([...parameters(spec)].map(([name, shape], i) => [findTensor(model.tensors, name, shape).name, i]));
  const head = spec.head.tied ? headOf(model.tensors) : undefined;
  if (head) at.set(head.name, [...parameters(spec).keys()].indexOf(spec.embedding.weight));
  await saveModel(folder, model, async (info) => {
    const i = at.get(info.name);
    return i === undefined ? undefined : backend.read(tensors[i]);
  });
  await nameEndTokens(folder);
}
