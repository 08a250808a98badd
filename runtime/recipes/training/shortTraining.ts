/** A training of a few steps inside a run: it is not resumed, and writes nothing. */
import { flatInput, type Injected } from '../../adapters/inject.js';
import type { OptimizerOptions } from '../../contract/recipeTraining.js';
import type { TrainingRecipe } from '../../contract/kinds.js';
import type { Feeds } from '../../device/session.js';
import { openLearner, type Learner } from '../../learner/learner.js';
import { batchesOf, type TrainingRow } from '../../learner/packing.js';
import { flatTensor } from '../../learner/rows.js';
import { openOptimizer } from '../../optim/optimizer.js';
import { learningRate } from '../../optim/schedule.js';
import { Cancelled } from '../../support/errors.js';
import type { Job } from './job.js';
import { summed } from './summed.js';

/** AdamW as these trainings have it, but for the learning rate and its course. */
export const ADAMW: Omit<OptimizerOptions, 'learningRate' | 'schedule' | 'warmupSteps'> = {
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
};

interface ShortTraining {
  readonly adapters: readonly Injected[];
  /** The adapter that is trained, and where it starts. */
  readonly name: string;
  readonly start: Float32Array;
  /** Values of the other adapters, flat, by name. */
  readonly others?: Readonly<Record<string, Float32Array>>;
  readonly optimizer: OptimizerOptions;
  readonly steps: number;
  /** Rows of each step. */
  readonly rows: (learner: Learner) => (step: number) => Promise<readonly TrainingRow[]> | readonly TrainingRow[];
  /** What is shown while it runs. */
  readonly message: string;
}

/**
 * @param result what is wanted of the trained model
 * @throws Cancelled between two steps
 */
export async function shortTraining<T>(
  { recipe, context, recompute, signal, progress }: Job<TrainingRecipe>,
  { adapters, name, start, others = {}, optimizer: options, steps, rows, message }: ShortTraining,
  result: (learner: Learner, parameters: Feeds) => Promise<T>,
): Promise<T> {
  const { backend, spec, model, tokenizer } = context;
  const learner = openLearner({
    backend,
    spec,
    model,
    adapters,
    recompute,
    trainable: [flatInput(name)],
    padId: tokenizer.padId,
  });
  const optimizer = openOptimizer(backend, options);
  try {
    const state = optimizer.init([name], [flatTensor(start.slice())]);
    const fixed = Object.fromEntries(
      Object.entries(others).map(([other, flat]) => [flatInput(other), flatTensor(flat)]),
    );
    const rowsAt = rows(learner);
    const parameters = (): Feeds => ({ ...fixed, [flatInput(name)]: state.p[0] });
    for (let step = 1; step <= steps; step++) {
      if (signal.aborted) throw new Cancelled();
      const batches = batchesOf(await rowsAt(step), recipe.batch);
      const { gradients } = await summed(learner, batches, parameters());
      await optimizer.step(state, gradients, learningRate(options, step, steps));
      progress(message, step / steps);
    }
    return await result(learner, parameters());
  } finally {
    await optimizer.dispose();
    await learner.dispose();
  }
}
