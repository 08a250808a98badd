/**
 * Elementwise graphs on long vectors, in one pass over memory: the CPU has a loop in WebAssembly for them, four numbers
 * at a time. An operator of onnxruntime is a pass of its own.
 */
import type { Graph, Node, Value } from './graph.js';
import type { Op } from './operators.js';

/**
 * Computes a graph: its inputs and outputs are vectors of one length, and numbers. Rounds as its operators do; sums are
 * in float64.
 * @param into what the vectors of the outputs are written to, perhaps inputs
 * @returns the outputs that are numbers
 */
type Fused = (
  vectors: Readonly<Record<string, Float32Array>>,
  numbers: Readonly<Record<string, number>>,
  into: Readonly<Record<string, Float32Array>>,
) => Record<string, number>;

/** Numbers of each vector that are computed at once: a cache of the processor holds them. A multiple of 4. */
const PIECE = 2 ** 13;
const BYTES = 4 * PIECE;
const PAGE = 2 ** 16;

/** The types of Node.js do not have it. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => {
    exports: { run: (bytes: number, ...numbers: number[]) => void; memory: { buffer: ArrayBuffer } };
  };
};

/** @throws Error for an operator that is not elementwise arithmetic or the sum of all */
export function fuse(graph: Graph): Fused {
  const isVector = ({ shape }: Value): boolean => shape.length > 0;
  const names = (values: readonly Value[], vectors: boolean): string[] =>
    values.filter((v) => isVector(v) === vectors).map(({ name }) => name);
  const [inputs, numbers] = [names(graph.inputs, true), names(graph.inputs, false)];
  const [outputs, sums] = [names(graph.outputs, true), names(graph.outputs, false)];
  const places = [...inputs, ...outputs];
  const module = moduleOf(graph, { inputs, numbers, outputs, sums });
  const { run, memory } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  const pieces = places.map((_, i) => new Float32Array(memory.buffer, i * BYTES, PIECE));
  const found = new Float64Array(memory.buffer, places.length * BYTES, 4 * sums.length);

  return (vectors, given, into) => {
    const from = inputs.map((name) => vectors[name]);
    const to = outputs.map((name) => into[name]);
    const { length } = from[0];
    const odd = [...from, ...to].find((x) => x.length !== length);
    if (odd) throw new Error(`${graph.name}: vectors of ${length} and of ${odd.length} numbers`);
    const values = numbers.map((name) => given[name]);
    found.fill(0);
    for (let at = 0; at < length; at += PIECE) {
      const n = Math.min(PIECE, length - at);
      from.forEach((x, i) => {
        pieces[i].set(x.subarray(at, at + n));
        // behind the end are zeros, up to the next four
        if (n < PIECE) pieces[i].fill(0, n, n + 3);
      });
      run(4 * Math.ceil(n / 4) * 4, ...values);
      to.forEach((y, i) => y.set(pieces[inputs.length + i].subarray(0, n), at));
    }
    return Object.fromEntries(
      sums.map((name, i) => [name, found.subarray(4 * i, 4 * i + 4).reduce((a, b) => a + b, 0)]),
    );
  };
}

const ARITHMETIC: Partial<Record<Op, number>> = { Neg: 0xe1, Sqrt: 0xe3, Add: 0xe4, Sub: 0xe5, Mul: 0xe6, Div: 0xe7 };
/** Operators whose output is their input, of vectors and sums. */
const SAME: ReadonlySet<Op> = new Set<Op>(['Identity', 'Reshape']);

interface Names {
  readonly inputs: readonly string[];
  readonly numbers: readonly string[];
  readonly outputs: readonly string[];
  readonly sums: readonly string[];
}

/**
 * The module: `run(bytes, …numbers)` computes that many bytes of each piece in `memory`: inputs, outputs, then four
 * terms of each sum.
 */
