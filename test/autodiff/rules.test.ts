import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RULES } from '../../runtime/autodiff/table.js';
import type { Builder, Value } from '../../runtime/onnx/graph.js';
import * as ops from '../../runtime/onnx/ops.js';
import { Scan } from '../../runtime/onnx/scan.js';
import type { Shape } from '../../runtime/onnx/shapes.js';
import { checkGradient, type GradientCheck } from '../support/gradients.js';

type Checks = readonly GradientCheck[];
const positive = (x: number): number => 0.5 + Math.abs(x);
const awayFromZero = (x: number): number => x + Math.sign(x) * 0.1;
const sizes = { B: 2, T: 3, L: 4 };

const unary = (op: (g: Builder, x: Value) => Value, domain?: (x: number) => number): Checks => [
  { inputs: { x: [2, 3] }, domain, build: (g, { x }) => op(g, x!) },
  { inputs: { x: ['B', 'T', 3] }, sizes, domain, build: (g, { x }) => op(g, x!) },
  // dY is 1 along the reduced axis: elementwise rules take it so
  {
    inputs: { x: ['B', 4] },
    sizes,
    domain,
    build: (g, { x }) => ops.ReduceSum(g, op(g, x!), [-1]),
  },
];

const SHAPES: readonly (readonly [Shape, Shape])[] = [
  [
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3]],
  [
    [1, 3],
    [2, 1],
  ],
  [[], [2, 3]],
  [
    ['B', 1, 3],
    ['T', 1],
  ],
  [['B', 'T', 3], []],
  [[1], ['B', 'T', 3]],
];
const binary = (op: (g: Builder, a: Value, b: Value) => Value, domain?: (x: number) => number): Checks => [
  ...SHAPES.map(([a, b]): GradientCheck => ({ inputs: { a, b }, sizes, domain, build: (g, v) => op(g, v.a!, v.b!) })),
  // a reduction behind it: dY is 1 along an axis on which one input is broadcast and the other is not
  { inputs: { a: [2, 3], b: [2, 3] }, domain, build: (g, v) => ops.ReduceMean(g, op(g, v.a!, v.b!), [0, 1]) },
  { inputs: { a: [2, 3], b: [3] }, domain, build: (g, v) => ops.ReduceMean(g, op(g, v.a!, v.b!), [0], false) },
  { inputs: { a: [2, 1], b: [2, 3] }, domain, build: (g, v) => ops.ReduceSum(g, op(g, v.a!, v.b!), [1]) },
];

const gemms: Checks = [false, true].flatMap((transA) =>
  [false, true].flatMap((transB) =>
    [undefined, 0.5].map((alpha): GradientCheck => ({
      inputs: { a: transA ? [4, 'B'] : ['B', 4], b: transB ? [3, 4] : [4, 3], c: alpha ? [3] : ['B', 3] },
      sizes,
      build: (g, { a, b, c }) => ops.Gemm(g, a!, b!, { transA, transB, alpha, c }),
    })),
  ),
);

const int64 = (
  shape: Shape,
  values: readonly number[],
): { dtype: 'int64'; shape: Shape; values: readonly number[] } => ({
  dtype: 'int64',
  shape,
  values,
});
const CONDITION = { dtype: 'bool', shape: ['B', 3], values: [1, 0, 0, 1, 1, 0] } as const;

const TARGETS = int64(['L', 2], [0, 4, 3, 3, 1, 0, 2, 2]);
const picked = (g: Builder, x: Value, i: Value): Value => ops.GatherElements(g, ops.LogSoftmax(g, x), i, 1);

const softmaxOf: Parameters<typeof Scan>[2] = (b, [x], [w]) => {
  const y = ops.Softmax(b, ops.MatMul(b, x!, w!)); // [T, 3]
  return { sums: [ops.ReduceSum(b, ops.Mul(b, y, y), [0])], stacked: [y] };
};

