import { Exp, Mul, Neg, ReduceSum, ScatterElementsAdd, Sub } from '../../onnx/ops.js';
import { axisOf } from '../../onnx/shapes.js';
import { intAttribute, scattered, unary, type Rule } from '../rule.js';

export const normalization = {
  /** dX = Y·(dY − Σ dY·Y) */
  Softmax: unary((g, dY, _, y, node) =>
    Mul(g, y, Sub(g, dY, ReduceSum(g, Mul(g, dY, y), [intAttribute(node, 'axis', -1)]))),
  ),
  /**
   * dX = dY − exp(Y)·Σ dY. For cross-entropy dY is zero but at the targets: there only exp(Y)·Σ dY fills the vocabulary, and
   * the targets are added to it.
   */
  LogSoftmax: unary((g, dY, _, y, node) => {
    const axis = axisOf(intAttribute(node, 'axis', -1), y.shape.length);
    const sparse = scattered(g, dY);
    if (sparse?.axis !== axis) return Sub(g, dY, Mul(g, Exp(g, y), ReduceSum(g, dY, [axis])));
    const { indices, updates } = sparse;
    return ScatterElementsAdd(g, Mul(g, Exp(g, y), Neg(g, ReduceSum(g, updates, [axis]))), indices, updates, axis);
  }),
} satisfies Record<string, Rule>;
