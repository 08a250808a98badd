/**
 * The safetensors format: eight bytes with the header's length, a JSON header, the tensors' bytes without holes
 * (https://github.com/huggingface/safetensors#format). Files are not trusted: every number is checked against the file
 * before it is used. Numbers are little-endian, as on every platform that onnxruntime-node has binaries for.
 */
import { open, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Cancelled, HumanError } from '../../support/errors.js';
import { POINTER_BYTES, requireNoPointer } from '../../support/lfsPointer.js';
import { replaceFile } from '../../support/replaceFile.js';
import type { Handle } from '../../support/replaceFile.js';
import { bf16ToF32, f16ToF32 } from './halfFloats.js';
import { isObject } from '../../contract/isObject.js';
import { parseJson, shown } from '../../support/jsonFile.js';

/** Bits of one element. Types below one byte and float8 can be listed and copied, not read as numbers. */
const BITS = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
} as const;
export type Dtype = keyof typeof BITS;

export interface TensorInfo {
  name: string;
  dtype: Dtype;
  shape: number[];
  /** Absolute path of the file that holds the bytes. */
  file: string;
  /** Name of the file as the model's folder has it, where `file` may be what a link leads to. */
  shard?: string;
  /** Byte offset in the file. */
  offset: number;
  bytes: number;
}

interface SafetensorsHeader {
  tensors: Map<string, TensorInfo>;
  metadata: Record<string, string>;
}

/** The format allows 100 MB; sixty thousand tensors need 8 MB. */
const MAX_HEADER_BYTES = 2 ** 23;
/** Node reads at most 2³¹ − 1 bytes at once. */
const PIECE = 2 ** 30;

const DAMAGED = 'The file is damaged or cut off: copy or download it again.';

function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(BITS, value);
}

export const elementBytes = (dtype: Dtype): number => BITS[dtype] / 8;

/** Types that `readFloat32` reads. */
export const isFloat = (dtype: Dtype): boolean => ['F32', 'F16', 'BF16', 'F64'].includes(dtype);

/** Elements of a shape; undefined when a dimension is not a count or the product is beyond exact integers. */
export function elementCount(shape: readonly unknown[]): number | undefined {
  let count = 1;
  for (const dim of shape) {
    if (typeof dim !== 'number' || !Number.isSafeInteger(dim) || dim < 0 || Object.is(dim, -0)) return undefined;
    count *= dim;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}

/** Bytes of a tensor; undefined when the shape is not a shape or the elements do not fill whole bytes. */
function byteCount(dtype: Dtype, shape: readonly unknown[]): number | undefined {
  const count = elementCount(shape);
  if (count === undefined) return undefined;
  const bits = count * BITS[dtype];
  return Number.isSafeInteger(bits) && bits % 8 === 0 ? bits / 8 : undefined;
}

/**
 * Reads and checks the header; no tensor is read.
 * @throws HumanError naming the file and the tensor: lengths beyond the file, holes or overlaps, shapes that do not
 * fit.
 */
export async function readSafetensors(file: string): Promise<SafetensorsHeader> {
  // Before it is opened: opening a pipe waits for who writes into it.
  if (!(await stat(file)).isFile())
    throw new HumanError('a safetensors file was expected.', { place: file, remedy: 'Name a file.' });
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const start = new Uint8Array(Math.min(size, POINTER_BYTES));
    const read = await readFully(handle, start, 0);
    requireNoPointer(start, file);
    if (read < 8) {
      throw damaged(file, `the file has ${size} bytes, too few for a safetensors file.`);
    }
    const length = new DataView(start.buffer).getBigUint64(0, true);
    if (length > BigInt(Math.min(MAX_HEADER_BYTES, size - 8))) {
      throw damaged(
        file,
        `the header claims ${length} bytes; the file has ${size} bytes, and at most ${MAX_HEADER_BYTES} are read as a header.`,
      );
    }
    const header = new Uint8Array(Number(length));
    if ((await readFully(handle, header, 8)) < header.length) throw damaged(file, 'the header is cut off.');
    return parseHeader(header, file, size);
  } finally {
    await handle.close();
  }
}

