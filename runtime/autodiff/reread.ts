import type { Builder, Graph, Node, Value } from '../onnx/graph.js';

/** The part of the graph that a node is in, whose values are computed again in the backward pass; undefined: they are kept. */
export type SegmentOf = (node: Node) => string | undefined;

/**
 * What the rule of a node reads of the forward pass. A stored weight that is cast is cast again, so that nobody keeps it in memory in
 * between. In a segment the same holds for everything: only what enters it is kept, and what Scans give, whose gradient does not
 * need to run them twice.
 * @returns the node with values that are there in the backward pass
 */
export function rereader(g: Builder, graph: Graph, segmentOf: SegmentOf = () => undefined): (node: Node) => Node {
  const stored = new Set(graph.initializers.map(({ value }) => value.name));
  const isCast = (node: Node): boolean => node.op === 'Cast' && stored.has(node.inputs[0].name);
  const again = new Map<string, Value>();

  const reread = (value: Value, segment: string | undefined): Value => {
    const node = g.producer(value);
    if (!node) return value;
    if (isCast(node)) return g.repeat(node, value);
    if (segment === undefined || node.op === 'Scan' || segmentOf(node) !== segment) return value;
    const known = again.get(value.name);
    if (known) return known;
    const inputs = node.inputs.map((x) => reread(x, segment));
    const outputs = g.named(node.name, () => g.repeatAll({ ...node, inputs } as Node));
    node.outputs.forEach((y, i) => again.set(y.name, outputs[i]));
    return again.get(value.name)!;
  };

  return (node) => {
    const segment = segmentOf(node);
    const inputs = node.inputs.map((x) => reread(x, segment));
    const outputs = segment === undefined ? node.outputs : node.outputs.map((y) => reread(y, segment));
    return { ...node, inputs, outputs } as Node;
  };
}
