/** Bodies that run once for each slice of some values. */
import type { Builder, FloatType, Graph, Node, NodeOf, Value } from './graph.js';
import type { Attribute, ScanGradient } from './operators.js';
import { Full, Identity } from './ops.js';
import { mapValues } from './rewrite.js';
import { sameShape, shapeText, type Dim } from './shapes.js';

/** What a body gives: terms of sums, and results that are stacked along a new first axis. */
export interface Scanned {
  readonly sums: readonly Value[];
  readonly stacked: readonly Value[];
}

/** Inputs of a Scan by what becomes of them. */
interface ScanInputs {
  /** What each sum starts from. */
  readonly from: readonly Value[];
  /** Values [n, …] that are cut along their first axis: at least one. */
  readonly slices: readonly Value[];
  /** Values that each run sees as they are. */
  readonly whole: readonly Value[];
}

/** The dim that says how often the body of a Scan runs. */
export const runsOf = (node: NodeOf<'Scan'>): Dim => scanInputs(node).slices[0].shape[0];

/** What a body sees of the values around it. */
type Seen = Pick<ScanInputs, 'slices' | 'whole'>;

/** Builds gradients of slices and of whole values, in their order and of their shape; undefined: zero. */
type BuildGradient = (
  b: Builder,
  given: Seen & { readonly results: readonly Value[]; readonly dResults: readonly Value[] },
) => { readonly slices: readonly (Value | undefined)[]; readonly whole: readonly (Value | undefined)[] };

/**
 * Runs a body once for each slice of some values along their first axis: what it computes for one slice is not kept for
 * the next. The gradient of the node runs the body again, and its backward pass behind it; or what `gradient` builds,
 * for a Scan without sums.
 * @param build the body's nodes, from a slice of each and the whole values
 * @returns sums over the runs, and results [n, …]
 */
export function Scan(
  g: Builder,
  { slices, whole }: Seen,
  build: (b: Builder, slices: readonly Value[], whole: readonly Value[]) => Partial<Scanned>,
  gradient?: BuildGradient,
): Scanned {
  const b = g.body('body');
  const { sums = [], stacked = [] } = build(
    b,
    slices.map((x) => b.argument(x, x.shape.slice(1))),
    whole.map((x) => b.argument(x, x.shape)),
  );
  if (gradient && sums.length > 0) throw new Error('Scan: a gradient of its own is for stacked results');
  for (const y of [...sums, ...stacked]) addResult(b, y);
  const body = b.graph();
  return scanNode(
    g,
    { from: sums.map((y) => zeros(g, y)), slices, whole },
    body,
    gradient && gradientOf(g, body, slices.length, gradient),
  );
}

/** @param slices how many of the body's inputs are slices */
function gradientOf(g: Builder, body: Graph, slices: number, build: BuildGradient): ScanGradient {
  const b = g.body(`${body.name}'`);
  const argument = (x: Value): Value => b.argument(x, x.shape);
  const cut = body.inputs.slice(0, slices).map(argument);
  const results = body.outputs.map(argument);
  const dResults = body.outputs.map(argument);
  const given = { slices: cut, results, dResults, whole: body.inputs.slice(slices).map(argument) };
  const found = build(b, given);
  if (found.slices.length !== slices || found.whole.length !== body.inputs.length - slices)
    throw new Error('Scan: its gradient leaves out an input; undefined states that a gradient is zero');
  const wrt: number[] = [];
  const add = (dX: Value | undefined, i: number): void => {
    if (!dX) return;
    const x = body.inputs[i];
    if (dX.dtype !== x.dtype || !sameShape(dX.shape, x.shape))
      throw new Error(`Scan: its gradient gives ${shapeText(dX.shape)} for ${x.name} ${shapeText(x.shape)}`);
    addResult(b, dX);
    wrt.push(i);
  };
  found.whole.forEach((dX, i) => add(dX, slices + i));
  found.slices.forEach(add);
  return { ...b.graph(), wrt };
}

/** Zeros of the type and shape of a value. */
export const zeros = (g: Builder, { shape, dtype }: Value): Value => Full(g, shape, 0, dtype as FloatType);

/** Makes a value a result of a body: one of its own, which no other result is. */
export function addResult(b: Builder, y: Value): void {
  b.outputs.push(b.producer(y) && !b.outputs.includes(y) ? y : Identity(b, y));
}

