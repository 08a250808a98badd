import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { lowerLogSoftmax } from '../../runtime/onnx/lower.js';
import { LogSoftmax } from '../../runtime/onnx/ops.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32 } from '../../runtime/device/session.js';

test('without LogSoftmax a graph gives the same numbers, also where exp would overflow', async () => {
  const g = new Builder('lower');
  g.outputAs('y', LogSoftmax(g, g.input('x', 'float32', ['L', 5])));
  const lowered = checkGraph(lowerLogSoftmax(g.graph()));
  assert.ok(!lowered.nodes.some((node) => node.op === 'LogSoftmax'));
  const backend = await openBackend('cpu', 1);
  const x = float32(Float32Array.of(1, 2, 3, 4, 5, 1000, -1000, 0, 999, 998), [2, 5]);
  const [want, got] = await Promise.all(
    [g.graph(), lowered].map(async (graph) => [
      ...(await backend.read((await (await backend.session(graph)).run({ x })).y!)),
    ]),
  );
  want!.forEach((value, i) =>
    assert.ok(Math.abs(value - got![i]!) <= 1e-6 * Math.max(1, Math.abs(value)), `${value} and ${got![i]}`),
  );
  assert.ok(Math.abs(want!.slice(0, 5).reduce((sum, v) => sum + Math.exp(v), 0) - 1) < 1e-6);
});
