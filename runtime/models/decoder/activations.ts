import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Div, Erf, Exp, Log, Mul, Relu, Sigmoid, Sqrt, Sub, Tanh } from '../../onnx/ops.js';
import type { Activation } from './spec.js';

/** y = act(x). */
export const ACTIVATION: Record<Exclude<Activation, 'xielu'>, (g: Builder, x: Value) => Value> = {
  /** x · σ(x) */
  silu: (g, x) => Mul(g, x, Sigmoid(g, x)),
  /** x · Φ(x) = x · (1 + erf(x/√2)) / 2 */
  gelu: (g, x) => Mul(g, Mul(g, x, g.scalar(0.5)), Add(g, Erf(g, Mul(g, x, g.scalar(Math.SQRT1_2))), g.scalar(1))),
  /** x · (1 + tanh z)/2 with z = √(2/π)(x + 0.044715 x³); (1 + tanh z)/2 = σ(2z) saves three operations. */
  'gelu-tanh': (g, x) => {
    const c = 2 * Math.sqrt(2 / Math.PI);
    const inner = Add(g, Mul(g, Mul(g, x, x), g.scalar(0.044715 * c)), g.scalar(c));
    return Mul(g, x, Sigmoid(g, Mul(g, x, inner)));
  },
  /** x · σ(1.702 x) */
  'gelu-quick': (g, x) => Mul(g, x, Sigmoid(g, Mul(g, x, g.scalar(1.702)))),
  relu: (g, x) => Relu(g, x),
  'relu-squared': (g, x) => {
    const r = Relu(g, x);
    return Mul(g, r, r);
  },
};

/**
 * xIELU (Huang & Schlag 2024, arXiv 2411.13010): x/2 + a·x² for x > 0, x/2 + b·(eˣ − 1 − x) else, with a =
 * softplus(alpha_p) and b = 1/2 + softplus(alpha_n), [1] each.
 */
export function xielu(g: Builder, x: Value, alphaP: Value, alphaN: Value): Value {
  const softplus = (y: Value): Value => Log(g, Add(g, Exp(g, y), g.scalar(1)));
  // One of the two parts is 0 everywhere.
  const positive = Relu(g, x);
  const negative = Sub(g, x, positive);
  const square = Mul(g, Mul(g, positive, positive), softplus(alphaP));
  const exponential = Sub(g, Sub(g, Exp(g, negative), g.scalar(1)), negative);
  const b = Add(g, softplus(alphaN), g.scalar(0.5));
  return Add(g, Add(g, square, Mul(g, exponential, b)), Mul(g, x, g.scalar(0.5)));
}

/** c · tanh(x / c): values stay within ±c (Gemma 2). */
export const softcap = (g: Builder, x: Value, c: number): Value => Mul(g, Tanh(g, Div(g, x, g.scalar(c))), g.scalar(c));

/** √(x + ε) */
export const stabilisedRoot = (g: Builder, x: Value, epsilon: number): Value => Sqrt(g, Add(g, x, g.scalar(epsilon)));
