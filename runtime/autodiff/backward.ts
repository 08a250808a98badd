import { checkGraph, prune } from '../onnx/check.js';
import { Builder, type FloatType, type Graph, type Value } from '../onnx/graph.js';
import { Full } from '../onnx/ops.js';
import { Renaming } from '../onnx/rewrite.js';
import { sameShape, shapeText } from '../onnx/shapes.js';
import { joinScans, type ScanPair } from './joinScans.js';
import type { SegmentOf } from './reread.js';
import { differentiate, isFloat } from './walk.js';

interface Backward {
  /** The forward graph with the backward pass behind it: its outputs, then the gradients in the order of `wrt`. */
  readonly graph: Graph;
  /** Gradients, aligned with `wrt`: dtype and shape of each value, named like it with `'` behind, or as `names` say. */
  readonly gradients: Value[];
}

/**
 * Reverse-mode differentiation: d loss / d each of `wrt`, as further nodes of the same graph.
 *
 * `loss` has one element, its own gradient is 1, or `seed` (a value of the graph of the same shape; then `loss` may
 * have any shape and the result is the product with the Jacobian). `wrt` are inputs, initializers or values in between.
 * With `segmentOf` little of the forward pass is kept: its segments are computed again when their gradients are. With
 * `onto` each is added to a further input of that name, aligned with `wrt`, which then are inputs.
 * Only nodes on a path from `wrt` to `loss` get a gradient. The result is checked and holds nothing that no output
 * needs.
 *
 * Throws if an operator on the path has no rule (rules: table.ts).
 */
export function backward(
  graph: Graph,
  loss: Value,
  wrt: readonly Value[],
  options: { seed?: Value; names?: readonly string[]; segmentOf?: SegmentOf; onto?: readonly string[] } = {},
): Backward {
  const { seed, segmentOf, onto = [], names = wrt.map((x) => `${x.name}'`) } = options;
  if (loss.dtype !== 'float32' && loss.dtype !== 'float64') throw new Error(`the loss ${loss.name} is ${loss.dtype}`);
  if (!seed && loss.shape.some((dim) => dim !== 1))
    throw new Error(`the loss ${loss.name} has shape ${shapeText(loss.shape)}: without a seed it must be one number`);
  if (seed && (seed.dtype !== loss.dtype || !sameShape(seed.shape, loss.shape)))
    throw new Error(`the seed ${seed.name} ${seed.dtype}${shapeText(seed.shape)} does not fit the loss ${loss.name}`);
  if (names.length !== wrt.length) throw new Error(`${names.length} names for ${wrt.length} gradients`);
  for (const x of wrt) if (!isFloat(x)) throw new Error(`${x.name} is ${x.dtype}: it has no gradient`);

  const g = new Builder(graph.name, { from: graph, float: loss.dtype });
  const scans: ScanPair[] = [];
  const ofLoss = [loss, seed ?? Full(g, loss.shape, 1, loss.dtype)] as const;
  // d (loss + Σ ⟨onto, x⟩) / d x
  const seeds = [ofLoss, ...onto.map((sum, i) => [wrt[i], g.input(sum, wrt[i].dtype, wrt[i].shape)] as const)];
  const found = differentiate(g, graph, seeds, wrt, { scans, segmentOf });
  const gradients = wrt.map((x, i) =>
    g.named(`${x.name}'`, () => found[i] ?? Full(g, x.shape, 0, x.dtype as FloatType)),
  );
  return finish(g, graph.nodes.length, names, gradients, scans);
}

/** Makes the gradients outputs with names of their own, drops what nothing needs, checks. */
function finish(
  g: Builder,
  forwardNodes: number,
  names: readonly string[],
  found: readonly Value[],
  scans: readonly ScanPair[],
): Backward {
  // one value may be the gradient of several (A + B), or be there before (the seed): those get a node for the name
  const renaming = new Renaming(g);
  const gradients = found.map((dX, i) => {
    const name = names[i];
    return g.named(name, () => renaming.set(dX, g.unique(name), forwardNodes));
  });
  const graph = renaming.apply(joinScans(g.graph(), scans));
  return { graph: checkGraph(prune({ ...graph, outputs: [...graph.outputs, ...gradients] })), gradients };
}