const CHECKS: Record<keyof typeof RULES, Checks> = {
  Add: binary(ops.Add),
  Sub: binary(ops.Sub),
  Mul: [...binary(ops.Mul), ...unary((g, x) => ops.Mul(g, x, x))],
  Div: binary(ops.Div, positive),
  Max: binary(ops.Max),
  Min: binary(ops.Min),
  Neg: unary(ops.Neg),
  Exp: unary(ops.Exp),
  Log: unary(ops.Log, positive),
  Sqrt: unary(ops.Sqrt, positive),
  Tanh: unary(ops.Tanh),
  Sigmoid: unary(ops.Sigmoid),
  Relu: unary(ops.Relu, awayFromZero),
  // the CPU has no float64 Erf: its rule is checked in float32, and in numbers against erf' below
  Erf: unary(ops.Erf).map((check) => ({ ...check, float: 'float32' })),
  Sin: unary(ops.Sin),
  Cos: unary(ops.Cos),
  Identity: unary(ops.Identity),
  Cast: [
    ...unary((g, x) => ops.Cast(g, ops.Cast(g, x, 'float32'), 'float64')).map((check): GradientCheck => ({
      ...check,
      float: 'float64',
      rounded: true,
    })),
  ],
  Where: [
    {
      inputs: { a: ['B', 3], b: ['B', 3] },
      fixed: { p: CONDITION },
      sizes,
      build: (g, { p, a, b }) => ops.Where(g, p!, a!, b!),
    },
    {
      inputs: { a: [3], b: ['T', 1, 1] },
      fixed: { p: CONDITION },
      sizes,
      build: (g, { p, a, b }) => ops.Where(g, p!, a!, b!),
    },
    {
      inputs: { a: ['B', 3], b: [] },
      fixed: { p: CONDITION },
      sizes,
      build: (g, { p, a, b }) => ops.ReduceSum(g, ops.Where(g, p!, a!, b!), [1]),
    },
  ],
  Gemm: gemms,
  MatMul: [
    // a long A and a narrow B: shares of attention with values
    {
      inputs: { a: [2, 'T', 'L'], b: [2, 'L', 3] },
      sizes,
      build: (g, { a, b }) => ops.MatMul(g, a!, b!),
    },
    { inputs: { a: ['B', 2, 3], b: ['B', 3, 4] }, sizes, build: (g, { a, b }) => ops.MatMul(g, a!, b!) },
    { inputs: { a: ['B', 'T', 3], b: [3, 4] }, sizes, build: (g, { a, b }) => ops.MatMul(g, a!, b!) },
    { inputs: { a: [2, 3], b: [3, 4] }, build: (g, { a, b }) => ops.MatMul(g, a!, b!) },
    { inputs: { a: [2, 3], b: ['B', 3, 4] }, sizes, build: (g, { a, b }) => ops.MatMul(g, a!, b!) },
    { inputs: { a: ['B', 1, 'T', 3], b: [2, 3, 'L'] }, sizes, build: (g, { a, b }) => ops.MatMul(g, a!, b!) },
  ],
  Transpose: [
    { inputs: { x: ['B', 'T', 3, 4] }, sizes, build: (g, { x }) => ops.Transpose(g, x!, [0, 2, 3, 1]) },
    { inputs: { x: ['B', 'T', 3] }, sizes, build: (g, { x }) => ops.Transpose(g, x!, [2, 0, 1]) },
  ],
  Reshape: [
    { inputs: { x: ['B', 'T', 4] }, sizes, build: (g, { x }) => ops.Reshape(g, x!, ['B*T', 4]) },
    { inputs: { x: ['B', 'T', 4] }, sizes, build: (g, { x }) => ops.Reshape(g, x!, ['B', 'T', 2, 2]) },
  ],
  Expand: [
    {
      inputs: { x: ['B', 1, 2] },
      fixed: { i: int64(['T'], [0, 0, 0]) },
      sizes,
      build: (g, { x }) => ops.Expand(g, x!, ['B', 'T', 2]),
    },
    {
      inputs: { x: [2] },
      fixed: { i: int64(['B'], [0, 0]) },
      sizes,
      build: (g, { x }) => ops.Expand(g, x!, [3, 'B', 2]),
    },
  ],
  Unsqueeze: [{ inputs: { x: ['B', 3] }, sizes, build: (g, { x }) => ops.Unsqueeze(g, x!, [0, -1]) }],
  Squeeze: [
    {
      inputs: { x: ['B', 1, 3] },
      sizes,
      build: (g, { x }) => g.add('Squeeze', [x!, g.ints([1])], { dtype: x!.dtype, shape: ['B', 3] }),
    },
  ],
  Split: [
    {
      inputs: { x: ['B', 6] },
      sizes,
      build: (g, { x }) => {
        const [a, b, c] = ops.Split(g, x!, [2, 2, 2], -1);
        return ops.Sub(g, ops.Mul(g, a!, b!), c!);
      },
    },
    // a piece that nothing uses
    { inputs: { x: ['B', 6] }, sizes, build: (g, { x }) => ops.Split(g, x!, [1, 2, 3], 1)[1]! },
  ],
  Concat: [
    {
      inputs: { a: ['B', 2], b: ['B', 3], c: ['B', 1] },
      sizes,
      build: (g, { a, b, c }) => ops.Concat(g, [a!, b!, c!], -1),
    },
    {
      inputs: { a: [2, 'T'], b: [2, 'L'] },
      sizes: { ...sizes, S: 7 },
      build: (g, { a, b }) => ops.Concat(g, [a!, b!], 1, 'S'),
    },
  ],
  Slice: [
    ...[
      [0, 2],
      [1, 3],
      [2, 4],
      [0, 4],
    ].map(([start, end]) => ({
      inputs: { x: ['B', 4, 2] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.Slice(g, x!, 1, start!, end!),
    })),
    ...[0, 1, 2].map((axis) => ({
      inputs: { x: ['L', 'L', 'L'] },
      fixed: { start: int64([1], [1]), end: int64([1], [3]) },
      sizes: { ...sizes, J: 2 },
      build: (g: Builder, { x, start, end }: Readonly<Record<string, Value>>) =>
        ops.SliceAt(g, x!, axis, start!, end!, 'J'),
    })),
  ],
  Pad: [
    {
      inputs: { x: ['B', 3] },
      fixed: { pads: int64([4], [1, 0, 2, 4]) },
      sizes: { ...sizes, J: 5, S: 7 },
      build: (g, { x, pads }) => ops.Pad(g, x!, pads!, ['J', 'S']),
    },
  ],
  Scan: [
    // a sum and stacked results, of a slice and a whole value
    {
      inputs: { x: ['L', 'T', 2], w: [2, 3] },
      sizes,
      build: (g, { x, w }) => Scan(g, { slices: [x!], whole: [w!] }, softmaxOf).stacked[0]!,
    },
    {
      inputs: { x: ['L', 'T', 2], w: [2, 3] },
      sizes,
      build: (g, { x, w }) => Scan(g, { slices: [x!], whole: [w!] }, softmaxOf).sums[0]!,
    },
    // what follows needs the results, so that the forward pass cannot wait for the backward pass
    {
      inputs: { x: ['L', 'T', 2], w: [2, 3] },
      sizes,
      build: (g, { x, w }) => {
        const { sums, stacked } = Scan(g, { slices: [x!], whole: [w!] }, softmaxOf);
        return ops.Mul(g, ops.Exp(g, stacked[0]!), sums[0]!);
      },
    },
    // a result that is a slice as it is, one twice, and one that has no gradient
    {
      inputs: { x: ['L', 3], y: ['L', 3] },
      sizes,
      build: (g, { x, y }) => {
        const scan = Scan(g, { slices: [x!, y!], whole: [] }, (b, [x, y]) => ({
          stacked: [x!, x!, ops.Cast(b, ops.Greater(b, y!, x!), b.float)],
        }));
        const [once, again, none] = scan.stacked;
        return ops.Add(g, ops.Mul(g, ops.Add(g, ops.Mul(g, once!, once!), again!), y!), none!);
      },
    },
    // a gradient of its own, of x and of one of two whole values
    {
      inputs: { x: ['L', 3], w: [3] },
      fixed: { c: { dtype: 'float64', shape: [3], values: [2, -1, 3] } },
      sizes,
      build: (g, { x, w, c }) =>
        Scan(
          g,
          { slices: [x!], whole: [c!, w!] },
          (b, [x], [c, w]) => ({ stacked: [ops.Exp(b, ops.Mul(b, ops.Mul(b, x!, w!), c!))] }),
          (b, { slices: [x], whole: [c, w], results: [y], dResults: [dY] }) => {
            const d = ops.Mul(b, ops.Mul(b, y!, dY!), c!);
            return { slices: [ops.Mul(b, d, w!)], whole: [undefined, ops.Mul(b, d, x!)] };
          },
        ).stacked[0]!,
    },
    // each run takes another part of what it sees whole
    {
      inputs: { x: ['L', 3], w: [6, 3] },
      fixed: { from: int64(['L'], [0, 1, 1, 3]) },
      sizes,
      build: (g, { x, w, from }) =>
        Scan(g, { slices: [from!, x!], whole: [w!] }, (b, [at, row], [all]) => {
          const start = ops.Reshape(b, at!, [1]);
          const part = ops.SliceAt(b, all!, 0, start, ops.Add(b, start, b.ints([3])), 'J'); // [J, 3]
          return { stacked: [ops.ReduceSum(b, ops.Exp(b, ops.Mul(b, part, row!)), [0])] };
        }).stacked[0]!,
    },
  ],
  Gather: [
    {
      inputs: { x: [5, 3] },
      fixed: { i: int64(['B', 'T'], [4, 0, 0, 2, 4, 4]) },
      sizes,
      build: (g, { x, i }) => ops.Gather(g, x!, i!),
    },
    {
      inputs: { x: ['B', 3] },
      fixed: { i: int64(['L'], [1, 0, 1, 1]) },
      sizes,
      build: (g, { x, i }) => ops.Gather(g, x!, i!),
    },
    { inputs: { x: [5, 3] }, fixed: { i: int64([], [2]) }, build: (g, { x, i }) => ops.Gather(g, x!, i!) },
    {
      inputs: { x: ['B', 4, 3] },
      fixed: { i: int64(['T', 2], [3, 1, 1, 0, 0, 1]) },
      sizes,
      build: (g, { x, i }) => ops.Gather(g, x!, i!, 1),
    },
    {
      inputs: { x: ['B', 4, 3] },
      fixed: { i: int64([], [2]) },
      sizes,
      build: (g, { x, i }) => ops.Gather(g, x!, i!, -1),
    },
  ],
  GatherElements: [
    {
      inputs: { x: ['L', 5] },
      fixed: { i: int64(['L', 2], [0, 4, 3, 3, 1, 0, 2, 2]) },
      sizes,
      build: (g, { x, i }) => ops.GatherElements(g, x!, i!, 1),
    },
  ],
  ScatterElements: [
    {
      inputs: { x: ['B', 4], u2: ['B', 3] },
      fixed: { i: int64(['B', 3], [0, 3, 3, 1, 1, 1]) },
      sizes,
      build: (g, { x, i, u2 }) => ops.ScatterElementsAdd(g, x!, i!, u2!, -1),
    },
  ],
  Softmax: [
    { inputs: { x: ['B', 'T', 4] }, sizes, build: (g, { x }) => ops.Softmax(g, x!) },
    {
      inputs: { x: ['B', 4], w: [4] },
      sizes,
      build: (g, { x, w }) => ops.ReduceSum(g, ops.Mul(g, ops.Softmax(g, x!), w!), [1]),
    },
  ],
  LogSoftmax: [
    { inputs: { x: ['B', 'T', 4] }, sizes, build: (g, { x }) => ops.LogSoftmax(g, x!) },
    // cross-entropy: dY comes from a GatherElements alone, or not alone
    { inputs: { x: ['L', 5] }, fixed: { i: TARGETS }, sizes, build: (g, { x, i }) => picked(g, x!, i!) },
    {
      inputs: { x: ['L', 5] },
      fixed: { i: TARGETS },
      sizes,
      build: (g, { x, i }) => {
        const y = ops.LogSoftmax(g, x!);
        return ops.Mul(g, ops.GatherElements(g, y, i!, 1), ops.ReduceMax(g, y, [1]));
      },
    },
  ],
  ReduceSum: [true, false].flatMap((keepdims) => [
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceSum(g, x!, [1], keepdims),
    },
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceSum(g, x!, [0, -1], keepdims),
    },
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceSum(g, x!, [0, 1, 2], keepdims),
    },
  ]),
  ReduceMean: [true, false].flatMap((keepdims) => [
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceMean(g, x!, [-1], keepdims),
    },
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceMean(g, x!, [0, 2], keepdims),
    },
    {
      inputs: { x: ['B', 'T', 4] },
      sizes,
      build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceMean(g, x!, [0, 1, 2], keepdims),
    },
  ]),
  ReduceMax: [true, false].map((keepdims) => ({
    inputs: { x: ['B', 'T', 4] },
    sizes,
    build: (g: Builder, { x }: Readonly<Record<string, Value>>) => ops.ReduceMax(g, x!, [1, 2], keepdims),
  })),
};

test('every rule has checks, and every check a rule', () => {
  assert.deepEqual(Object.keys(CHECKS).sort(), Object.keys(RULES).sort());
  for (const [op, checks] of Object.entries(CHECKS)) assert.ok(checks.length > 0, op);
});

for (const [op, checks] of Object.entries(CHECKS)) {
  test(`the gradient of ${op} agrees with differences`, async () => {
    for (const [i, check] of checks.entries()) await checkGradient(check, `${op}/${i}`);
  });
}
