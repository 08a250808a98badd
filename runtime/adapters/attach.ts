/**
 * Adapters that a graph takes when it runs: two matrices for each linear layer, of any rank, so that other adapters are
 * other inputs.
 */
import type { Graph } from '../onnx/graph.js';
import { Gemm } from '../onnx/ops.js';
import { rewrite } from '../onnx/rewrite.js';
import { concatenate, type ScaledAdapter } from './merge.js';
import { matrices, type Site } from './sites.js';

const inputsOf = (site: string): { A: string; B: string } => ({ A: `${site}.lora_A`, B: `${site}.lora_B` });

/**
 * Makes room for adapters on the linear layers of a decoder graph: y += B (A x) with the inputs `<layer>.lora_A` [R,
 * in] and `<layer>.lora_B` [out, R], where each layer has its own rank R, 0 among them.
 * @throws Error when a site has no Gemm in the graph
 */
export function attachable(graph: Graph, sites: readonly Site[]): Graph {
  const left = new Map(sites.map((site, i) => [site.name, { ...site, rank: `R${i}` }]));
  const made = rewrite(graph, {
    Gemm: (g, node) => {
      const site = left.get(node.name);
      if (!site) return undefined;
      left.delete(site.name);
      const names = inputsOf(site.name);
      const A = g.input(names.A, g.float, [site.rank, site.in]);
      const B = g.input(names.B, g.float, [site.out, site.rank]);
      const h = Gemm(g, node.inputs[0], A, { transB: true }); // [B*T, R]
      return Gemm(g, h, B, { transB: true, c: g.repeat(node, node.outputs[0]) });
    },
  });
  if (left.size > 0) throw new Error(`no linear layer in the graph for ${[...left.keys()].join(', ')}`);
  return made;
}

/** An input of an `attachable` graph. */
interface Matrix {
  readonly data: Float32Array;
  readonly dims: readonly [number, number];
}

/**
 * These adapters together as the inputs of an `attachable` graph, by name: one behind the other along the rank, their
 * factors in B.
 * @throws Error when one sits on a layer that the graph has no room on
 */
export function attached(sites: readonly Site[], adapters: readonly ScaledAdapter[]): Map<string, Matrix> {
  const { layout, flat } = concatenate(adapters);
  const left = new Map(layout.sites.map((site) => [site.name, site]));
  const inputs = sites.flatMap(({ name, in: inputs, out }): [string, Matrix][] => {
    const site = left.get(name);
    left.delete(name);
    const { A, B } = site ? matrices(flat, site) : { A: NOTHING, B: NOTHING };
    const rank = site?.rank ?? 0;
    const names = inputsOf(name);
    return [
      [names.A, { data: A, dims: [rank, inputs] }],
      [names.B, { data: B, dims: [out, rank] }],
    ];
  });
  if (left.size > 0) throw new Error(`the graph takes no adapter on ${[...left.keys()].join(', ')}`);
  return new Map(inputs);
}

const NOTHING = new Float32Array(0);
