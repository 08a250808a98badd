import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { AS_BLOCKS } from '../../runtime/models/gguf/file/asBlocks.js';
import { readGguf, readGgufBytes, readGgufTensor } from '../../runtime/models/gguf/file/gguf.js';
import { dequantise } from '../../runtime/models/weights/blocks.js';
import { GGUF_TYPES, READABLE_TYPES } from '../../runtime/models/gguf/file/types.js';

const FIXTURES = join(import.meta.dirname, '..', 'fixtures', 'gguf');
const QUANTS = join(FIXTURES, 'quants.gguf');

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-'));
});
after(() => rm(dir, { recursive: true }));

test('metadata of every type is read', () => {
  const { metadata } = readGguf(QUANTS);
  assert.equal(metadata.get('general.architecture'), 'llama');
  assert.equal(metadata.get('test.uint32'), 2 ** 32 - 1);
  assert.equal(metadata.get('test.int64'), -(2n ** 62n));
  assert.equal(metadata.get('test.float32'), Math.fround(0.1));
  assert.equal(metadata.get('test.bool'), true);
  assert.equal(metadata.get('test.string'), 'Grüße ☃ 😀');
  assert.deepEqual(metadata.get('test.strings'), ['a', '', 'ĠĠb']);
  assert.deepEqual(metadata.get('test.floats'), [0.5, -1.25]);
  assert.deepEqual(metadata.get('test.nested'), [[1, 2], [3]]);
});

test('every readable type gives the reference package’s float32 values, bit for bit', async () => {
  const gguf = readGguf(QUANTS);
  const expected = JSON.parse(readFileSync(join(FIXTURES, 'quants.json'), 'utf8')) as Record<
    string,
    { type: string; shape: number[]; bits?: number[]; sha256?: string }
  >;
  const seen = new Set<string>();
  assert.deepEqual([...gguf.tensors.keys()], Object.keys(expected));
  for (const [name, { type, shape, bits = [], sha256 }] of Object.entries(expected)) {
    const tensor = gguf.tensors.get(name)!;
    assert.equal(tensor.type.name, type);
    assert.deepEqual(tensor.shape, shape, name);
    const values = await readGgufTensor(gguf, tensor);
    const got = new Uint32Array(values.buffer);
    if (sha256) assert.equal(createHash('sha256').update(got).digest('hex'), sha256, name);
    else assert.equal(got.length, bits.length, name);
    for (let i = 0; i < bits.length; i++) {
      if (got[i] !== bits[i]) assert.fail(`${name}[${i}]: ${got[i].toString(16)} instead of ${bits[i].toString(16)}`);
    }
    seen.add(type);
  }
  assert.deepEqual([...seen, 'Q1_0', 'Q2_0'].sort(), [...READABLE_TYPES].sort());
});

test('Q1_0 and Q2_0, which the package does not read, are as ggml has them', () => {
  const read = (type: number, ...bytes: number[]): number[] => {
    const out = new Float32Array(GGUF_TYPES[type].block);
    GGUF_TYPES[type].dequantise!(
      Uint8Array.from({ length: 18 }, (_, i) => bytes[i] ?? 0),
      out,
    );
    return [...out];
  };
  const d = [0x00, 0x38]; // 1/2
  const ones = read(41, ...d, 0b10000110, 1);
  assert.deepEqual(ones.slice(0, 10), [-0.5, 0.5, 0.5, -0.5, -0.5, -0.5, -0.5, 0.5, 0.5, -0.5]);
  assert(ones.slice(9).every((v) => v === -0.5) && ones.length === 128);
  const twos = read(42, ...d, 0b11100100, 0b01010101);
  assert.deepEqual(twos.slice(0, 9), [-0.5, 0, 0.5, 1, 0, 0, 0, 0, -0.5]);
  assert.equal(twos.length, 64);
});

