import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { deviceWeights, type DeviceWeights } from '../../runtime/device/deviceWeights.js';
import { f32ToBf16 } from '../../runtime/models/weights/halfFloats.js';
import type { WeightInput } from '../../runtime/onnx/weightInputs.js';

interface Put {
  readonly values: number[];
  readonly shape: readonly number[];
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'device-weights-'));
});
after(() => rm(folder, { recursive: true }));

let there: Put[];
let uploads: number;
let full = Infinity;
let device: DeviceWeights<Put>;
beforeEach(async () => {
  [there, uploads, full] = [[], 0, Infinity];
  device = deviceWeights<Put>(
    async (values, shape) => {
      if (there.length >= full) throw new Error('no memory of the device is left');
      uploads++;
      const put = { values: [...values], shape };
      there.push(put);
      return put;
    },
    (put) => there.splice(there.indexOf(put), 1),
  );
  await write([1, 2, 3, 4, 5, 6]);
});

const write = (values: number[]): Promise<void> =>
  writeFile(join(folder, 'w.bin'), new Uint8Array(f32ToBf16(Float32Array.from(values)).buffer));
const weight = (name: string, first: number, count: number): WeightInput => ({
  input: { name, dtype: 'float32', shape: [count] },
  stored: 'bfloat16',
  place: { kind: 'external', file: 'w.bin', offset: 2 * first, bytes: 2 * count },
});

test('a weight is uploaded once for all that read it, in float32, and freed behind the last', async () => {
  const [one, other] = await Promise.all([
    device.hold([weight('a', 0, 2), weight('b', 2, 4)], folder),
    device.hold([weight('of_another_graph', 2, 4)], folder),
  ]);
  assert.deepEqual(one.feeds, { a: { values: [1, 2], shape: [2] }, b: { values: [3, 4, 5, 6], shape: [4] } });
  assert.equal(other.feeds.of_another_graph, one.feeds.b);
  assert.equal(uploads, 2);
  await one.release();
  assert.deepEqual(there, [other.feeds.of_another_graph]);
  await other.release();
  assert.deepEqual(there, []);
});

test('a file that has changed is read again, while who holds the earlier weight keeps it', async () => {
  const earlier = await device.hold([weight('a', 0, 2)], folder);
  await write([7, 8, 3, 4, 5, 6]);
  await utimes(join(folder, 'w.bin'), new Date(), new Date('2020-01-01'));
  const later = await device.hold([weight('a', 0, 2)], folder);
  assert.deepEqual([earlier.feeds.a!.values, later.feeds.a!.values], [[1, 2], [7, 8]]); // oxfmt-ignore
});

test('where the device is full what was uploaded for the same session is freed', async () => {
  full = 1;
  await assert.rejects(device.hold([weight('a', 0, 2), weight('b', 2, 4)], folder), /no memory of the device is left/);
  assert.deepEqual(there, []);
});

test('what cannot be freed does not keep the others there', async () => {
  const freed: string[] = [];
  const faulty = deviceWeights<string>(
    async ([first]) => String(first),
    (put) => {
      if (put === '1') throw new Error('the device is gone');
      freed.push(put);
    },
  );
  const { release } = await faulty.hold([weight('a', 0, 2), weight('b', 2, 4)], folder);
  await assert.rejects(release(), /the device is gone/);
  assert.deepEqual(freed, ['3']);
});
