/**
 * GGUF files (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): metadata, a table of tensors, their bytes.
 * Files are not trusted: every length is checked against the bytes that are left before anything is allocated.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { HumanError } from '../../../support/errors.js';
import { POINTER_BYTES, requireNoPointer } from '../../../support/lfsPointer.js';
import { GGUF_TYPES, READABLE_TYPES } from './types.js';
import type { GgufType } from './types.js';
import { elementCount, readFully } from '../../weights/safetensors.js';

/** Integers beyond 2⁵³ stay bigint. */
export type GgufValue = number | bigint | boolean | string | GgufValue[];

export interface GgufTensor {
  name: string;
  /** The part of a split model that it lies in; the file itself otherwise. */
  file?: string;
  type: GgufType;
  /** Row-major, the slowest dimension first: the reverse of the file's order. */
  shape: number[];
  /** Byte offset in the file. */
  offset: number;
  bytes: number;
}

export interface GgufFile {
  file: string;
  /** Bytes of the whole file. */
  size: number;
  metadata: Map<string, GgufValue>;
  tensors: Map<string, GgufTensor>;
}

/** Metadata and tensor table in bytes; a vocabulary of 260,000 entries with its merges takes 15 MB. */
const MAX_HEADER_BYTES = 2 ** 26;
/** Items of all arrays together; that vocabulary has 1.3 million. */
const MAX_ITEMS = 2 ** 22;
const MAX_ENTRIES = 2 ** 16;
const MAX_TENSORS = 2 ** 17;
const MAX_STRING_BYTES = 2 ** 26;
const MAX_ALIGNMENT = 2 ** 16;
const MAX_DIMENSIONS = 4;
const WINDOW = 2 ** 20;

/** What the header is read with: numbers in file order, each checked against the file's end. */
interface Reader {
  position: () => number;
  left: () => number;
  take: (bytes: number) => DataView;
  /** Counts items of arrays. */
  items: (count: number) => void;
}

/**
 * Reads and checks metadata and tensor table; no tensor is read.
 * @throws HumanError naming the file and what is wrong.
 */
export function readGguf(file: string): GgufFile {
  // Before it is opened: opening a pipe waits for who writes into it.
  if (!statSync(file).isFile())
    throw new HumanError('a GGUF file was expected.', { place: file, remedy: 'Name a file.' });
  const fd = openSync(file, 'r');
  try {
    const { size } = fstatSync(fd);
    const start = new Uint8Array(POINTER_BYTES);
    readSync(fd, start, 0, start.length, 0);
    requireNoPointer(start, file);
    return parse(reader(fd, size, file), size, file);
  } finally {
    closeSync(fd);
  }
}

function damaged(
  place: string,
  message: string,
  remedy = 'The file is damaged or cut off: copy or download it again.',
): HumanError {
  return new HumanError(message, { place, remedy });
}

/** Reads through a window of a megabyte: headers have tens of thousands of short strings. */
function reader(fd: number, size: number, file: string): Reader {
  let window = Buffer.alloc(0);
  let start = 0;
  let at = 0;
  let items = 0;
  return {
    position: () => start + at,
    items(count) {
      items += count;
      if (items > MAX_ITEMS) throw damaged(file, `the metadata has more than ${MAX_ITEMS} items.`);
    },
    left: () => size - start - at,
    take(bytes) {
      if (bytes > size - start - at)
        throw damaged(file, `the header continues ${bytes} bytes beyond the end of the file.`);
      if (start + at + bytes > MAX_HEADER_BYTES)
        throw damaged(file, `the metadata and the tensor table have more than ${MAX_HEADER_BYTES} bytes.`);
      if (at + bytes > window.length) {
        start += at;
        at = 0;
        window = Buffer.alloc(Math.min(Math.max(WINDOW, bytes), size - start));
        let done = 0;
        while (done < window.length) {
          const read = readSync(fd, window, done, window.length - done, start + done);
          if (read === 0) throw damaged(file, 'the file became shorter while it was read.');
          done += read;
        }
      }
      at += bytes;
      return new DataView(window.buffer, window.byteOffset + at - bytes, bytes);
    },
  };
}

