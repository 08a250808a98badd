/**
 * One function per ONNX operator: checks and infers dtype and shape, adds the node. Operators are named as in ONNX
 * (opset 21).
 */
import type { Builder, DType, FloatType, Value } from './graph.js';
import type { AttributeArgument, BinaryOp, InputsOf, Op, UnaryOp } from './operators.js';
import { axisOf, broadcast, product, sameShape, shapeText, type Dim, type Shape } from './shapes.js';

const fail = (op: string, message: string): never => {
  throw new Error(`${op}: ${message}`);
};
const text = (v: Value): string => `${v.name} ${v.dtype}${shapeText(v.shape)}`;

const one = <O extends Op>(
  g: Builder,
  op: O,
  inputs: InputsOf<O>,
  dtype: DType,
  shape: Shape,
  ...attributes: AttributeArgument<O>
): Value => g.add(op, inputs, { dtype, shape }, ...attributes);

function binary(g: Builder, op: BinaryOp, a: Value, b: Value, dtype?: DType): Value {
  if (a.dtype !== b.dtype) fail(op, `${text(a)} and ${text(b)} have different types`);
  const shape = broadcast(a.shape, b.shape) ?? fail(op, `${text(a)} and ${text(b)} do not fit`);
  return one(g, op, [a, b], dtype ?? a.dtype, shape);
}
const unary = (g: Builder, op: UnaryOp, x: Value): Value => one(g, op, [x], x.dtype, x.shape);

// elementwise
export const Add = (g: Builder, a: Value, b: Value): Value => binary(g, 'Add', a, b);
export const Sub = (g: Builder, a: Value, b: Value): Value => binary(g, 'Sub', a, b);
export const Mul = (g: Builder, a: Value, b: Value): Value => binary(g, 'Mul', a, b);
export const Div = (g: Builder, a: Value, b: Value): Value => binary(g, 'Div', a, b);
export const Neg = (g: Builder, x: Value): Value => unary(g, 'Neg', x);
export const Exp = (g: Builder, x: Value): Value => unary(g, 'Exp', x);
export const Log = (g: Builder, x: Value): Value => unary(g, 'Log', x);
export const Sqrt = (g: Builder, x: Value): Value => unary(g, 'Sqrt', x);
export const Tanh = (g: Builder, x: Value): Value => unary(g, 'Tanh', x);
export const Sigmoid = (g: Builder, x: Value): Value => unary(g, 'Sigmoid', x);
export const Relu = (g: Builder, x: Value): Value => unary(g, 'Relu', x);
export const Erf = (g: Builder, x: Value): Value => unary(g, 'Erf', x);
export const Sin = (g: Builder, x: Value): Value => unary(g, 'Sin', x);
export const Cos = (g: Builder, x: Value): Value => unary(g, 'Cos', x);
export const Identity = (g: Builder, x: Value): Value => unary(g, 'Identity', x);
/** max(a, b) of two values. */
export const Max = (g: Builder, a: Value, b: Value): Value => binary(g, 'Max', a, b);
/** min(a, b) of two values. */
export const Min = (g: Builder, a: Value, b: Value): Value => binary(g, 'Min', a, b);

// comparisons
export const Equal = (g: Builder, a: Value, b: Value): Value => binary(g, 'Equal', a, b, 'bool');
export const Less = (g: Builder, a: Value, b: Value): Value => binary(g, 'Less', a, b, 'bool');
export const LessOrEqual = (g: Builder, a: Value, b: Value): Value => binary(g, 'LessOrEqual', a, b, 'bool');
export const Greater = (g: Builder, a: Value, b: Value): Value => binary(g, 'Greater', a, b, 'bool');
export const And = (g: Builder, a: Value, b: Value): Value => binary(g, 'And', a, b, 'bool');
export function Where(g: Builder, condition: Value, a: Value, b: Value): Value {
  if (condition.dtype !== 'bool' || a.dtype !== b.dtype) fail('Where', `${text(condition)}, ${text(a)}, ${text(b)}`);
  const shape = broadcast(
    broadcast(condition.shape, a.shape) ?? fail('Where', `${text(condition)} and ${text(a)} do not fit`),
    b.shape,
  );
  return one(g, 'Where', [condition, a, b], a.dtype, shape ?? fail('Where', `${text(a)} and ${text(b)} do not fit`));
}

const NUMBERS: Record<DType, number> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  bfloat16: 16,
  uint4: 21,
};
/** ONNX's number of a dtype (TensorProto.DataType). */
export const dtypeNumber = (dtype: DType): number => NUMBERS[dtype];

