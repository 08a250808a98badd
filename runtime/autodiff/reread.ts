import type { Builder, Graph, Node, Value } from '../onnx/graph.js';
import type { Op } from '../onnx/operators.js';

/**
 * The part of the graph that a node is in, whose values are computed again in the backward pass; undefined: they are
 * kept.
 */
export type SegmentOf = (node: Node) => string | undefined;

/** What only moves values. */
const MOVES: ReadonlySet<Op> = new Set<Op>(['Reshape', 'Transpose']);
/** What makes floats of a stored weight, and what may follow the second before it is used. */
const WIDENS: ReadonlySet<Op> = new Set<Op>(['Cast', 'DequantizeLinear']);
const SHAPES: ReadonlySet<Op> = new Set<Op>([...MOVES, 'Add']);

/**
 * What the rule of a node reads of the forward pass. A stored weight that is cast or dequantised is so again, so that
 * nobody keeps it in memory in between; so are results brought into shape that a Scan keeps for its own gradient. In a
 * segment the same holds for everything: only what enters it is kept, and what Scans give, whose gradient does not need
 * to run them twice.
 * @returns the node with values that are there in the backward pass
 */
export function rereader(g: Builder, graph: Graph, segmentOf: SegmentOf = () => undefined): (node: Node) => Node {
  // what a graph is given is there all the time, as what it holds is
  const stored = new Set([
    ...graph.initializers.map(({ value }) => value.name),
    ...graph.inputs.map(({ name }) => name),
  ]);
  const isStored = (value: Value): boolean => stored.has(value.name);
  const widened = new Map<string, boolean>();
  /** Whether a value is a stored weight that is cast, or dequantised and brought into shape. */
  const isWidened = (value: Value): boolean => {
    const known = widened.get(value.name);
    if (known !== undefined) return known;
    const node = g.producer(value);
    const is =
      node !== undefined &&
      (WIDENS.has(node.op)
        ? node.inputs.every(isStored)
        : SHAPES.has(node.op) &&
          node.inputs.some((x) => isDequantised(x)) &&
          node.inputs.every((x) => isStored(x) || isDequantised(x)));
    widened.set(value.name, is);
    return is;
  };
  const isDequantised = (value: Value): boolean => isWidened(value) && g.producer(value)!.op !== 'Cast';
  /** Whether a value is a result of a Scan that is kept for its gradient, brought into shape. */
  const isMoved = (value: Value): boolean => {
    const node = g.producer(value);
    return node !== undefined && MOVES.has(node.op) && (isKept(node.inputs[0]) || isMoved(node.inputs[0]));
  };
  const isKept = (value: Value): boolean => {
    const node = g.producer(value);
    return node?.op === 'Scan' && node.attributes.gradient !== undefined;
  };
  const widenedAgain = (value: Value): Value => {
    const node = isWidened(value) ? g.producer(value) : undefined;
    return node ? g.repeat({ ...node, inputs: node.inputs.map(widenedAgain) } as Node, value) : value;
  };
  const again = new Map<string, Value>();

  const reread = (value: Value, segment: string | undefined): Value => {
    const node = g.producer(value);
    if (!node) return value;
    if (isWidened(value)) return widenedAgain(value);
    const isAgain = segment !== undefined && node.op !== 'Scan' && segmentOf(node) === segment;
    if (!isAgain && !isMoved(value)) return value;
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
