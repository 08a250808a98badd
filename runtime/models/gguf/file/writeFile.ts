/**
 * Writes GGUF files: metadata, table, tensors one after the other
 * (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md).
 */
import { HumanError } from '../../../support/errors.js';
import { replaceFile } from '../../../support/replaceFile.js';
import { f32ToF16 } from '../../weights/halfFloats.js';
import { bytesOf, elementCount, writeFully } from '../../weights/safetensors.js';

/** Types that are written, with their number, and `general.file_type` of a file of them. */
export const WRITTEN_TYPES = {
  F32: { number: 0, block: 1, bytes: 4, fileType: 0 },
  F16: { number: 1, block: 1, bytes: 2, fileType: 1 },
  Q8_0: { number: 8, block: 32, bytes: 34, fileType: 7 },
} as const;
export type WrittenType = keyof typeof WRITTEN_TYPES;

/** A metadata value with its type; lists are of texts, int32 or float32. */
export type TypedValue =
  | { u32: number }
  | { f32: number }
  | { bool: boolean }
  | { text: string }
  | { texts: readonly string[] }
  | { i32s: readonly number[] }
  | { f32s: readonly number[] };

export interface GgufTensorToWrite {
  name: string;
  /** Row-major, the slowest dimension first. */
  shape: readonly number[];
  type: WrittenType;
  /** Called once, when its turn comes. */
  values: () => Promise<Float32Array>;
}

const ALIGNMENT = 32;
const padded = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([u64(bytes.length), bytes]);
}

function encoded(value: TypedValue): Buffer {
  const list = (type: number, length: number, items: Uint8Array): Buffer =>
    Buffer.concat([u32(9), u32(type), u64(length), items]);
  if ('u32' in value) return Buffer.concat([u32(4), u32(value.u32)]);
  if ('f32' in value) return Buffer.concat([u32(6), bytesOf(Float32Array.of(value.f32))]);
  if ('bool' in value) return Buffer.concat([u32(7), Buffer.from([value.bool ? 1 : 0])]);
  if ('text' in value) return Buffer.concat([u32(8), text(value.text)]);
  if ('texts' in value) return list(8, value.texts.length, Buffer.concat(value.texts.map(text)));
  if ('i32s' in value) return list(5, value.i32s.length, bytesOf(Int32Array.from(value.i32s)));
  return list(6, value.f32s.length, bytesOf(Float32Array.from(value.f32s)));
}

/**
 * Writes a temporary file, syncs, renames; one tensor is in memory at a time.
 * @throws HumanError when a value does not fit into its type.
 */
export async function writeGgufFile(
  file: string,
  metadata: Readonly<Record<string, TypedValue>>,
  tensors: readonly GgufTensorToWrite[],
): Promise<void> {
  const entries = Object.entries(metadata);
  const header = [Buffer.from('GGUF'), u32(3), u64(tensors.length), u64(entries.length)];
  for (const [key, value] of entries) header.push(text(key), encoded(value));
  const sizes = tensors.map(({ name, shape, type }) => {
    const { block, bytes } = WRITTEN_TYPES[type];
    if (shape.length === 0 || shape.at(-1)! % block !== 0)
      throw new Error(`tensor ${name}: rows of ${shape.at(-1)} are not whole blocks of ${type}`);
    return (elementCount(shape)! / block) * bytes;
  });
  let at = 0;
  tensors.forEach(({ name, shape, type }, i) => {
    header.push(
      text(name),
      u32(shape.length),
      ...[...shape].reverse().map(u64),
      u32(WRITTEN_TYPES[type].number),
      u64(at),
    );
    at += padded(sizes[i]);
  });
  const start = Buffer.concat(header);

  await replaceFile(file, async (handle) => {
    await writeFully(handle, start);
    await writeFully(handle, Buffer.alloc(padded(start.length) - start.length));
    for (const [i, tensor] of tensors.entries()) {
      const data = encodeTensor(await tensor.values(), tensor, file);
      if (data.length !== sizes[i])
        throw new Error(`tensor ${tensor.name}: ${data.length} bytes instead of ${sizes[i]}`);
      await writeFully(handle, data);
      await writeFully(handle, Buffer.alloc(padded(data.length) - data.length));
    }
  });
}

function encodeTensor(values: Float32Array, { name, type }: GgufTensorToWrite, file: string): Uint8Array {
  if (type === 'F32') return bytesOf(values);
  const data = type === 'F16' ? f32ToF16(values) : quantiseQ8(values);
  const scales = type === 'F16' ? (data as Uint16Array) : scalesOf(data as Uint8Array);
  if (scales.some((bits) => (bits & 0x7c00) === 0x7c00)) {
    throw new HumanError(`the tensor has values that do not fit into ${type}.`, {
      place: `${file}: ${name}`,
      remedy: 'Export as GGUF, F32 (--format gguf --quantization F32).',
      kind: 'failed',
    });
  }
  return data instanceof Uint16Array ? bytesOf(data) : data;
}

const scalesOf = (q8: Uint8Array): Uint16Array =>
  Uint16Array.from({ length: q8.length / 34 }, (_, b) => q8[b * 34] | (q8[b * 34 + 1] << 8));

/**
 * Blocks of 32: scale = largest / 127 as float16, values rounded half away from zero (quantize_row_q8_0_ref in
 * ggml-quants.c).
 */
export function quantiseQ8(values: Float32Array): Uint8Array {
  const out = new Uint8Array((values.length / 32) * 34);
  const d = new Float32Array(values.length / 32);
  for (let b = 0; b < d.length; b++) {
    let largest = 0;
    for (let i = 0; i < 32; i++) {
      const size = Math.abs(values[b * 32 + i]);
      if (!(size <= largest)) largest = size; // NaN too: it ends up in the scale
    }
    d[b] = largest / 127;
    const inverse = d[b] === 0 ? 0 : Math.fround(1 / d[b]);
    for (let i = 0; i < 32; i++) {
      const x = Math.fround(values[b * 32 + i] * inverse);
      out[b * 34 + 2 + i] = Math.sign(x) * Math.floor(Math.abs(x) + 0.5);
    }
  }
  const bits = f32ToF16(d);
  for (let b = 0; b < d.length; b++) {
    out[b * 34] = bits[b] & 255;
    out[b * 34 + 1] = bits[b] >> 8;
  }
  return out;
}
