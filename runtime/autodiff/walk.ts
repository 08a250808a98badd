import type { Builder, DType, Graph, Node, Value } from '../onnx/graph.js';
import { Add, Expand, ReduceSum, Reshape, ScatterElementsAdd } from '../onnx/ops.js';
import { broadcast, sameShape, shapeText, type Shape } from '../onnx/shapes.js';
import type { ScanPair } from './joinScans.js';
import { rereader, type SegmentOf } from './reread.js';
import { scattered } from './rules/rule.js';
import { isElementwise, NO_GRADIENT, ruleOf } from './table.js';

/** Integers and booleans have no gradient: a path from a weight to the loss goes through floats only. */
const FLOATS: ReadonlySet<DType> = new Set(['float16', 'bfloat16', 'float32', 'float64']);
export const isFloat = (value: Value): boolean => FLOATS.has(value.dtype);

/**
 * The walk: d Σ ⟨seed, y⟩ / d each of `wrt`, as nodes behind those of the graph, which `g` has.
 * @param options `scans` takes each Scan met with the one that is its gradient; `segmentOf`: what is computed again
 * @returns gradients of the shape of each value; undefined where nothing depends on it
 */
export function differentiate(
  g: Builder,
  graph: Graph,
  seeds: readonly (readonly [y: Value, seed: Value])[],
  wrt: readonly Value[],
  { scans = [], segmentOf }: { scans?: ScanPair[]; segmentOf?: SegmentOf } = {},
): (Value | undefined)[] {
  const varies = dependents(graph, wrt);
  const reread = rereader(g, graph, segmentOf);
  /** What has reached each value so far, added up at once: nothing waits in memory for its sum. */
  const gradients = new Map<string, Value>();
  const contribute = (x: Value, dX: Value): void => {
    const before = gradients.get(x.name);
    gradients.set(x.name, before ? accumulate(g, before, dX) : dX);
  };

  for (const [y, seed] of seeds) if (varies.has(y.name)) contribute(y, seed);
  for (const node of [...graph.nodes].reverse()) {
    const reached = node.outputs.some((y) => gradients.has(y.name));
    const needsGrad = node.inputs.map((x) => varies.has(x.name));
    if (!reached || !needsGrad.includes(true) || NO_GRADIENT.has(node.op)) continue;
    const rule = ruleOf(node.op);
    if (!rule) throw new Error(`no gradient rule for ${node.op} (${where(node)})`);
    g.named(`${node.name}'`, () => {
      const dY = node.outputs.map((y) => {
        const sum = gradients.get(y.name);
        return sum && !takesSmall(node, needsGrad, y) ? Expand(g, sum, y.shape) : sum;
      });
      const dX = rule(g, reread(node), dY, needsGrad, differentiate);
      const last = g.nodes.at(-1);
      if (node.op === 'Scan' && !node.attributes.gradient && last?.op === 'Scan')
        scans.push({ forward: node, backward: last });
      node.inputs.forEach((x, i) => {
        const d = dX[i];
        if (needsGrad[i] && d) contribute(x, unbroadcast(g, node, d, x));
      });
    });
  }
  return wrt.map((x) =>
    g.named(`${x.name}'`, () => {
      const sum = gradients.get(x.name);
      return sum && Expand(g, sum, x.shape);
    }),
  );
}

const where = (node: Node): string => node.name || node.outputs.map((y) => y.name).join(', ');

/** Names of the values that change with `wrt`, through floats and operators that have a gradient. */
function dependents(graph: Graph, wrt: readonly Value[]): Set<string> {
  const varies = new Set(wrt.map((x) => x.name));
  for (const node of graph.nodes) {
    if (NO_GRADIENT.has(node.op) || !node.inputs.some((x) => varies.has(x.name))) continue;
    for (const y of node.outputs) if (isFloat(y)) varies.add(y.name);
  }
  return varies;
}

/** a + b. Rows scattered into zeros (a tied embedding has them) go straight into the other gradient. */
function accumulate(g: Builder, a: Value, b: Value): Value {
  for (const [dense, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const sparse = scattered(g, other);
    if (sparse && sameShape(dense.shape, other.shape))
      return ScatterElementsAdd(g, dense, sparse.indices, sparse.updates, sparse.axis);
  }
  return Add(g, a, b);
}

/**
 * A gradient that is 1 along an axis on which it does not vary may stay so for an elementwise node whose differentiated
 * inputs have the output's shape; elsewhere the rule, or the sum over a broadcast axis, needs all of it.
 */
function takesSmall(node: Node, needsGrad: readonly boolean[], y: Value): boolean {
  return isElementwise(node.op) && node.inputs.every((x, i) => !needsGrad[i] || sameShape(x.shape, y.shape));
}

/** Sums a gradient over the axes along which its input was broadcast: the one place where broadcasting is undone. */
function unbroadcast(g: Builder, node: Node, dX: Value, x: Value): Value {
  const lead = dX.shape.length - x.shape.length;
  const axes = dX.shape.flatMap((dim, i) => (i < lead || (x.shape[i - lead] === 1 && dim !== 1) ? [i] : []));
  const sum = axes.length === 0 ? dX : ReduceSum(g, dX, axes, true);
  const result = lead > 0 ? Reshape(g, sum, sum.shape.slice(lead)) : sum;
  if (result.dtype !== x.dtype || !fits(result.shape, x.shape)) {
    const typed = (v: Value): string => `${v.dtype}${shapeText(v.shape)}`;
    throw new Error(`the rule of ${node.op} (${where(node)}) gave ${typed(dX)} for ${x.name} ${typed(x)}`);
  }
  return result;
}

const fits = (small: Shape, shape: Shape): boolean =>
  small.length === shape.length && sameShape(broadcast(small, shape) ?? [], shape);