function parseHeader(header: Uint8Array, file: string, fileBytes: number): SafetensorsHeader {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(header);
    json = parseJson(text);
  } catch (error) {
    throw damaged(file, `the header is not valid JSON: ${(error as Error).message}.`);
  }
  if (!isObject(json) || !text.startsWith('{')) throw damaged(file, 'the header is not a JSON object.');
  const twice = duplicateKey(text);
  if (twice !== undefined) throw damaged(file, `the header has the key "${twice}" twice.`);

  const dataStart = 8 + header.length;
  const tensors = new Map<string, TensorInfo>();
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(json)) {
    if (name === '__metadata__') metadata = checkMetadata(entry, file);
    else tensors.set(name, checkEntry(name, entry, file, dataStart, fileBytes));
  }
  checkLayout([...tensors.values()], file, dataStart, fileBytes);
  return { tensors, metadata };
}

function checkMetadata(entry: unknown, file: string): Record<string, string> {
  if (!isObject(entry) || !Object.values(entry).every((value) => typeof value === 'string')) {
    throw damaged(file, 'the header\'s "__metadata__" must map names to texts.');
  }
  return entry as Record<string, string>;
}

function checkEntry(name: string, entry: unknown, file: string, dataStart: number, fileBytes: number): TensorInfo {
  const place = `${file}: ${name}`;
  if (!isObject(entry)) throw damaged(place, 'the header describes no tensor here.');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype)) throw damaged(place, `unknown tensor type ${shown(dtype)}.`);
  if (!Array.isArray(shape) || elementCount(shape) === undefined)
    throw damaged(place, `${shown(shape)} is not a shape.`);
  if (
    !Array.isArray(offsets) ||
    offsets.length !== 2 ||
    offsets.some((offset) => elementCount([offset]) === undefined)
  ) {
    throw damaged(place, `${shown(offsets)} are not two byte offsets.`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end || end > fileBytes - dataStart) {
    throw damaged(
      place,
      `the bytes ${begin} to ${end} are outside the file, which holds ${fileBytes - dataStart} bytes of tensors.`,
    );
  }
  const bytes = byteCount(dtype, shape);
  if (bytes !== end - begin) {
    throw damaged(
      place,
      `shape ${shown(shape)} of type ${dtype} needs ${bytes ?? 'more'} bytes; the header gives it ${end - begin}.`,
    );
  }
  return { name, dtype, shape: shape as number[], file, offset: dataStart + begin, bytes };
}

