/** A GGUF file's tensors as those of a Hugging Face folder: names, types and order of values. */
import { HumanError } from '../../support/errors.js';
import { readGgufBytes, readGgufFloat32, readGgufTensor } from './file/gguf.js';
import type { GgufTensor } from './file/gguf.js';
import { innerName } from './architectures/shared/layout.js';
import type { Architecture, Change, Sizes } from './architectures/shared/layout.js';
import type { Metadata } from './file/metadata.js';
import { ROPE_TENSORS } from './architectures/shared/rope.js';
import type { GgufSource } from './architectures/shared/rope.js';
import { READABLE_TYPES } from './file/types.js';
import { bytesOf, elementCount } from '../weights/safetensors.js';
import type { Dtype, TensorToWrite } from '../weights/safetensors.js';

/** `stored`: where the GGUF file has the very bytes that would be written. */
export type Tensor = TensorToWrite & { stored?: { file: string; offset: number }; origin?: Origin };

/** What the GGUF file has for a tensor. */
export interface Origin {
  /** Name of its type. */
  readonly type: string;
  readonly isQuantised: boolean;
  /** Its bytes, in pieces of whole blocks. */
  readonly bytes: () => AsyncIterable<Uint8Array>;
  /** For each row, its row in the file; undefined where they are the same. */
  readonly order?: Int32Array;
}

/** Kept as they are; all others are widened to F32. */
const KEPT: Record<string, Dtype> = { F32: 'F32', F16: 'F16', BF16: 'BF16' };

/**
 * Tensors to write, each read when its turn comes.
 * @throws HumanError for a tensor that the family does not have, and for a type that is not read, by name.
 */
export function huggingFaceTensors(source: GgufSource, architecture: Architecture, sizes: Sizes): Tensor[] {
  const rope = new Set<string>(ROPE_TENSORS);
  return [...source.tensors.values()].flatMap((tensor) => {
    if (rope.has(tensor.name)) return [];
    const place = `${source.file}: ${tensor.name.slice(0, 80)}`;
    const found = huggingFaceName(source, architecture, sizes, tensor.name);
    if (!found) {
      throw new HumanError(`${architecture.className} has no place for this tensor.`, {
        place,
        remedy: 'Use the original Hugging Face folder.',
      });
    }
    if (!tensor.type.dequantise) {
      throw new HumanError(`the tensor has the type ${tensor.type.name}, which is not supported.`, {
        place,
        remedy: `Use a file whose types are among ${READABLE_TYPES.join(', ')}.`,
      });
    }
    if (found.name.includes('*')) return rowsToWrite(source, tensor, found.name, place);
    return [toWrite(source, tensor, found.name, architecture.change?.(found.local, sizes), place)];
  });
}

/** Metadata that are tensors in Hugging Face. */
export function numberTensors(m: Metadata, { layers, numbers = {} }: Architecture, sizes: Sizes): TensorToWrite[] {
  return Object.entries(numbers).flatMap(([key, { name, shape, only }]) =>
    m.perLayer(key, sizes.layers).map((value, layer): TensorToWrite => {
      // float16 has steps of 6e-8: 1e-6 is 1.013e-6 there
      if (only !== undefined && Math.abs(value / only - 1) > 0.02) m.reject(key, `only ${only} is supported`);
      const data = (): Uint8Array => bytesOf(Float32Array.of(value));
      return { name: `${layers}.${layer}.${name}`, dtype: 'F32', shape, bytes: 4, data };
    }),
  );
}

/** `local` is the name that changes are listed under. */
function huggingFaceName(
  source: GgufSource,
  architecture: Architecture,
  sizes: Sizes,
  name: string,
): { name: string; local: string } | undefined {
  const match = /^(?:blk\.(\d+)\.)?([a-z0-9_]+)\.(weight|bias)$/.exec(name);
  if (!match) return undefined;
  const [, layer, base, part] = match;
  if (layer === undefined) {
    const outer = Object.hasOwn(architecture.outer, base) ? architecture.outer[base] : undefined;
    return outer === undefined ? undefined : { name: `${outer}.${part}`, local: `${base}.${part}` };
  }
  const inner = innerName(architecture, base, source);
  if (inner === undefined || Number(layer) >= sizes.layers) return undefined;
  return { name: `${architecture.layers}.${Number(layer)}.${inner}.${part}`, local: `${base}.${part}` };
}

/** More heads than any model has. */
const MAX_ROWS = 4096;

