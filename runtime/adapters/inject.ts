import { Builder, type Graph, type Value } from '../onnx/graph.js';
import { Expand, Gemm, Mul, Reshape, Split } from '../onnx/ops.js';
import type { Layout } from './sites.js';

export interface InjectedAdapter {
  /** Its inputs are `adapter.<name>` [size] and `scale.<name>` [B]. */
  readonly name: string;
  readonly layout: Layout;
}

export const flatInput = (name: string): string => `adapter.${name}`;
export const scaleInput = (name: string): string => `scale.${name}`;

/**
 * Puts adapters on the linear layers of a decoder graph: y += scaleᵦ · s · B (A x) for each adapter, where s is alpha / rank
 * and scaleᵦ is the row's own factor (0 = off), an input [B]. Each adapter is one flat vector, an input [size], cut by
 * Splits of at most `widest` pieces. A linear layer is a Gemm node that carries its module's name.
 * @throws Error when a site has no Gemm in the graph.
 */
export function inject(graph: Graph, adapters: readonly InjectedAdapter[], widest = Infinity): Graph {
  if (adapters.length === 0) return graph;
  const g = new Builder(graph.name, { from: graph });
  g.nodes.length = 0;
  const branches = new Map<string, { A: Value; B: Value; rowScale: Value; scale: number }[]>();
  for (const { name, layout } of adapters) {
    g.scope(name, () => {
      const flat = g.input(flatInput(name), g.float, [layout.size]);
      // one factor per row of the batch → one per token, [B*T, 1]
      const rows = Reshape(g, g.input(scaleInput(name), g.float, ['B']), ['B', 1]);
      const rowScale = Reshape(g, Expand(g, rows, ['B', 'T']), ['B*T', 1]);
      const sizes = layout.sites.flatMap((s) => [s.rank * s.in, s.out * s.rank]);
      const pieces = cut(g, flat, sizes, widest);
      layout.sites.forEach((s, i) => {
        const A = Reshape(g, pieces[2 * i]!, [s.rank, s.in]);
        const B = Reshape(g, pieces[2 * i + 1]!, [s.out, s.rank]);
        branches.set(s.name, [...(branches.get(s.name) ?? []), { A, B, rowScale, scale: s.scale }]);
      });
    });
  }
  for (const node of graph.nodes) {
    const here = node.op === 'Gemm' ? branches.get(node.name) : undefined;
    if (!here) {
      g.nodes.push(node);
      continue;
    }
    branches.delete(node.name);
    const x = node.inputs[0]!; // [B*T, in]
    const y = node.outputs[0]!; // [B*T, out]
    g.named(node.name, () => {
      let sum = g.add('Gemm', node.inputs, [{ dtype: y.dtype, shape: y.shape }], node.attributes)[0]!;
      here.forEach(({ A, B, rowScale, scale }, i) => {
        const h = Mul(g, Gemm(g, x, A, { transB: true }), rowScale); // [B*T, R]
        // the last branch takes the layer's own output in place, so that nothing behind it changes
        if (i === here.length - 1)
          g.nodes.push({
            op: 'Gemm',
            name: node.name,
            inputs: [h, B, sum],
            outputs: [y],
            attributes: { transB: 1, alpha: { float: scale } },
          });
        else sum = Gemm(g, h, B, { transB: true, alpha: scale, c: sum });
      });
    });
  }
  if (branches.size > 0) throw new Error(`no linear layer in the graph for ${[...branches.keys()].join(', ')}`);
  return g.graph();
}

/** x cut into pieces of these sizes; in several levels where one Split may not have that many outputs. */
function cut(g: Builder, x: Value, sizes: readonly number[], widest: number): Value[] {
  if (sizes.length === 1) return [x];
  if (sizes.length <= widest) return Split(g, x, sizes, 0);
  const perGroup = Math.ceil(sizes.length / widest);
  const groups = Array.from({ length: Math.ceil(sizes.length / perGroup) }, (_, i) =>
    sizes.slice(i * perGroup, (i + 1) * perGroup),
  );
  const parts = Split(
    g,
    x,
    groups.map((group) => group.reduce((a, b) => a + b, 0)),
    0,
  );
  return groups.flatMap((group, i) => cut(g, parts[i]!, group, widest));
}