export const Cast = (g: Builder, x: Value, dtype: DType): Value =>
  x.dtype === dtype ? x : one(g, 'Cast', [x], dtype, x.shape, { to: NUMBERS[dtype] });

// normalisation over the last axis
export const Softmax = (g: Builder, x: Value): Value => one(g, 'Softmax', [x], x.dtype, x.shape, { axis: -1 });
export const LogSoftmax = (g: Builder, x: Value): Value => one(g, 'LogSoftmax', [x], x.dtype, x.shape, { axis: -1 });
/**
 * exp(logProbs): of a LogSoftmax as the Softmax of the same logits, which is many times faster than Exp over a
 * vocabulary.
 */
export function Probabilities(g: Builder, logProbs: Value): Value {
  const node = g.producer(logProbs);
  return node?.op === 'LogSoftmax' ? Softmax(g, node.inputs[0]) : Exp(g, logProbs);
}

// reductions; axes may be negative
function reduce(
  g: Builder,
  op: 'ReduceSum' | 'ReduceMean' | 'ReduceMax',
  x: Value,
  axes: readonly number[],
  keepdims: boolean,
): Value {
  const reduced = axes.map((axis) => axisOf(axis, x.shape.length));
  const shape = x.shape.flatMap((dim, i): Dim[] => (reduced.includes(i) ? (keepdims ? [1] : []) : [dim]));
  return one(g, op, [x, g.ints(reduced)], x.dtype, shape, { keepdims: keepdims ? 1 : 0 });
}
export const ReduceSum = (g: Builder, x: Value, axes: readonly number[], keepdims = true): Value =>
  reduce(g, 'ReduceSum', x, axes, keepdims);
export const ReduceMean = (g: Builder, x: Value, axes: readonly number[], keepdims = true): Value =>
  reduce(g, 'ReduceMean', x, axes, keepdims);
export const ReduceMax = (g: Builder, x: Value, axes: readonly number[], keepdims = true): Value =>
  reduce(g, 'ReduceMax', x, axes, keepdims);

// linear algebra
/** op(A)·op(B) + C with A, B matrices; C, if given, has the result's shape or broadcasts to it. */
export function Gemm(
  g: Builder,
  a: Value,
  b: Value,
  options: { transA?: boolean; transB?: boolean; c?: Value; alpha?: number } = {},
): Value {
  const { transA = false, transB = false, c, alpha } = options;
  if (a.shape.length !== 2 || b.shape.length !== 2) fail('Gemm', `${text(a)} and ${text(b)} are not both matrices`);
  const [m, k] = transA ? [a.shape[1], a.shape[0]] : [a.shape[0], a.shape[1]];
  const [k2, n] = transB ? [b.shape[1], b.shape[0]] : [b.shape[0], b.shape[1]];
  if (k !== k2) fail('Gemm', `${text(a)} and ${text(b)} do not fit (transA ${transA}, transB ${transB})`);
  if (a.dtype !== b.dtype) fail('Gemm', `${text(a)} and ${text(b)} have different types`);
  if (c && !sameShape(broadcast(c.shape, [m, n]) ?? [], [m, n]))
    fail('Gemm', `${text(c)} does not broadcast to ${shapeText([m, n])}`);
  return one(g, 'Gemm', c ? [a, b, c] : [a, b], a.dtype, [m, n], {
    ...(transA ? { transA: 1 } : {}),
    ...(transB ? { transB: 1 } : {}),
    ...(alpha === undefined ? {} : { alpha: { float: alpha } }),
  });
}
/** Batched product [..., m, k]·[..., k, n]; leading axes broadcast. */
export function MatMul(g: Builder, a: Value, b: Value): Value {
  if (a.shape.length < 2 || b.shape.length < 2) fail('MatMul', `${text(a)} and ${text(b)} need two axes`);
  if (a.shape.at(-1) !== b.shape.at(-2) || a.dtype !== b.dtype) fail('MatMul', `${text(a)} and ${text(b)} do not fit`);
  const lead =
    broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2)) ?? fail('MatMul', `${text(a)} and ${text(b)} do not fit`);
  return one(g, 'MatMul', [a, b], a.dtype, [...lead, a.shape.at(-2)!, b.shape.at(-1)!]);
}

