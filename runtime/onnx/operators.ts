import type { Graph, Value } from './graph.js';

/** A FLOAT attribute; plain numbers are INT. */
interface Float {
  readonly float: number;
}
export type Attribute = number | Float | string | readonly number[] | Graph;

/**
 * The body of a Scan's gradient, where it is not derived from the body. It takes the body's slices, the stacked
 * results, their gradients, and the body's whole values. It gives gradients of the body's inputs at the places `wrt`:
 * of whole values, which are summed, and then of slices.
 */
export interface ScanGradient extends Graph {
  readonly wrt: readonly number[];
}

interface Unary {
  inputs: readonly [x: Value];
}
interface Binary {
  inputs: readonly [a: Value, b: Value];
}
interface Along extends Unary {
  attributes: { readonly axis: number };
}
interface Reduction {
  inputs: readonly [x: Value, axes: Value];
  attributes: { readonly keepdims: 0 | 1 };
}
interface Shaped {
  inputs: readonly [x: Value, shape: Value];
}
interface Squeezing {
  inputs: readonly [x: Value, axes: Value];
}
interface Picking {
  inputs: readonly [x: Value, indices: Value];
  attributes: { readonly axis: number };
}

/**
 * The operators that a graph may have, as the ONNX specification (opset 21) or DOMAINS define them: inputs in order and
 * attributes by name. Without `outputs` an operator has one. A new operator is an entry here, a function in ops.ts and
 * a rule in autodiff/table.ts.
 */
interface Operators {
  Add: Binary;
  Sub: Binary;
  Mul: Binary;
  Div: Binary;
  Max: Binary;
  Min: Binary;
  Neg: Unary;
  Exp: Unary;
  Log: Unary;
  Sqrt: Unary;
  Tanh: Unary;
  Sigmoid: Unary;
  Relu: Unary;
  Erf: Unary;
  Sin: Unary;
  Cos: Unary;
  Identity: Unary;
  Cast: { inputs: readonly [x: Value]; attributes: { readonly to: number } };

  Equal: Binary;
  Less: Binary;
  LessOrEqual: Binary;
  Greater: Binary;
  And: Binary;
  Where: { inputs: readonly [condition: Value, a: Value, b: Value] };

  Softmax: Along;
  LogSoftmax: Along;
  ReduceSum: Reduction;
  ReduceMean: Reduction;
  ReduceMax: Reduction;

  Gemm: {
    inputs: readonly [a: Value, b: Value] | readonly [a: Value, b: Value, c: Value];
    attributes: { readonly transA?: 1; readonly transB?: 1; readonly alpha?: Float };
  };
  MatMul: Binary;

  /** Values of the same index along the axis share a scale and a zero point. */
  DequantizeLinear: {
    inputs: readonly [x: Value, scale: Value] | readonly [x: Value, scale: Value, zero: Value];
    attributes: { readonly axis: number };
  };
  MatMulNBits: {
    inputs: readonly [a: Value, b: Value, scales: Value] | readonly [a: Value, b: Value, scales: Value, zero: Value];
    attributes: {
      readonly K: number;
      readonly N: number;
      readonly bits: 4 | 8;
      readonly block_size: number;
      readonly accuracy_level: 0 | 4;
    };
  };
  GatherBlockQuantized: {
    inputs: readonly [data: Value, indices: Value, scales: Value];
    attributes: {
      readonly gather_axis: number;
      readonly quantize_axis: number;
      readonly bits: 4 | 8;
      readonly block_size: number;
    };
  };

  Transpose: { inputs: readonly [x: Value]; attributes: { readonly perm: readonly number[] } };
  Reshape: Shaped;
  Expand: Shaped;
  Unsqueeze: Squeezing;
  Squeeze: Squeezing;
  Split: {
    inputs: readonly [x: Value, sizes: Value];
    attributes: { readonly axis: number };
    outputs: readonly Value[];
  };
  Concat: { inputs: readonly Value[]; attributes: { readonly axis: number } };
  Slice: { inputs: readonly [x: Value, starts: Value, ends: Value, axes: Value] };
  /** Zeros around x: `pads` [2·rank] has the counts before each axis, then those behind. */
  Pad: { inputs: readonly [x: Value, pads: Value] };
  Gather: Picking;
  GatherElements: Picking;
  ScatterElements: {
    inputs: readonly [x: Value, indices: Value, updates: Value];
    attributes: { readonly axis: number; readonly reduction: 'add' };
  };

  Shape: { inputs: readonly [x: Value]; attributes: { readonly start: number; readonly end: number } };
  Range: { inputs: readonly [start: Value, limit: Value, delta: Value] };

  /**
   * Runs a graph once for each slice of some values along their first axis. Inputs: what its `sums` are added to,
   * `slices` values that are cut, and values that each run sees whole. The body's inputs are a slice of each and the
   * whole ones; its outputs are a term of each sum, then what is stacked along a new first axis. The file has ONNX's
   * Scan: a sum is a state, and the body reads whole values from the graph around it. A `gradient` is for the rule of
   * the node alone, and in no file.
   */
  Scan: {
    inputs: readonly Value[];
    attributes: {
      readonly body: Graph;
      readonly sums: number;
      readonly slices: number;
      readonly gradient?: ScanGradient;
    };
    outputs: readonly Value[];
  };
}

/** Operators that are not of the ONNX specification: whose they are. */
export const DOMAINS: { readonly [O in Op]?: string } = {
  MatMulNBits: 'com.microsoft',
  GatherBlockQuantized: 'com.microsoft',
};

export type Op = keyof Operators;
export type InputsOf<O extends Op> = Operators[O]['inputs'];
export type OutputsOf<O extends Op> = Operators[O] extends { outputs: infer Y } ? Y : readonly [y: Value];
export type AttributesOf<O extends Op> = Operators[O] extends { attributes: infer A }
  ? A
  : Readonly<Record<never, never>>;
/** The attributes as an argument, for operators that have some. */
export type AttributeArgument<O extends Op> = Operators[O] extends { attributes: infer A } ? [attributes: A] : [];

/** Operators with these inputs and without attributes. */
type Plain<Inputs> = {
  [O in Op]: Operators[O] extends { attributes: unknown } ? never : Operators[O]['inputs'] extends Inputs ? O : never;
}[Op];
export type UnaryOp = Plain<readonly [Value]>;
export type BinaryOp = Plain<readonly [Value, Value]>;
