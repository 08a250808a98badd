/** How much of its loss on harmful rows a model has kept: measured, and watched while it trains. */
import { ratioOfSums } from '../../contract/intervals.js';
import { numbersIn } from '../../contract/format.js';
import { LIMITS } from '../../contract/limits.js';
import { fellBeyondChance, hasFallen } from '../../contract/verdict.js';
import type { HarmfulLoss, RunEvent, WatchEnd } from '../../contract/events.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { isAmong } from '../../data/askedBy.js';
import { inTurn, promptCount, sumsByPrompt, variedRows } from '../../data/byPrompt.js';
import type { Example } from '../../data/examples.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import type { RowLoss } from '../../learner/learner.js';
import { meanPerToken } from '../../learner/rows.js';
import { HumanError } from '../../support/errors.js';
import { PROBE_ROWS } from '../training/loop.js';
import { loadSource, type Job, type TrainingState } from '../training/job.js';
import type { OwnRows } from './ownRows.js';
import { strategyOf, toSet } from './strategy.js';

type Loss = Pick<RowLoss, 'nll' | 'tokens'>;

/** Of each vector, or of the recipe, that are measured at most. */
export const HARMFUL_ROWS = 64;
/** With fewer prompts that the vector was not trained on, others show more. */
const FEWEST_PROMPTS = 4;

/** Rows with a harmful answer, and where they are from. */
export interface HarmfulRows {
  readonly rows: HarmfulLoss['rows'];
  readonly examples: readonly Example[];
  /** Of each vector, in their order: where its rows are from, and their places among the examples. */
  readonly parts?: readonly { readonly rows: HarmfulLoss['rows']; readonly places: readonly number[] }[];
}

/**
 * What the verdict rests on: the prompts that a vector held out and no other was trained on, else the recipe's rows,
 * else prompts that they were trained on, which an anchor may hold. `probes`: what is drawn while training, the
 * recipe's rows before the vectors'; all of it is of one kind, as it is named by it.
 * @param vectors the rows of each
 * @param trainedOn what each vector was trained on (questionsOf): rows of the recipe may be among it
 */
export async function harmfulRows(
  job: Job<FinetuneRecipe>,
  vectors: readonly OwnRows[],
  trainedOn: readonly ReadonlySet<string>[],
): Promise<{ probes: HarmfulRows; judged: HarmfulRows }> {
  const { anchor } = strategyOf(job.recipe);
  const seen: HarmfulLoss['rows'] = anchor !== false && anchor.harmful > 0 ? 'anchored' : 'trained';
  const source = job.recipe.probes.harmful;
  const examples = source && variedRows((await loadSource(job, source, 'probes.harmful')).examples, HARMFUL_ROWS);
  const named = examples && namedRows(examples, trainedOn, seen);
  const own = vectors.map((some, k) => {
    // What one vector has held out another may have been trained on. Its own names are of benign rows with the same
    // prompt.
    const isOther = isOtherThan(trainedOn.filter((_, j) => j !== k));
    const [unseen, trained] = [some.unseen.filter(isOther), some.trained].map((rows) => variedRows(rows, HARMFUL_ROWS));
    const rows: HarmfulLoss['rows'] = promptCount(unseen) >= FEWEST_PROMPTS ? 'heldOut' : seen;
    return { rows, examples: rows === 'heldOut' ? unseen : trained, unseen, trained };
  });
  const rows = own.length > 0 && own.every((one) => one.rows === 'heldOut') ? 'heldOut' : seen;
  if (named && rows !== 'heldOut') return named;
  const isUnseen = rows === 'heldOut' || own.every(({ trained }) => trained.length === 0);
  const drawn = own.map(({ unseen, trained }) => (isUnseen ? unseen : trained));
  const probes: HarmfulRows = { rows: isUnseen ? 'heldOut' : rows, examples: inTurn(pooled(drawn).own) };
  const all = pooled(own.map((one) => one.examples));
  const parts = own.map((one, k) => ({ rows: one.rows, places: all.places[k] }));
  return { probes: named?.probes ?? probes, judged: { rows, examples: all.own.flat(), parts } };
}

