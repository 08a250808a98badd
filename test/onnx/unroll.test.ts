import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64, type Feeds } from '../../runtime/device/session.js';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder, type Graph, type Value } from '../../runtime/onnx/graph.js';
import { Add, Gather, Mul, ReduceSum, SliceAt } from '../../runtime/onnx/ops.js';
import { Scan } from '../../runtime/onnx/scan.js';
import { scanCounts, unrollScans } from '../../runtime/onnx/unroll.js';

/**
 * In each of `layers`: x [N, D] row by row, each with the sum of as many of y [T] as its index says; and the sum of
 * all.
 */
function graphOf(layers: number): Graph {
  const g = new Builder('prefixes');
  const index = g.input('index', 'int64', ['N', 1]);
  const y = g.input('y', 'float32', ['T']);
  let x: Value = g.input('x', 'float32', ['N', 3]);
  for (let layer = 0; layer < layers; layer++) {
    const { sums, stacked } = g.scope(`layers.${layer}`, () =>
      Scan(g, { slices: [index, x], whole: [y] }, (b, [at, row], [all]) => {
        const end = Add(b, Gather(b, at!, b.ints([0])), b.ints([1]));
        const seen = SliceAt(b, all!, 0, b.ints([0]), end, 'J');
        const moved = Add(b, row!, ReduceSum(b, Mul(b, seen, seen), [0]));
        return { stacked: [moved], sums: [ReduceSum(b, moved, [0])] };
      }),
    );
    x = stacked[0]!;
    if (layer === layers - 1) g.outputAs('total', sums[0]!);
  }
  g.outputAs('rows', x);
  return checkGraph(g.graph());
}

const feeds = (n: number): Feeds => ({
  index: int64(
    Array.from({ length: n }, (_, i) => i),
    [n, 1],
  ),
  y: float32(Float32Array.of(1, 2, 3, 4), [4]),
  x: float32(
    Float32Array.from({ length: 3 * n }, (_, i) => i / 8),
    [n, 3],
  ),
});

test('a graph without its Scans gives the same, for any number of runs', async () => {
  const cpu = await openBackend('cpu', 1);
  const graph = graphOf(2);
  assert.deepEqual(scanCounts(graph), [{ dim: 'N', input: 'index', axis: 0 }]);
  const scanned = await cpu.session(graph);
  for (const n of [1, 3, 4]) {
    const unrolled = checkGraph(unrollScans(graph, () => n));
    assert.ok(!unrolled.nodes.some(({ op }) => op === 'Scan'));
    const [wanted, found] = [await scanned.run(feeds(n)), await (await cpu.session(unrolled)).run(feeds(n))];
    for (const name of ['rows', 'total']) {
      assert.deepEqual(found[name]!.dims, wanted[name]!.dims);
      assert.deepEqual(found[name]!.data, wanted[name]!.data);
    }
  }
});

test('what all layers cut at the same places is computed once', () => {
  const integers = (layers: number): number =>
    unrollScans(graphOf(layers), () => 4).nodes.filter(({ outputs: [y] }) => y.dtype === 'int64').length;
  assert.ok(integers(1) > 0);
  assert.equal(integers(5), integers(1));
});

test('how often a body runs must be told by an input', () => {
  const g = new Builder('odd');
  const x = Add(g, g.input('x', 'float32', ['N', 2]), g.scalar(1));
  const named = { ...x, shape: ['M', 2] };
  g.outputAs('y', Scan(g, { slices: [named], whole: [] }, (b, [row]) => ({ sums: [Mul(b, row!, row!)] })).sums[0]!);
  assert.throws(() => scanCounts(g.graph()), /no input tells how often a Scan runs \(M\)/);
});