// blocks of quantised values, in runs of `block` along the last axis
/** x [blocks, n] of uint4 or uint8 as float32: (x − zero) · scale, both [blocks]; without a zero point it is 0. */
export function DequantizeLinear(g: Builder, x: Value, scale: Value, zero?: Value): Value {
  if (
    !sameShape(scale.shape, x.shape.slice(0, 1)) ||
    (zero && (zero.dtype !== x.dtype || !sameShape(zero.shape, scale.shape)))
  )
    fail('DequantizeLinear', `${text(x)} with ${text(scale)}${zero ? ` and ${text(zero)}` : ''}`);
  // scales of an axis are applied nearly twice as fast as the operator's own blocks
  return one(g, 'DequantizeLinear', zero ? [x, scale, zero] : [x, scale], scale.dtype, x.shape, { axis: 0 });
}
/**
 * A [m, K] · Bᵀ for blocks B [N, K / block, bytes] of uint8 with scales [N, K / block]. The zero point is in the
 * middle, or given, packed like B: [N, bytes]. `int8`: A is rounded to int8 in blocks, too.
 */
export function MatMulNBits(
  g: Builder,
  a: Value,
  b: Value,
  scales: Value,
  options: { bits: 4 | 8; block: number; zero?: Value; int8: boolean },
): Value {
  const { bits, block, zero, int8 } = options;
  const [N, blocks, bytes] = b.shape as [number, number, number];
  const K = blocks * block;
  if (a.shape.length !== 2 || a.shape[1] !== K || bytes !== (block * bits) / 8 || !sameShape(scales.shape, [N, blocks]))
    fail('MatMulNBits', `${text(a)}, ${text(b)} and ${text(scales)} do not fit`);
  const attributes = { K, N, bits, block_size: block, accuracy_level: int8 ? 4 : 0 } as const;
  return one(g, 'MatMulNBits', zero ? [a, b, scales, zero] : [a, b, scales], a.dtype, [a.shape[0], N], attributes);
}
/**
 * Rows of a table of blocks, data [N, bytes of a row] of uint8 with scales [N, K / block], as float32; the zero point
 * is in the middle.
 */
export function GatherBlockQuantized(
  g: Builder,
  data: Value,
  indices: Value,
  scales: Value,
  { bits, block }: { bits: 4 | 8; block: number },
): Value {
  const K = Number(scales.shape[1]) * block;
  if (indices.dtype !== 'int64' || data.shape[1] !== (K * bits) / 8)
    fail('GatherBlockQuantized', `${text(data)} with ${text(scales)} by ${text(indices)}`);
  const attributes = { gather_axis: 0, quantize_axis: 1, bits, block_size: block } as const;
  return one(g, 'GatherBlockQuantized', [data, indices, scales], scales.dtype, [...indices.shape, K], attributes);
}

