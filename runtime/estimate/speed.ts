/** How fast this machine computes, measured by three small graphs in a second. */
import { availableParallelism } from 'node:os';
import { sum } from '../contract/sum.js';
import { float32, type Backend, type Tensor } from '../device/session.js';
import { Builder, type Graph, type Value } from '../onnx/graph.js';
import { Add, Gemm, Neg } from '../onnx/ops.js';
import { workOf } from '../onnx/cost.js';

export interface Speed {
  /** Floating-point operations of matrix products a second, with weights that are in no cache. */
  readonly flops: number;
  /** Bytes a second that other operators read and write. */
  readonly moved: number;
  /** Seconds of a node whatever it computes. */
  readonly node: number;
}

/** A matrix product y = x·Wᵀ. */
interface Product {
  readonly in: number;
  readonly out: number;
}

/** Bytes of different weights that are taken in turn: more than any cache holds. */
const WEIGHTS = 2 ** 28;

const product: Graph = (() => {
  const g = new Builder('product');
  const x = g.input('x', 'float32', ['N', 'I']);
  const w = g.input('w', 'float32', ['O', 'I']);
  g.outputAs('y', Gemm(g, x, w, { transB: true }));
  return g.graph();
})();

/**
 * onnxruntime's rate for matrix products as a training meets them: as many different weights in turn as there are
 * products, up to `most` bytes of them, and a fresh output each time. The best of `passes`.
 */
export async function coldProductRate(
  backend: Backend,
  products: readonly Product[],
  rows: number,
  { passes = 2, most = WEIGHTS } = {},
): Promise<number> {
  const session = await backend.session(product);
  try {
    const random = (count: number): Float32Array => Float32Array.from({ length: count }, () => Math.random() - 0.5);
    const inputs = new Map<number, Tensor>();
    const weights: { w: Tensor; x: Tensor; flops: number }[] = [];
    let bytes = 0;
    for (const { in: columns, out } of products) {
      if ((bytes += 4 * columns * out) > most && weights.length > 0) break;
      const x = inputs.get(columns) ?? float32(random(rows * columns), [rows, columns]);
      inputs.set(columns, x);
      weights.push({ x, w: float32(random(columns * out), [out, columns]), flops: 2 * rows * columns * out });
    }
    const timed = await timedPasses(1 + passes, async () => {
      for (const { x, w } of weights) await session.run({ x, w });
    });
    return sum(weights.map(({ flops }) => flops)) / quietSeconds(timed, threadsOf(backend));
  } finally {
    await session.dispose();
  }
}

/** That compute at most; undefined where it is not the processor that does. */
const threadsOf = ({ device, threads }: Backend): number | undefined =>
  device === 'cpu' ? threads || availableParallelism() : undefined;

/** Seconds of the clock, and of the processor. */
interface Pass {
  readonly clock: number;
  readonly cpu: number;
}

async function timedPasses(count: number, work: () => Promise<unknown>): Promise<Pass[]> {
  const passes: Pass[] = [];
  for (let pass = 0; pass < count; pass++) {
    const [began, before] = [performance.now(), process.cpuUsage()];
    await work();
    const { user, system } = process.cpuUsage(before);
    passes.push({ clock: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 });
  }
  return passes;
}

/**
 * Seconds that work takes where nothing runs beside it: the least of the clock's, after a first pass that warms up. On
 * the processor, which others use, too, those of the processor, by how many of its cores any pass has had: onnxruntime
 * takes fewer than there are threads.
 */
export function quietSeconds(passes: readonly Pass[], threads: number | undefined): number {
  const least = (part: keyof Pass): number => Math.min(...passes.slice(1).map((pass) => pass[part]));
  if (threads === undefined) return least('clock');
  const cores = Math.min(threads, Math.max(1, ...passes.map(({ clock, cpu }) => cpu / clock)));
  return Math.min(least('clock'), least('cpu') / cores);
}

/** Seconds of a run on so many threads, of eight after one to warm up. */
async function secondsOf(
  backend: Backend,
  threads: number | undefined,
  graph: Graph,
  feeds: Record<string, Tensor>,
): Promise<number> {
  const session = await backend.session(graph);
  try {
    return quietSeconds(await timedPasses(9, () => session.run(feeds)), threads);
  } finally {
    await session.dispose();
  }
}

/** Sizes of the three graphs: chosen so that they are measured in a second, and a run is more than its start. */
const PRODUCTS: Product[] = Array.from({ length: 6 }, () => ({ in: 1024, out: 2048 }));
const ROWS = 256;
const ADDED = 2 ** 20;
const ADDITIONS = 32;
const NODES = 5000;

function chain(name: string, length: number, count: number, next: (g: Builder, y: Value, x: Value) => Value): Graph {
  const g = new Builder(name);
  const x = g.input('x', 'float32', [count]);
  let y = x;
  for (let i = 0; i < length; i++) y = next(g, y, x);
  g.outputAs('y', y);
  return g.graph();
}

export async function measureSpeed(backend: Backend): Promise<Speed> {
  const flops = await coldProductRate(backend, PRODUCTS, ROWS, { passes: 8 });
  const adding = chain('moved', ADDITIONS, ADDED, Add);
  const x = float32(new Float32Array(ADDED), [ADDED]);
  const moved = workOf(adding)({}).moved / (await secondsOf(backend, threadsOf(backend), adding, { x }));
  const one = float32(new Float32Array(1), [1]);
  const alone = backend.device === 'cpu' ? 1 : undefined;
  const node = (await secondsOf(backend, alone, chain('nodes', NODES, 1, Neg), { x: one })) / NODES;
  return { flops, moved, node };
}
