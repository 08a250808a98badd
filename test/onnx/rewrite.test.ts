import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder, type Graph } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { rewrite, withoutCopies } from '../../runtime/onnx/rewrite.js';
import { runOnce } from '../support/run.js';

/** y = −x, z = −y + 1 */
function sample(): Graph {
  const g = new Builder('g');
  const y = g.scope('layer', () => ops.Neg(g, g.input('x', 'float32', [2])));
  g.output(y);
  g.outputAs(
    'z',
    g.scope('next', () => ops.Add(g, ops.Neg(g, y), g.scalar(1))),
  );
  return g.graph();
}
const described = (graph: Graph): string[] =>
  graph.nodes.map(({ op, name, outputs: [y] }) => `${op} (${name}) → ${y!.name}`);

test('a value in place of an output takes its name, new nodes take the name of the node, others stay', async () => {
  const before = sample();
  const after = checkGraph(
    rewrite(before, { Neg: (g, { name, inputs: [x] }) => (name === 'layer' ? ops.Sub(g, g.scalar(0), x) : undefined) }),
  );
  assert.deepEqual(described(after), ['Sub (layer) → layer/Neg', ...described(before).slice(1)]);
  assert.deepEqual(after.outputs, before.outputs);
  const feeds = { x: [1, -2] };
  assert.deepEqual(await runOnce(after, feeds), await runOnce(before, feeds));
});

test('a value from before cannot be renamed: it is copied', async () => {
  const before = sample();
  const after = checkGraph(rewrite(before, { Neg: (_, { inputs: [x] }) => x }));
  assert.deepEqual(described(after).slice(0, 2), ['Identity (layer) → layer/Neg', 'Identity (next) → next/Neg']);
  assert.deepEqual(after.inputs, before.inputs);
  assert.deepEqual(await runOnce(after, { x: [1, -2] }), { 'layer/Neg': [1, -2], z: [2, -1] });
});

test('inputs and nodes may be added in front; no new value takes a name of the graph', async () => {
  const factors: ReturnType<typeof ops.Neg>[] = [];
  const after = checkGraph(
    rewrite(sample(), { Neg: (g, node) => ops.Mul(g, g.repeat(node, node.outputs[0]), factors[0]!) }, (g) =>
      factors.push(ops.Neg(g, g.input('factor', 'float32', []))),
    ),
  );
  assert.deepEqual(described(after).slice(0, 3), [
    'Neg () → Neg',
    'Neg (layer) → layer/Neg.2',
    'Mul (layer) → layer/Neg',
  ]);
  assert.deepEqual(await runOnce(after, { x: [1, -2], factor: [-3] }), { 'layer/Neg': [-3, 6], z: [10, -17] });
});

test('a builder knows the node of a value', () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', [2, 2]);
  const y = ops.Gemm(g, x, x, { transB: true });
  const node = g.producer(y);
  assert.ok(node?.op === 'Gemm');
  assert.equal(node.attributes.transB, 1);
  assert.equal(g.producer(x), undefined);
  assert.equal(new Builder('g', { from: g.graph() }).producer(y), node);
});

test('an output is written where it is made: one copy is left of a value that is two outputs, or an input', async () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', [2]);
  const y = ops.Neg(g, x);
  g.outputAs('first', y);
  g.outputAs('second', y);
  g.outputAs('same', x);
  g.outputAs('last', ops.Neg(g, y));
  const before = g.graph();
  const after = checkGraph(withoutCopies(before));
  assert.deepEqual(
    after.nodes.map(({ op, outputs: [output] }) => `${op} → ${output!.name}`),
    ['Neg → first', 'Identity → second', 'Identity → same', 'Neg → last'],
  );
  assert.deepEqual(after.outputs, before.outputs);
  assert.deepEqual(await runOnce(after, { x: [1, -2] }), await runOnce(before, { x: [1, -2] }));
});