/** Each row as a tensor. */
function rowsToWrite(source: GgufSource, tensor: GgufTensor, name: string, place: string): TensorToWrite[] {
  const [rows = 0, width = 0] = tensor.shape;
  if (tensor.shape.length !== 2 || rows > MAX_ROWS) {
    throw new HumanError(`the tensor has the shape [${tensor.shape.join(', ')}]; a row for each head is needed.`, {
      place,
      remedy: 'The file is damaged or of an unusual model: use the original Hugging Face folder.',
    });
  }
  return Array.from({ length: rows }, (_, row) => ({
    name: name.replace('*', String(row)),
    dtype: 'F32',
    shape: [width],
    bytes: 4 * width,
    data: async () => bytesOf((await readGgufTensor(source, tensor)).slice(row * width, (row + 1) * width)),
  }));
}

function toWrite(
  source: GgufSource,
  tensor: GgufTensor,
  name: string,
  change: Change | undefined,
  place: string,
): Tensor {
  const kept = change?.kind === 'minus-one' ? undefined : KEPT[tensor.type.name];
  const dtype = kept ?? 'F32';
  const elements = elementCount(tensor.shape)!;
  const size = dtype === 'F32' ? 4 : 2;
  const shape = change?.kind === 'transpose' ? [...tensor.shape].reverse() : tensor.shape;
  const rows = tensor.shape[0] ?? 0;
  const order = change && rowOrder(change, rows, place);
  const origin: Origin = {
    type: tensor.type.name,
    isQuantised: tensor.type.block > 1,
    bytes: () => readGgufBytes(source, tensor),
    order,
  };
  const target = { name, dtype, shape, bytes: elements * size, origin };
  if (!change && kept) {
    const stored = { file: tensor.file ?? source.file, offset: tensor.offset };
    return { ...target, stored, data: () => readGgufBytes(source, tensor) };
  }
  if (!change) return { ...target, data: () => widened(source, tensor) };

  const values = async (): Promise<Float32Array | Uint16Array> => {
    if (size === 4) return readGgufTensor(source, tensor);
    const bytes = new Uint8Array(tensor.bytes);
    let at = 0;
    for await (const piece of readGgufBytes(source, tensor)) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return new Uint16Array(bytes.buffer);
  };
  return { ...target, data: async () => bytesOf(changed(await values(), change, rows, order)) };
}

async function* widened(source: GgufSource, tensor: GgufTensor): AsyncGenerator<Uint8Array> {
  for await (const piece of readGgufFloat32(source, tensor)) yield bytesOf(piece);
}

/** Undoes a change: GGUF order → Hugging Face order. */
function changed<T extends Float32Array | Uint16Array>(
  values: T,
  change: Change,
  rows: number,
  order: Int32Array | undefined,
): T {
  const out = values.slice() as T;
  const width = rows === 0 ? 0 : values.length / rows;
  if (order) order.forEach((from, to) => out.set(values.subarray(from * width, (from + 1) * width), to * width));
  else if (change.kind === 'minus-one') for (let i = 0; i < out.length; i++) out[i] = values[i] - 1;
  // [rows, width] → [width, rows]
  else for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) out[c * rows + r] = values[r * width + c];
  return out;
}

/**
 * The values as GGUF stores them: Hugging Face order → GGUF order. `rows` and the shape are those of the Hugging Face
 * tensor.
 */
export function toGgufOrder(values: Float32Array, change: Change, rows: number, place: string): Float32Array {
  if (change.kind === 'minus-one') return values.map((value) => value + 1);
  const order = rowOrder(change, rows, place);
  if (!order) return changed(values, change, rows, undefined);
  const width = values.length / rows;
  const out = new Float32Array(values.length);
  order.forEach((gguf, row) => out.set(values.subarray(row * width, (row + 1) * width), gguf * width));
  return out;
}

/** For each row of the Hugging Face tensor, the row of the GGUF tensor. */
function rowOrder(change: Change, rows: number, place: string): Int32Array | undefined {
  if (change.kind === 'minus-one' || change.kind === 'transpose') return undefined;
  const parts = change.kind === 'unpermute' ? change.heads : change.heads + 2 * change.kvHeads;
  const dim = rows / parts;
  if (!Number.isInteger(dim) || (change.kind === 'unpermute' && dim % 2 !== 0)) {
    throw new HumanError(`the tensor has ${rows} rows, which do not divide into ${parts} heads.`, {
      place,
      remedy: 'The file is damaged or of an unusual model: use the original Hugging Face folder.',
    });
  }
  const order = new Int32Array(rows);
  if (change.kind === 'unpermute') {
    const half = dim / 2;
    for (let r = 0; r < rows; r++) {
      const inHead = r % dim;
      order[r] = r - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
    }
    return order;
  }
  const { heads, kvHeads } = change;
  const queries = heads / kvHeads; // per group of key heads
  for (let r = 0; r < rows; r++) {
    const head = Math.floor(r / dim);
    const group = Math.floor(head / (queries + 2));
    const inGroup = head % (queries + 2);
    const from =
      inGroup < queries ? group * queries + inGroup : heads + (inGroup === queries ? group : kvHeads + group);
    order[r] = from * dim + (r % dim);
  }
  return order;
}
