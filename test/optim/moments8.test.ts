import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BLOCK, coder, codedBytes, codedIn, dynamicMap } from '../../runtime/optim/moments8.js';
import { openOptimizer, type OptimizerState } from '../../runtime/optim/optimizer.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, type Tensor } from '../../runtime/device/session.js';
import { readBytes, readFloat32, readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { openCheckpoint, saveCheckpoint, stateOf } from '../../runtime/runs/checkpoint.js';
import { random } from '../../runtime/support/random.js';
import { temporary } from '../support/temporary.js';

const file = new URL('../fixtures/optim/adamw8bit.safetensors', import.meta.url).pathname;
const OPTIONS = {
  learningRate: 0.01,
  betas: [0.9, 0.999] as [number, number],
  epsilon: 1e-8,
  weightDecay: 0.01,
  clipNorm: 0,
  schedule: 'constant' as const,
  warmupSteps: 0,
  moments: '8bit' as const,
};

/** Of torchao, see test/fixtures/optim/adamw8bit.py. */
const torchao = async () => {
  const { tensors } = await readSafetensors(file);
  return {
    numbers: (name: string): Promise<Float32Array> => readFloat32(tensors.get(name)!),
    codes: (name: string): Promise<Uint8Array> => readBytes(tensors.get(name)!),
  };
};

test('the numbers are those of torchao', async () => {
  const { numbers } = await torchao();
  for (const [name, signed] of [
    ['m', true],
    ['v', false],
  ] as const) {
    const wanted = await numbers(`${name}.map`);
    const map = dynamicMap(signed);
    assert.equal(map.length, 256);
    map.forEach((x, i) =>
      assert.ok(Math.abs(x - wanted[i]!) <= 3e-7 * Math.abs(x), `${name} ${i}: ${x}, ${wanted[i]}`),
    );
  }
});

test('each value becomes the nearest of the numbers, times the largest of its block, but no second moment becomes 0', () => {
  const rng = random('moments');
  for (const signed of [true, false]) {
    const { map, read, write } = coder(signed);
    const n = 5 * BLOCK + 37;
    const values = Float32Array.from({ length: n }, (_, i) => {
      const x = rng.normal() * 10 ** (-8 * rng.uniform()) * 10 ** Math.floor(i / BLOCK);
      return i < BLOCK ? 0 : signed ? x : x * x;
    });
    const coded = codedIn(new Uint8Array(codedBytes(n)), n);
    write(coded, 0, values.slice(0, 2 * BLOCK));
    write(coded, 2 * BLOCK, values.slice(2 * BLOCK));
    const out = new Float32Array(n);
    read(coded, 0, out);
    for (let begin = 0; begin < n; begin += BLOCK) {
      const block = values.subarray(begin, begin + BLOCK);
      const scale = block.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      assert.equal(coded.scales[begin / BLOCK], scale);
      block.forEach((x, i) => {
        const distance = (code: number): number => Math.abs(Math.fround(x / (scale || 1)) - map[code]!);
        const nearest = [...map.keys()].reduce((best, code) => (distance(code) < distance(best) ? code : best), 0);
        const code = coded.codes[begin + i]!;
        if (!signed && nearest === 0) return assert.equal(code, x === 0 ? 0 : 1);
        assert.ok(distance(code) <= distance(nearest) * (1 + 1e-6), `${x}: ${map[code]}, not ${map[nearest]}`);
        assert.equal(out[begin + i], Math.fround(map[code]! * scale));
      });
    }
  }
});

test('four steps are those of AdamW8bit of torchao, but for second moments that it rounds to 0', async () => {
  const { numbers, codes } = await torchao();
  // of the first step alone: those of later ones are of more squares
  const squares = (await numbers('g1')).map((g) => g * g);
  const least = dynamicMap(false)[1]! / 2;
  const isZeroThere = (i: number): boolean => {
    const begin = i - (i % BLOCK);
    return squares[i]! < least * Math.max(...squares.subarray(begin, begin + BLOCK));
  };
  assert.equal(squares.filter((_, i) => isZeroThere(i)).length, 5);
  const backend = await openBackend('cpu', 1);
  const optimizer = openOptimizer(backend, OPTIONS);
  const state = optimizer.init(['p'], [float32(await numbers('p0'), [40, 128])]);
  for (let step = 1; step <= 4; step++) {
    await optimizer.step(state, [float32(await numbers(`g${step}`), [40, 128])], 0.01);
    const wanted = await numbers(`p${step}`);
    const other = (state.p[0]!.data as Float32Array).filter(
      (x, i) => !isZeroThere(i) && !(Math.abs(x - wanted[i]!) < 1e-6),
    );
    // a moment in the middle of two numbers may round to either, and such a step is some hundredth of the learning rate
    // off
    assert.ok(other.length <= 2, `step ${step}: ${other.length} others`);
  }
  for (const name of ['m', 'v'] as const) {
    const { scales, codes: own } = codedIn(state[name][0]!.data as Uint8Array, 5120);
    (await numbers(`${name}.scale`)).forEach((x, i) =>
      assert.ok(Math.abs(scales[i]! / x - 1) < 1e-5, `${name}, block ${i}: ${scales[i]}, ${x}`),
    );
    const wanted = await codes(`${name}.codes`);
    const other = own.filter((code, i) => code !== wanted[i]);
    assert.ok(other.length <= 2, `${other.length} other codes`);
  }
  await optimizer.dispose();
});

test('rows of a table that few steps ask for are moved as far as with moments in float32', async () => {
  const [rows, width] = [16, 512];
  const backend = await openBackend('cpu', 1);
  const farthest = async (moments: 'float32' | '8bit'): Promise<number> => {
    const rng = random('rare rows');
    const optimizer = openOptimizer(backend, { ...OPTIONS, weightDecay: 0, moments });
    const state = optimizer.init(['table'], [float32(new Float32Array(rows * width), [rows, width])]);
    for (let step = 0; step < 30; step++) {
      const gradient = Float32Array.from({ length: rows * width }, (_, i) =>
        Math.floor(i / width) === step % rows ? rng.normal() : 0,
      );
      await optimizer.step(state, [float32(gradient, [rows, width])], 0.01);
    }
    await optimizer.dispose();
    return (state.p[0]!.data as Float32Array).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  };
  const [wanted, found] = [await farthest('float32'), await farthest('8bit')];
  assert.ok(found < 1.2 * wanted, `${found}, in float32 ${wanted}`);
});

test('small tensors keep float32, large ones a quarter', async () => {
  const backend = await openBackend('cpu', 1);
  const optimizer = openOptimizer(backend, OPTIONS);
  const state = optimizer.init(
    ['small', 'large'],
    [float32(new Float32Array(4095), [4095]), float32(new Float32Array(8192), [8192])],
  );
  assert.deepEqual(
    [...state.m, ...state.v].map(({ type, data }) => [type, (data as Uint8Array).byteLength]),
    [
      ['float32', 4 * 4095],
      ['uint8', 8192 + 128],
      ['float32', 4 * 4095],
      ['uint8', 8192 + 128],
    ],
  );
  await optimizer.dispose();
});

test('a run that goes on from a checkpoint ends with the same bytes', async (t) => {
  const folder = await temporary(t);
  const backend = await openBackend('cpu', 1);
  const optimizer = openOptimizer(backend, OPTIONS);
  const names = ['small', 'large'];
  const sizes = [100, 70_001];
  const draw = (seed: string): Tensor[] => {
    const rng = random(seed);
    return sizes.map((n) =>
      float32(
        Float32Array.from({ length: n }, () => rng.normal()),
        [n],
      ),
    );
  };
  const steps = async (state: OptimizerState, last: number): Promise<void> => {
    while (state.step < last) await optimizer.step(state, draw(`step ${state.step + 1}`), 0.01);
  };
  const whole = optimizer.init(names, draw('start'));
  await steps(whole, 5);
  const first = optimizer.init(names, draw('start'));
  await steps(first, 2);
  const mark = { bytes: 0, sha256: '' };
  const facts = {
    enough: false,
    dependencies: {},
    machine: {},
    made: {},
    logs: { 'events.jsonl': mark, 'answers.jsonl': mark },
  };
  await saveCheckpoint(folder, first, facts, backend);
  const second = await stateOf((await openCheckpoint(folder))!, names);
  await steps(second, 5);
  for (const part of ['p', 'm', 'v'] as const)
    for (const i of names.keys()) assert.deepEqual(second[part][i]!.data, whole[part][i]!.data, `${part}.${names[i]}`);
  await optimizer.dispose();
});

test('a GPU has moments in float32, and says so', async () => {
  const backend = { ...(await openBackend('cpu', 1)), device: 'webgpu' as const };
  assert.throws(
    () => openOptimizer(backend, OPTIONS),
    /"optimizer.moments": "8bit" is for the CPU, and this run is on webgpu/,
  );
});
