/** A copy of weights of 16 bits in float32, for devices that multiply in float32 alone. */
import { sum } from '../../contract/sum.js';
import { Cancelled } from '../../support/errors.js';
import { memoryLimit } from '../../support/memory.js';
import { parameters, type DecoderSpec } from '../decoder/spec.js';
import { findTensor } from '../decoder/weights.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import { bytesOf, readBytes, readFloat32, type TensorInfo, type TensorToWrite } from '../weights/safetensors.js';
import { inCache, type CacheOptions } from './weightsInCache.js';

/** Values that are in memory in float32 while they are copied: 64 MB. */
const PIECE = 2 ** 24;
/**
 * Share of the memory of a process that a copy in float32 may take. Mapped, it gives way when something else needs the
 * memory.
 */
const COPIED = 1 / 4;

/**
 * The weights of a model as a copy in float32 has them: a CPU multiplies in float32, and would convert weights of 16
 * bits anew for each product, of each token of an answer.
 * @returns undefined where none has 16 bits, where they are in blocks, or where the copy would take too much memory
 * @throws HumanError for a weight that is missing
 */
export function asFloat32(
  { tensors, packed }: Pick<ModelFolder, 'packed'> & { readonly tensors: ReadonlyMap<string, TensorInfo> },
  spec: DecoderSpec,
  limitBytes = memoryLimit(),
): TensorInfo[] | undefined {
  if (packed) return undefined;
  const stored = [...parameters(spec)].map(([name, shape]) => findTensor(tensors, name, shape));
  const wide = stored.map((info) => (isHalf(info) ? { ...info, dtype: 'F32' as const, bytes: 2 * info.bytes } : info));
  const bytes = sum(wide.map((info) => info.bytes));
  return stored.some(isHalf) && bytes <= COPIED * limitBytes ? wide : undefined;
}

/**
 * The model with a copy of its weights in float32 where that is faster (asFloat32). Where it cannot be kept, the model
 * as it is: the results are the same to the bit.
 * @throws Cancelled, and HumanError for a weight that is missing
 */
export async function copyAsFloat32(
  model: ModelFolder,
  spec: DecoderSpec,
  options: CacheOptions,
): Promise<ModelFolder> {
  const wide = asFloat32(model, spec);
  if (!wide) return model;
  const toWrite = () =>
    wide.map((info): TensorToWrite => ({ ...info, data: () => widened(model.tensors.get(info.name)!) }));
  const what = { named: '-float32', doing: 'Copying', as: ' as float32, which is faster' };
  try {
    return { ...model, beside: await inCache(model, what, toWrite, options) };
  } catch (error) {
    if (error instanceof Cancelled) throw error;
    const why = error instanceof Error ? error.message : String(error);
    options.onMessage?.(
      `The weights are converted to float32 at each use, which is slower, as no copy can be kept: ${why}`,
    );
    return model;
  }
}

const isHalf = ({ dtype }: TensorInfo): boolean => dtype === 'BF16' || dtype === 'F16';

/** A tensor as float32, in pieces. */
async function* widened(info: TensorInfo): AsyncGenerator<Uint8Array> {
  if (!isHalf(info)) return void (yield await readBytes(info));
  for (let at = 0; at < info.bytes; at += 2 * PIECE) {
    const bytes = Math.min(2 * PIECE, info.bytes - at);
    yield bytesOf(await readFloat32({ ...info, offset: info.offset + at, bytes }));
  }
}
