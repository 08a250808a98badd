import { Mul, Neg, Probabilities, ReduceSum, ScatterElementsAdd, Sub } from '../../onnx/ops.js';
import { axisOf } from '../../onnx/shapes.js';
import { scattered, type Rules } from './rule.js';

export const normalization = {
  /** dX = Y·(dY − Σ dY·Y) */
  Softmax: (g, { outputs: [y], attributes: { axis } }, [dY]) => [
    Mul(g, y, Sub(g, dY, ReduceSum(g, Mul(g, dY, y), [axis]))),
  ],
  /**
   * dX = dY − exp(Y)·Σ dY. For cross-entropy dY is zero but at the targets: there only exp(Y)·Σ dY fills the
   * vocabulary, and the targets are added to it.
   */
  LogSoftmax: (g, { outputs: [y], attributes }, [dY]) => {
    const axis = axisOf(attributes.axis, y.shape.length);
    const sparse = scattered(g, dY);
    if (sparse?.axis !== axis) return [Sub(g, dY, Mul(g, Probabilities(g, y), ReduceSum(g, dY, [axis])))];
    const { indices, updates } = sparse;
    const base = Mul(g, Probabilities(g, y), Neg(g, ReduceSum(g, updates, [axis])));
    return [ScatterElementsAdd(g, base, indices, updates, axis)];
  },
} satisfies Rules;
