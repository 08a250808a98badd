import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { backward } from '../../runtime/autodiff/backward.js';
import { Builder, type Graph, type Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { serialize } from '../../runtime/onnx/serialize.js';
import { runOnce } from '../support/run.js';

/** A folder that is there for one test. */
async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'serialize-'));
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('onnxruntime reads names, dtypes and dims as they are', async () => {
  const g = new Builder('g');
  const x = g.input('x', 'float64', ['B', 3]);
  g.input('ids', 'int64', ['B', 'T']);
  g.input('mask', 'bool', []);
  g.outputAs('y', ops.Neg(g, x));
  const session = await ort.InferenceSession.create(serialize(g.graph()), { executionProviders: ['cpu'] });
  const shown = [...session.inputMetadata, ...session.outputMetadata].map(
    (v) => v.isTensor && [v.name, v.type, [...v.shape]],
  );
  await session.release();
  assert.deepEqual(shown, [
    ['x', 'float64', ['B', 3]],
    ['ids', 'int64', ['B', 'T']],
    ['mask', 'bool', []],
    ['y', 'float64', ['B', 3]],
  ]);
});

test('constants of every dtype arrive as they were', async () => {
  const g = new Builder('g');
  const constants: Record<string, [Value, number[]]> = {
    float64: [g.constant('float64', [2], new Float64Array([1 / 3, -2]), 'f64'), [1 / 3, -2]],
    float32: [g.constant('float32', [2], new Float32Array([0.5, -2]), 'f32'), [0.5, -2]],
    float16: [ops.Cast(g, g.constant('float16', [2], new Uint16Array([0x3800, 0xc000]), 'f16'), 'float32'), [0.5, -2]],
    bfloat16: [
      ops.Cast(g, g.constant('bfloat16', [2], new Uint16Array([0x3f00, 0xc000]), 'bf16'), 'float32'),
      [0.5, -2],
    ],
    int64: [g.ints([2 ** 40, -1]), [2 ** 40, -1]],
    int32: [g.constant('int32', [2], new Int32Array([2 ** 30, -1]), 'i32'), [2 ** 30, -1]],
    uint8: [g.constant('uint8', [2], new Uint8Array([255, 1]), 'u8'), [255, 1]],
    int8: [g.constant('int8', [2], new Int8Array([-128, 1]), 'i8'), [-128, 1]],
    bool: [g.constant('bool', [2], new Uint8Array([1, 0]), 'b'), [1, 0]],
  };
  for (const [name, [value]] of Object.entries(constants)) g.outputAs(`out.${name}`, value);
  const out = await runOnce(g.graph(), {});
  for (const [name, [, numbers]] of Object.entries(constants)) assert.deepEqual(out[`out.${name}`], numbers, name);
});

test('attributes arrive: integers, floats, strings, lists', async () => {
  const g = new Builder('g');
  const x = g.input('x', 'float32', [2, 2]);
  g.outputAs('gemm', ops.Gemm(g, x, x, { transB: true, alpha: 0.25 }));
  g.outputAs('transposed', ops.Transpose(g, x, [1, 0]));
  const index = g.constant('int64', [1, 2], BigInt64Array.of(0n, 0n));
  const one = g.constant('float32', [1, 2], new Float32Array([1, 1]));
  g.outputAs('added', ops.ScatterElementsAdd(g, x, index, one, 0));
  const out = await runOnce(g.graph(), { x: [1, 2, 3, 4] });
  assert.deepEqual(out, { gemm: [1.25, 2.75, 2.75, 6.25], transposed: [1, 3, 2, 4], added: [2, 3, 3, 4] });
});

test('a weight is read in place from a file of the folder, from its offset', () =>
  inFolder(async (folder) => {
    const bytes = Buffer.alloc(8 + 16 + 4);
    new Float32Array([1, 2, 3, 4]).forEach((v, i) => bytes.writeFloatLE(v, 8 + 4 * i));
    writeFileSync(path.join(folder, 'weights.bin'), bytes);
    const g = new Builder('g');
    const x = g.input('x', 'float32', ['N', 2]);
    const w = g.external('w', 'float32', [2, 2], { file: 'weights.bin', offset: 8, bytes: 16 });
    g.outputAs('y', ops.Gemm(g, x, w, { transB: true }));
    const graph = g.graph();
    assert.ok(serialize(graph).length < 400);
    assert.deepEqual(await runOnce(graph, { x: [1, 0, 0, 1] }, { N: 2 }, folder), { y: [1, 3, 2, 4] });
    const elsewhere = path.join(folder, 'empty');
    await assert.rejects(runOnce(graph, { x: [1, 0] }, { N: 1 }, elsewhere), /the graph g does not load on cpu/);
  }));