function moduleOf(graph: Graph, { inputs, numbers, outputs, sums }: Names): Uint8Array {
  const AT = 0;
  const parameters = 1 + numbers.length;
  /** Where each value is: the number of its local. */
  const locals = new Map<string, number>();
  let count = parameters;
  const local = (name: string): number => {
    locals.set(name, count);
    return count++;
  };
  const splats = numbers.flatMap((name, i) => [...get(1 + i), ...simd(0x13), ...set(local(name))]);
  const loads = inputs.flatMap((name, i) => [...get(AT), ...simd(0x00), ...at(i * BYTES), ...set(local(name))]);
  const summed = new Map<string, number>();
  const computed = graph.nodes.flatMap((node: Node): number[] => {
    const [x, y] = [node.inputs[0].name, node.outputs[0].name];
    const operator = ARITHMETIC[node.op];
    if (operator !== undefined)
      return [...node.inputs.flatMap((v) => get(locals.get(v.name)!)), ...simd(operator), ...set(local(y))];
    if (node.op === 'ReduceSum') {
      summed.set(y, count);
      const lower = get(locals.get(x)!);
      const upper = [...lower, ...lower, ...simd(0x0d), ...UPPER];
      return [lower, upper].flatMap((half) => [...half, ...simd(0x5f), ...get(count), ...simd(0xf0), ...set(count++)]);
    }
    if (!SAME.has(node.op)) throw new Error(`${graph.name}: ${node.op} is not elementwise`);
    for (const known of [locals, summed]) if (known.has(x)) known.set(y, known.get(x)!);
    return [];
  });
  const stores = outputs.flatMap((name, i) => [
    ...get(AT),
    ...get(locals.get(name)!),
    ...simd(0x0b),
    ...at((inputs.length + i) * BYTES),
  ]);
  const end = (inputs.length + outputs.length) * BYTES;
  const added = sums.flatMap((name, i) =>
    [0, 1].flatMap((half) => {
      const place = at(end + 32 * i + 16 * half);
      const zero = [0x41, 0];
      return [
        ...zero,
        ...zero,
        ...simd(0x00),
        ...place,
        ...get(summed.get(name)! + half),
        ...simd(0xf0),
        ...simd(0x0b),
        ...place,
      ];
    }),
  );
  // from the end to the beginning: one number counts, and says when it is over
  const loop = [0x03, 0x40, ...get(AT), 0x41, 16, 0x6b, ...set(AT), ...loads, ...computed, ...stores];
  const code = [...splats, ...loop, ...get(AT), 0x0d, 0, 0x0b, ...added, 0x0b];
  const body = [...list([[...leb(count - parameters), 0x7b]]), ...code];
  const pages = Math.ceil((end + 32 * sums.length) / PAGE);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // "\0asm", version 1
    ...section(1, list([[0x60, ...list([[0x7f], ...numbers.map(() => [0x7d])]), 0]])),
    ...section(3, list([[0]])),
    ...section(5, list([[0, ...leb(pages)]])),
    ...section(
      7,
      list([
        [...text('run'), 0, 0],
        [...text('memory'), 2, 0],
      ]),
    ),
    ...section(10, list([[...leb(body.length), ...body]])),
  ]);
}

// WebAssembly's own way to write things
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >>> 7)]);
const list = (items: readonly (readonly number[])[]): number[] => [...leb(items.length), ...items.flat()];
const text = (name: string): number[] => list([...Buffer.from(name)].map((byte) => [byte]));
const section = (id: number, content: readonly number[]): number[] => [id, ...leb(content.length), ...content];
const get = (local: number): number[] => [0x20, ...leb(local)];
const set = (local: number): number[] => [0x21, ...leb(local)];
const simd = (operator: number): number[] => [0xfd, ...leb(operator)];
/** Of a load or store: its alignment, and how far from the address it is. */
const at = (offset: number): number[] => [4, ...leb(offset)];
/** Of a shuffle: the upper half comes first. */
const UPPER = Array.from({ length: 16 }, (_, i) => (i + 8) % 16);
