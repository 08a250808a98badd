import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32 } from '../../runtime/device/session.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Add } from '../../runtime/onnx/ops.js';

const LENGTH = 2 ** 20;
const filled = (value: number) => float32(new Float32Array(LENGTH).fill(value), [LENGTH]);

test('outputs are written over given tensors, an input among them, and no copy of them stays', async () => {
  const backend = await openBackend('cpu', 1);
  const g = new Builder('add');
  g.outputAs('sum', Add(g, g.input('a', g.float, ['N']), g.input('b', g.float, ['N'])));
  const session = await backend.session(g.graph());
  const [a, b, c] = [filled(1), filled(2), filled(0)];
  const before = process.memoryUsage().arrayBuffers;
  const { sum } = await session.run({ a, b }, undefined, { sum: c });
  assert.equal(sum, c);
  for (let i = 0; i < 20; i++) await session.run({ a, b: c }, ['sum'], { sum: c });
  assert.ok((c.data as Float32Array).every((value) => value === 23));
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * LENGTH);
  await session.dispose();
});