/**
 * Rows of several vectors, which may have been made of the same file: a row that an earlier vector has is no further
 * one.
 * @returns of each vector its own rows without these, and the places of all of its rows among those of all
 */
function pooled(vectors: readonly (readonly Example[])[]): { own: Example[][]; places: number[][] } {
  const taken = new Map<string, number>();
  let end = 0;
  const own: Example[][] = [];
  const places = vectors.map((examples) => {
    const names = examples.map(({ ids, labels }) => `${ids.join()};${labels.join()}`);
    const isFurther = names.map((name) => !taken.has(name));
    own.push(examples.filter((_, i) => isFurther[i]));
    const found = names.map((name, i) => (isFurther[i] ? end++ : taken.get(name)!));
    names.forEach((name, i) => taken.set(name, found[i]));
    return found;
  });
  return { own, places };
}

const isOtherThan =
  (trainedOn: readonly ReadonlySet<string>[]) =>
  (example: Example): boolean =>
    !trainedOn.some((names) => isAmong(names, example));

/**
 * Rows of the recipe, of which the vectors may have been trained on some. Those do not judge where others can; those
 * that are drawn are the recipe's first whatever they are, as in other runs with the same ones, and are called what
 * most of them are.
 */
function namedRows(
  examples: readonly Example[],
  trainedOn: readonly ReadonlySet<string>[],
  seen: HarmfulLoss['rows'],
): { probes: HarmfulRows; judged: HarmfulRows } {
  const isOther = isOtherThan(trainedOn);
  const drawn = examples.slice(0, PROBE_ROWS);
  const areOthers = drawn.filter(isOther).length >= drawn.length / 2;
  const others = examples.filter(isOther);
  return {
    probes: { rows: areOthers ? 'probes' : seen, examples: drawn },
    judged: promptCount(others) >= FEWEST_PROMPTS ? { rows: 'probes', examples: others } : { rows: seen, examples },
  };
}

/**
 * Which share of their loss in the base rows have now, paired by prompt; undefined with too few prompts, and where a
 * loss is no number.
 */
export function lossRatio(
  examples: readonly Example[],
  base: readonly Loss[],
  now: readonly Loss[],
): ReturnType<typeof ratioOfSums> {
  const sums = (losses: readonly Loss[]): number[] =>
    sumsByPrompt(
      examples,
      losses.map(({ nll }) => nll),
    );
  return ratioOfSums(sums(now), sums(base));
}

/** Undefined with too few prompts for an interval, and where a loss is no number. */
export function harmfulLoss(
  { rows, examples }: HarmfulRows,
  base: readonly Loss[],
  now: readonly Loss[],
): HarmfulLoss | undefined {
  const ratio = lossRatio(examples, base, now);
  if (!ratio) return undefined;
  return {
    rows,
    of: examples.length,
    base: meanPerToken(base),
    delivered: meanPerToken(now),
    low: ratio.low,
    high: ratio.high,
  };
}

/** Of each vector on its own rows; without parts of none. */
export function harmfulLossByVector(
  { examples, parts = [] }: HarmfulRows,
  base: readonly Loss[],
  now: readonly Loss[],
): (HarmfulLoss | undefined)[] {
  return parts.map(({ rows, places }) => {
    const own = <T>(all: readonly T[]): T[] => places.map((place) => all[place]);
    return harmfulLoss({ rows, examples: own(examples) }, own(base), own(now));
  });
}

export type WatchAction = 'continue' | WatchEnd['action'];

/** @param instead of going on */
export function watchAction(
  { protection }: Pick<FinetuneRecipe, 'protection'>,
  instead: WatchAction = 'continue',
): WatchAction {
  const written = typeof protection === 'object' ? protection.watch : 'continue';
  return written === 'continue' ? instead : written;
}

