import type { Builder, Node, Value } from '../../onnx/graph.js';
import { Cast, Div, Equal, Mul, ReduceSum, Reshape } from '../../onnx/ops.js';
import { axisOf, product, type Dim } from '../../onnx/shapes.js';
import { constantInts, scalarLike, unary, type Rule } from '../rule.js';

const axesOf = (g: Builder, node: Node): number[] =>
  constantInts(g, node, 1).map((axis) => axisOf(axis, node.inputs[0]!.shape.length));

/** A reduced value with its reduced axes back as 1. */
function kept(g: Builder, node: Node, value: Value): Value {
  const axes = axesOf(g, node);
  return Reshape(
    g,
    value,
    node.inputs[0]!.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)),
  );
}

/** value / size of the dim. */
function over(g: Builder, value: Value, count: Dim): Value {
  if (typeof count === 'number') return Mul(g, value, scalarLike(g, 1 / count, value));
  return Div(g, value, Cast(g, g.dim(count), value.dtype));
}

/** dX is 1 along the reduced axes: the walk expands it where a rule needs that. */
const reduction = (dX: (g: Builder, dY: Value, node: Node) => Value): Rule => {
  const rule = unary((g, dY, _x, _y, node) => dX(g, kept(g, node, dY), node));
  return (g, node, dY, wanted) => [...rule(g, node, dY, wanted), null];
};

export const reductions = {
  ReduceSum: reduction((_, dY) => dY),
  ReduceMean: reduction((g, dY, node) =>
    over(g, dY, product(axesOf(g, node).map((axis) => node.inputs[0]!.shape[axis]!))),
  ),
  /** Equal maxima share the gradient evenly. */
  ReduceMax: reduction((g, dY, node) => {
    const x = node.inputs[0]!;
    const mask = Cast(g, Equal(g, x, kept(g, node, node.outputs[0]!)), x.dtype);
    return Mul(g, mask, Div(g, dY, ReduceSum(g, mask, axesOf(g, node))));
  }),
} satisfies Record<string, Rule>;