/** The node of a body that is made. */
export function scanNode(
  g: Builder,
  { from, slices, whole }: ScanInputs,
  body: Graph,
  gradient?: ScanGradient,
): Scanned {
  const n = slices[0]?.shape[0];
  const odd = slices.find((x) => x.shape[0] !== n);
  if (n === undefined || odd)
    throw new Error(`Scan: ${odd ? `${odd.name} ${shapeText(odd.shape)} has not ${n} slices` : 'nothing to cut'}`);
  const outputs = body.outputs.map((y, i) => ({ dtype: y.dtype, shape: stackedShape(y, i < from.length, n) }));
  const y = g.addMany('Scan', [...from, ...slices, ...whole], outputs, {
    body,
    sums: from.length,
    slices: slices.length,
    ...(gradient && { gradient }),
  });
  return { sums: y.slice(0, from.length), stacked: y.slice(from.length) };
}

const stackedShape = ({ shape }: Value, sum: boolean, n: Dim): readonly Dim[] => (sum ? shape : [n, ...shape]);

/** The inputs of a node, told apart. */
export function scanInputs({ inputs, attributes: { sums, slices } }: NodeOf<'Scan'>): ScanInputs {
  return {
    from: inputs.slice(0, sums),
    slices: inputs.slice(sums, sums + slices),
    whole: inputs.slice(sums + slices),
  };
}

/**
 * A Scan without results that nothing needs, and without what only they need. The first slice stays: it says how often
 * the body runs. One with a gradient of its own stays as it is, for that.
 */
export function pruneScan(
  node: NodeOf<'Scan'>,
  needed: ReadonlySet<string>,
  prune: (body: Graph) => Graph,
): NodeOf<'Scan'> {
  const { body, sums, slices, gradient } = node.attributes;
  if (gradient) return node;
  const kept = node.outputs.map((y) => needed.has(y.name));
  const pruned = prune({ ...body, outputs: body.outputs.filter((_, i) => kept[i]) });
  const read = new Set([...pruned.nodes.flatMap(({ inputs }) => inputs), ...pruned.outputs].map(({ name }) => name));
  const isRead = body.inputs.map((x, i) => i === 0 || read.has(x.name));
  const from = kept.slice(0, sums);
  return {
    ...node,
    inputs: node.inputs.filter((_, i) => (i < sums ? from[i] : isRead[i - sums])),
    outputs: node.outputs.filter((_, i) => kept[i]),
    attributes: {
      body: { ...pruned, inputs: body.inputs.filter((_, i) => isRead[i]) },
      sums: from.filter(Boolean).length,
      slices: isRead.slice(0, slices).filter(Boolean).length,
    },
  };
}

/** The graph with other bodies in its Scans. */
export const mapBodies = (graph: Graph, change: (body: Graph) => Graph): Graph => ({
  ...graph,
  nodes: graph.nodes.map((node): Node =>
    node.op === 'Scan' ? { ...node, attributes: { ...node.attributes, body: change(node.attributes.body) } } : node,
  ),
});

/**
 * A Scan as ONNX has it: sums are states, which the body adds to and hands on; what it sees whole is read by its name
 * in the graph around it. Names inside start with the node's, since a body may not use one of the graph around it for
 * its own.
 */
export function onnxScan(node: NodeOf<'Scan'>): { inputs: readonly Value[]; attributes: Record<string, Attribute> } {
  const { body, sums, slices } = node.attributes;
  const { whole } = scanInputs(node);
  const prefix = `${node.outputs[0].name}:`;
  const around = new Map(body.inputs.slice(slices).map((x, i) => [x.name, whole[i]]));
  const local = mapValues(body, (value) => around.get(value.name) ?? { ...value, name: prefix + value.name });
  const terms = local.outputs.slice(0, sums);
  const state = (y: Value, when: string): Value => ({ ...y, name: `${y.name}:${when}` });
  const adding = terms.map((y): Node => ({
    op: 'Add',
    name: node.name,
    inputs: [state(y, 'before'), y],
    outputs: [state(y, 'after')],
    attributes: {},
  }));
  return {
    inputs: node.inputs.slice(0, sums + slices),
    attributes: {
      body: {
        ...local,
        inputs: [...terms.map((y) => state(y, 'before')), ...local.inputs.slice(0, slices)],
        nodes: [...local.nodes, ...adding],
        outputs: [...terms.map((y) => state(y, 'after')), ...local.outputs.slice(sums)],
      },
      num_scan_inputs: slices,
    },
  };
}
