import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { printGraph } from '../support/printGraph.js';
import { golden } from '../support/golden.js';
import { runOnce } from '../support/run.js';

test('names are unique, and contain where a node stands', () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', [2]);
  const y = g.scope('layers.0', () => g.scope('mlp', () => ops.Add(g, ops.Add(g, x, x), x)));
  assert.equal(y.name, 'layers.0/mlp/Add.2');
  assert.equal(g.nodes[1]!.name, 'layers.0/mlp');
  assert.equal(g.named("layers.0/mlp'", () => ops.Neg(g, y)).name, "layers.0/mlp'/Neg");
  assert.throws(() => g.input('x', 'float32', []), /the graph g has "x" twice/);
  assert.throws(() => g.outputAs('x', y), /the graph g has "x" twice/);
  assert.throws(() => g.external('x', 'float32', [], { file: 'f', offset: 0, bytes: 4 }), /the graph g has "x" twice/);
});

test('equal small constants are one; constants of different dtype, shape or value are not', () => {
  const g = new Builder('g');
  assert.equal(g.scalar(1), g.scalar(1));
  assert.equal(g.ints([1, 2]), g.ints([1, 2]));
  const different = [g.scalar(1), g.scalar(2), g.scalar(1, 'float64'), g.int(1), g.ints([1]), g.ints([1, 2])];
  assert.equal(new Set(different.map((v) => v.name)).size, different.length);
});

test('a constant is the bytes of its view, not of the buffer behind it', () => {
  const g = new Builder('g');
  g.constant('float32', [2], new Float32Array([1, 2, 3, 4]).subarray(1, 3), 'w');
  const { data } = g.initializers[0]!;
  assert.deepEqual(data.kind === 'inline' && [...new Float32Array(data.bytes.buffer)], [2, 3]);
});

test('dims are read from the first input that has them', async () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', ['B', 'T', 2]);
  g.input('y', 'float32', ['T', 'L']);
  assert.throws(() => g.dim('S'), /no input of the graph g has the dim S/);
  g.outputAs('sizes', g.shape(['L', '2*B*T', 5]));
  g.outputAs('flat', ops.Reshape(g, x, ['B*T', 2]));
  g.outputAs('range', ops.Range(g, 'L'));
  const out = await runOnce(
    checkGraph(g.graph()),
    { x: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], y: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] },
    { B: 2, T: 3, L: 4 },
  );
  assert.deepEqual(out.sizes, [4, 12, 5]);
  assert.deepEqual(out.range, [0, 1, 2, 3]);
  assert.equal(out.flat!.length, 12);
});

test('a builder goes on where a graph ended', () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', ['B', 2]);
  g.outputAs('y', ops.Mul(g, x, g.scalar(2)));
  const first = g.graph();
  const more = new Builder('g', { from: first });
  more.outputAs('z', ops.Mul(more, x, ops.Full(more, ['B', 2], 3)));
  checkGraph(more.graph());
  assert.equal(first.nodes.length, 2);
  assert.deepEqual(
    more.graph().outputs.map((v) => v.name),
    ['y', 'z'],
  );
});

test('a graph as text', () => {
  const g = new Builder('printed');
  const x = g.input('x', 'float32', ['B', 'T', 4]);
  const w = g.external('w', 'float16', [3, 4], { file: 'model.safetensors', offset: 128, bytes: 24 });
  g.scope('layer', () => {
    const rows = ops.Reshape(g, x, ['B*T', 4]);
    const y = ops.Gemm(g, rows, ops.Cast(g, w, 'float32'), { transB: true, alpha: 0.5 });
    const [a, b] = ops.Split(g, y, [1, 2], 1);
    g.output(a!);
    g.outputAs('y', ops.Transpose(g, ops.Min(g, b!, g.scalar(6)), [1, 0]));
  });
  golden('onnx/printed.txt', printGraph(checkGraph(g.graph())));
});
