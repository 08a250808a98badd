import { sum } from '../contract/sum.js';
import type { Builder, Graph, Value } from '../onnx/graph.js';
import { Add, Concat, Expand, Gemm, Mul, Reshape, Split } from '../onnx/ops.js';
import { rewrite } from '../onnx/rewrite.js';
import { product, type Dim } from '../onnx/shapes.js';
import type { Layout } from './sites.js';

export interface InjectedAdapter {
  /** Its inputs are `adapter.<name>` [size] and `scale.<name>` [B]. */
  readonly name: string;
  readonly layout: Layout;
}

/**
 * A vector that is added to what a linear layer gives: y += scaleᵦ · v. Its inputs are `adapter.<name>` [size] and
 * `scale.<name>` [B].
 */
export interface InjectedShift {
  readonly name: string;
  /** Module name of the linear layer. */
  readonly site: string;
  /** Outputs of the layer. */
  readonly size: number;
}
/** What is put on linear layers, switched by a factor for each row. */
export type Injected = InjectedAdapter | InjectedShift;

export const flatInput = (name: string): string => `adapter.${name}`;
export const scaleInput = (name: string): string => `scale.${name}`;

/**
 * Puts adapters on the linear layers of a decoder graph: y += scaleᵦ · s · B (A x) for each adapter, where s is alpha /
 * rank and scaleᵦ is the row's own factor (0 = off), an input [B]; a shift adds scaleᵦ · v. Several adapters of a layer
 * are computed as one of their ranks together. Each adapter is one flat vector, an input [size], cut by Splits of at
 * most `maxOutputs` pieces. A linear layer is a Gemm node that carries its module's name.
 * @throws Error when a site has no Gemm in the graph.
 */
export function inject(graph: Graph, adapters: readonly Injected[], maxOutputs = Infinity): Graph {
  if (adapters.length === 0) return graph;
  const branches = new Map<string, Branch[]>();
  const gates = new Map<string, Value>();
  const injected = rewrite(
    graph,
    {
      Gemm: (g, node) => {
        const here = branches.get(node.name);
        if (!here) return undefined;
        branches.delete(node.name);
        const [x] = node.inputs; // [B*T, in]
        const [y] = node.outputs; // [B*T, out]
        const loras = here.flatMap((branch) => ('A' in branch ? [branch] : []));
        const shifted = here.reduce(
          (sum, branch) => ('shift' in branch ? Add(g, sum, Mul(g, branch.rowScale, branch.shift)) : sum),
          g.repeat(node, y),
        );
        if (loras.length === 0) return shifted;
        const { A, B, gate, alpha } = loras.length === 1 ? gated(loras[0]) : joined(g, loras, gates);
        const h = Mul(g, Gemm(g, x, A, { transB: true }), gate); // [B*T, R]
        return Gemm(g, h, B, { transB: true, alpha, c: shifted });
      },
    },
    (g) => {
      const T = graph.inputs.find(({ name }) => name === 'input_ids')?.shape[1] ?? 'T';
      for (const adapter of adapters)
        for (const [name, branch] of branchesOf(g, adapter, T, maxOutputs))
          branches.set(name, [...(branches.get(name) ?? []), branch]);
    },
  );
  if (branches.size > 0) throw new Error(`no linear layer in the graph for ${[...branches.keys()].join(', ')}`);
  return injected;
}

/** An adapter's part in a linear layer. `rowScale`: one factor per token [B*T, 1]. */
type Branch = Lora | { readonly rowScale: Value; /** [1, out] */ readonly shift: Value };
/** A [R, in], B [out, R]. */
interface Lora {
  readonly rowScale: Value;
  readonly A: Value;
  readonly B: Value;
  readonly scale: number;
}

/** y += alpha · B (gate · A x), where the gate is [B*T, 1] or [B*T, R]. */
interface Gated extends Pick<Lora, 'A' | 'B'> {
  readonly gate: Value;
  readonly alpha: number;
}
const gated = ({ A, B, rowScale, scale }: Lora): Gated => ({ A, B, gate: rowScale, alpha: scale });

/**
 * Several as one: their matrices side by side, and a gate that has each one's factors.
 * @param gates that layers share
 */
function joined(g: Builder, loras: readonly Lora[], gates: Map<string, Value>): Gated {
  const key = JSON.stringify(loras.map(({ A, rowScale, scale }) => [rowScale.name, A.shape[0], scale]));
  const factors = ({ A, rowScale, scale }: Lora): Value =>
    Expand(g, Mul(g, rowScale, g.scalar(scale)), [rowScale.shape[0], A.shape[0]]);
  // Not in the block of the layer that is the first to have it.
  const gate = gates.get(key) ?? g.named('gate', () => Concat(g, loras.map(factors), 1));
  gates.set(key, gate);
  const [A, B] = [loras.map((lora) => lora.A), loras.map((lora) => lora.B)];
  return { A: Concat(g, A, 0), B: Concat(g, B, 1), gate, alpha: 1 };
}

/** The adapter's inputs, cut into the parts of the linear layers. */
const branchesOf = (g: Builder, adapter: Injected, T: Dim, maxOutputs: number): [site: string, Branch][] =>
  g.scope(adapter.name, () => {
    const { name } = adapter;
    const size = 'layout' in adapter ? adapter.layout.size : adapter.size;
    const flat = g.input(flatInput(name), g.float, [size]);
    const rows = Reshape(g, g.input(scaleInput(name), g.float, ['B']), ['B', 1]);
    const rowScale = Reshape(g, Expand(g, rows, ['B', T]), [product(['B', T]), 1]);
    if (!('layout' in adapter)) return [[adapter.site, { rowScale, shift: Reshape(g, flat, [1, size]) }]];
    const { layout } = adapter;
    const sizes = layout.sites.flatMap((s) => [s.rank * s.in, s.out * s.rank]);
    const pieces = cut(g, flat, sizes, maxOutputs);
    return layout.sites.map((s, i) => {
      const A = Reshape(g, pieces[2 * i], [s.rank, s.in]);
      const B = Reshape(g, pieces[2 * i + 1], [s.out, s.rank]);
      return [s.name, { A, B, rowScale, scale: s.scale }];
    });
  });

/** x cut into pieces of these sizes; in several levels where one Split may not have that many outputs. */
function cut(g: Builder, x: Value, sizes: readonly number[], maxOutputs: number): Value[] {
  if (sizes.length === 1) return [x];
  if (sizes.length <= maxOutputs) return Split(g, x, sizes, 0);
  const perGroup = Math.ceil(sizes.length / maxOutputs);
  const groups = Array.from({ length: Math.ceil(sizes.length / perGroup) }, (_, i) =>
    sizes.slice(i * perGroup, (i + 1) * perGroup),
  );
  const parts = Split(g, x, groups.map(sum), 0);
  return groups.flatMap((group, i) => cut(g, parts[i], group, maxOutputs));
}
