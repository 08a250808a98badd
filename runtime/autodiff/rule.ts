import type { Builder, FloatType, Node, Value } from '../onnx/graph.js';

/**
 * The gradient of one operator: dX of every input from dY of every output.
 *
 * - `dY[i]` is undefined where nothing depends on output i; a node is visited only if at least one is defined.
 * - `wanted[i]` says whether input i needs a gradient; for the others a rule computes nothing and returns null.
 * - null for a wanted input is a statement: its gradient is zero.
 * - A rule ignores broadcasting: it may return a gradient of the output's shape, the walk sums it down to the input's.
 */
export type Rule = (
  g: Builder,
  node: Node,
  dY: readonly (Value | undefined)[],
  wanted: readonly boolean[],
) => (Value | null)[];

/** A rule of one input and one output. */
export const unary =
  (dX: (g: Builder, dY: Value, x: Value, y: Value, node: Node) => Value): Rule =>
  (g, node, dY) => [dX(g, dY[0]!, node.inputs[0]!, node.outputs[0]!, node)];

/** A rule of two inputs and one output; each gradient is computed only if it is wanted. */
export const binary =
  (
    dA: (g: Builder, dY: Value, a: Value, b: Value, y: Value) => Value,
    dB: (g: Builder, dY: Value, a: Value, b: Value, y: Value) => Value,
  ): Rule =>
  (g, node, dY, wanted) => {
    const [a, b] = node.inputs as [Value, Value];
    const of = (rule: typeof dA): Value => rule(g, dY[0]!, a, b, node.outputs[0]!);
    return [wanted[0] ? of(dA) : null, wanted[1] ? of(dB) : null];
  };

/** A constant of the dtype of a value. */
export const scalarLike = (g: Builder, value: number, like: Value): Value => g.scalar(value, like.dtype as FloatType);

/** The integers of a constant that an operator takes as an input (axes, starts). */
export function constantInts(g: Builder, node: Node, input: number): number[] {
  const value = node.inputs[input];
  const initializer = g.initializers.find((i) => i.value.name === value?.name);
  if (initializer?.data.kind !== 'inline' || initializer.value.dtype !== 'int64')
    throw new Error(`${node.op} (${node.name}): input ${input} must be an int64 constant to have a gradient`);
  const { bytes } = initializer.data;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 8 }, (_, i) => Number(view.getBigInt64(8 * i, true)));
}

/** An integer attribute, or ONNX's default for it. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name] ?? fallback;
  if (typeof value !== 'number') throw new Error(`${node.op} (${node.name}): attribute ${name} is not an integer`);
  return value;
}

/** Updates at indices along an axis. */
export interface Scattered {
  readonly indices: Value;
  readonly updates: Value;
  readonly axis: number;
}

/** What a gradient is made of, where it is nothing but updates added to zeros (the gradient of Gather and GatherElements). */
export function scattered(g: Builder, gradient: Value): Scattered | undefined {
  const node = g.nodes.findLast((n) => n.outputs.some((y) => y.name === gradient.name));
  if (node?.op !== 'ScatterElements') return undefined;
  const [data, indices, updates] = node.inputs as readonly [Value, Value, Value];
  const zeros = g.nodes.findLast((n) => n.outputs[0]!.name === data.name);
  if (zeros?.op !== 'Expand' || zeros.inputs[0]!.name !== scalarLike(g, 0, gradient).name) return undefined;
  return { indices, updates, axis: intAttribute(node, 'axis', 0) };
}
