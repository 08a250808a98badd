import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backward } from '../../runtime/autodiff/backward.js';
import { Builder, type Graph, type Node, type Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { Scan } from '../../runtime/onnx/scan.js';
import { printGraph } from '../support/printGraph.js';
import { golden } from '../support/golden.js';
import { runOnce, type Sizes } from '../support/run.js';

const builder = (): Builder => new Builder('test', { float: 'float64' });
const total = (g: Builder, x: Value): Value =>
  ops.ReduceSum(
    g,
    x,
    x.shape.map((_, i) => i),
    false,
  );

/** Gradients of the sum of y. */
async function gradients(
  g: Builder,
  y: Value,
  wrt: readonly Value[],
  feeds: Record<string, number[]>,
  sizes: Sizes = {},
): Promise<number[][]> {
  const loss = g.outputAs('loss', total(g, y));
  const result = backward(g.graph(), loss, wrt);
  const out = await runOnce(result.graph, feeds, sizes);
  return result.gradients.map(({ name }) => out[name]!);
}

/** Nodes the backward pass added. */
const added = (graph: Graph): Node[] => graph.nodes.filter((node) => node.name.endsWith("'"));

test('contributions of a value used several times add up', async () => {
  const g = builder();
  const x = g.input('x', 'float64', [3]);
  const y = ops.Add(g, ops.Mul(g, x, x), ops.Add(g, ops.Mul(g, x, g.scalar(5)), x)); // x² + 6x
  assert.deepEqual(await gradients(g, y, [x], { x: [1, -2, 0.5] }), [[8, 2, 7]]);
});

test('x·x, x−x and x/x know that both sides are the same', async () => {
  const of = async (op: (g: Builder, a: Value, b: Value) => Value): Promise<number[][]> => {
    const g = builder();
    const x = g.input('x', 'float64', [2]);
    return gradients(g, op(g, x, x), [x], { x: [2, 4] });
  };
  assert.deepEqual(await of(ops.Mul), [[4, 8]]);
  assert.deepEqual(await of(ops.Sub), [[0, 0]]);
  assert.deepEqual(await of(ops.Div), [[0, 0]]);
});

test('the gradient is zero for an input that the loss does not use', async () => {
  const g = builder();
  const x = g.input('x', 'float64', ['B', 2]);
  const unused = g.input('unused', 'float64', ['B', 3]);
  const scalar = g.input('scalar', 'float64', []);
  const result = await gradients(
    g,
    x,
    [unused, x, scalar],
    { x: [1, 2, 3, 4], unused: [1, 2, 3, 4, 5, 6], scalar: [9] },
    { B: 2 },
  );
  assert.deepEqual(result, [[0, 0, 0, 0, 0, 0], [1, 1, 1, 1], [0]]);
});

test('comparisons pass no gradient, the values they choose do', async () => {
  const g = builder();
  const x = g.input('x', 'float64', [4]);
  const mask = ops.Cast(g, ops.Less(g, x, g.scalar(0)), 'float64');
  const y = ops.Mul(g, mask, ops.Mul(g, x, x));
  assert.deepEqual(await gradients(g, y, [x], { x: [-1, 2, -3, 4] }), [[-2, 0, -6, 0]]);
});

test('a weight whose only way to the loss is a comparison or an index has gradient zero', async () => {
  const g = builder();
  const x = g.input('x', 'float64', [2]);
  const w = g.input('w', 'float64', [3]);
  const index = ops.Cast(g, x, 'int64');
  const y = ops.Where(g, ops.Less(g, x, g.scalar(1.5)), ops.Gather(g, w, index), g.scalar(0));
  assert.deepEqual(await gradients(g, y, [x, w], { x: [1.2, 2.2], w: [5, 6, 7] }), [
    [0, 0],
    [0, 1, 0],
  ]);
});

test('ties: Max and Min give to A, ReduceMax shares, Relu is flat at zero', async () => {
  const of = async (op: (g: Builder, a: Value, b: Value) => Value): Promise<number[][]> => {
    const g = builder();
    const a = g.input('a', 'float64', [3]);
    const b = g.input('b', 'float64', [3]);
    return gradients(g, op(g, a, b), [a, b], { a: [1, 2, 3], b: [1, 3, 2] });
  };
  assert.deepEqual(await of(ops.Max), [
    [1, 0, 1],
    [0, 1, 0],
  ]);
  assert.deepEqual(await of(ops.Min), [
    [1, 1, 0],
    [0, 0, 1],
  ]);
  const g = builder();
  const x = g.input('x', 'float64', [2, 4]);
  const max = await gradients(g, ops.ReduceMax(g, x, [1]), [x], { x: [1, 3, 3, 0, 5, 5, 5, 5] });
  assert.deepEqual(max, [[0, 0.5, 0.5, 0, 0.25, 0.25, 0.25, 0.25]]);
  const r = builder();
  const z = r.input('z', 'float64', [3]);
  assert.deepEqual(await gradients(r, ops.Relu(r, z), [z], { z: [-1, 0, 1] }), [[0, 0, 1]]);
});

test("erf' in numbers", async () => {
  const g = new Builder('test');
  const x = g.input('x', 'float32', [3]);
  const [d] = await gradients(g, ops.Erf(g, x), [x], { x: [0, 1, -0.5] });
  const expected = [1.1283791670955126, 0.41510749742059477, 0.8787825789354448]; // 2/√π·exp(−x²)
  d!.forEach((v, i) => assert.ok(Math.abs(v - expected[i]!) < 1e-6, `${v}`));
});

test('a missing rule is an error that names operator and node; off the path nobody asks for it', async () => {
  const make = (): { g: Builder; x: Value; w: Value; y: Value } => {
    const g = builder();
    const x = g.input('x', 'float64', [2]);
    const w = g.input('w', 'float64', [2]);
    const y = g.scope('layers.3', () =>
      g.scope('mlp', () => g.add('Floor' as 'Neg', [x], { dtype: 'float64', shape: [2] })),
    );
    return { g, x, w, y: ops.Mul(g, y, w) };
  };
  const { g, x, y } = make();
  const loss = total(g, y);
  assert.throws(() => backward(g.graph(), loss, [x]), { message: 'no gradient rule for Floor (layers.3/mlp)' });
  const other = make();
  assert.deepEqual(await gradients(other.g, other.y, [other.w], { x: [1.5, -1.5], w: [1, 1] }), [[1, -2]]);
});

test('loss, seed and wrt must make sense', () => {
  const g = builder();
  const x = g.input('x', 'float64', ['B', 2]);
  const i = g.input('i', 'int64', [2]);
  const u = g.input('u', 'float64', [2]);
  const graph = g.graph();
  assert.throws(() => backward(graph, x, [x]), /the loss x has shape \[B, 2\]: without a seed it must be one number/);
  assert.throws(() => backward(graph, x, [x], { seed: u }), /the seed u float64\[2\] does not fit the loss x/);
  assert.throws(() => backward(graph, i, [x], { seed: i }), /the loss i is int64/);
  assert.throws(() => backward(graph, u, [i], { seed: u }), /i is int64: it has no gradient/);
});

/** x → frozen W0 → adapter (A, B) beside frozen W1 → tanh; the shape of LoRA. */
function adapted(dtype: 'float16' | 'float32'): { g: Builder; wrt: Value[]; loss: Value } {
  const g = new Builder('adapted');
  const x = g.input('x', 'float32', ['N', 4]);
  const A = g.input('A', 'float32', [2, 4]);
  const B = g.input('B', 'float32', [4, 2]);
  const weight = (name: string): Value => {
    // 0.5, 0, 0, 0, 0.5 … as float16 or float32
    const data = dtype === 'float16' ? new Uint16Array(16) : new Float32Array(16);
    for (let i = 0; i < 16; i += 5) data[i] = dtype === 'float16' ? 0x3800 : 0.5;
    return ops.Cast(g, g.constant(dtype, [4, 4], data, name), 'float32');
  };
  const h = g.scope('first', () => ops.Gemm(g, x, weight('W0'), { transB: true }));
  const y = g.scope('second', () => {
    const main = ops.Gemm(g, h, weight('W1'), { transB: true });
    return ops.Gemm(g, ops.Gemm(g, h, A, { transB: true }), B, { transB: true, c: main });
  });
  const z = g.scope('third', () => ops.Tanh(g, ops.Gemm(g, y, weight('W2'), { transB: true })));
  const loss = g.outputAs('loss', total(g, z));
  return { g, wrt: [A, B], loss };
}

test('frozen weights and what lies before the first trainable one get no gradient nodes', () => {
  const { g, wrt, loss } = adapted('float32');
  const { graph } = backward(g.graph(), loss, wrt);
  const names = added(graph).map((node) => `${node.name} ${node.op}`);
  assert.ok(!names.some((name) => name.startsWith("first'")), names.join('\n'));
  // through W2: dY·W2 alone. Beside W1: dA, dB and the step between them; nothing for h
  assert.equal(names.filter((name) => name === "third' Gemm").length, 1);
  assert.equal(names.filter((name) => name === "second' Gemm").length, 3);
});

test('an unpacked weight is unpacked anew behind, and not otherwise kept', async () => {
  const half = adapted('float16');
  const { graph, gradients: d } = backward(half.g.graph(), half.loss, half.wrt);
  const casts = graph.nodes.filter((node) => node.op === 'Cast');
  assert.deepEqual(casts.map((node) => node.name).sort(), ['first', 'second', 'third', "third'"]);
  for (const cast of casts) {
    const readers = graph.nodes.filter((node) => node.inputs.some((x) => x?.name === cast.outputs[0]!.name));
    assert.deepEqual(
      readers.map((node) => node.name),
      [cast.name],
    );
  }
  const feeds = { x: [1, 2, 3, 4, -1, 0, 1, 0], A: [1, 0, 2, 0, 0, 1, 0, 1], B: [1, 0, 0, 1, 0.5, 0, 0, 0.5] };
  const single = adapted('float32');
  const expected = backward(single.g.graph(), single.loss, single.wrt);
  const [a, b] = [await runOnce(graph, feeds, { N: 2 }), await runOnce(expected.graph, feeds, { N: 2 })];
  assert.deepEqual(a, b);
  assert.ok(d.every(({ name }) => a[name]!.some((v) => Math.abs(v) > 1e-3)));
});

test('results that a Scan keeps for its own gradient are moved anew behind, and kept once', () => {
  const g = new Builder('moved');
  const [x, w] = [g.input('x', 'float32', ['N', 2, 3]), g.input('w', 'float32', [2])];
  const [y] = Scan(
    g,
    { slices: [x], whole: [] },
    (b, [x]) => ({ stacked: [ops.Exp(b, x!)] }),
    (b, { results: [y], dResults: [dY] }) => ({ slices: [ops.Mul(b, y!, dY!)], whole: [] }),
  ).stacked;
  const rows = ops.Reshape(g, ops.Transpose(g, y!, [0, 2, 1]), ['3*N', 2]);
  const loss = g.outputAs('loss', ops.ReduceSum(g, ops.Mul(g, rows, w), [0, 1]));
  const { graph } = backward(g.graph(), loss, [x, w]);
  const readers = graph.nodes.filter((node) => node.inputs.some((value) => value.name === rows.name));
  assert.equal(readers.length, 1, 'the product, and not its gradient');
});

test('the own gradient of a Scan must name every input and have its shape', () => {
  const g = new Builder('wrong');
  const [x, w] = [g.input('x', 'float32', ['N', 2]), g.input('w', 'float32', [2])];
  const scan = (whole: Value[], slices: Value[]) => () =>
    Scan(
      g,
      { slices: [x], whole: [w] },
      (b, [x], [w]) => ({ stacked: [ops.Mul(b, x!, w!)] }),
      () => ({ slices, whole }),
    );
  assert.throws(scan([], [w]), /leaves out an input; undefined states that a gradient is zero/);
  assert.throws(scan([x], [w]), /gives \[N, 2\] for w \[2\]/);
});

test('the backward graph as text', () => {
  const { g, wrt, loss } = adapted('float16');
  golden('autodiff/adapted.txt', printGraph(backward(g.graph(), loss, wrt).graph));
});

test('the same graph twice gives the same text', () => {
  const text = (): string => {
    const { g, wrt, loss } = adapted('float32');
    return printGraph(backward(g.graph(), loss, wrt).graph);
  };
  assert.equal(text(), text());
});

test('gradients are outputs behind the outputs there were, by name, also where several are one value', async () => {
  const g = builder();
  const a = g.input('a', 'float64', [2]);
  const b = g.input('b', 'float64', [2]);
  const u = g.input('u', 'float64', [2]);
  const y = ops.Add(g, a, b);
  g.output(y);
  const result = backward(g.graph(), y, [a, b, u], { seed: u });
  assert.deepEqual(
    result.graph.outputs.map((v) => v.name),
    [y.name, "a'", "b'", "u'"],
  );
  assert.deepEqual(result.gradients, result.graph.outputs.slice(1));
  const out = await runOnce(result.graph, { a: [1, 2], b: [3, 4], u: [5, 6] });
  assert.deepEqual(
    [out["a'"], out["b'"], out["u'"]],
    [
      [5, 6],
      [5, 6],
      [0, 0],
    ],
  );
  const named = backward(g.graph(), y, [a, b], { seed: u, names: ['grad.a', 'grad.b'] });
  assert.deepEqual(
    named.gradients.map((v) => v.name),
    ['grad.a', 'grad.b'],
  );
  assert.throws(() => backward(g.graph(), y, [a, b], { seed: u, names: ['grad.a'] }), /1 names for 2 gradients/);
});

test('a value between two others can be differentiated, and the loss itself', async () => {
  const g = builder();
  const x = g.input('x', 'float64', [2]);
  const h = ops.Mul(g, x, x);
  const loss = total(g, ops.Mul(g, h, h)); // Σ x⁴
  const { graph, gradients: d } = backward(g.graph(), loss, [h, x, loss]);
  const out = await runOnce(graph, { x: [1, 2] });
  assert.deepEqual(
    d.map(({ name }) => out[name]),
    [[2, 8], [4, 32], [1]],
  );
});

test('rows gathered from a table that is also used whole are added to its gradient, not to zeros', async () => {
  const g = builder();
  const table = g.input('table', 'float64', [3, 2]);
  const ids = g.input('ids', 'int64', ['N']);
  const rows = ops.Gather(g, table, ids);
  const twice = ops.Mul(g, ops.Gather(g, table, ids), g.scalar(10));
  const y = ops.Gemm(g, ops.Add(g, rows, twice), table, { transB: true });
  const feeds = { table: [1, 2, 3, 4, 5, 6], ids: [2, 0, 2] };
  // Σ 11·table[ids]·tableᵀ: to each row 11·Σ rows of ids, and to each of ids 11·Σ rows of the table
  const [d] = await gradients(g, y, [table], feeds, { N: 3 });
  assert.deepEqual(d, [121 + 99, 154 + 132, 121, 154, 121 + 198, 154 + 264]);
  const loss = total(g, y);
  const { graph } = backward(g.graph(), loss, [table]);
  const zeros = graph.nodes.filter((node) => node.op === 'Expand' && node.outputs[0]!.shape.join() === '3,2');
  assert.equal(zeros.length, 0);
});
