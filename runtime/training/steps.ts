import { epochBatches } from '../data/batches.js';
import type { Example } from '../data/examples.js';

export interface BatchOptions {
  readonly rows: number;
  readonly accumulate: number;
  readonly seed: number;
}

/** Optimizer steps of a recipe over `rows` rows of data. */
export function plannedSteps(
  recipe: { epochs?: number; steps?: number; batch: { rows: number; accumulate: number } },
  rows: number,
): number {
  if (recipe.steps !== undefined) return recipe.steps;
  const perEpoch = Math.ceil(Math.ceil(rows / recipe.batch.rows) / recipe.batch.accumulate);
  return Math.max(1, Math.round(recipe.epochs! * perEpoch));
}

/** Micro-batches of an optimizer step (from 1). A function of seed and step alone, so that a resumed run goes on as if it had not stopped. */
export function batchPlan(
  examples: readonly Example[],
  { rows, accumulate, seed }: BatchOptions,
): (step: number) => Example[][] {
  const perEpoch = Math.ceil(Math.ceil(examples.length / rows) / accumulate);
  let epoch = -1;
  let batches: Example[][] = [];
  return (step) => {
    const wanted = Math.floor((step - 1) / perEpoch);
    if (wanted !== epoch) {
      epoch = wanted;
      batches = epochBatches(examples, { rows, seed, epoch });
    }
    const at = ((step - 1) % perEpoch) * accumulate;
    return batches.slice(at, at + accumulate);
  };
}
