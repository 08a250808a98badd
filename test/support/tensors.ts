/** Tensors of reference values, in types that no program reads. */
import { readBytes, toFloat32, type TensorInfo } from '../../runtime/models/weights/safetensors.js';

/** A float tensor as float64, exact. */
export async function readFloat64(info: TensorInfo): Promise<Float64Array> {
  const bytes = await readBytes(info);
  return info.dtype === 'F64' ? new Float64Array(bytes.buffer) : Float64Array.from(toFloat32(info, bytes));
}

export async function readInt32(info: TensorInfo): Promise<Int32Array> {
  const { buffer } = await readBytes(info);
  if (info.dtype === 'I32') return new Int32Array(buffer);
  throw new Error(`${info.file}: ${info.name} is ${info.dtype}, not I32`);
}