test('metadata are written', () => {
  const g = new Builder('g');
  g.outputAs('y', ops.Neg(g, g.input('x', 'float32', [2])));
  const text = Buffer.from(serialize(g.graph(), { metadata: { recipe: 'pirate' } })).toString('latin1');
  assert.ok(text.includes('recipe') && text.includes('pirate'));
});

/** Two layers with float16 weights and adapters, forward and backward: the shape of a training step. */
function trainingStep(): Graph {
  const g = new Builder('step');
  let h = g.input('x', 'float32', ['N', 4]);
  const flat = g.input('flat', 'float32', [3 * 8]);
  const pieces = ops.Split(g, flat, [8, 8, 8], 0);
  pieces.forEach((piece, k) => {
    g.scope(`layer${k}`, () => {
      const w = ops.Cast(g, g.constant('float16', [4, 4], new Uint16Array(16), `w${k}`), 'float32');
      const y = ops.Gemm(g, h, w, { transB: true });
      const A = ops.Reshape(g, piece, [2, 4]);
      h = ops.Tanh(g, ops.Gemm(g, ops.Gemm(g, h, A, { transB: true }), A, { c: y }));
    });
  });
  const loss = g.outputAs('loss', ops.ReduceSum(g, h, [0, 1], false));
  return backward(g.graph(), loss, [flat]).graph;
}

test('onnxruntime runs the nodes in the order of the graph', () =>
  inFolder(async (folder) => {
    const graph = trainingStep();
    const session = await ort.InferenceSession.create(serialize(graph), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      enableProfiling: true,
      profileFilePrefix: path.join(folder, 'profile'),
    });
    const zeros = (dims: number[]): ort.Tensor =>
      new ort.Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.1), dims);
    await session.run({ x: zeros([3, 4]), flat: zeros([24]) });
    session.endProfiling();
    await session.release();
    const profile = readFileSync(path.join(folder, readdirSync(folder)[0]!), 'utf8');
    const ran = (JSON.parse(profile) as { cat: string; name: string; ts: number }[])
      .filter((event) => event.cat === 'Node' && event.name.endsWith('_kernel_time'))
      .sort((a, b) => a.ts - b.ts)
      .map((event) => event.name.slice(0, -'_kernel_time'.length));
    const at = (name: string): number => {
      const i = ran.indexOf(name);
      assert.ok(i >= 0, `${name} did not run: ${ran.join(' ')}`);
      return i;
    };
    // a weight is unpacked right before the product that reads it, forward and backward
    for (const node of graph.nodes.filter((n) => n.op === 'Cast')) {
      const cast = node.outputs[0]!.name;
      const reader = graph.nodes.find((n) => n.inputs.some((x) => x.name === cast))!.outputs[0]!.name;
      assert.equal(at(reader) - at(cast), 1, `${cast} … ${reader}: ${ran.join(' ')}`);
    }
    // the backward pass comes behind the loss, last layer first, each layer's gradients before the next layer's
    const layerOf = (name: string): number => Number(/layer(\d)'/.exec(name)?.[1] ?? NaN);
    const layers = ran
      .slice(at('loss'))
      .map(layerOf)
      .filter((layer) => !Number.isNaN(layer));
    assert.deepEqual(
      layers,
      [...layers].sort((a, b) => b - a),
      ran.join(' '),
    );
    assert.ok(ran.slice(0, at('loss')).every((name) => !name.includes("'")));
  }));

test('for other programs nodes are written as they stand', async () => {
  const graph = trainingStep();
  const positions = (bytes: Uint8Array): number[] => {
    const text = Buffer.from(bytes).toString('latin1');
    return graph.nodes.map((node) =>
      text.indexOf(`\x1a${String.fromCharCode(node.outputs[0]!.name.length)}${node.outputs[0]!.name}`),
    );
  };
  const standard = positions(serialize(graph, { order: 'standard' }));
  assert.ok(standard.every((p) => p > 0));
  assert.deepEqual(
    standard,
    [...standard].sort((a, b) => a - b),
  );
  const execution = positions(serialize(graph));
  assert.deepEqual(
    execution,
    [...execution].sort((a, b) => b - a),
  );
});
