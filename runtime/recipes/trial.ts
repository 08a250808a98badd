import { initialise, plainLayout, type Layout } from '../adapters/sites.js';
import type { VectorRecipe } from '../contract/recipe.js';
import type { OptimizerOptions } from '../contract/recipeTraining.js';
import { firstOf, type ExampleList } from '../data/exampleList.js';
import { mean, rowsOf, tokenCount } from '../learner/rows.js';
import { random } from '../support/random.js';
import type { Job } from './job.js';
import { shortTraining } from './shortTraining.js';

const TASK = 'task';
const VECTOR = 'security';
/** Harmful rows that a vector is tried on; with fewer than eight nothing is said. */
const MOST = 16;
const FEWEST = 8;
const ROWS = 8;
export const TRIAL_STEPS = 8;
/** Rows that a trial computes. */
export const TRIAL_ROWS = TRIAL_STEPS * ROWS;
const OPTIMIZER: OptimizerOptions = {
  learningRate: 3e-3,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
  schedule: 'constant',
  warmupSteps: 0,
};

/**
 * Whether a vector protects by itself, as in the paper: a LoRA is fine-tuned with it, for a few steps, on harmful rows that it was
 * not trained on.
 * @returns the loss of the same rows with the LoRA and without the vector, as a share of the base's; undefined where there are too few rows
 * @throws Cancelled between two steps
 */
export async function trial(
  job: Job<VectorRecipe>,
  vector: { layout: Layout; flat: Float32Array },
  held: ExampleList,
): Promise<number | undefined> {
  const { context, recipe } = job;
  const examples = firstOf(held, MOST);
  if (examples.length < FEWEST) return undefined;
  const layout = plainLayout(context.sites, { rank: 8, alpha: 16, sites: 'all-linear' });
  const start = initialise(layout, random(`${recipe.seed}/trial`));
  const on = { [TASK]: 1, [VECTOR]: 1 };
  const off = { [TASK]: 1, [VECTOR]: 0 };
  return shortTraining(
    job,
    {
      adapters: [
        { name: TASK, layout },
        { name: VECTOR, layout: vector.layout },
      ],
      name: TASK,
      start,
      others: { [VECTOR]: vector.flat },
      optimizer: OPTIMIZER,
      steps: TRIAL_STEPS,
      rows: () => (step) => {
        const rows = Array.from({ length: ROWS }, (_, i) => examples[((step - 1) * ROWS + i) % examples.length]);
        return rowsOf(rows, on, 1 / tokenCount(rows));
      },
      message: 'trying the vector in a short fine-tuning',
    },
    async (learner, parameters) => {
      const loss = async (scales: Record<string, number>): Promise<number> =>
        mean(await learner.losses(rowsOf(examples, scales, 0), parameters));
      return (await loss(off)) / (await loss({ [TASK]: 0, [VECTOR]: 0 }));
    },
  );
}
