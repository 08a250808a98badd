import { epochOrder } from '../data/batches.js';
import type { ExampleList } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { HumanError } from '../support/errors.js';
import { MAX_STEPS } from '../contract/recipe.js';

export interface BatchOptions {
  readonly rows: number;
  readonly accumulate: number;
  readonly seed: number;
}

/**
 * Optimizer steps of a recipe over `rows` rows of data.
 * @throws HumanError when the epochs are more steps than a run can have
 */
export function plannedSteps(
  recipe: { epochs?: number; steps?: number; batch: { rows: number; accumulate: number } },
  rows: number,
): number {
  if (recipe.steps !== undefined) return recipe.steps;
  const perEpoch = Math.ceil(Math.ceil(rows / recipe.batch.rows) / recipe.batch.accumulate);
  const steps = Math.max(1, Math.round(recipe.epochs! * perEpoch));
  if (steps > MAX_STEPS)
    throw new HumanError(
      `${recipe.epochs} epochs of ${rows} rows are ${steps} steps; a run has at most ${MAX_STEPS}.`,
      {
        place: 'epochs',
        remedy: 'Lower "epochs", or raise batch.rows or batch.accumulate.',
      },
    );
  return steps;
}

/**
 * Micro-batches of an optimizer step (from 1): each row once an epoch, the last batch of an epoch may be smaller. A function
 * of seed and step alone, so that a resumed run continues as if it had not stopped.
 */
export function batchPlan<E = Example>(
  examples: ExampleList<E>,
  { rows, accumulate, seed }: BatchOptions,
): (step: number) => E[][] {
  const perEpoch = Math.ceil(Math.ceil(examples.length / rows) / accumulate);
  let epoch = -1;
  let order: number[] = [];
  return (step) => {
    const current = Math.floor((step - 1) / perEpoch);
    if (current !== epoch) {
      epoch = current;
      order = epochOrder(examples.length, { seed, epoch });
    }
    const start = ((step - 1) % perEpoch) * accumulate * rows;
    const indices = order.slice(start, start + accumulate * rows);
    return Array.from({ length: Math.ceil(indices.length / rows) }, (_, i) =>
      indices.slice(i * rows, (i + 1) * rows).map((row) => examples.at(row)!),
    );
  };
}
