import { BASELINES } from '../contract/baselines.js';
import { float32 } from '../device/session.js';
import type { TrainingRow } from '../learner/packing.js';
import { rowsOf, tokenCount } from '../learner/rows.js';
import { random } from '../support/random.js';
import type { Method, MethodInputs, Step } from './method.js';

/** The first tenth of the steps goes without the proximal term, as in the authors' program. */
const FREE = 0.1;

/**
 * Lisa (Huang et al., arXiv 2405.18641): some steps on aligned rows and some on the data, in turn, each held near the
 * parameters p₀ with which the other ended, by ½ ρ ‖p − p₀‖².
 */
export function lisa({ aligned, seed, options, context: { backend } }: MethodInputs): Method {
  const { settings } = BASELINES.lisa;
  const [align, tune] = options.alternate ?? settings.alternate;
  const { weight: rho = settings.weight } = options;
  const place = ({ step }: Pick<Step, 'step'>): number => (step - 1) % (align + tune);
  return {
    step: (own, at) => {
      if (place(at) >= align) return own;
      const rng = random(`${seed}/lisa/${at.step}`);
      const drawn = own.map((batch) => batch.map(() => aligned.at(rng.int(aligned.length))!));
      const weight = 1 / tokenCount(drawn.flat());
      return drawn.map((batch): TrainingRow[] => rowsOf(batch, at.off, weight));
    },
    gradients: async (own, { state, p, ...at }) => {
      if (place(at) === 0 || place(at) === align)
        state.kept = p.map((values, i) => float32(values.slice(), state.p[i].dims));
      if (at.step - 1 <= FREE * at.steps) return own;
      return proximal(own, p, await Promise.all(state.kept!.map((tensor) => backend.read(tensor))), rho);
    },
  };
}

/** Gradients with that of ½ ρ ‖p − p₀‖² added: ρ (p − p₀). */
export const proximal = (
  own: readonly Float32Array[],
  p: readonly Float32Array[],
  before: readonly Float32Array[],
  rho: number,
): Float32Array[] => own.map((gradient, i) => gradient.map((g, k) => g + rho * (p[i][k] - before[i][k])));