/** The format demands that the tensors cover the rest of the file without holes and overlaps. */
function checkLayout(tensors: TensorInfo[], file: string, dataStart: number, fileBytes: number): void {
  let at = dataStart;
  for (const tensor of tensors.sort((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (tensor.offset !== at) {
      throw damaged(
        `${file}: ${tensor.name}`,
        `the tensor ${tensor.offset < at ? 'overlaps the one before it' : 'leaves a hole before it'}.`,
      );
    }
    at += tensor.bytes;
  }
  if (at !== fileBytes) throw damaged(file, `the tensors end at byte ${at}, the file at byte ${fileBytes}.`);
}

/** JSON.parse keeps the last of two equal keys in silence; the format forbids them. `text` is valid JSON. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '{') open.push(new Set());
    else if (c === '[') open.push(undefined);
    else if (c === '}' || c === ']') open.pop();
    else if (c === '"') {
      const begin = i++;
      while (text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
      let next = i + 1;
      while (' \t\r\n'.includes(text[next] ?? '.')) next++;
      if (text[next] !== ':') continue;
      const key = JSON.parse(text.slice(begin, i + 1)) as string;
      const keys = open.at(-1);
      if (keys?.has(key)) return key;
      keys?.add(key);
    }
  }
  return undefined;
}

function damaged(place: string, message: string): HumanError {
  return new HumanError(message, { place, remedy: DAMAGED });
}

/** Reads until `into` is full or the file ends; gives the bytes read. */
export async function readFully(handle: Handle, into: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < into.length) {
    const { bytesRead } = await handle.read(into, done, Math.min(PIECE, into.length - done), position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done;
}

/**
 * The tensor's bytes as they are in the file, at the start of a buffer of their own, or over as many that are given.
 */
export async function readBytes(info: TensorInfo, into?: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(info.file, 'r');
  try {
    const { size } = await handle.stat();
    if (info.offset + info.bytes > size)
      throw damaged(`${info.file}: ${info.name}`, 'the file became shorter since it was opened.');
    const bytes = into ?? new Uint8Array(info.bytes);
    if ((await readFully(handle, bytes, info.offset)) < bytes.length) {
      throw damaged(`${info.file}: ${info.name}`, 'the file became shorter while it was read.');
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

/** A float tensor as float32: F32, F16 and BF16 exactly, F64 rounded. */
export async function readFloat32(info: TensorInfo): Promise<Float32Array> {
  return toFloat32(info, await readBytes(info));
}

/** The same of several tensors that lie close together in a file, in one piece. */
export async function readAllFloat32(infos: readonly TensorInfo[]): Promise<Float32Array[]> {
  const offset = infos.reduce((first, info) => Math.min(first, info.offset), Infinity);
  const end = infos.reduce((last, info) => Math.max(last, info.offset + info.bytes), 0);
  const piece = await readBytes({ ...infos[0], offset, bytes: end - offset });
  return infos.map((info) => toFloat32(info, piece.slice(info.offset - offset, info.offset - offset + info.bytes)));
}

/** The same for bytes that are already in memory. */
export function toFloat32(
  info: Pick<TensorInfo, 'name' | 'dtype' | 'file'>,
  bytes: Uint8Array<ArrayBuffer>,
): Float32Array {
  switch (info.dtype) {
    case 'F32':
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    case 'F16':
      return f16ToF32(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
    case 'BF16':
      return bf16ToF32(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2));
    case 'F64':
      return Float32Array.from(new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8));
    default:
      throw new HumanError(`the tensor has type ${info.dtype}; weights are read as F32, F16, BF16 or F64.`, {
        place: `${info.file}: ${info.name}`,
        remedy: 'Use an unquantized copy of the model.',
      });
  }
}

/**
 * A tensor to write. `data` is called once, when its turn comes, and gives exactly `bytes` bytes, at once or in pieces.
 */
export interface TensorToWrite {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  bytes: number;
  data: () => Uint8Array | Promise<Uint8Array> | AsyncIterable<Uint8Array>;
}

/**
 * Writes a temporary file, syncs, renames; one tensor, or one piece of it, is in memory at a time. Wider types come
 * first and the header is padded to 8 bytes, so that every tensor is aligned to its type and can be mapped in place.
 * @throws Cancelled between two pieces
 */
export async function writeSafetensors(
  file: string,
  tensors: Iterable<TensorToWrite>,
  metadata: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<void> {
  const order = [...tensors].sort((a, b) => BITS[b.dtype] - BITS[a.dtype]);
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : [];
  const names = new Set(['__metadata__']);
  let at = 0;
  for (const { name, dtype, shape, bytes } of order) {
    if (names.has(name)) throw new Error(`two tensors named ${name}`);
    if (byteCount(dtype, shape) !== bytes)
      throw new Error(`tensor ${name}: ${dtype} ${shown(shape)} is not ${bytes} bytes`);
    names.add(name);
    header.push([name, { dtype, shape, data_offsets: [at, (at += bytes)] }]);
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)));
  const start = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, ' ');
  start.writeBigUInt64LE(BigInt(start.length - 8));
  json.copy(start, 8);
  if (start.length - 8 > MAX_HEADER_BYTES) {
    throw new HumanError('there are too many tensors for one safetensors file.', {
      place: basename(file),
      remedy: 'Write several files.',
    });
  }

  await replaceFile(file, async (handle) => {
    await writeFully(handle, start);
    for (const tensor of order) {
      if (signal?.aborted) throw new Cancelled();
      const data = tensor.data();
      let done = 0;
      for await (const piece of Symbol.asyncIterator in data ? data : [await data]) {
        if (signal?.aborted) throw new Cancelled();
        done += piece.byteLength;
        if (done > tensor.bytes) break;
        await writeFully(handle, piece);
      }
      if (done !== tensor.bytes) throw new Error(`tensor ${tensor.name}: ${done} bytes instead of ${tensor.bytes}`);
    }
  });
}

export async function writeFully(handle: Handle, data: Uint8Array): Promise<void> {
  let done = 0;
  while (done < data.length) {
    const { bytesWritten } = await handle.write(data, done, Math.min(PIECE, data.length - done));
    done += bytesWritten;
  }
}

/** The bytes of a typed array, without a copy. */
export function bytesOf(array: Float32Array | Float64Array | Uint16Array | Int32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
