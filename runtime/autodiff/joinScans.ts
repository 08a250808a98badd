import type { Graph, Node, NodeOf } from '../onnx/graph.js';
import { scanInputs } from '../onnx/scan.js';

/** A Scan, and the one that is its derived gradient: it runs the forward body again. */
export interface ScanPair {
  readonly forward: NodeOf<'Scan'>;
  readonly backward: NodeOf<'Scan'>;
}

/**
 * The graph without those forward Scans whose results their gradient does not wait for (the loss of a batch): the
 * gradient's body computes them anyway, and gives them too.
 */
export const joinScans = (graph: Graph, pairs: readonly ScanPair[]): Graph => pairs.reduce(join, graph);

function join(graph: Graph, { forward, backward }: ScanPair): Graph {
  const waiting = new Set(forward.outputs.map(({ name }) => name));
  const waits = (node: Node): boolean => node.inputs.some(({ name }) => waiting.has(name));
  for (const node of graph.nodes) if (waits(node)) for (const y of node.outputs) waiting.add(y.name);
  if (waits(backward)) return graph;
  const end = graph.nodes.indexOf(backward);
  const before = graph.nodes.slice(0, end).filter((node) => node !== forward);
  return {
    ...graph,
    nodes: [
      ...before.filter((node) => !waits(node)),
      both(forward, backward),
      ...before.filter(waits),
      ...graph.nodes.slice(end + 1),
    ],
  };
}

/** The gradient with the forward results before its own. */
function both(forward: NodeOf<'Scan'>, backward: NodeOf<'Scan'>): NodeOf<'Scan'> {
  const [a, b] = [forward.attributes, backward.attributes];
  const { slices, whole, from } = scanInputs(backward);
  const merge = <T>(x: readonly T[], y: readonly T[]): T[] => [
    ...x.slice(0, a.sums),
    ...y.slice(0, b.sums),
    ...x.slice(a.sums),
    ...y.slice(b.sums),
  ];
  return {
    ...backward,
    inputs: [...scanInputs(forward).from, ...from, ...slices, ...whole],
    outputs: merge(forward.outputs, backward.outputs),
    attributes: {
      body: { ...b.body, outputs: merge(a.body.outputs, b.body.outputs) },
      sums: a.sums + b.sums,
      slices: b.slices,
    },
  };
}
