import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import { bytesOf, readFloat32, readSafetensors, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import type { TensorToWrite } from '../../runtime/models/weights/safetensors.js';
import { random } from '../../runtime/support/random.js';
import { readFloat64, readInt32 } from '../support/tensors.js';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'safetensors-'));
});
after(() => rm(dir, { recursive: true }));

function f32(name: string, shape: number[], values: number[]): TensorToWrite {
  const data = bytesOf(Float32Array.from(values));
  return { name, dtype: 'F32', shape, bytes: data.length, data: () => data };
}

/** A file whose header is any text and whose data are `bytes` zeros. */
async function raw(header: unknown, bytes: number): Promise<string> {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const file = join(dir, 'raw.safetensors');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  await writeFile(file, Buffer.concat([length, json, Buffer.alloc(bytes)]));
  return file;
}

async function refused(header: unknown, bytes: number, message: RegExp): Promise<void> {
  const file = await raw(header, bytes);
  await assert.rejects(readSafetensors(file), (error) => {
    assert(error instanceof HumanError, `${error}`);
    assert.match(error.message, message);
    assert(error.place?.startsWith(file) && error.remedy, 'names the file and a remedy');
    return true;
  });
}

const tensor = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

test('what is written is read: values, shapes, metadata; wide types come first and are aligned', async () => {
  const file = join(dir, 'round.safetensors');
  const half = f32ToF16(Float32Array.of(1, -2.5, 65504));
  const wide = Float64Array.of(Math.PI, 1e300);
  await writeSafetensors(
    file,
    [
      { name: 'half', dtype: 'F16', shape: [3], bytes: 6, data: () => bytesOf(half) },
      f32('matrix', [2, 3], [1, 2, 3, 4, 5, 6]),
      { name: 'wide', dtype: 'F64', shape: [2], bytes: 16, data: async () => bytesOf(wide) },
      f32('empty', [0, 4], []),
      { name: 'ids', dtype: 'I32', shape: [2], bytes: 8, data: () => bytesOf(Int32Array.of(-7, 9)) },
    ],
    { format: 'pt' },
  );
  const { tensors, metadata } = await readSafetensors(file);
  assert.deepEqual(metadata, { format: 'pt' });
  assert.deepEqual([...tensors.keys()], ['wide', 'matrix', 'empty', 'ids', 'half']);
  for (const info of tensors.values()) assert.equal(info.offset % 2, 0, info.name);
  assert.equal(tensors.get('wide')!.offset % 8, 0);
  assert.deepEqual(tensors.get('matrix')!.shape, [2, 3]);
  assert.deepEqual([...(await readFloat32(tensors.get('matrix')!))], [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([...(await readFloat32(tensors.get('half')!))], [1, -2.5, 65504]);
  assert.deepEqual([...(await readFloat64(tensors.get('wide')!))], [Math.PI, 1e300]);
  assert.deepEqual([...(await readFloat32(tensors.get('wide')!))], [Math.fround(Math.PI), Infinity]);
  assert.deepEqual([...(await readInt32(tensors.get('ids')!))], [-7, 9]);
  await assert.rejects(readFloat32(tensors.get('ids')!), /I32/);
});

test('a failed write leaves the old file and nothing else', async () => {
  const folder = await mkdtemp(join(dir, 'atomic-'));
  const file = join(folder, 'a.safetensors');
  await writeSafetensors(file, [f32('a', [1], [1])]);
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const failing = { ...f32('b', [1], [2]), data: () => Promise.reject(full) };
  await assert.rejects(writeSafetensors(file, [f32('a', [1], [5]), failing]), /no space/);
  assert.deepEqual(await readdir(folder), ['a.safetensors']);
  assert.deepEqual([...(await readFloat32((await readSafetensors(file)).tensors.get('a')!))], [1]);
});

test('writing is stopped between two pieces of a tensor: the old file stays, and nothing else', async () => {
  const folder = await mkdtemp(join(dir, 'stopped-'));
  const file = join(folder, 'a.safetensors');
  await writeSafetensors(file, [f32('a', [1], [1])]);
  const stop = new AbortController();
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    yield bytesOf(Float32Array.of(2));
    stop.abort();
    yield bytesOf(Float32Array.of(3));
    assert.fail('it goes on');
  };
  await assert.rejects(writeSafetensors(file, [{ ...f32('a', [3], []), bytes: 12, data: pieces }], {}, stop.signal), {
    name: 'Cancelled',
  });
  assert.deepEqual(await readdir(folder), ['a.safetensors']);
  assert.deepEqual([...(await readFloat32((await readSafetensors(file)).tensors.get('a')!))], [1]);
});

test('headers that do not fit the file are refused, naming file and tensor', async () => {
  await refused('{"a":', 0, /not valid JSON/);
  await refused('[]', 0, /not a JSON object/);
  await refused({ a: 3 }, 0, /describes no tensor/);
  await refused({ a: { dtype: 'F33', shape: [1], data_offsets: [0, 4] } }, 4, /unknown tensor type "F33"/);
  await refused({ a: tensor(0, 4, [-1]) }, 4, /not a shape/);
  await refused({ a: tensor(0, 4, [0.5]) }, 4, /not a shape/);
  await refused({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4, /not a shape/);
  await refused({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4, /not two byte offsets/);
  await refused({ a: tensor(0, 8) }, 4, /outside the file/);
  await refused({ a: tensor(4, 0, [1]) }, 4, /outside the file/);
  await refused({ a: tensor(0, 8, [1]) }, 8, /needs 4 bytes/);
  await refused({ a: tensor(0, 8), b: tensor(4, 8) }, 8, /overlaps/);
  await refused({ a: tensor(0, 4), b: tensor(8, 12) }, 12, /hole/);
  await refused({ a: tensor(0, 4) }, 8, /end at byte/);
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  await refused(`{"a":{"dtype":"F32","shape":${deep},"data_offsets":[0,4]}}`, 4, /nested more than 512 deep/);
  await refused({ a: { dtype: ['F32'.repeat(5000)], shape: [1], data_offsets: [0, 4] } }, 4, /^.{1,200}$/);
  await refused({ __metadata__: { n: 3 } }, 0, /__metadata__/);
  await refused(
    '{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"\\u0061":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}',
    0,
    /"a" twice/,
  );
  await refused('{"a":{"dtype":"F32","shape":[1],"shape":[0],"data_offsets":[0,0]}}', 0, /"shape" twice/);
  const file = join(dir, 'long.safetensors');
  await writeFile(file, Buffer.from([255, 255, 255, 255, 255, 255, 255, 127, 123, 125]));
  await assert.rejects(readSafetensors(file), /header claims 9223372036854775807/);
  await writeFile(file, 'tiny');
  await assert.rejects(readSafetensors(file), /too few/);
});

test('float16: every value widens and narrows to itself; ties go to even; limits', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const values = f16ToF32(all);
  const back = f32ToF16(values);
  for (let h = 0; h < 65536; h++) {
    const exponent = (h >> 10) & 31;
    const expected =
      (h >> 15 ? -1 : 1) * (exponent ? 2 ** (exponent - 15) * (1 + (h & 1023) / 1024) : 2 ** -24 * (h & 1023));
    if (exponent < 31) assert.equal(values[h], expected);
    else if (h & 1023) assert(Number.isNaN(values[h]) && Number.isNaN(f16ToF32(back.slice(h, h + 1))[0]));
    else assert.equal(values[h], h >> 15 ? -Infinity : Infinity);
    if (exponent < 31 || !(h & 1023)) assert.equal(back[h], h);
  }
  assert.deepEqual(
    [
      ...f16ToF32(
        f32ToF16(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 3 * 2 ** -25, -1e-9)),
      ),
    ],
    [1, 1 + 2 ** -9, 65504, Infinity, 0, 2 ** -23, -0],
  );
});

test('narrowing picks the nearest of the two neighbours, for seeded random values', () => {
  const rng = random(3);
  const values = Float32Array.from({ length: 20000 }, () => rng.normal() * 2 ** (rng.int(40) - 24));
  for (const [narrow, widen] of [
    [f32ToF16, f16ToF32],
    [f32ToBf16, bf16ToF32],
  ] as const) {
    const bits = narrow(values);
    const got = widen(bits);
    const up = widen(bits.map((b) => b + 1));
    const down = widen(bits.map((b) => b - 1));
    for (let i = 0; i < values.length; i++) {
      const error = Math.abs(got[i] - values[i]);
      if (!Number.isFinite(got[i])) continue;
      assert(
        !(Math.abs(up[i] - values[i]) < error) && !(Math.abs(down[i] - values[i]) < error),
        `${values[i]} → ${got[i]}`,
      );
    }
  }
});

test('bfloat16: every value round-trips, ties go to even, NaN stays', () => {
  const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
  const back = f32ToBf16(bf16ToF32(all));
  for (let h = 0; h < 65536; h++) if ((h & 0x7fff) <= 0x7f80) assert.equal(back[h], h);
  assert.deepEqual(
    [...bf16ToF32(f32ToBf16(Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, NaN)))],
    [1, 1 + 2 ** -6, Infinity, NaN],
  );
});
