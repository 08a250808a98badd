import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder, type Graph, type Initializer, type Node, type Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';

const value = (name: string, shape: Value['shape'] = [2], dtype: Value['dtype'] = 'float32'): Value => ({
  name,
  dtype,
  shape,
});
const node = (inputs: readonly [Value, Value], outputs: readonly [Value]): Node => ({
  op: 'Add',
  name: 'here',
  inputs,
  outputs,
  attributes: {},
});
const constant = (v: Value): Initializer => ({ value: v, data: { kind: 'inline', bytes: new Uint8Array(8) } });
const [x, w, y] = [value('x'), value('w'), value('y')];
const GOOD: Graph = {
  name: 'g',
  inputs: [x],
  outputs: [y],
  initializers: [constant(w)],
  nodes: [node([x, w], [y])],
};

test('a sound graph passes and is handed back', () => {
  assert.equal(checkGraph(GOOD), GOOD);
});

const FAULTS: Record<string, [Partial<Graph>, RegExp]> = {
  'an input twice': [{ inputs: [x, x] }, /^g: "x" is defined twice, again by the inputs$/],
  'an initializer with the name of an input': [
    { initializers: [constant(w), constant(x)] },
    /^g: "x" is defined twice, again by the initializers$/,
  ],
  'a node that defines a value again': [
    { nodes: [...GOOD.nodes, node([x, w], [y])] },
    /^g: "y" is defined twice, again by Add \(here\)$/,
  ],
  'a node that reads what nobody defines': [
    { nodes: [node([x, value('z')], [y])] },
    /^g: Add \(here\) reads "z", which nothing before it defines$/,
  ],
  'a node before the one it reads from': [
    { nodes: [node([value('later'), w], [y]), node([x, w], [value('later')])] },
    /^g: Add \(here\) reads "later", which nothing before it defines$/,
  ],
  'a value read with another dtype': [
    { nodes: [node([value('x', [2], 'float64'), w], [y])] },
    /^g: Add \(here\) reads "x" as float64\[2\], it is float32\[2\]$/,
  ],
  'a value read with another shape': [
    { nodes: [node([value('x', ['B']), w], [y])] },
    /^g: Add \(here\) reads "x" as float32\[B\], it is float32\[2\]$/,
  ],
  'a negative dim': [{ nodes: [node([x, w], [value('y', [-1])])] }, /^g: "y" has shape \[-1\]$/],
  'a broken dim': [{ inputs: [value('x', [1.5])] }, /^g: "x" has shape \[1\.5\]$/],
  'an output nobody defines': [
    { outputs: [y, value('z')] },
    /^g: the list of outputs reads "z", which nothing before it defines$/,
  ],
  'an output of another shape': [
    { outputs: [value('y', [3])] },
    /^g: the list of outputs reads "y" as float32\[3\], it is float32\[2\]$/,
  ],
  'an output twice': [{ outputs: [y, y] }, /^g: "y" is an output twice$/],
};

for (const [fault, [change, message]] of Object.entries(FAULTS)) {
  test(`refused: ${fault}`, () => {
    assert.throws(() => checkGraph({ ...GOOD, ...change }), { message });
  });
}

test('pruning keeps what outputs need, and all inputs', () => {
  const g = new Builder('prune');
  const a = g.input('a', 'float32', [2]);
  const b = g.input('b', 'float32', [2]);
  const used = ops.Mul(g, a, g.constant('float32', [2], new Float32Array([1, 2]), 'used'));
  ops.Mul(g, b, g.constant('float32', [2], new Float32Array([3, 4]), 'unused'));
  const [first] = ops.Split(g, used, [1, 1], 0);
  g.output(first!);
  const pruned = checkGraph(prune(g.graph()));
  assert.deepEqual(pruned.inputs, [a, b]);
  assert.deepEqual(
    pruned.nodes.map((n) => n.op),
    ['Mul', 'Split'],
  );
  assert.deepEqual(
    pruned.initializers.map((i) => i.value.name),
    ['used', 'constant'],
  );
  assert.deepEqual(prune(pruned), pruned);
});
