import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder, type Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { countOf, dimsOf, load, tensor, type Sizes } from '../support/run.js';
import { openBackend } from '../../runtime/device/openBackend.js';

const SIZES: Sizes = { B: 2, T: 3, L: 4, S: 7 };

/** Builds a value of each operator from inputs of several shapes. */
function everyOperator(g: Builder): Record<string, Value> {
  const x = g.input('x', g.float, ['B', 'T', 4]);
  const row = g.input('row', g.float, [4]);
  const m = g.input('m', g.float, ['L', 4]);
  const w = g.input('w', g.float, [5, 4]);
  const i = g.input('i', 'int64', ['L']);
  const p = g.input('p', 'bool', ['B', 1, 4]);
  const more = g.input('more', g.float, ['B', 'L', 4]);
  const unary = ['Neg', 'Exp', 'Sqrt', 'Tanh', 'Sigmoid', 'Relu', 'Sin', 'Cos', 'Identity', 'Log'] as const;
  const binary = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Less', 'LessOrEqual', 'Greater', 'Equal'] as const;
  const [first, second] = ops.Split(g, x, [1, 3], -1);
  return {
    ...Object.fromEntries(unary.map((op) => [op, ops[op](g, x)])),
    ...Object.fromEntries(binary.map((op) => [op, ops[op](g, x, row)])),
    ...(g.float === 'float32' ? { Erf: ops.Erf(g, x) } : {}),
    And: ops.And(g, p, ops.Less(g, x, row)),
    Where: ops.Where(g, p, x, row),
    Cast: ops.Cast(g, p, g.float),
    Softmax: ops.Softmax(g, x),
    LogSoftmax: ops.LogSoftmax(g, x),
    ReduceSum: ops.ReduceSum(g, x, [0, -1]),
    ReduceMean: ops.ReduceMean(g, x, [1], false),
    ReduceMax: ops.ReduceMax(g, x, [-1, 1]),
    Gemm: ops.Gemm(g, m, w, { transB: true }),
    GemmT: ops.Gemm(g, m, m, { transA: true, alpha: 2, c: row }),
    MatMul: ops.MatMul(g, x, ops.Transpose(g, w, [1, 0])),
    Transpose: ops.Transpose(g, x, [2, 0, 1]),
    Reshape: ops.Reshape(g, x, ['B', 2, 'T', 2]),
    Expand: ops.Expand(g, row, ['L', 'B', 4]),
    Unsqueeze: ops.Unsqueeze(g, x, [0, -1]),
    first: first!,
    second: second!,
    Concat: ops.Concat(g, [x, more], 1, 'S'),
    ConcatNumbers: ops.Concat(g, [first!, second!, first!], -1),
    Slice: ops.Slice(g, x, 2, 1, 3),
    Gather: ops.Gather(g, w, i),
    GatherAxis: ops.Gather(g, x, i, 2),
    GatherElements: ops.GatherElements(g, m, ops.Unsqueeze(g, i, [1]), 1),
    ScatterElements: ops.ScatterElementsAdd(g, m, ops.Unsqueeze(g, i, [1]), ops.Slice(g, m, 1, 0, 1), 1),
    Full: ops.Full(g, ['B', 2], 7),
    Range: ops.Range(g, 'L'),
  };
}

for (const float of ['float32', 'float64'] as const) {
  test(`the inferred dtype and shape of every operator are those of a run, ${float}`, async () => {
    const g = new Builder('every', { float });
    const values = everyOperator(g);
    for (const [name, v] of Object.entries(values)) g.outputAs(`out.${name}`, v);
    const graph = checkGraph(g.graph());
    const backend = await openBackend('cpu', 1);
    const session = await backend.session(graph);
    const feeds = graph.inputs.map((v) => {
      const numbers = Array.from({ length: countOf(v, SIZES) }, (_, k) => (v.dtype === 'bool' ? k % 2 : (k % 3) + 1));
      return [v.name, tensor(v, numbers, SIZES)] as const;
    });
    const out = await session.run(Object.fromEntries(feeds));
    await session.dispose();
    for (const [name, v] of Object.entries(values)) {
      const { type, dims } = out[`out.${name}`]!;
      assert.deepEqual([name, type, dims], [name, v.dtype, dimsOf(v, SIZES)]);
    }
  });
}

