/**
 * What a run of a graph takes, from its shapes alone: memory at its highest, floating-point operations, bytes moved.
 */
import type { DType, Graph, Node, NodeOf, Value } from './graph.js';
import type { Op } from './operators.js';
import { runsOf } from './scan.js';
import { namesOf, numberOf, product, shapeText, type Dim, type Shape } from './shapes.js';

const ELEMENT_BYTES: Record<DType, number> = {
  float64: 8,
  int64: 8,
  float32: 4,
  int32: 4,
  float16: 2,
  bfloat16: 2,
  uint8: 1,
  int8: 1,
  uint4: 0.5,
  bool: 1,
};

/** Numbers for the names of dims. */
export type Dims = Readonly<Record<string, number>>;

/** @throws Error for a name without a number */
function sizeOf(dim: Dim, dims: Dims): number {
  let size = numberOf(dim);
  for (const name of namesOf(dim)) {
    if (dims[name] === undefined) throw new Error(`the dim ${name} has no number`);
    size *= dims[name];
  }
  return size;
}

export const bytesOf = ({ dtype, shape }: Value, dims: Dims): number =>
  shape.reduce<number>((bytes, dim) => bytes * sizeOf(dim, dims), ELEMENT_BYTES[dtype]);

/** Operators whose output is their input's own memory. */
export const ALIAS: ReadonlySet<Op> = new Set<Op>(['Reshape', 'Identity', 'Squeeze', 'Unsqueeze']);
/**
 * Operators that onnxruntime may let write over an input (of the same size) that nothing else reads, in the order it
 * tries.
 */
const IN_PLACE: Partial<Record<Op, readonly number[]>> = {
  ...Object.fromEntries((['Add', 'Sub', 'Mul', 'Div'] as const).map((op) => [op, [0, 1]])),
  ...Object.fromEntries(
    (['Neg', 'Exp', 'Log', 'Sqrt', 'Tanh', 'Sigmoid', 'Relu', 'Sin', 'Cos'] as const).map((op) => [op, [0]]),
  ),
  ScatterElements: [0],
};

interface Block {
  readonly bytes: number;
  readonly key: string;
  /** Reads of the values in it that are still to come; those of outputs of the graph never end. */
  uses: number;
  readonly part: string;
}

/** Bytes by part, at the moment when their sum is highest. */
export interface MemoryPeak {
  readonly bytes: number;
  readonly parts: Readonly<Record<string, number>>;
}

/**
 * Memory of a run in the order of the nodes, without an arena, as onnxruntime's plan of allocations has it: values are
 * freed after their last reader, aliases and operations in place share memory, and freed memory is kept where a later
 * value of the same shape will take it. Outputs count, inputs and initializers do not.
 * @param partOf names the part that a value belongs to which a node makes
 */
export function memoryPeak(
  graph: Graph,
  dims: Dims,
  partOf: (value: Value, node: Node) => string = () => 'all',
): MemoryPeak {
  const { begins, ends } = allocations(graph, dims, partOf);
  const parts: Record<string, number> = {};
  let bytes = 0;
  let peak: MemoryPeak = { bytes: 0, parts: {} };
  const change = (block: Block, sign: 1 | -1): void => {
    bytes += sign * block.bytes;
    parts[block.part] = (parts[block.part] ?? 0) + sign * block.bytes;
  };
  begins.forEach((blocks, at) => {
    for (const block of blocks) change(block, 1);
    const node = graph.nodes[at];
    // Inside, one run after the other has its own values.
    const inside = node.op === 'Scan' ? memoryPeak(node.attributes.body, dims, partOf) : { bytes: 0, parts: {} };
    if (bytes + inside.bytes > peak.bytes) peak = { bytes: bytes + inside.bytes, parts: added(parts, inside.parts) };
    for (const block of ends[at]) change(block, -1);
  });
  return peak;
}

function added(a: MemoryPeak['parts'], b: MemoryPeak['parts']): MemoryPeak['parts'] {
  const sum = { ...a };
  for (const [part, bytes] of Object.entries(b)) sum[part] = (sum[part] ?? 0) + bytes;
  return sum;
}