/** A GGUF file out of little-endian pieces. */
function made(...pieces: (number[] | string | bigint | number)[]): string {
  const parts = pieces.map((piece) => {
    if (typeof piece === 'string') return Buffer.concat([made64(BigInt(Buffer.byteLength(piece))), Buffer.from(piece)]);
    if (typeof piece === 'bigint') return made64(piece);
    if (typeof piece === 'number') return Buffer.from(Uint32Array.of(piece).buffer);
    return Buffer.from(piece);
  });
  const file = join(dir, 'made.gguf');
  writeFileSync(file, Buffer.concat(parts));
  return file;
}
function made64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

test('lengths, counts and offsets beyond the file are refused before anything is allocated', () => {
  const magic = 0x46554747;
  const pad = new Array<number>(64).fill(0);
  const refused = (file: string, message: RegExp) =>
    assert.throws(() => readGguf(file), { name: 'HumanError', message, place: /./, remedy: /./ });
  refused(made('no'), /does not begin with "GGUF"/);
  refused(made(magic, 1, 0n, 0n), /version 1/);
  refused(made(magic, 0x03000000, 0n, 0n), /big-endian/);
  refused(made(magic, 3, 2n ** 60n, 0n), /number of tensors is 1152921504606846976/);
  refused(made(magic, 3, 0n, 2n ** 40n), /number of metadata entries/);
  refused(made(magic, 3, 0n, 1n, 2n ** 62n, pad), /length of a metadata key/);
  refused(made(magic, 3, 0n, 1n, 'k', 99, pad), /unknown type 99/);
  refused(made(magic, 3, 0n, 1n, 'k', 9, 4, 2n ** 50n, pad), /number of items in "k"/);
  refused(made(magic, 3, 0n, 1n, 'k', 9, 9, 1n, 9, 1n, 9, 1n, 9, 1n, pad), /nested too deeply|unknown type/);
  refused(made(magic, 3, 0n, 2n, 'k', 4, 1, 'k', 4, 1, pad), /"k" twice/);
  refused(made(magic, 3, 0n, 1n, 'general.alignment', 4, 3, pad), /alignment is 3/);
  const tensor = (dims: bigint[], type: number, offset: bigint): string =>
    made(magic, 3, 1n, 0n, 't', dims.length, ...dims, type, offset, pad);
  refused(tensor([1n, 1n, 1n, 1n, 1n], 0, 0n), /5 dimensions/);
  refused(tensor([4n], 77, 0n), /unknown type 77/);
  refused(tensor([2n ** 30n, 2n ** 30n], 0, 0n), /does not fit/);
  refused(tensor([31n], 2, 0n), /blocks of 32/);
  refused(tensor([4n], 0, 32n), /begins at byte 32/);
  refused(tensor([1024n], 0, 0n), /ends at byte/);
  assert.equal(readGguf(tensor([4n], 0, 0n)).tensors.get('t')!.bytes, 16);
});

test('a type that is not read is refused by name', async () => {
  const gguf = readGguf(QUANTS);
  const tensor = { ...gguf.tensors.get('values.F32')!, type: GGUF_TYPES[15] };
  await assert.rejects(readGgufTensor(gguf, tensor), { name: 'HumanError', message: /Q8_K/, place: /./, remedy: /./ });
});

test('types that are blocks of 4 or 8 bits keep every number in our order', async () => {
  const gguf = readGguf(QUANTS);
  const seen = new Set<string>();
  for (const tensor of gguf.tensors.values()) {
    const type = AS_BLOCKS[tensor.type.name];
    if (!type) continue;
    const values: number[] = [];
    for await (const bytes of readGgufBytes(gguf, tensor)) {
      const blocks = type.repack(bytes);
      assert.deepEqual([blocks.bits, blocks.minimums !== undefined], [type.bits, type.hasMinimums]);
      values.push(...dequantise(blocks).map((x) => x + 0)); // −0 is 0
    }
    assert.deepEqual(values, [...(await readGgufTensor(gguf, tensor)).map((x) => x + 0)], tensor.name);
    seen.add(tensor.type.name);
  }
  assert.deepEqual([...seen].sort(), Object.keys(AS_BLOCKS).sort());
});
