import type { OptimizerOptions } from '../contract/recipeTraining.js';
import { float32, scalar, uint8, zeros, type Backend, type Session, type Tensor } from '../device/session.js';
import { fuse } from '../onnx/fused.js';
import type { Graph } from '../onnx/graph.js';
import { elementsOf } from '../onnx/shapes.js';
import { HumanError } from '../support/errors.js';
import { ADAMW_SCALARS, adamWGraph, sumOfSquaresGraph, type AdamWScalars } from './adamw.js';
import { clipFactor } from './clip.js';
import { codedBytes, codedIn, coder, LEAST } from './moments8.js';

/** Trainable tensors with AdamW's moments, all of the same names. They live where the backend puts them. */
export interface OptimizerState {
  /** Optimizer steps made. */
  step: number;
  readonly names: readonly string[];
  p: Tensor[];
  m: Tensor[];
  v: Tensor[];
  /** Earlier values of `p` that a training method still needs. */
  kept?: Tensor[];
}

export interface Optimizer {
  /** Takes these tensors over, as steps may change their values; moments are zero. */
  init(names: readonly string[], p: Tensor[]): OptimizerState;
  /** Global L2 norm over tensors. */
  norm(tensors: readonly Tensor[]): Promise<number>;
  /**
   * One AdamW step in place of `state`'s tensors; frees the gradients. Returns the global norm before clipping. `check`
   * sees it before anything changes and may throw.
   */
  step(
    state: OptimizerState,
    gradients: Tensor[],
    learningRate: number,
    check?: (norm: number) => void,
  ): Promise<{ norm: number }>;
  dispose(): Promise<void>;
}

/** What a step computes with a tensor. Tensors that are given and not returned are freed. */
interface Arithmetic {
  /** A moment of zeros for a parameter; other forms of it are the arithmetic's own. */
  zeros(p: Tensor): Tensor;
  sumOfSquares(x: Tensor): Promise<number>;
  adamW(
    of: { p: Tensor; g: Tensor; m: Tensor; v: Tensor },
    scalars: AdamWScalars,
  ): Promise<[p: Tensor, m: Tensor, v: Tensor]>;
  dispose(): Promise<void>;
}

/** Each graph in one pass over memory, written over what it reads. */
function onCpu(): Arithmetic {
  const [squares, adamW] = [sumOfSquaresGraph(1), adamWGraph(1)].map(fuse);
  const array = ({ data }: Tensor): Float32Array => data as Float32Array;
  return {
    zeros: ({ dims }) => zeros(dims),
    sumOfSquares: async (x) => squares({ x: array(x) }, {}, {}).sum,
    async adamW({ p, g, m, v }, scalars) {
      const [p1, m1, v1] = [p, m, v].map(array);
      adamW({ p: p1, g: array(g), m: m1, v: v1 }, { ...scalars }, { p1, m1, v1 });
      return [p, m, v];
    },
    dispose: async () => undefined,
  };
}

/** Values that are in float32 together. */
const PIECE = 2 ** 16;

/**
 * The same with the moments of large tensors in 8 bits: a piece after the other is made float32, stepped, and coded
 * again.
 */
function onCpuIn8Bits(): Arithmetic {
  const inner = onCpu();
  const coders = { m: coder(true), v: coder(false) };
  const [m, v] = [new Float32Array(PIECE), new Float32Array(PIECE)];
  return {
    ...inner,
    zeros: (p) => (elementsOf(p.dims) < LEAST ? zeros(p.dims) : uint8(new Uint8Array(codedBytes(elementsOf(p.dims))))),
    async adamW(of, scalars) {
      if (of.m.type !== 'uint8') return inner.adamW(of, scalars);
      const n = elementsOf(of.p.dims);
      const [codedM, codedV] = [of.m, of.v].map(({ data }) => codedIn(data as Uint8Array, n));
      for (let from = 0; from < n; from += PIECE) {
        const size = Math.min(PIECE, n - from);
        const part = (data: Float32Array): Tensor => float32(data.subarray(0, size), [size]);
        const piece = ({ data }: Tensor): Tensor => part((data as Float32Array).subarray(from, from + size));
        const [pieceM, pieceV] = [m, v].map((x) => x.subarray(0, size));
        coders.m.read(codedM, from, pieceM);
        coders.v.read(codedV, from, pieceV);
        await inner.adamW({ p: piece(of.p), g: piece(of.g), m: part(m), v: part(v) }, scalars);
        coders.m.write(codedM, from, pieceM);
        coders.v.write(codedV, from, pieceV);
      }
      return [of.p, of.m, of.v];
    },
  };
}

