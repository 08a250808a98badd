import { Builder, type Graph } from '../onnx/graph.js';
import { Add, Div, Mul, ReduceSum, Reshape, Sqrt, Sub } from '../onnx/ops.js';
import type { Shape } from '../onnx/shapes.js';

const anyShape = (rank: number): Shape => Array.from({ length: rank }, (_, i) => `N${i}`);

/** What a step of AdamW needs besides the tensors; all scalars of shape []. */
export const ADAMW_SCALARS = [
  /** Factor on the gradient: the clip factor. */
  'gradScale',
  'learningRate',
  /** 1 − learningRate · weightDecay. */
  'decay',
  'beta1',
  'oneMinusBeta1',
  'beta2',
  'oneMinusBeta2',
  /** 1 − beta1ᵏ and 1 − beta2ᵏ. */
  'correction1',
  'correction2',
  'epsilon',
] as const;
export type AdamWScalars = Readonly<Record<(typeof ADAMW_SCALARS)[number], number>>;

/**
 * AdamW as torch defines it (decoupled decay first):
 *
 *     p ← p·(1 − lr·wd);  m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  p ← p − lr·(m/c₁) / (√(v/c₂) + ε)
 *
 * (p, g, m, v, scalars) → (p', m', v'), elementwise on tensors with `rank` axes.
 */
export function adamWGraph(rank: number): Graph {
  const g = new Builder('adamw');
  const [p, grad, m, v] = ['p', 'g', 'm', 'v'].map((name) => g.input(name, g.float, anyShape(rank))) as [
    ReturnType<Builder['input']>,
    ReturnType<Builder['input']>,
    ReturnType<Builder['input']>,
    ReturnType<Builder['input']>,
  ];
  const s = Object.fromEntries(ADAMW_SCALARS.map((name) => [name, g.input(name, g.float, [])])) as Record<
    (typeof ADAMW_SCALARS)[number],
    ReturnType<Builder['input']>
  >;
  const clipped = Mul(g, grad, s.gradScale);
  const m1 = Add(g, Mul(g, m, s.beta1), Mul(g, clipped, s.oneMinusBeta1));
  const v1 = Add(g, Mul(g, v, s.beta2), Mul(g, Mul(g, clipped, clipped), s.oneMinusBeta2));
  const denominator = Add(g, Sqrt(g, Div(g, v1, s.correction2)), s.epsilon);
  const update = Div(g, Mul(g, Div(g, m1, s.correction1), s.learningRate), denominator);
  g.outputAs('p1', Sub(g, Mul(g, p, s.decay), update));
  g.outputAs('m1', m1);
  g.outputAs('v1', v1);
  return g.graph();
}

/** Sum of squares of a tensor, for the global norm: x → `sum` []. */
export function sumOfSquaresGraph(rank: number): Graph {
  const g = new Builder('sum-of-squares');
  const x = g.input('x', g.float, anyShape(rank));
  const squares = Mul(g, x, x);
  // row by row first: one long float32 sum loses digits
  const rows = rank > 1 ? ReduceSum(g, squares, [rank - 1], false) : squares;
  g.outputAs(
    'sum',
    Reshape(
      g,
      ReduceSum(
        g,
        rows,
        rows.shape.map((_, i) => i),
        false,
      ),
      [],
    ),
  );
  return g.graph();
}
