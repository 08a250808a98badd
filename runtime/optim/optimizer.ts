import type { OptimizerOptions } from '../contract/recipeTraining.js';
import { float32, scalar, type Backend, type Feeds, type Session, type Tensor } from '../device/session.js';
import { ADAMW_SCALARS, adamWGraph, addGraph, sumOfSquaresGraph, type AdamWScalars } from './adamw.js';
import { clipFactor } from './clip.js';

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
  /** a + b, tensor by tensor; takes both over, as `init` does. */
  add(a: Tensor[], b: Tensor[]): Promise<Tensor[]>;
  /** One AdamW step in place of `state`'s tensors; frees the gradients. Returns the global norm before clipping. `check` sees it before anything changes and may throw. */
  step(
    state: OptimizerState,
    gradients: Tensor[],
    learningRate: number,
    check?: (norm: number) => void,
  ): Promise<{ norm: number }>;
  dispose(): Promise<void>;
}

/** Elements that the CPU computes at once: what one operation leaves of them is in its cache for the next. */
const PIECE = 2 ** 20;

/** Runs an elementwise graph on tensors of the CPU, piece by piece. @param outputs by their names the inputs that they are written over */
async function inPlace(session: Session, inputs: Feeds, outputs: Record<string, string>, scalars: Feeds = {}) {
  const arrays = Object.entries(inputs).map(([name, { data }]) => [name, data as Float32Array] as const);
  for (let from = 0; from < arrays[0][1].length; from += PIECE) {
    const pieces = Object.fromEntries(
      arrays.map(([name, data]) => {
        const piece = data.subarray(from, from + PIECE);
        return [name, float32(piece, [piece.length])];
      }),
    );
    const into = Object.fromEntries(Object.entries(outputs).map(([output, input]) => [output, pieces[input]]));
    await session.run({ ...scalars, ...pieces }, into);
  }
}

/** AdamW with clipping by the global norm: three small graphs, run once per tensor, on the CPU in place. */
export function openOptimizer(backend: Backend, options: OptimizerOptions): Optimizer {
  const sessions = new Map<string, Promise<Session>>();
  const open = (kind: 'adamw' | 'add' | 'norm', rank: number): Promise<Session> => {
    const key = `${kind}${rank}`;
    let session = sessions.get(key);
    if (!session) {
      session =
        kind === 'adamw'
          ? backend.session(adamWGraph(rank), { keep: ['p1', 'm1', 'v1'] })
          : kind === 'add'
            ? backend.session(addGraph(rank), { keep: ['sum'] })
            : backend.session(sumOfSquaresGraph(rank));
      sessions.set(key, session);
    }
    return session;
  };
  const onCpu = backend.device === 'cpu';
  const zeros = ({ dims }: Tensor): Tensor => float32(new Float32Array(dims.reduce((a, b) => a * b, 1)), dims);

  const norm = async (tensors: readonly Tensor[]): Promise<number> => {
    let total = 0;
    for (const x of tensors) {
      const { sum } = await (await open('norm', x.dims.length)).run({ x });
      total += (await backend.read(sum))[0];
    }
    return Math.sqrt(total);
  };

  return {
    norm,
    init: (names, p) => ({ step: 0, names, p: [...p], m: p.map(zeros), v: p.map(zeros) }),
    async add(a, b) {
      const sums: Tensor[] = [];
      for (const [i, x] of a.entries()) {
        if (onCpu) {
          await inPlace(await open('add', 1), { a: x, b: b[i] }, { sum: 'a' });
          sums.push(x);
          continue;
        }
        const { sum } = await (await open('add', x.dims.length)).run({ a: x, b: b[i] });
        backend.release(x);
        backend.release(b[i]);
        sums.push(sum);
      }
      return sums;
    },
    async step(state, gradients, learningRate, check) {
      const total = await norm(gradients);
      check?.(total);
      const k = state.step + 1;
      const [beta1, beta2] = options.betas;
      const values: AdamWScalars & Record<(typeof ADAMW_SCALARS)[number], number> = {
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
      const scalars: Feeds = Object.fromEntries(ADAMW_SCALARS.map((name) => [name, scalar(values[name])]));
      for (const [i, g] of gradients.entries()) {
        const [p, m, v] = [state.p[i], state.m[i], state.v[i]];
        if (onCpu) {
          await inPlace(await open('adamw', 1), { p, g, m, v }, { p1: 'p', m1: 'm', v1: 'v' }, scalars);
          continue;
        }
        const session = await open('adamw', g.dims.length);
        const { p1, m1, v1 } = await session.run({ ...scalars, p, g, m, v });
        for (const tensor of [p, m, v, g]) backend.release(tensor);
        state.p[i] = p1!;
        state.m[i] = m1!;
        state.v[i] = v1!;
      }
      state.step = k;
      return { norm: total };
    },
    async dispose() {
      for (const session of sessions.values()) await (await session).dispose();
    },
  };
}