/** A length or count of the file, if it is at most `most`. */
function count(r: Reader, most: number, what: string, file: string): number {
  const value = r.take(8).getBigUint64(0, true);
  if (value > BigInt(most)) throw damaged(file, `${what} is ${value}; at most ${most} are possible.`);
  return Number(value);
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });

function text(r: Reader, what: string, file: string): string {
  const length = count(r, Math.min(MAX_STRING_BYTES, r.left() - 8), `the length of ${what}`, file);
  const view = r.take(length);
  return utf8.decode(new Uint8Array(view.buffer, view.byteOffset, length));
}

const integer = (value: bigint): number | bigint =>
  value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : value;

/** Size in bytes and reading of the metadata types with a fixed size, by their number. */
const SCALARS: Readonly<Record<number, [bytes: number, read: (v: DataView) => GgufValue]>> = {
  0: [1, (v) => v.getUint8(0)],
  1: [1, (v) => v.getInt8(0)],
  2: [2, (v) => v.getUint16(0, true)],
  3: [2, (v) => v.getInt16(0, true)],
  4: [4, (v) => v.getUint32(0, true)],
  5: [4, (v) => v.getInt32(0, true)],
  6: [4, (v) => v.getFloat32(0, true)],
  7: [1, (v) => v.getUint8(0) !== 0],
  10: [8, (v) => integer(v.getBigUint64(0, true))],
  11: [8, (v) => integer(v.getBigInt64(0, true))],
  12: [8, (v) => v.getFloat64(0, true)],
};
const STRING = 8;
const ARRAY = 9;

function value(r: Reader, type: number, what: string, file: string, depth = 0): GgufValue {
  if (type === STRING) return text(r, what, file);
  if (type === ARRAY) {
    if (depth > 2) throw damaged(file, `${what} is nested too deeply.`);
    const item = r.take(4).getUint32(0, true);
    const smallest = SCALARS[item]?.[0] ?? (item === STRING ? 8 : item === ARRAY ? 12 : undefined);
    if (smallest === undefined) throw damaged(file, `${what} has items of unknown type ${item}.`);
    const length = count(
      r,
      Math.min(MAX_ITEMS, Math.floor((r.left() - 8) / smallest)),
      `the number of items in ${what}`,
      file,
    );
    r.items(length);
    const items: GgufValue[] = [];
    for (let i = 0; i < length; i++) items.push(value(r, item, what, file, depth + 1));
    return items;
  }
  const scalar = SCALARS[type];
  if (!scalar) throw damaged(file, `${what} has the unknown type ${type}.`);
  return scalar[1](r.take(scalar[0]));
}

function parse(r: Reader, size: number, file: string): GgufFile {
  if (r.left() < 24 || r.take(4).getUint32(0, true) !== 0x46554747) {
    throw damaged(
      file,
      'the file does not begin with "GGUF".',
      'Check that it is a GGUF file and that its download is complete.',
    );
  }
  const version = r.take(4).getUint32(0, true);
  if (version !== 2 && version !== 3) {
    const bigEndian = version === 0x02000000 || version === 0x03000000;
    throw damaged(
      file,
      bigEndian ? 'the file is big-endian.' : `the file has GGUF version ${version}; versions 2 and 3 are read.`,
      'Convert the model again.',
    );
  }
  // The smallest entry of each table: an empty name, and a type with one byte; three numbers and one offset.
  const tensorCount = count(r, Math.min(MAX_TENSORS, Math.floor(r.left() / 24)), 'the number of tensors', file);
  const entryCount = count(r, Math.min(MAX_ENTRIES, Math.floor(r.left() / 13)), 'the number of metadata entries', file);

  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < entryCount; i++) {
    const key = text(r, 'a metadata key', file);
    if (metadata.has(key)) throw damaged(file, `the metadata has "${short(key)}" twice.`);
    metadata.set(key, value(r, r.take(4).getUint32(0, true), `"${short(key)}"`, file));
  }
  const alignment = metadata.get('general.alignment') ?? 32;
  if (typeof alignment !== 'number' || alignment < 8 || alignment > MAX_ALIGNMENT || alignment % 8 !== 0) {
    throw damaged(file, `the alignment is ${short(String(alignment))}.`);
  }

  const tensors = new Map<string, GgufTensor>();
  for (let i = 0; i < tensorCount; i++) {
    const tensor = tensorEntry(r, file);
    if (tensors.has(tensor.name)) throw damaged(file, `the tensor ${short(tensor.name)} appears twice.`);
    tensors.set(tensor.name, tensor);
  }
  // As in ggml: the tensors follow each other in the order of the table, each padded to the alignment.
  const padded = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;
  const dataStart = padded(r.position());
  let at = 0;
  for (const tensor of tensors.values()) {
    const place = `${file}: ${short(tensor.name)}`;
    if (tensor.offset !== at)
      throw damaged(place, `the tensor begins at byte ${tensor.offset} of the data instead of ${at}.`);
    tensor.offset += dataStart;
    if (tensor.offset + tensor.bytes > size) {
      throw damaged(place, `the tensor ends at byte ${tensor.offset + tensor.bytes}; the file has ${size} bytes.`);
    }
    at = padded(at + tensor.bytes);
  }
  return { file, size, metadata, tensors };
}

