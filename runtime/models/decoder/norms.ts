import type { Builder, Value } from '../../onnx/graph.js';
import { Add, Concat, Div, Mul, ReduceMean, Reshape, Sub } from '../../onnx/ops.js';
import { stabilisedRoot } from './activations.js';
import type { HeadNormSpec, NormSpec } from './spec.js';

/** A parameter of the model by its name in the checkpoint, in the type that the graph computes in. */
export interface Weight {
  (name: string, shape: readonly number[]): Value;
  /** A weight in blocks, in parts of its rows; undefined for another. */
  pieces?(name: string, shape: readonly number[]): Piece[] | undefined;
}

/** Some rows of a weight. */
export interface Piece {
  /** Values of the graph. */
  readonly stored: readonly Value[];
  /** The rows in float32, from the same as values of `b`: of the graph, or of a body in it. */
  read(b: Builder, stored: readonly Value[]): Value;
}

/** x without its scale: over the last axis. */
function normalise(g: Builder, { kind, epsilon }: NormSpec, x: Value): Value {
  const centred = kind === 'layer' ? Sub(g, x, ReduceMean(g, x, [-1])) : x;
  return Div(g, centred, stabilisedRoot(g, ReduceMean(g, Mul(g, centred, centred), [-1]), epsilon));
}

/** RMSNorm (Zhang & Sennrich 2019) or LayerNorm (Ba et al. 2016) over the last axis of x [..., size]. */
export function norm(g: Builder, spec: NormSpec, x: Value, weight: Weight): Value {
  return g.named(spec.name, () => {
    if (spec.factor === 'none') return normalise(g, spec, x);
    const w = weight(`${spec.name}.weight`, [spec.size]);
    const factor = spec.factor === 'one-plus-weight' ? Add(g, w, g.scalar(1)) : w;
    const y = Mul(g, normalise(g, spec, x), factor);
    return spec.bias ? Add(g, y, weight(`${spec.name}.bias`, [spec.size])) : y;
  });
}

/** Norm of x [B, T, H, D] over D; each head may have a weight of its own. */
export function headNorm(g: Builder, spec: HeadNormSpec, x: Value, weight: Weight): Value {
  if (spec.over !== 'each') return norm(g, spec.norm, x, weight);
  const [H, D] = x.shape.slice(-2) as [number, number];
  return g.named(spec.norm.name, () => {
    const { name } = spec.norm;
    const apart = (): Value[] => Array.from({ length: H }, (_, h) => weight(`${name}.norms.${h}.weight`, [D]));
    const rows = spec.apart ? Reshape(g, Concat(g, apart(), 0), [H, D]) : weight(`${name}.weight`, [H, D]);
    return Mul(g, normalise(g, spec.norm, x), rows);
  });
}
