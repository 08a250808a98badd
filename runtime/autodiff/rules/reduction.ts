import type { Builder, NodeOf, Value } from '../../onnx/graph.js';
import { Cast, Div, Equal, Mul, ReduceSum, Reshape } from '../../onnx/ops.js';
import { axisOf, product, type Dim } from '../../onnx/shapes.js';
import { constantInts, scalarLike, type Rules } from './rule.js';

type Reduction = NodeOf<'ReduceSum' | 'ReduceMean' | 'ReduceMax'>;

const axesOf = (g: Builder, { inputs: [x, axes] }: Reduction): number[] =>
  constantInts(g, axes).map((axis) => axisOf(axis, x.shape.length));

/** A reduced value with its reduced axes back as 1. */
function kept(g: Builder, node: Reduction, value: Value): Value {
  const axes = axesOf(g, node);
  const shape = node.inputs[0].shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
  return Reshape(g, value, shape);
}

/** value / size of the dim. */
function over(g: Builder, value: Value, count: Dim): Value {
  if (typeof count === 'number') return Mul(g, value, scalarLike(g, 1 / count, value));
  return Div(g, value, Cast(g, g.dim(count), value.dtype));
}

/** dX is 1 along the reduced axes: the walk expands it where a rule needs that. */
const reduction =
  (dX: (g: Builder, dY: Value, node: Reduction) => Value) =>
  (g: Builder, node: Reduction, [dY]: readonly [Value]): readonly [Value, null] => [
    dX(g, kept(g, node, dY), node),
    null,
  ];

export const reductions = {
  ReduceSum: reduction((_, dY) => dY),
  ReduceMean: reduction((g, dY, node) =>
    over(g, dY, product(axesOf(g, node).map((axis) => node.inputs[0].shape[axis]))),
  ),
  /** Equal maxima share the gradient evenly. */
  ReduceMax: reduction((g, dY, node) => {
    const [x] = node.inputs;
    const mask = Cast(g, Equal(g, x, kept(g, node, node.outputs[0])), x.dtype);
    return Mul(g, mask, Div(g, dY, ReduceSum(g, mask, axesOf(g, node))));
  }),
} satisfies Rules;