function tensorEntry(r: Reader, file: string): GgufTensor {
  const name = text(r, 'a tensor name', file);
  const place = `${file}: ${short(name)}`;
  const dimensions = r.take(4).getUint32(0, true);
  if (dimensions > MAX_DIMENSIONS) throw damaged(place, `the tensor has ${dimensions} dimensions.`);
  const shape: number[] = [];
  for (let i = 0; i < dimensions; i++) shape.unshift(count(r, Number.MAX_SAFE_INTEGER, 'a dimension', place));
  const number = r.take(4).getUint32(0, true);
  const type = GGUF_TYPES[number];
  const offset = count(r, Number.MAX_SAFE_INTEGER, 'the offset', place);
  if (!type)
    throw damaged(
      place,
      `the tensor has the unknown type ${number}.`,
      `These types are read: ${READABLE_TYPES.join(', ')}.`,
    );
  const elements = elementCount(shape);
  const row = shape.at(-1) ?? 1;
  if (elements === undefined || row % type.block !== 0) {
    throw damaged(
      place,
      `the shape [${shape.join(', ')}] does not fit the type ${type.name}, which has blocks of ${type.block}.`,
    );
  }
  const bytes = (elements / type.block) * type.bytes;
  if (!Number.isSafeInteger(bytes)) throw damaged(place, `the shape [${shape.join(', ')}] is too large.`);
  return { name, type, shape, offset, bytes };
}

const short = (name: string): string => (name.length > 80 ? `${name.slice(0, 80)}…` : name);

/** Bytes that are read and widened at once, about; always whole blocks. */
const PIECE = 2 ** 22;

/** A tensor's bytes in pieces of whole blocks. */
export async function* readGgufBytes(
  gguf: GgufFile,
  { name, file = gguf.file, type, offset, bytes }: GgufTensor,
): AsyncGenerator<Uint8Array> {
  const handle = await open(file, 'r');
  try {
    const step = Math.floor(PIECE / type.bytes) * type.bytes;
    for (let at = 0; at < bytes; at += step) {
      const piece = new Uint8Array(Math.min(step, bytes - at));
      if ((await readFully(handle, piece, offset + at)) < piece.length) {
        throw damaged(`${file}: ${short(name)}`, 'the file became shorter while it was read.');
      }
      yield piece;
    }
  } finally {
    await handle.close();
  }
}

/**
 * A tensor's values as float32, in pieces.
 * @throws HumanError for a type that is not read, by name.
 */
export async function* readGgufFloat32(gguf: GgufFile, tensor: GgufTensor): AsyncGenerator<Float32Array> {
  const { type } = tensor;
  if (!type.dequantise) {
    throw new HumanError(`the tensor has the type ${type.name}, which is not supported.`, {
      place: `${gguf.file}: ${short(tensor.name)}`,
      remedy: `Use a file whose types are among ${READABLE_TYPES.join(', ')}.`,
    });
  }
  for await (const piece of readGgufBytes(gguf, tensor)) {
    const out = new Float32Array((piece.length / type.bytes) * type.block);
    type.dequantise(piece, out);
    yield out;
  }
}

/** The whole tensor as float32. */
export async function readGgufTensor(gguf: GgufFile, tensor: GgufTensor): Promise<Float32Array> {
  const out = new Float32Array((tensor.bytes / tensor.type.bytes) * tensor.type.block);
  let at = 0;
  for await (const piece of readGgufFloat32(gguf, tensor)) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
