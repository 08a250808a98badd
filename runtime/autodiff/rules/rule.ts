import type { Builder, FloatType, Graph, NodeOf, Value } from '../../onnx/graph.js';
import type { InputsOf, Op, OutputsOf } from '../../onnx/operators.js';

/** One for each input. For an input that needs a gradient, null states that the gradient is zero. */
type GradientsOf<Inputs extends readonly Value[]> = { readonly [I in keyof Inputs]: Value | null };

/**
 * Differentiates inside a graph that a node has: d Σ ⟨seed, y⟩ / d each of `wrt`, as further nodes; undefined where
 * that is zero.
 */
export type Differentiate = (
  g: Builder,
  graph: Graph,
  seeds: readonly (readonly [y: Value, seed: Value])[],
  wrt: readonly Value[],
) => (Value | undefined)[];

/**
 * The gradient of one operator: dX of every input from dY of every output.
 *
 * - dY of an output is undefined where nothing depends on it; a node is visited only if at least one is defined.
 * - `needsGrad[i]` says whether input i needs a gradient; for the others a rule computes nothing and returns null.
 * - A rule ignores broadcasting: it may return a gradient of the output's shape, the walk sums it down to the input's.
 */
export type Rule<O extends Op> = (
  g: Builder,
  node: NodeOf<O>,
  dY: OutputsOf<O> extends readonly [Value] ? readonly [Value] : readonly (Value | undefined)[],
  needsGrad: readonly boolean[],
  differentiate: Differentiate,
) => GradientsOf<InputsOf<O>>;

export type Rules = { readonly [O in Op]?: Rule<O> };

export interface Binary {
  readonly inputs: readonly [a: Value, b: Value];
  readonly outputs: readonly [y: Value];
}
type Unary = { readonly inputs: readonly [x: Value]; readonly outputs: readonly [y: Value] };

/** A rule of one input. */
export const unary =
  (dX: (g: Builder, dY: Value, x: Value, y: Value) => Value) =>
  (g: Builder, { inputs: [x], outputs: [y] }: Unary, [dY]: readonly [Value]): readonly [Value] => [dX(g, dY, x, y)];

/** A rule of two inputs; each gradient is computed only where it is needed. */
export const binary =
  (
    dA: (g: Builder, dY: Value, a: Value, b: Value, y: Value) => Value,
    dB: (g: Builder, dY: Value, a: Value, b: Value, y: Value) => Value,
  ) =>
  (
    g: Builder,
    { inputs: [a, b], outputs: [y] }: Binary,
    [dY]: readonly [Value],
    needsGrad: readonly boolean[],
  ): readonly [Value | null, Value | null] => [
    needsGrad[0] ? dA(g, dY, a, b, y) : null,
    needsGrad[1] ? dB(g, dY, a, b, y) : null,
  ];

/** A constant of the dtype of a value. */
export const scalarLike = (g: Builder, value: number, like: Value): Value => g.scalar(value, like.dtype as FloatType);

/** The integers of a constant that an operator takes as an input (axes, starts). */
export function constantInts(g: Builder, value: Value): number[] {
  const data = g.initializer(value);
  if (data?.kind !== 'inline' || value.dtype !== 'int64')
    throw new Error(`${value.name} must be an int64 constant for a gradient`);
  const view = new DataView(data.bytes.buffer, data.bytes.byteOffset, data.bytes.byteLength);
  return Array.from({ length: data.bytes.byteLength / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}

/** The same where there must be one. */
export function constantInt(g: Builder, value: Value): number {
  const [int, ...others] = constantInts(g, value);
  if (int === undefined || others.length > 0) throw new Error(`${value.name} must be one integer for a gradient`);
  return int;
}

/** Updates at indices along an axis. */
interface Scattered {
  readonly indices: Value;
  readonly updates: Value;
  readonly axis: number;
}

/** The parts of a gradient that is nothing but updates added to zeros (the gradient of Gather and GatherElements). */
export function scattered(g: Builder, gradient: Value): Scattered | undefined {
  const node = g.producer(gradient);
  if (node?.op !== 'ScatterElements') return undefined;
  const [data, indices, updates] = node.inputs;
  const zeros = g.producer(data);
  if (zeros?.op !== 'Expand' || zeros.inputs[0].name !== scalarLike(g, 0, gradient).name) return undefined;
  return { indices, updates, axis: node.attributes.axis };
}
