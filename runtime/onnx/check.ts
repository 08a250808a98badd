import type { Graph, Node, NodeOf, Value } from './graph.js';
import { pruneScan, scanInputs } from './scan.js';
import { sameShape, shapeText } from './shapes.js';

/**
 * Checks a graph after a pass: names unique, inputs defined before use with the same dtype and shape, outputs defined
 * and unique. Throws on the first fault.
 */
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
    if (node.op === 'Scan') checkBody(node);
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

/** The body of a Scan takes and gives what the node does. */
function checkBody(node: NodeOf<'Scan'>): void {
  const { body, sums } = checkGraph(node.attributes.body) && node.attributes;
  const { from, slices, whole } = scanInputs(node);
  const cut = (x: Value): Value => ({ ...x, shape: x.shape.slice(1) });
  const pairs: [Value | undefined, Value | undefined][] = [
    ...[...slices.map(cut), ...whole].map((x, i): [Value, Value | undefined] => [x, body.inputs[i]]),
    ...node.outputs.map((y, i): [Value, Value | undefined] => [i < sums ? y : cut(y), body.outputs[i]]),
    ...from.map((x, i): [Value, Value | undefined] => [x, node.outputs[i]]),
  ];
  const counts = body.inputs.length === slices.length + whole.length && body.outputs.length === node.outputs.length;
  if (!counts || pairs.some(([a, b]) => !a || !b || a.dtype !== b.dtype || !sameShape(a.shape, b.shape)))
    throw new Error(`the body of Scan (${node.name}) does not take and give what the node does`);
}

/** The graph without nodes and initializers that no output needs. Inputs stay: they are the contract. */
export function prune(graph: Graph): Graph {
  const needed = new Set(graph.outputs.map((v) => v.name));
  const nodes: Node[] = [];
  for (const node of [...graph.nodes].reverse()) {
    if (!node.outputs.some((v) => needed.has(v.name))) continue;
    const kept = node.op === 'Scan' ? pruneScan(node, needed, prune) : node;
    for (const v of kept.inputs) needed.add(v.name);
    nodes.push(kept);
  }
  return {
    ...graph,
    nodes: nodes.reverse(),
    initializers: graph.initializers.filter(({ value }) => needed.has(value.name)),
  };
}