// movement
export function Transpose(g: Builder, x: Value, perm: readonly number[]): Value {
  if (perm.length !== x.shape.length || [...perm].sort().some((p, i) => p !== i))
    fail('Transpose', `${text(x)} by ${perm.join()}`);
  return one(
    g,
    'Transpose',
    [x],
    x.dtype,
    perm.map((p) => x.shape[p]),
    { perm },
  );
}
/** The last two axes swapped. */
export function MatrixTranspose(g: Builder, x: Value): Value {
  const axes = x.shape.map((_, i) => i);
  return Transpose(g, x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}
/** Reshape to dims that are known by name; no −1. */
export function Reshape(g: Builder, x: Value, shape: Shape): Value {
  if (product(x.shape) !== product(shape)) fail('Reshape', `${text(x)} to ${shapeText(shape)}`);
  return sameShape(x.shape, shape) ? x : one(g, 'Reshape', [x, g.shape(shape, true)], x.dtype, shape);
}
export function Expand(g: Builder, x: Value, shape: Shape): Value {
  if (!sameShape(broadcast(x.shape, shape) ?? [], shape)) fail('Expand', `${text(x)} to ${shapeText(shape)}`);
  return sameShape(x.shape, shape) ? x : one(g, 'Expand', [x, g.shape(shape)], x.dtype, shape);
}
export function Unsqueeze(g: Builder, x: Value, axes: readonly number[]): Value {
  const rank = x.shape.length + axes.length;
  const at = axes.map((axis) => axisOf(axis, rank));
  const rest = [...x.shape];
  const shape = Array.from({ length: rank }, (_, i): Dim => (at.includes(i) ? 1 : rest.shift()!));
  return one(g, 'Unsqueeze', [x, g.ints(at)], x.dtype, shape);
}
/** Cuts one axis into pieces of the given sizes. */
export function Split(g: Builder, x: Value, sizes: readonly number[], axis: number): Value[] {
  const a = axisOf(axis, x.shape.length);
  if (sizes.reduce((sum, size) => sum + size, 0) !== x.shape[a])
    fail('Split', `${text(x)} into ${sizes.join()} on axis ${axis}`);
  const outputs = sizes.map((size) => ({ dtype: x.dtype, shape: x.shape.map((dim, i) => (i === a ? size : dim)) }));
  return g.addMany('Split', [x, g.ints(sizes)], outputs, { axis: a });
}
/** Joins along an axis; `dim` names the size of the joined axis where it is not a number (S for P and T). */
export function Concat(g: Builder, xs: readonly Value[], axis: number, dim?: Dim): Value {
  const first = xs[0] ?? fail('Concat', 'nothing to join');
  const a = axisOf(axis, first.shape.length);
  for (const x of xs) {
    const fits =
      x.dtype === first.dtype &&
      x.shape.length === first.shape.length &&
      x.shape.every((d, i) => i === a || d === first.shape[i]);
    if (!fits) fail('Concat', `${text(first)} and ${text(x)} do not fit on axis ${axis}`);
  }
  const sizes = xs.map((x) => x.shape[a]);
  const total =
    dim ??
    (sizes.every((s) => typeof s === 'number')
      ? sizes.reduce((s, n) => s + n, 0)
      : fail('Concat', `needs a name for the size of axis ${axis}`));
  return one(
    g,
    'Concat',
    [...xs],
    first.dtype,
    first.shape.map((d, i) => (i === a ? total : d)),
    { axis: a },
  );
}
/** x[start:end] on one axis of fixed size. */
export function Slice(g: Builder, x: Value, axis: number, start: number, end: number): Value {
  const a = axisOf(axis, x.shape.length);
  const size = x.shape[a];
  if (typeof size !== 'number' || start < 0 || end > size || start >= end)
    fail('Slice', `${text(x)} [${start}:${end}] on axis ${axis}`);
  return one(
    g,
    'Slice',
    [x, g.ints([start]), g.ints([end]), g.ints([a])],
    x.dtype,
    x.shape.map((dim, i) => (i === a ? end - start : dim)),
  );
}
/** x[start:end] on one axis, with bounds [1] that are computed; `dim` names the size of what is taken. */
export function SliceAt(g: Builder, x: Value, axis: number, start: Value, end: Value, dim: Dim): Value {
  const a = axisOf(axis, x.shape.length);
  const shape = x.shape.map((d, i) => (i === a ? dim : d));
  return one(g, 'Slice', [x, start, end, g.ints([a])], x.dtype, shape);
}
/** Zeros around x, `pads` [2·rank] of them; `shape` is that of the result. */
export const Pad = (g: Builder, x: Value, pads: Value, shape: Shape): Value => one(g, 'Pad', [x, pads], x.dtype, shape);
/** Rows of x by index: shape = indices' shape in place of the axis. */
export function Gather(g: Builder, x: Value, indices: Value, axis = 0): Value {
  const a = axisOf(axis, x.shape.length);
  if (indices.dtype !== 'int64') fail('Gather', `indices ${text(indices)} must be int64`);
  return one(g, 'Gather', [x, indices], x.dtype, [...x.shape.slice(0, a), ...indices.shape, ...x.shape.slice(a + 1)], {
    axis: a,
  });
}
/** One element per index along the axis; the indices' shape. */
export function GatherElements(g: Builder, x: Value, indices: Value, axis: number): Value {
  const a = axisOf(axis, x.shape.length);
  if (indices.dtype !== 'int64' || indices.shape.length !== x.shape.length)
    fail('GatherElements', `${text(x)} by ${text(indices)}`);
  return one(g, 'GatherElements', [x, indices], x.dtype, indices.shape, { axis: a });
}
/**
 * x with updates added at the indices along the axis; equal indices add up, in order (ScatterND would add them in a
 * race).
 */
export function ScatterElementsAdd(g: Builder, x: Value, indices: Value, updates: Value, axis: number): Value {
  if (!sameShape(indices.shape, updates.shape) || x.dtype !== updates.dtype)
    fail('ScatterElements', `${text(x)}, ${text(indices)}, ${text(updates)}`);
  return one(g, 'ScatterElements', [x, indices, updates], x.dtype, x.shape, {
    axis: axisOf(axis, x.shape.length),
    reduction: 'add',
  });
}
/** Zeros (or another float) of a shape. */
export function Full(g: Builder, shape: Shape, value = 0, dtype: FloatType = g.float): Value {
  return Expand(g, g.scalar(value, dtype), shape);
}
/** 0, 1, … for a dim, int64. */
export function Range(g: Builder, dim: Dim): Value {
  const end = one(g, 'Squeeze', [g.dim(dim), g.ints([0])], 'int64', []);
  return one(g, 'Range', [g.int(0), end, g.int(1)], 'int64', [dim]);
}
