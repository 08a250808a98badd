import { TASK } from '../training/trainee.js';
import { initialise, plainLayout, type Layout } from '../../adapters/sites.js';
import type { VectorQuality } from '../../contract/events.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import { LORA, type OptimizerOptions } from '../../contract/recipeTraining.js';
import { byPrompt, variedRows } from '../../data/byPrompt.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { RowLoss } from '../../learner/learner.js';
import { rowsOf, tokenCount } from '../../learner/rows.js';
import { random } from '../../support/random.js';
import { lossRatio } from '../protection/harmfulLoss.js';
import type { Job } from '../training/job.js';
import { ADAMW, shortTraining } from '../training/shortTraining.js';

const VECTOR = 'security';
/** Harmful rows that a vector is tried on: of two prompts one is trained on, and the other measured. */
const MOST = 32;
/** With fewer prompts nothing is said. */
const FEWEST = 8;
/** Rows of a step, half of them ordinary where there are some: as in data that somebody poisoned. */
const ROWS = 8;
export const TRIAL_STEPS = 8;
/** Rows that a trial computes. */
export const TRIAL_ROWS = TRIAL_STEPS * ROWS;
const OPTIMIZER: OptimizerOptions = { ...ADAMW, learningRate: 3e-3, schedule: 'constant', warmupSteps: 0 };

/** Undefined with too few prompts. */
export function trialRows(harmful: ExampleList): Record<'trained' | 'measured', Example[]> | undefined {
  const taken = variedRows(harmful, MOST);
  const prompts = [...byPrompt(taken).values()];
  if (prompts.length < FEWEST) return undefined;
  const half = (which: number): Example[] =>
    prompts.filter((_, i) => i % 2 === which).flatMap((rows) => rows.map((row) => taken[row]));
  return { trained: half(0), measured: half(1) };
}

/**
 * Whether a vector protects by itself, as in the paper: a LoRA is fine-tuned with it, for a few steps, on rows of both
 * kinds that it was not trained on.
 * @returns the loss of further harmful rows with the LoRA and without the vector, as a share of the base's; nothing
 * where there are too few, or where a loss is no number
 * @throws Cancelled between two steps
 */
export async function trial(
  job: Job<VectorRecipe>,
  vector: { layout: Layout; flat: Float32Array },
  held: { harmful: ExampleList; ordinary: ExampleList },
): Promise<Pick<VectorQuality, 'trial' | 'trialInterval' | 'trialTrained' | 'trialMeasured'>> {
  const { context, recipe } = job;
  const rows = trialRows(held.harmful);
  if (!rows) return {};
  const { trained, measured } = rows;
  const ordinary = variedRows(held.ordinary, (TRIAL_STEPS * ROWS) / 2);
  const layout = plainLayout(context.sites, LORA);
  const start = initialise(layout, random(`${recipe.seed}/trial`));
  const on = { [TASK]: 1, [VECTOR]: 1 };
  const off = { [TASK]: 1, [VECTOR]: 0 };
  /** The next rows of a list, again and again. */
  const turn = (list: readonly Example[], step: number): Example[] =>
    Array.from(
      { length: Math.min(list.length, ROWS / 2) },
      (_, i) => list[((step - 1) * (ROWS / 2) + i) % list.length],
    );
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
        const batch = [...turn(trained, step), ...turn(ordinary, step)];
        return rowsOf(batch, on, 1 / tokenCount(batch));
      },
      message: 'trying the vector in a short fine-tuning',
    },
    async (learner, parameters) => {
      const losses = (scales: Record<string, number>): Promise<RowLoss[]> =>
        learner.losses(rowsOf(measured, scales, 0), parameters);
      const now = await losses(off);
      const kept = lossRatio(measured, await losses({ [TASK]: 0, [VECTOR]: 0 }), now);
      if (!kept) return {};
      const { ratio, low, high } = kept;
      return {
        trial: ratio,
        trialInterval: [low, high] as [number, number],
        trialTrained: trained.length,
        trialMeasured: measured.length,
      };
    },
  );
}
