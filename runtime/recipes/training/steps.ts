import { epochOrder } from '../../data/epochOrder.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { HumanError } from '../../support/errors.js';
import type { RunEvent } from '../../contract/events.js';
import { plural } from '../../contract/format.js';
import type { BatchSize, OptimizerOptions } from '../../contract/recipeTraining.js';
import { MAX_STEPS } from '../../contract/recipeValues.js';
import { sum } from '../../contract/sum.js';
import { warmupSteps } from '../../optim/schedule.js';

export type Batch = BatchSize & { readonly accumulate: number };
type BatchOptions = Batch & { readonly seed: number };

/**
 * Optimizer steps of a recipe over its rows.
 * @throws HumanError when the epochs are more steps than a run can have
 */
export function plannedSteps(
  recipe: { epochs?: number; steps?: number; batch: Batch },
  rows: ExampleList<unknown>,
): number {
  if (recipe.steps !== undefined) return recipe.steps;
  const steps = stepsIn(recipe.epochs!, amountOf(rows, recipe.batch), recipe.batch);
  if (steps > MAX_STEPS)
    throw new HumanError(
      `${recipe.epochs} epochs of ${rows.length} rows are ${steps} steps; a run has at most ${MAX_STEPS}.`,
      {
        place: 'epochs',
        remedy: 'Lower "epochs", or raise batch.rows or batch.accumulate.',
      },
    );
  return steps;
}

/** Warns where the learning rate of a recipe is never reached. */
export async function warnOfWarmup(
  { optimizer }: { optimizer: OptimizerOptions },
  steps: number,
  emit: (event: RunEvent) => Promise<void>,
): Promise<void> {
  const warmup = warmupSteps(optimizer, steps);
  if (optimizer.warmupSteps < 1 || warmup < steps) return;
  await emit({
    kind: 'warning',
    message: `the warm-up has ${warmup} ${plural(warmup, 'step', 'steps')}, and the run ${steps}: its learning rate is never reached.`,
    place: 'optimizer.warmupSteps',
    remedy: 'Lower it, or write a share of all steps, such as 0.05.',
  });
}

/** How much is trained on in an epoch; the tokens count where batches are a budget of them. */
interface Amount {
  readonly rows: number;
  readonly tokens: number;
}

const amountOf = (list: ExampleList<unknown>, { tokens }: Batch): Amount => ({
  rows: list.length,
  tokens: tokens === undefined ? 0 : sum(lengthsOf(list)),
});

/** Optimizer steps of some epochs. */
export const stepsIn = (epochs: number, amount: Amount, batch: Batch): number =>
  Math.max(1, Math.round(epochs * stepsPerEpoch(amount, batch)));

function stepsPerEpoch(amount: Amount, { rows, tokens, accumulate }: Batch): number {
  return tokens === undefined
    ? Math.ceil(Math.ceil(amount.rows / rows) / accumulate)
    : Math.min(amount.rows, Math.ceil(amount.tokens / (tokens * accumulate)));
}

/** Rows of a large file are cut into tokens each time they are read. */
const known = new WeakMap<ExampleList<unknown>, Int32Array>();
function lengthsOf(list: ExampleList<unknown>): Int32Array {
  const lengths =
    known.get(list) ?? Int32Array.from(list as ExampleList<Pick<Example, 'ids'>>, ({ ids }) => ids.length);
  known.set(list, lengths);
  return lengths;
}

/**
 * Batches of an optimizer step (from 1): each row once an epoch, the last batch of an epoch may be smaller. A function
 * of seed and step alone, so that a resumed run continues as if it had not stopped. With a budget of tokens all rows of
 * a step are one batch, cut into micro-batches where it is packed (learner/packing.ts): which rows meet in a step never
 * depends on their lengths.
 */
export function batchPlan<E = Example>(examples: ExampleList<E>, options: BatchOptions): (step: number) => E[][] {
  const { rows, tokens, accumulate, seed } = options;
  const perEpoch = stepsPerEpoch(amountOf(examples, options), options);
  let epoch = -1;
  let order: number[] = [];
  /** Where each step of the epoch begins in its order; the last entry is the end. */
  let starts: number[] = [];
  return (step) => {
    const current = Math.floor((step - 1) / perEpoch);
    if (current !== epoch) {
      epoch = current;
      order = epochOrder(examples.length, { seed, epoch });
      starts = tokens === undefined ? [] : evenStarts(order, lengthsOf(examples), perEpoch);
    }
    const at = (step - 1) % perEpoch;
    const take = (from: number, to: number): E[] => order.slice(from, to).map((row) => examples.at(row)!);
    if (tokens !== undefined) return [take(starts[at], starts[at + 1])];
    const start = at * accumulate * rows;
    const end = Math.min(start + accumulate * rows, order.length);
    return Array.from({ length: Math.ceil((end - start) / rows) }, (_, i) =>
      take(start + i * rows, Math.min(start + (i + 1) * rows, end)),
    );
  };
}

/** An order cut into steps of as many tokens each as whole rows allow; none is empty. */
function evenStarts(order: readonly number[], lengths: Int32Array, steps: number): number[] {
  let left = sum(lengths);
  const starts = [0];
  let at = 0;
  for (let step = 0; step < steps; step++) {
    const share = left / (steps - step);
    const mostRows = order.length - (steps - step - 1);
    let taken = 0;
    do taken += lengths[order[at++]];
    while (at < mostRows && (step === steps - 1 || taken + lengths[order[at]] / 2 <= share));
    left -= taken;
    starts.push(at);
  }
  return starts;
}