test('operators without work add no node', () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', ['B', 2]);
  assert.equal(ops.Cast(g, x, 'float32'), x);
  assert.equal(ops.Reshape(g, x, ['B', 2]), x);
  assert.equal(ops.Expand(g, x, ['B', 2]), x);
  assert.equal(g.nodes.length, 0);
});

test('what does not fit is refused with the shapes', () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', ['B', 4]);
  const y = g.input('y', 'float32', ['T', 4]);
  const d = g.input('d', 'float64', ['B', 4]);
  const i = g.input('i', 'int64', ['B']);
  const refused: [() => unknown, RegExp][] = [
    [() => ops.Add(g, x, y), /Add: x float32\[B, 4\] and y float32\[T, 4\] do not fit/],
    [() => ops.Add(g, x, d), /Add: x float32\[B, 4\] and d float64\[B, 4\] have different types/],
    [() => ops.Where(g, x, x, x), /Where: x float32/],
    [() => ops.Gemm(g, x, y), /Gemm: .* do not fit \(transA false, transB false\)/],
    [() => ops.Gemm(g, x, d, { transB: true }), /Gemm: .* different types/],
    [() => ops.Gemm(g, x, y, { transB: true, c: y }), /Gemm: y float32\[T, 4\] does not broadcast to \[B, T\]/],
    [() => ops.MatMul(g, x, y), /MatMul: .* do not fit/],
    [() => ops.MatMul(g, x, i), /MatMul: .* need two axes/],
    [() => ops.Transpose(g, x, [0, 0]), /Transpose: x float32\[B, 4\] by 0,0/],
    [() => ops.Reshape(g, x, ['B', 5]), /Reshape: x float32\[B, 4\] to \[B, 5\]/],
    [() => ops.Expand(g, x, [4]), /Expand: x float32\[B, 4\] to \[4\]/],
    [() => ops.Split(g, x, [1, 2], 1), /Split: x float32\[B, 4\] into 1,2 on axis 1/],
    [() => ops.Concat(g, [], 0), /Concat: nothing to join/],
    [() => ops.Concat(g, [x, y], 1), /Concat: .* do not fit on axis 1/],
    [() => ops.Concat(g, [x, y], 0), /Concat: needs a name for the size of axis 0/],
    [() => ops.Slice(g, x, 0, 0, 1), /Slice: x float32\[B, 4\] \[0:1\] on axis 0/],
    [() => ops.Slice(g, x, 1, 2, 5), /Slice: .*\[2:5\]/],
    [() => ops.Gather(g, x, y), /Gather: indices y float32\[T, 4\] must be int64/],
    [() => ops.GatherElements(g, x, i, 1), /GatherElements: /],
    [() => ops.ScatterElementsAdd(g, x, x, d, 0), /ScatterElements: /],
    [() => ops.ReduceSum(g, x, [2]), /axis 2 of a value with 2 axes/],
  ];
  for (const [build, message] of refused) assert.throws(build, message);
  assert.equal(g.nodes.length, 0);
});

test('equal indices of a scatter add up, on several threads too', async () => {
  const g = new Builder('scatter');
  const x = g.input('x', 'float32', ['N', 32]);
  const i = g.input('i', 'int64', ['N', 32]);
  g.outputAs('y', ops.ScatterElementsAdd(g, ops.Full(g, [2, 32]), i, x, 0));
  const N = 20_000;
  const runner = await load(g.graph(), { N }, undefined, 2);
  const { y } = await runner.run({
    x: Array.from({ length: N * 32 }, () => 1),
    i: Array.from({ length: N * 32 }, () => 1),
  });
  await runner.dispose();
  assert.deepEqual(
    y,
    Array.from({ length: 64 }, (_, k) => (k < 32 ? 0 : N)),
  );
});