/**
 * What a protected run does when the protection no longer holds, beyond chance: warn once, end, or go back to the last
 * state that held.
 * @param earlier what the run, before it was resumed, has recorded
 * @returns whether training ends here
 */
export function watch(
  action: WatchAction,
  { steps, protection }: { steps: number } & Pick<FinetuneRecipe, 'protection'>,
  { state, hold, restore }: Pick<TrainingState, 'state' | 'hold' | 'restore'>,
  emit: (event: RunEvent) => Promise<void>,
  earlier: readonly RunEvent[],
): (loss: HarmfulLoss) => Promise<boolean> {
  const remedy = remedies({ protection });
  let warned = earlier.some(
    (event) => event.kind === 'evaluation' && event.harmfulLoss && fellBeyondChance(event.harmfulLoss),
  );
  return async (loss) => {
    if (!fellBeyondChance(loss)) {
      // of two limits the narrower: what is gone back to must be no weak state for the verdict
      if (action === 'restore' && !hasFallen(loss)) await hold();
      return false;
    }
    const { step } = state;
    const { bound, percent } = numbersIn();
    const found = `at step ${step} the loss on ${loss.of} harmful rows, vector off, is ${percent(loss.delivered / loss.base)} of the base's (95 % interval: ${bound(loss.low, 'low')} to ${bound(loss.high, 'high')}), below ${percent(LIMITS.lossKept)}: ${step === 0 ? 'the adapter that training starts from has learned them' : 'the model is learning them'}`;
    const warn = (what: string): Promise<void> =>
      emit({ kind: 'warning', message: `${found}. ${what}`, place: 'protection.watch', remedy: remedy[action] });
    if (action === 'restore' ? !(await restore()) : action === 'stop' && step === 0)
      throw new HumanError(`${found}, and there is no earlier step where the protection held.`, {
        kind: 'failed',
        place: 'protection.watch',
        remedy: 'Look at adapter.init: the adapter that training starts from may already have learned harm.',
      });
    if (action === 'restore') {
      await warn(`Training ends here and goes back to step ${state.step}, the last that held.`);
      return true;
    }
    if (action === 'stop' && step < steps) {
      await warn('Training ends here; this state is delivered.');
      return true;
    }
    if (!warned) await warn('The verdict is about the end of the run: the loss may have risen again by then.');
    warned = true;
    return false;
  };
}

const remedies = (recipe: Pick<FinetuneRecipe, 'protection'>): Record<WatchAction, string> => ({
  continue: `Look at the verdict. Where that is weak, too, ${toSet(recipe, 'protection.watch to "stop" or "restore"', { watch: 'restore' })}.`,
  stop: 'Strengthen the protection or lower optimizer.learningRate; "restore" goes back to the last step that held.',
  restore: 'Strengthen the protection or lower optimizer.learningRate to train for longer.',
});

/**
 * Fine-tuning ends before its last step by its watch alone.
 * @throws HumanError for a checkpoint with which it has ended, where nothing says any more that it ends there
 */
export function requireWatched({ file, facts }: Checkpoint, action: WatchAction): void {
  if (facts.enough && action === 'continue')
    throw new HumanError(
      'its training was ended early by the "stop" of a sweep, which is gone; it cannot go on from there.',
      { place: file, remedy: 'Start the run over.', code: 'restart' },
    );
}

/**
 * How the watch ended a training that is over; a function of what the run has recorded, so that a resumed one says the
 * same.
 */
export function watchEnd(
  action: WatchAction,
  events: readonly RunEvent[],
  delivered: number,
  steps: number,
): WatchEnd | undefined {
  const last = events.findLast((event) => event.kind === 'evaluation' && event.harmfulLoss);
  if (action === 'continue' || last?.kind !== 'evaluation' || !last.harmfulLoss || delivered >= steps) return undefined;
  return fellBeyondChance(last.harmfulLoss) ? { action, step: last.step, delivered } : undefined;
}
