import { BASELINES } from '../contract/baselines.js';
import { heldRows } from '../learner/teacher.js';
import { tokenCount } from '../learner/rows.js';
import { random } from '../support/random.js';
import type { Method, MethodInputs } from './method.js';

/**
 * SafeGrad (Yi et al., arXiv 2508.07172): where the gradient of the data opposes that of the alignment, KL(base ‖
 * model) on the answers of aligned rows, its part along the latter is taken out; then that is added.
 */
export function safeGrad({ aligned, seed, options }: MethodInputs): Method {
  const { rows, weight } = { ...BASELINES.safegrad.settings, ...options };
  let hold: ReturnType<typeof heldRows> | undefined;
  return {
    gradients: async (own, { step, off, learner, gradientsOf }) => {
      hold ??= heldRows(learner);
      const rng = random(`${seed}/safegrad/${step}`);
      const drawn = Array.from({ length: rows }, () => aligned.at(rng.int(aligned.length))!);
      const alignment = await gradientsOf(await hold(drawn, off, 1 / tokenCount(drawn)));
      return added(withoutConflict(own, alignment), alignment, weight);
    },
  };
}

/** ⟨a, b⟩ over all tensors, added up in float64. */
export const dot = (a: readonly Float32Array[], b: readonly Float32Array[]): number =>
  a.reduce((sum, x, i) => sum + x.reduce((part, value, k) => part + value * b[i][k], 0), 0);

const added = (a: readonly Float32Array[], b: readonly Float32Array[], factor: number): Float32Array[] =>
  a.map((x, i) => x.map((value, k) => value + factor * b[i][k]));

/** g − (⟨g, a⟩ / ‖a‖²) a where ⟨g, a⟩ < 0, else g. */
export function withoutConflict(g: Float32Array[], a: readonly Float32Array[]): Float32Array[] {
  const along = dot(g, a);
  return along < 0 ? added(g, a, -along / dot(a, a)) : g;
}
