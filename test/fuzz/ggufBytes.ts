/** GGUF files in parts that can be damaged one by one, and the bytes that say them, true or not. */
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sum } from '../../runtime/contract/sum.js';
import { HumanError } from '../../runtime/support/errors.js';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import type { GgufValue } from '../../runtime/models/gguf/file/gguf.js';
import { GGUF_TYPES } from '../../runtime/models/gguf/file/types.js';

export interface GgufParts {
  metadata: [key: string, value: GgufValue][];
  tensors: { name: string; shape: (number | bigint)[]; type: number; offset: number | bigint }[];
  /** The tensors' bytes, with what lies between them. */
  data: Buffer;
}

/** Undefined for bytes that are no file with tensors. */
export function partsOf(bytes: Uint8Array): GgufParts | undefined {
  const file = join(tmpdir(), `fuzz-${process.pid}.gguf`);
  writeFileSync(file, bytes);
  let read: ReturnType<typeof readGguf>;
  try {
    read = readGguf(file);
  } catch (error) {
    if (error instanceof HumanError) return undefined;
    throw error;
  } finally {
    rmSync(file);
  }
  const { metadata, tensors } = read;
  if (tensors.size === 0) return undefined;
  const start = Math.min(...[...tensors.values()].map(({ offset }) => offset));
  return {
    metadata: [...metadata],
    tensors: [...tensors.values()].map(({ name, shape, type, offset }) => ({
      ...{ name, shape, offset: offset - start },
      type: Number(Object.entries(GGUF_TYPES).find(([, { name: other }]) => other === type.name)![0]),
    })),
    data: Buffer.from(bytes).subarray(start),
  };
}

export function bytesOf(parts: GgufParts, counts: { tensors?: bigint; entries?: bigint } = {}): Buffer {
  const header = [
    ...[Buffer.from('GGUF'), u32(3), u64(counts.tensors ?? parts.tensors.length)],
    u64(counts.entries ?? parts.metadata.length),
    ...parts.metadata.flatMap(([key, value]) => [text(key), u32(typeOf(value)), encoded(value)]),
    ...parts.tensors.flatMap(({ name, shape, type, offset }) => [
      ...[text(name), u32(shape.length), ...[...shape].reverse().map(u64), u32(type), u64(offset)],
    ]),
  ];
  const length = sum(header.map(({ length }) => length));
  return Buffer.concat([...header, Buffer.alloc((32 - (length % 32)) % 32), parts.data]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}
function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, typeof value === 'bigint' ? value : BigInt(Math.trunc(value))));
  return bytes;
}
function text(value: string): Buffer {
  return Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
}

/** The type that llama.cpp's converter writes such a value with. */
function typeOf(value: GgufValue): number {
  if (typeof value === 'string') return 8;
  if (typeof value === 'boolean') return 7;
  if (Array.isArray(value)) return 9;
  if (typeof value === 'bigint') return 10;
  return Number.isInteger(value) ? (value < 0 ? 11 : value < 2 ** 32 ? 4 : value < 2 ** 63 ? 10 : 12) : 12;
}

function encoded(value: GgufValue): Buffer {
  if (typeof value === 'string') return text(value);
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  if (Array.isArray(value)) {
    const types = new Set(value.map(typeOf));
    const items = value.length === 0 ? [] : types.size === 1 ? value : value.map(String);
    return Buffer.concat([u32(items.length === 0 ? 4 : typeOf(items[0]!)), u64(items.length), ...items.map(encoded)]);
  }
  const bytes = Buffer.alloc(8);
  switch (typeOf(value)) {
    case 4:
      return u32(Number(value));
    case 12:
      bytes.writeDoubleLE(Number(value));
      return bytes;
    default:
      return u64(value);
  }
}
