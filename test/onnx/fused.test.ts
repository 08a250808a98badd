import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuse } from '../../runtime/onnx/fused.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Add, Div, Exp, Mul, Neg, ReduceSum, Sqrt, Sub } from '../../runtime/onnx/ops.js';
import { ADAMW_SCALARS, adamWGraph, sumOfSquaresGraph } from '../../runtime/optim/adamw.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, scalar } from '../../runtime/device/session.js';

const rng = random('fused');
const vector = (length: number): Float32Array => Float32Array.from({ length }, () => rng.normal());
/** Less than four, several pieces, and an end in each place of four. */
const LENGTHS = [1, 3, 4, 7, 2 ** 14, 2 ** 14 + 1, 2 ** 15 + 6];

test('a step of AdamW in one pass has the bits that onnxruntime has', async () => {
  const backend = await openBackend('cpu', 1);
  const graph = adamWGraph(1);
  const session = await backend.session(graph);
  const step = fuse(graph);
  const given = [0.7, 1e-3, 0.99, 0.9, 0.1, 0.999, 0.001, 0.2, 0.02, 1e-8];
  const numbers = Object.fromEntries(ADAMW_SCALARS.map((name, i) => [name, given[i]!]));
  for (const length of LENGTHS) {
    const [p, g, m] = [vector(length), vector(length), vector(length)];
    const v = vector(length).map(Math.abs);
    const feeds = Object.fromEntries(Object.entries({ p, g, m, v }).map(([name, x]) => [name, float32(x, [length])]));
    const scalars = Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, scalar(value)]));
    const wanted = await session.run({ ...feeds, ...scalars });
    const expected = Object.fromEntries(Object.entries(wanted).map(([name, { data }]) => [name, data]));
    assert.deepEqual(step({ p, g, m, v }, numbers, { p1: p, m1: m, v1: v }), {});
    assert.deepEqual({ p1: p, m1: m, v1: v }, expected);
  }
  await session.dispose();
});

test('a sum is that of all numbers, in float64', () => {
  const sumOfSquares = fuse(sumOfSquaresGraph(1));
  for (const length of LENGTHS) {
    const x = vector(length);
    const squares = x.map((value) => value * value);
    const { sum } = sumOfSquares({ x }, {}, {});
    assert.ok(Math.abs(sum! / squares.reduce((a, b) => a + b, 0) - 1) < 1e-12, `${length}`);
  }
  assert.deepEqual(sumOfSquares({ x: new Float32Array(0) }, {}, {}), { sum: 0 });
});

test('every operator, values read twice, numbers, and several outputs', () => {
  const g = new Builder('mixed');
  const [a, b, s] = [g.input('a', 'float32', ['N']), g.input('b', 'float32', ['N']), g.input('s', 'float32', [])];
  const difference = Sub(g, a, Neg(g, b));
  g.outputAs('root', Sqrt(g, Mul(g, difference, difference)));
  g.outputAs('share', Div(g, Add(g, a, s), b));
  g.outputAs('total', ReduceSum(g, difference, [0], false));
  const mixed = fuse(g.graph());
  const [x, y] = [Float32Array.of(1, -2, 3, 4, -5), Float32Array.of(0.5, 0.25, 1, -8, 2)];
  const [root, share] = [new Float32Array(5), new Float32Array(5)];
  assert.deepEqual(mixed({ a: x, b: y }, { s: 2 }, { root, share }), { total: -3.25 });
  assert.deepEqual([...root], [1.5, 1.75, 4, 4, 3]);
  assert.deepEqual([...share], [6, 0, 5, -0.75, -1.5]);
});

test('what is not elementwise, and vectors that do not fit, are errors', () => {
  const g = new Builder('odd');
  g.outputAs('y', Exp(g, g.input('x', 'float32', ['N'])));
  assert.throws(() => fuse(g.graph()), /odd: Exp is not elementwise/);
  const step = fuse(adamWGraph(1));
  const [p, v] = [vector(4), vector(5)];
  assert.throws(() => step({ p, g: p, m: p, v }, {}, { p1: p, m1: p, v1: p }), /vectors of 4 and of 5 numbers/);
});
