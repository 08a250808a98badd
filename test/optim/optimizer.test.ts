import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clipFactor } from '../../runtime/optim/clip.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { learningRate, warmupSteps } from '../../runtime/optim/schedule.js';
import type { OptimizerOptions } from '../../runtime/contract/recipeTraining.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, type Tensor } from '../../runtime/device/session.js';

const OPTIONS: OptimizerOptions = {
  learningRate: 0.1,
  betas: [0.9, 0.99],
  epsilon: 1e-6,
  weightDecay: 0.02,
  clipNorm: 0.5,
  schedule: 'constant',
  warmupSteps: 0,
};

test('AdamW on tensors of any rank is the recurrence of its definition, clipped by the norm over all of them', async () => {
  const backend = await openBackend('cpu', 1);
  const rng = random('adamw');
  const shapes = [[7], [3, 5], [2, 2, 3]];
  const draw = (shape: number[]): Float32Array =>
    Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => rng.normal());
  const tensors = (): Tensor[] => shapes.map((shape) => float32(draw(shape), shape));
  const optimizer = openOptimizer(backend, OPTIONS);
  const state = optimizer.init(['a', 'b', 'c'], tensors());
  const want = state.p.map((t) => [...(t.data as Float32Array)].map((p) => ({ p, m: 0, v: 0 })));
  for (let k = 1; k <= 4; k++) {
    const gradients = tensors();
    const flat = gradients.map((t) => [...(t.data as Float32Array)]);
    const norm = Math.hypot(...flat.flat());
    const measured = await optimizer.step(state, gradients, 0.1 / k);
    assert.ok(Math.abs(measured.norm / norm - 1) < 1e-6);
    const scale = Math.min(1, 0.5 / (norm + 1e-6));
    want.forEach((elements, i) =>
      elements.forEach((e, j) => {
        const g = scale * flat[i]![j]!;
        e.p *= 1 - (0.1 / k) * 0.02;
        e.m = 0.9 * e.m + 0.1 * g;
        e.v = 0.99 * e.v + 0.01 * g * g;
        e.p -= ((0.1 / k) * (e.m / (1 - 0.9 ** k))) / (Math.sqrt(e.v / (1 - 0.99 ** k)) + 1e-6);
      }),
    );
  }
  assert.equal(state.step, 4);
  want.forEach((elements, i) =>
    elements.forEach((e, j) => assert.ok(Math.abs(e.p - (state.p[i]!.data as Float32Array)[j]!) < 1e-5)),
  );
  await optimizer.dispose();
});

test('a tensor of several pieces is stepped in place, to its last element', async () => {
  const backend = await openBackend('cpu', 1);
  const optimizer = openOptimizer(backend, { ...OPTIONS, weightDecay: 0, clipNorm: 1e9 });
  const size = 2 ** 20 + 3;
  const own = new Float32Array(size).fill(1);
  const state = optimizer.init(['a'], [float32(own, [size])]);
  const gradient = Float32Array.from({ length: size }, (_, i) => (i % 2 ? 3 : -3));
  await optimizer.step(state, [float32(gradient, [size])], 0.1);
  // the first step of AdamW is the learning rate in the direction of the gradient
  assert.equal(state.p[0]!.data, own);
  assert.ok(own.every((p, i) => Math.abs(p - (i % 2 ? 0.9 : 1.1)) < 1e-5));
  await optimizer.dispose();
});

test('a gradient that is not a number is seen before anything changes', async () => {
  const backend = await openBackend('cpu', 1);
  const optimizer = openOptimizer(backend, OPTIONS);
  const state = optimizer.init(['a'], [float32(Float32Array.of(1, 2), [2])]);
  await assert.rejects(
    optimizer.step(state, [float32(Float32Array.of(NaN, 1), [2])], 0.1, (norm) => {
      if (!Number.isFinite(norm)) throw new Error('not finite');
    }),
    /not finite/,
  );
  assert.equal(state.step, 0);
  assert.deepEqual([...(state.p[0]!.data as Float32Array)], [1, 2]);
});

test('clipping: never above the limit, never enlarged, off at 0', () => {
  assert.equal(clipFactor(0.3, 1), 1);
  assert.ok(Math.abs(clipFactor(4, 1) * 4 - 1) < 1e-6);
  assert.equal(clipFactor(1e9, 0), 1);
});

test('schedules: warm-up rises from above zero, linear and cosine fall to zero, constant stays', () => {
  const rates = (schedule: OptimizerOptions['schedule'], warmup: number): number[] =>
    Array.from({ length: 10 }, (_, i) => learningRate({ ...OPTIONS, schedule, warmupSteps: warmup }, i + 1, 10));
  assert.deepEqual(rates('constant', 0), new Array(10).fill(0.1));
  const linear = rates('linear', 0.2);
  assert.equal(warmupSteps({ ...OPTIONS, warmupSteps: 0.2 }, 10), 2);
  assert.ok(linear[0]! > 0 && linear[0]! < linear[1]! && linear[1]! < linear[2]!);
  assert.equal(linear[2], 0.1);
  for (let i = 3; i < 10; i++) assert.ok(linear[i]! < linear[i - 1]!);
  assert.ok(Math.abs(linear[9]! - 0.1 / 8) < 1e-12);
  const cosine = rates('cosine', 0);
  assert.equal(cosine[0], 0.1);
  assert.ok(Math.abs(cosine[5]! - 0.05) < 1e-12);
});