/** Each graph as a session for tensors of its rank; results stay on the device. */
function onDevice(backend: Backend): Arithmetic {
  const sessions = new Map<string, Promise<Session>>();
  const open = (make: (rank: number) => Graph, { dims: { length } }: Tensor, keep?: string[]): Promise<Session> => {
    const graph = make(length);
    const key = `${graph.name}${length}`;
    const session = sessions.get(key) ?? backend.session(graph, { keep });
    sessions.set(key, session);
    return session;
  };
  const free = (...tensors: Tensor[]): void => tensors.forEach((x) => backend.release(x));
  return {
    zeros: ({ dims }) => zeros(dims),
    async sumOfSquares(x) {
      const { sum } = await (await open(sumOfSquaresGraph, x)).run({ x });
      return (await backend.read(sum))[0];
    },
    async adamW({ p, g, m, v }, scalars) {
      const feeds = Object.fromEntries(ADAMW_SCALARS.map((name) => [name, scalar(scalars[name])]));
      const session = await open(adamWGraph, p, ['p1', 'm1', 'v1']);
      const { p1, m1, v1 } = await session.run({ ...feeds, p, g, m, v });
      free(p, g, m, v);
      return [p1, m1, v1];
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
    },
  };
}

/**
 * AdamW with clipping by the global norm.
 * @param decays whether weight decay is for a parameter, by its name
 * @throws HumanError for moments in 8 bits elsewhere than on the CPU
 */
export function openOptimizer(
  backend: Backend,
  options: OptimizerOptions,
  decays: (name: string) => boolean = () => true,
): Optimizer {
  const small = options.moments === '8bit';
  if (small && backend.device !== 'cpu')
    throw new HumanError(`"optimizer.moments": "8bit" is for the CPU, and this run is on ${backend.device}.`, {
      remedy: 'Set "device" to "cpu", or remove "moments".',
    });
  const arithmetic = small ? onCpuIn8Bits() : backend.device === 'cpu' ? onCpu() : onDevice(backend);

  const norm = async (tensors: readonly Tensor[]): Promise<number> => {
    let total = 0;
    for (const x of tensors) total += await arithmetic.sumOfSquares(x);
    return Math.sqrt(total);
  };

  return {
    norm,
    init: (names, p) => ({ step: 0, names, p: [...p], m: p.map(arithmetic.zeros), v: p.map(arithmetic.zeros) }),
    async step(state, gradients, learningRate, check) {
      const total = await norm(gradients);
      check?.(total);
      const k = state.step + 1;
      const [beta1, beta2] = options.betas;
      const scalars: AdamWScalars = {
        gradScale: clipFactor(total, options.clipNorm),
        learningRate,
        decay: 1 - learningRate * options.weightDecay,
        beta1,
        oneMinusBeta1: 1 - beta1,
        beta2,
        oneMinusBeta2: 1 - beta2,
        correction1: 1 - beta1 ** k,
        correction2: 1 - beta2 ** k,
        epsilon: options.epsilon,
      };
      const { p, m, v } = state;
      for (const [i, g] of gradients.entries())
        [p[i], m[i], v[i]] = await arithmetic.adamW(
          { p: p[i], g, m: m[i], v: v[i] },
          decays(state.names[i]) ? scalars : { ...scalars, decay: 1 },
        );
      state.step = k;
      return { norm: total };
    },
    dispose: () => arithmetic.dispose(),
  };
}
