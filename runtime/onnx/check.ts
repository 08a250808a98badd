import type { Graph, Node, Value } from './graph.js';
import { sameShape, shapeText } from './shapes.js';

/** Checks a graph after a pass: names unique, inputs defined before use with the same dtype and shape, outputs defined and unique. Throws on the first fault. */
export function checkGraph(graph: Graph): Graph {
  const defined = new Map<string, Value>();
  const define = (value: Value, by: string): void => {
    if (defined.has(value.name)) throw new Error(`${graph.name}: "${value.name}" is defined twice, again by ${by}`);
    for (const dim of value.shape) {
      if (typeof dim === 'number' && (!Number.isInteger(dim) || dim < 0))
        throw new Error(`${graph.name}: "${value.name}" has shape ${shapeText(value.shape)}`);
    }
    defined.set(value.name, value);
  };
  const use = (value: Value, by: string): void => {
    const known = defined.get(value.name);
    if (!known) throw new Error(`${graph.name}: ${by} reads "${value.name}", which nothing before it defines`);
    if (known.dtype !== value.dtype || !sameShape(known.shape, value.shape)) {
      throw new Error(
        `${graph.name}: ${by} reads "${value.name}" as ${value.dtype}${shapeText(value.shape)}, it is ${known.dtype}${shapeText(known.shape)}`,
      );
    }
  };
  for (const value of graph.inputs) define(value, 'the inputs');
  for (const { value } of graph.initializers) define(value, 'the initializers');
  for (const node of graph.nodes) {
    for (const value of node.inputs) use(value, `${node.op} (${node.name})`);
    for (const value of node.outputs) define(value, `${node.op} (${node.name})`);
  }
  const outputs = new Set<string>();
  for (const value of graph.outputs) {
    use(value, 'the list of outputs');
    if (outputs.has(value.name)) throw new Error(`${graph.name}: "${value.name}" is an output twice`);
    outputs.add(value.name);
  }
  return graph;
}

/** The graph without nodes and initializers that no output needs. Inputs stay: they are the contract. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((v) => v.name));
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((v) => needed.has(v.name))) continue;
    for (const v of node.inputs) needed.add(v.name);
    nodes.push(node);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: graph.initializers.filter(({ value }) => needed.has(value.name)),
  };
}