/** The blocks of memory that begin and end with each node. */
function allocations(
  graph: Graph,
  dims: Dims,
  partOf: (value: Value, node: Node) => string,
): { begins: Block[][]; ends: Block[][] } {
  const reads = new Map<string, number>();
  for (const { inputs } of graph.nodes) for (const x of inputs) reads.set(x.name, (reads.get(x.name) ?? 0) + 1);
  const kept = new Set(graph.outputs.map((v) => v.name));
  const blocks = new Map<string, Block>();
  const free = new Map<string, Block[]>();
  const last = new Map<Block, number>();
  const begins = graph.nodes.map((): Block[] => []);
  /** The block of an input that the output takes over. */
  const shared = ({ op, inputs }: Node, y: Value): Block | undefined => {
    if (ALIAS.has(op)) return blocks.get(inputs[0].name);
    return (IN_PLACE[op] ?? []).flatMap((i) => {
      const block = blocks.get(inputs[i].name);
      return block?.uses === 1 && keyOf(inputs[i]) === keyOf(y) ? [block] : [];
    })[0];
  };
  const giveBack = (block: Block): void => {
    const waiting = free.get(block.key);
    if (waiting) waiting.push(block);
    else free.set(block.key, [block]);
  };
  graph.nodes.forEach((node, at) => {
    for (const y of node.outputs) {
      const uses = (reads.get(y.name) ?? 0) + (kept.has(y.name) ? Infinity : 0);
      const key = keyOf(y);
      let block = shared(node, y) ?? (uses === Infinity ? undefined : free.get(key)?.pop());
      if (block) block.uses += uses;
      else {
        block = { bytes: bytesOf(y, dims), key, uses, part: partOf(y, node) };
        begins[at].push(block);
      }
      blocks.set(y.name, block);
      last.set(block, at);
      if (uses === 0 && block.uses === 0) giveBack(block);
    }
    for (const x of node.inputs) {
      const block = blocks.get(x.name);
      if (!block) continue;
      last.set(block, at);
      block.uses -= 1;
      if (block.uses === 0) giveBack(block);
    }
  });
  const ends = graph.nodes.map((): Block[] => []);
  for (const [block, at] of last) if (block.uses === 0) ends[at].push(block);
  return { begins, ends };
}

const keyOf = ({ dtype, shape }: Value): string => `${dtype}${shapeText(shape)}`;

export interface Work {
  /** Floating-point operations of matrix products: two for each multiplication with its addition. */
  readonly flops: number;
  /** Bytes that all other operators read and write. */
  readonly moved: number;
  /** Nodes that run. */
  readonly nodes: number;
}

/** What a run computes, as a function of the dims: the nodes are read once. */
export function workOf(graph: Graph): (dims: Dims) => Work {
  const flops = new Polynomial();
  const moved = new Polynomial();
  const nodes = new Polynomial();
  /** @param runs how often the nodes run, as dims */
  const count = (list: readonly Node[], runs: Shape): void => {
    for (const node of list) {
      nodes.add(runs, 1);
      if (node.op === 'Scan') count(node.attributes.body.nodes, [...runs, runsOf(node)]);
      else if (node.op === 'MatMulNBits') flops.add([...runs, ...node.outputs[0].shape, node.attributes.K], 2);
      else if (node.op === 'Gemm' || node.op === 'MatMul')
        flops.add([...runs, ...node.outputs[0].shape, innerDim(node)], 2);
      else if (!ALIAS.has(node.op) && node.op !== 'Shape')
        for (const v of [...node.inputs, ...node.outputs]) moved.add([...runs, ...v.shape], ELEMENT_BYTES[v.dtype]);
    }
  };
  count(graph.nodes, []);
  return (dims) => ({ flops: flops.at(dims), moved: moved.at(dims), nodes: nodes.at(dims) });
}

/** Length of the sums of a product. */
const innerDim = ({ op, inputs: [a], attributes }: NodeOf<'Gemm'> | NodeOf<'MatMul'>): Dim =>
  a.shape.at(op === 'Gemm' && 'transA' in attributes && attributes.transA ? -2 : -1)!;

/** A sum of products of dims. */
class Polynomial {
  private readonly terms = new Map<string, number>();

  add(dims: Shape, factor: number): void {
    const all = product(dims);
    const names = namesOf(all).join('*');
    this.terms.set(names, (this.terms.get(names) ?? 0) + factor * numberOf(all));
  }

  at(dims: Dims): number {
    let sum = 0;
    for (const [names, factor] of this.terms) sum += factor * sizeOf(names === '' ? 1 : names, dims);
    return sum;
  }
}
