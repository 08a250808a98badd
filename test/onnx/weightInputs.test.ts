import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder, type DType, type Graph, type Value } from '../../runtime/onnx/graph.js';
import { Add, Cast, Gather, MatMul, Neg } from '../../runtime/onnx/ops.js';
import { weightsAsInputs } from '../../runtime/onnx/weightInputs.js';

const place = { file: 'model.safetensors', offset: 64, bytes: 24 };
const graphOf = (dtype: DType, build: (g: Builder, weight: Value) => Value): Graph => {
  const g = new Builder('weights');
  g.outputAs('y', build(g, g.external('w', dtype, [4, 3], place)));
  return checkGraph(g.graph());
};

for (const dtype of ['float32', 'float16', 'bfloat16', 'float64'] as const)
  test(`a weight in ${dtype} becomes an input in float32, and is not converted again`, () => {
    const { graph, weights } = weightsAsInputs(
      graphOf(dtype, (g, w) => {
        const rows = Cast(g, Gather(g, w, g.input('ids', 'int64', ['T'])), 'float32');
        return MatMul(g, rows, Add(g, g.input('x', 'float32', [3, 4]), MatMul(g, g.constant('float32', [3, 3], new Float32Array(9)), g.input('z', 'float32', [3, 4])))); // oxfmt-ignore
      }),
    );
    checkGraph(graph);
    assert.deepEqual(weights, [
      { input: { name: 'w', dtype: 'float32', shape: [4, 3] }, stored: dtype, place: { kind: 'external', ...place } },
    ]);
    assert.deepEqual(
      graph.inputs.map(({ name }) => name),
      ['ids', 'x', 'z', 'w'],
    );
    assert.ok(!graph.nodes.some(({ op }) => op === 'Cast'));
    assert.equal(graph.initializers.length, 1, 'constants stay');
  });

test('blocks of 8 bits are inputs as they are; of 4 bits, of which there are no tensors, initializers', () => {
  for (const [dtype, count] of [
    ['uint8', 1],
    ['uint4', 0],
  ] as const) {
    const { graph, weights } = weightsAsInputs(graphOf(dtype, (g, w) => Cast(g, w, 'float32')));
    checkGraph(graph);
    assert.equal(weights.length, count);
    assert.ok(weights.every(({ input }) => input.dtype === dtype));
    assert.ok(
      graph.nodes.some(({ op }) => op === 'Cast'),
      'what reads the blocks stays',
    );
  }
});

test('what computes with a weight in 16 bits is a fault of the graph', () => {
  assert.throws(
    () => weightsAsInputs(graphOf('float16', (g, w) => Neg(g, w))),
    /Neg reads the weight w as it is stored/,
  );
});
