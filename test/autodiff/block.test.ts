import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backward } from '../../runtime/autodiff/backward.js';
import { Builder, type Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { checkGradient } from '../support/gradients.js';

const SIZES = { B: 2, T: 3, L: 4 };
const [C, V] = [8, 7];
const int64 = (shape: (string | number)[], values: number[]) => ({ dtype: 'int64', shape, values }) as const;

function rmsNorm(g: Builder, x: Value, weight: Value): Value {
  const mean = ops.ReduceMean(g, ops.Mul(g, x, x), [-1]);
  return ops.Mul(g, ops.Div(g, x, ops.Sqrt(g, ops.Add(g, mean, g.scalar(1e-5)))), weight);
}

/** Causal attention of G query heads to one key/value head: queries are [B, G·T, D], keys stay [B, T, D]. */
function attention(g: Builder, q: Value, k: Value, v: Value): Value {
  const [G, D] = [2, 4];
  const heads = ops.Transpose(g, ops.Reshape(g, q, ['B', 'T', G, D]), [0, 2, 1, 3]);
  const keys = ops.Transpose(g, ops.Reshape(g, k, ['B', 'T', D]), [0, 2, 1]);
  const scores = ops.MatMul(g, ops.Reshape(g, heads, ['B', '2*T', D]), keys); // [B, G·T, T]
  const t = ops.Range(g, 'T');
  const later = ops.Less(g, ops.Unsqueeze(g, t, [1]), ops.Unsqueeze(g, t, [0])); // [T, T]
  const grouped = ops.Reshape(g, ops.Mul(g, scores, g.scalar(0.5)), ['B', G, 'T', 'T']);
  const weights = ops.Softmax(g, ops.Where(g, later, g.scalar(-1e9), grouped));
  const mixed = ops.MatMul(g, ops.Reshape(g, weights, ['B', '2*T', 'T']), ops.Reshape(g, v, ['B', 'T', D]));
  const back = ops.Transpose(g, ops.Reshape(g, mixed, ['B', G, 'T', D]), [0, 2, 1, 3]);
  return ops.Reshape(g, back, ['B*T', C]);
}

/** One decoder layer from token ids to the cross-entropy of the supervised positions. */
function decoder(g: Builder, p: Readonly<Record<string, Value>>): Value {
  const linear = (x: Value, w: Value): Value => ops.Gemm(g, x, w, { transB: true });
  const x = ops.Reshape(g, ops.Gather(g, p.embed!, p.ids!), ['B*T', C]);
  const n = rmsNorm(g, x, p.norm!);
  const [q, k, v] = ops.Split(g, linear(n, p.qkv!), [8, 4, 4], 1);
  const h = ops.Add(g, x, attention(g, q!, k!, v!));
  const m = rmsNorm(g, h, p.norm!);
  const gate = linear(m, p.gate!);
  const y = ops.Add(g, h, linear(ops.Mul(g, ops.Mul(g, gate, ops.Sigmoid(g, gate)), linear(m, p.up!)), p.down!));
  const logits = linear(ops.Gather(g, y, p.rows!), p.embed!); // [L, V]; the embedding is tied
  const nll = ops.GatherElements(g, ops.LogSoftmax(g, logits), p.labels!, 1);
  return ops.ReduceMean(g, nll, [0, 1], false);
}

const WEIGHTS = { embed: [V, C], norm: [C], qkv: [16, C], gate: [6, C], up: [6, C], down: [C, 6] };
const FIXED = {
  ids: int64(['B', 'T'], [0, 3, 3, 6, 1, 0]),
  rows: int64(['L'], [1, 2, 4, 5]),
  labels: int64(['L', 1], [3, 6, 0, 2]),
};

test('all gradients of a decoder layer agree with differences, with named dims', async () => {
  await checkGradient({ inputs: WEIGHTS, fixed: FIXED, sizes: SIZES, build: decoder });
});

test('a decoder layer whose weights are frozen but for one has no product for the others', () => {
  const g = new Builder('layer');
  const inputs: Record<string, Value> = {};
  for (const [name, shape] of Object.entries(WEIGHTS)) inputs[name] = g.input(name, 'float32', shape);
  for (const [name, { dtype, shape }] of Object.entries(FIXED)) inputs[name] = g.input(name, dtype, shape);
  const loss = decoder(g, inputs);
  const { graph } = backward(g.graph(), loss, [inputs.down!]);
  const added = graph.nodes.filter((node) => node.name.endsWith("'")).map((node) => node.op);
  // logits' → y' (one product), down' (one product), the loss's softmax: nothing of norms, attention, gate and up
  assert.equal(added.filter((op) => op === 'Gemm').length, 2);
  assert.deepEqual(
    added.filter((op) => ['MatMul', 'Softmax', 'Sigmoid', 'Sqrt', 'Split', 'Concat'].includes(op)),
    ['Softmax'],
  );
});
