import { Exp, Mul, ReduceSum, Sub } from '../../onnx/ops.js';
import { intAttribute, unary, type Rule } from '../rule.js';

export const normalization = {
  /** dX = Y·(dY − Σ dY·Y) */
  Softmax: unary((g, dY, _, y, node) =>
    Mul(g, y, Sub(g, dY, ReduceSum(g, Mul(g, dY, y), [intAttribute(node, 'axis', -1)]))),
  ),
  /** dX = dY − exp(Y)·Σ dY */
  LogSoftmax: unary((g, dY, _, y, node) =>
    Sub(g, dY, Mul(g, Exp(g, y), ReduceSum(g, dY, [intAttribute(node, 'axis', -1)]))),
  ),
} satisfies Record<string, Rule>;
