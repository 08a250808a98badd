import { Cast, Cos, Div, Exp, Greater, Less, Mul, Neg, Sin, Sub, Where } from '../../onnx/ops.js';
import { binary, scalarLike, unary, type Rules } from './rule.js';

/**
 * Operators that work on each element alone. Their rules do so too, so that dY may be 1 along axes on which it does not
 * vary (what reductions hand back).
 */
export const elementwise = {
  Add: binary(
    (_, dY) => dY,
    (_, dY) => dY,
  ),
  Sub: binary(
    (_, dY) => dY,
    (g, dY) => Neg(g, dY),
  ),
  Mul: (g, { inputs: [a, b] }, [dY], needsGrad) => {
    // d(x²) = 2x: one product instead of two and their sum
    if (a.name === b.name) return [Mul(g, Mul(g, dY, scalarLike(g, 2, a)), a), null];
    return [needsGrad[0] ? Mul(g, dY, b) : null, needsGrad[1] ? Mul(g, dY, a) : null];
  },
  Div: binary(
    (g, dY, _, b) => Div(g, dY, b),
    (g, dY, _, b, y) => Neg(g, Div(g, Mul(g, dY, y), b)), // −A/B² = −Y/B
  ),
  Neg: unary((g, dY) => Neg(g, dY)),
  Exp: unary((g, dY, _, y) => Mul(g, dY, y)),
  Log: unary((g, dY, x) => Div(g, dY, x)),
  Sqrt: unary((g, dY, _, y) => Div(g, Mul(g, dY, scalarLike(g, 0.5, y)), y)),
  Tanh: unary((g, dY, _, y) => Sub(g, dY, Mul(g, dY, Mul(g, y, y)))),
  Sigmoid: unary((g, dY, _, y) => Mul(g, dY, Sub(g, y, Mul(g, y, y)))),
  /** 0 at 0. */
  Relu: unary((g, dY, _, y) => Where(g, Greater(g, y, scalarLike(g, 0, y)), dY, scalarLike(g, 0, dY))),
  Erf: unary((g, dY, x) => Mul(g, dY, Mul(g, Exp(g, Neg(g, Mul(g, x, x))), scalarLike(g, 2 / Math.sqrt(Math.PI), x)))),
  Sin: unary((g, dY, x) => Mul(g, dY, Cos(g, x))),
  Cos: unary((g, dY, x) => Neg(g, Mul(g, dY, Sin(g, x)))),
  Identity: unary((_, dY) => dY),
  /** Equal elements: the gradient goes to A. */
  Max: binary(
    (g, dY, a, b) => Where(g, Less(g, a, b), scalarLike(g, 0, dY), dY),
    (g, dY, a, b) => Where(g, Less(g, a, b), dY, scalarLike(g, 0, dY)),
  ),
  /** Equal elements: the gradient goes to A. */
  Min: binary(
    (g, dY, a, b) => Where(g, Greater(g, a, b), scalarLike(g, 0, dY), dY),
    (g, dY, a, b) => Where(g, Greater(g, a, b), dY, scalarLike(g, 0, dY)),
  ),
  Where: (g, { inputs: [condition] }, [dY], needsGrad) => {
    const zero = scalarLike(g, 0, dY);
    return [
      null,
      needsGrad[1] ? Where(g, condition, dY, zero) : null,
      needsGrad[2] ? Where(g, condition, zero, dY) : null,
    ];
  },
  /** Between floats; a cast to or from integers is on no path. */
  Cast: unary((g, dY, x) => Cast(g, dY, x.dtype)),
} satisfies Rules;
