import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryPeak, workOf } from '../../runtime/onnx/cost.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Scan } from '../../runtime/onnx/scan.js';
import { Add, Exp, Gemm, MatMul, Mul, Reshape, Softmax, Transpose } from '../../runtime/onnx/ops.js';

const dims = { B: 3, T: 5 };

test('products count two operations for each multiplication with its addition, whichever side is transposed', () => {
  const g = new Builder('products');
  const x = g.input('x', 'float32', ['B', 7]);
  const w = g.input('w', 'float32', [11, 7]);
  const y = Gemm(g, x, w, { transB: true }); // [B, 11]
  g.outputAs('dw', Gemm(g, y, x, { transA: true })); // [11, 7]
  const a = g.input('a', 'float32', ['B', 'T', 2]);
  g.outputAs('scores', MatMul(g, a, Transpose(g, a, [0, 2, 1]))); // [B, T, T]
  const { flops, moved } = workOf(g.graph())(dims);
  assert.equal(flops, 2 * 3 * 11 * 7 + 2 * 11 * 7 * 3 + 2 * 3 * 5 * 5 * 2);
  assert.equal(moved, 4 * 2 * (3 * 5 * 2), 'the transpose reads and writes; outputs with another name are no copies');
});

test('memory is that of the values alive at once', () => {
  const g = new Builder('chain');
  const x = g.input('x', 'float32', ['B', 100]);
  const a = Softmax(g, x); // alive to the end
  const b = Softmax(g, Softmax(g, a)); // the one in between is gone by then
  g.outputAs('y', Softmax(g, Add(g, Softmax(g, b), a)));
  const size = 4 * 3 * 100;
  // a, b and what comes of b; the sum is written over one of them
  assert.equal(memoryPeak(g.graph(), dims).bytes, 3 * size);
});

test('aliases and operations in place take no memory of their own, unless somebody else still reads', () => {
  const size = 4 * 3 * 100;
  const inPlace = new Builder('in place');
  const x = inPlace.input('x', 'float32', ['B', 100]);
  inPlace.outputAs('y', Exp(inPlace, Reshape(inPlace, Softmax(inPlace, x), ['B', 10, 10])));
  assert.equal(memoryPeak(inPlace.graph(), dims).bytes, size);
  const kept = new Builder('kept');
  const a = Softmax(kept, kept.input('x', 'float32', ['B', 100]));
  kept.outputAs('y', Mul(kept, Exp(kept, a), a));
  assert.equal(memoryPeak(kept.graph(), dims).bytes, 2 * size);
});

test('parts are those at the moment when all of it is most', () => {
  const g = new Builder('parts');
  const x = g.input('x', 'float32', ['B', 10]);
  const wide = Gemm(g, x, g.input('w', 'float32', [1000, 10]), { transB: true });
  g.outputAs('y', Gemm(g, Softmax(g, wide), g.input('v', 'float32', [10, 1000]), { transB: true }));
  const { bytes, parts } = memoryPeak(g.graph(), dims, ({ shape }) => (shape.at(-1) === 1000 ? 'wide' : 'narrow'));
  assert.deepEqual([bytes, parts], [2 * 4 * 3 * 1000, { wide: 2 * 4 * 3 * 1000 }]);
});

test('a dim without a number is an error', () => {
  const g = new Builder('unknown');
  g.outputAs('y', Softmax(g, g.input('x', 'float32', ['N', 2])));
  assert.throws(() => memoryPeak(g.graph(), dims), /the dim N has no number/);
});

test('the body of a Scan works for every slice, and holds the memory of one', () => {
  const g = new Builder('slices');
  const x = g.input('x', 'float32', ['X', 'B', 100]);
  const w = g.input('w', 'float32', [1000, 100]);
  const { sums, stacked } = Scan(g, { slices: [x], whole: [w] }, (b, [row], [weight]) => {
    const wide = Gemm(b, row, weight, { transB: true }); // [B, 1000]
    return { sums: [Gemm(b, wide, row, { transA: true })], stacked: [row] };
  });
  g.outputAs('sum', sums[0]);
  g.outputAs('rows', stacked[0]);
  const graph = g.graph();
  const of = (X: number) => ({ ...dims, X });
  assert.equal(workOf(graph)(of(4)).flops, 4 * 2 * (2 * 3 * 1000 * 100));
  assert.equal(workOf(graph)(of(8)).flops, 2 * workOf(graph)(of(4)).flops);
  const [few, many] = [memoryPeak(graph, of(4)).bytes, memoryPeak(graph, of(8)).bytes];
  assert.equal(many - few, 4 * (4 * 3 * 100), 'only what is stacked grows with the number of slices');
  assert.ok(few > 4 * 3 * 1000 && few < 4 * (4 * 3 * 1000 + 4 * 1000 * 100));
});
