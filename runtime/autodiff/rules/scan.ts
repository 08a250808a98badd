import { Builder, type NodeOf, type Value } from '../../onnx/graph.js';
import { addResult, scanInputs, scanNode, zeros } from '../../onnx/scan.js';
import type { ScanGradient } from '../../onnx/operators.js';
import type { Rules } from './rule.js';

export const scans = {
  /**
   * A Scan again. Its body is the forward body with the backward pass behind it: what a slice needs is computed again,
   * so that nothing of a run is kept between the two passes. Gradients of slices are stacked, those of whole values are
   * sums.
   */
  Scan: (g, node, dY, needsGrad, differentiate) => {
    const { body, sums, gradient } = node.attributes;
    if (gradient) return ownGradient(g, node, gradient, dY);
    const { from, slices, whole } = scanInputs(node);
    const b = new Builder(`${body.name}'`, { from: { ...body, outputs: [] }, float: g.float });
    // dY of a sum is the same for each run, that of stacked results is cut like them
    const reached = node.outputs.flatMap((_, i) => (dY[i] ? [{ i, y: body.outputs[i], d: dY[i] }] : []));
    const seeds = reached.map(({ i, y, d }) => ({
      sum: i < sums,
      y,
      d,
      seed: b.argument({ ...d, name: `${y.name}'` }, y.shape),
    }));
    const differentiated = body.inputs.filter((_, i) => needsGrad[sums + i]);
    const found = differentiate(
      b,
      body,
      seeds.map(({ y, seed }) => [y, seed] as const),
      differentiated,
    );
    const dX = (part: readonly Value[]): (Value | undefined)[] =>
      part.map((x) => (differentiated.includes(x) ? found[differentiated.indexOf(x)] : undefined));
    const dSlices = dX(body.inputs.slice(0, slices.length));
    const dWhole = dX(body.inputs.slice(slices.length));
    const terms = dWhole.filter((d) => d !== undefined);
    const stacked = dSlices.filter((d) => d !== undefined);
    for (const d of [...terms, ...stacked]) addResult(b, d);
    const seedsOf = (sum: boolean): typeof seeds => seeds.filter((s) => s.sum === sum);
    const inputs = [
      ...body.inputs.slice(0, slices.length),
      ...seedsOf(false).map(({ seed }) => seed),
      ...body.inputs.slice(slices.length),
      ...seedsOf(true).map(({ seed }) => seed),
    ];
    const y = scanNode(
      g,
      {
        from: terms.map((d) => zeros(g, d)),
        slices: [...slices, ...seedsOf(false).map(({ d }) => d)],
        whole: [...whole, ...seedsOf(true).map(({ d }) => d)],
      },
      { ...b.graph(), inputs },
    );
    const [sum, stack] = [[...y.sums], [...y.stacked]];
    return [
      ...from.map((_, i) => (needsGrad[i] ? (dY[i] ?? null) : null)),
      ...dSlices.map((d) => (d ? stack.shift()! : null)),
      ...dWhole.map((d) => (d ? sum.shift()! : null)),
    ];
  },
} satisfies Rules;

/** The gradient that the Scan came with. Results that nothing needs are dropped later. */
function ownGradient(
  g: Builder,
  node: NodeOf<'Scan'>,
  { wrt, ...body }: ScanGradient,
  dY: readonly (Value | undefined)[],
): (Value | null)[] {
  const { slices, whole } = scanInputs(node);
  const dResults = node.outputs.map((y, i) => dY[i] ?? zeros(g, y));
  const summed = wrt.filter((i) => i >= slices.length).map((i) => whole[i - slices.length]);
  const inputs = { from: summed.map((x) => zeros(g, x)), slices: [...slices, ...node.outputs, ...dResults], whole };
  const { sums, stacked } = scanNode(g, inputs, body);
  const found = [...sums, ...stacked];
  return node.inputs.map((_, i) => found[wrt.indexOf(i)] ?? null);
}
