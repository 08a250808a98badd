/** How fast a device is, by products of matrices and by operators on a few numbers: a step is made of both. */
import { Builder, type Graph, type Value } from '../onnx/graph.js';
import { Add, MatMul, ReduceMax } from '../onnx/ops.js';
import { elementsOf } from '../onnx/shapes.js';

/** What a training step computes. */
export interface StepWork {
  /** Floating-point operations of its products. */
  readonly flops: number;
  /** How many operators run: each takes a device some time, however little it computes. */
  readonly operators: number;
  /** What it is a step of, in words: `this model`. */
  readonly of: string;
}

/** Of 4 × 128 tokens, with an adapter on every layer. */
const TOKENS = 512;
/** Operators of a layer, forward and backward, as the profile in docs/performance.md counts them. */
const OPERATORS_PER_LAYER = 220;

/**
 * The work of a LoRA step of a model: its weights are multiplied forward, and backward for the gradient of what enters
 * them.
 */
export const stepWork = (weights: number, layers: number, of = 'this model'): StepWork => ({
  flops: 4 * weights * TOKENS,
  operators: OPERATORS_PER_LAYER * layers,
  of,
});

interface Speed {
  readonly flopsPerSecond: number;
  readonly secondsPerOperator: number;
}

export const secondsOf = ({ flops, operators }: StepWork, speed: Speed): number =>
  flops / speed.flopsPerSecond + operators * speed.secondsPerOperator;

/** Rows, and rows and columns of the matrix that they are multiplied with: a step's are of this size. */
const [ROWS, SIZE] = [512, 1024];
const FLOPS = 2 * ROWS * SIZE * SIZE;
const FEW = 16;
const TRIES = 3;
/** A device that takes so long for one product is not tried further, seconds. */
const SLOW = 0.1;

/** A value [rows, size] that a weight is multiplied with, or added to, so many times, one after the other. */
function chain(apply: (g: Builder, x: Value, w: Value) => Value, rows: number, shape: number[], times: number): Graph {
  const g = new Builder('trial');
  const w = g.constant('float32', shape, new Float32Array(elementsOf(shape)).fill(1 / shape[0]), 'w');
  let y = g.input('x', 'float32', [rows, shape.at(-1)!]);
  for (let i = 0; i < times; i++) y = apply(g, y, w);
  g.outputAs('y', ReduceMax(g, y, [0, 1]));
  return g.graph();
}

/**
 * Runs a graph, whose input is `x` of these dims, and then so often again; gives the seconds of the fastest of these,
 * or of the first where there are none.
 */
export type TimedRuns = (graph: Graph, dims: readonly number[], tries: number) => Promise<number>;

/** As little as a device can be asked for. */
const sums = (times: number): [Graph, readonly number[]] => [chain(Add, 1, [FEW], times), [1, FEW]];
export const FEW_NUMBERS = sums(1);

/** How fast the device is that `timed` runs graphs on. */
export async function speedOf(timed: TimedRuns): Promise<Speed> {
  const products = (times: number, tries: number): Promise<number> =>
    timed(chain(MatMul, ROWS, [SIZE, SIZE], times), [ROWS, SIZE], tries);
  const one = await products(1, 1);
  if (one > SLOW) return { flopsPerSecond: FLOPS / one, secondsPerOperator: 0 };
  // what differs between a short and a long chain is none of what goes to the device and back
  const [short, long] = [await products(1, TRIES), await products(9, TRIES)];
  const [few, many] = [await timed(...sums(10), TRIES), await timed(...sums(210), TRIES)];
  const slope = (from: number, to: number, count: number): number => Math.max((to - from) / count, to / count / 10);
  return { flopsPerSecond: FLOPS / slope(short, long, 8), secondsPerOperator: slope(few, many, 200) };
}
