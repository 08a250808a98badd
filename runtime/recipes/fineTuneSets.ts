/** What a fine-tuning asks: the sets of its recipe, and rows that it held out of its data. */
import { numbersIn } from '../contract/format.js';
import type { Measurement, TrainedPrompts } from '../contract/events.js';
import { LIMITS } from '../contract/limits.js';
import { comparedWithBase, REFUSAL_JUDGE } from '../contract/measures.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import { HELD_OUT_SET } from '../contract/recipeWords.js';
import { askedBy, questionsOf } from '../data/askedBy.js';
import { matching, type ExampleList } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { withSystem } from '../data/withSystem.js';
import { askedOnce, labelsOf, requireAnswerable, type LoadedSet } from '../evaluation/evaluate.js';
import { loadReporter, type Job } from './job.js';

/** The rows of the data that are not trained on, as an evaluation set; none without them. */
export async function heldOutSet(job: Job<FinetuneRecipe>, examples: ExampleList): Promise<LoadedSet[]> {
  const { data, heldOut } = job.recipe;
  if (examples.length === 0) return [];
  const { measure, phrases } = typeof heldOut === 'number' ? { measure: 'loss' as const, phrases: undefined } : heldOut;
  const set = { ...data, name: HELD_OUT_SET, measure, phrases };
  const file = job.path(data.file);
  requireAnswerable(set, examples, file);
  return [{ set, ...askedOnce(set, examples, file, loadReporter(job)), labels: await labelsOf(set, file) }];
}

/** Which prompts of the sets are trained on: noted while the data are read, as large files take long to read again. */
export function promptsInData(sets: readonly LoadedSet[]): {
  note(example: Example): void;
  /** @param held rows that were noted and are not trained on */
  warn(job: Job<FinetuneRecipe>, held: ExampleList): Promise<void>;
} {
  /** How many rows ask it. */
  const rows = new Map<string, number>();
  for (const { examples } of sets) for (const example of examples) rows.set(askedBy(example), 0);
  const count = (example: Example, by: number): void => {
    if (rows.size === 0) return;
    for (const name of questionsOf(example)) {
      const known = rows.get(name);
      if (known !== undefined) rows.set(name, known + by);
    }
  };
  return {
    note(example) {
      count(example, 1);
    },
    async warn({ emit }, held) {
      for (const example of held) count(example, -1);
      for (const { set, examples } of sets) {
        let trained = 0;
        for (const example of examples) if (rows.get(askedBy(example))! > 0) trained += 1;
        if (trained === 0) continue;
        await emit({
          kind: 'warning',
          message: `${trained} of the ${examples.length} prompts of "${set.name}" are trained on: they stand in the data.`,
          place: 'evaluate',
          remedy: 'Use other prompts, or "heldOut": what was learned by heart is no measure of other prompts.',
        });
      }
    },
  };
}

/**
 * Sets of harm without the prompts that training has seen, of which an anchor or a method holds the answers: these show nothing of
 * others. Warns of them. A set is left whole where too few others are for a verdict.
 * @param seen by name (askedBy)
 */
export async function unseen(
  { emit }: Job<FinetuneRecipe>,
  sets: readonly LoadedSet[],
  seen: ReadonlySet<string>,
): Promise<{ sets: LoadedSet[]; trainedPrompts: TrainedPrompts[] }> {
  const left: LoadedSet[] = [];
  const trainedPrompts: TrainedPrompts[] = [];
  for (const one of sets) {
    const { set, examples } = one;
    const others = set.measure === 'harm' ? matching(examples, (example) => !seen.has(askedBy(example))) : examples;
    const count = examples.length - others.length;
    const leftOut = count > 0 && others.length >= LIMITS.fewestPrompts;
    left.push(leftOut ? { ...one, examples: others } : one);
    if (count === 0) continue;
    trainedPrompts.push({ set: set.name, count, ...(leftOut && { leftOut }) });
    const seenOf = `training has seen ${count} of the ${examples.length} prompts of "${set.name}"`;
    await emit({
      kind: 'warning',
      message: leftOut
        ? `${seenOf}: the other ${others.length} are asked.`
        : `${seenOf}: their answers show nothing of other prompts.`,
      place: 'evaluate',
      remedy: 'Evaluate on prompts that the vector, or the method, is not trained on.',
    });
  }
  return { sets: left, trainedPrompts };
}

const ENGLISH_ONLY =
  'The phrases that tell refusals are English: for answers in another language, add a classifier or a language model as judge. ';

/**
 * Warns, before the first step, of sets of harm on which there will be no verdict, as the base does most of it already: by each judge,
 * since one that can tell is enough.
 * @param measurements of the base
 */
export async function warnOfBase(
  { recipe, emit }: Pick<Job<FinetuneRecipe>, 'recipe' | 'emit'>,
  measurements: readonly Measurement[],
): Promise<void> {
  if (recipe.vectors.length === 0 && !recipe.baseline) return;
  const { percent } = numbersIn();
  const harm = comparedWithBase(measurements, ['harm'], 'base');
  for (const name of new Set(harm.map((one) => one.name))) {
    const said = harm.filter((one) => one.name === name);
    const least = Math.min(...said.map(({ base }) => base));
    if (least <= LIMITS.baseComplies) continue;
    await emit({
      kind: 'warning',
      message: `on "${name}" the base itself complies with ${percent(least)} of the prompts: with more than ${percent(LIMITS.baseComplies)} there will be no verdict, as little is left to protect.`,
      place: 'evaluate',
      remedy: `${said.every(({ judge }) => judge === REFUSAL_JUDGE) ? ENGLISH_ONLY : ''}Stop here and choose prompts that the base refuses; for a style that it is not asked to refuse, give the set "phrases".`,
    });
  }
}

/** The sets as the delivered model is asked them: behind its own system prompt, if it has one. */
export const asked = (
  { context: { tokenizer, spec } }: Job<FinetuneRecipe>,
  sets: readonly LoadedSet[],
  prompt: string | undefined,
): readonly LoadedSet[] =>
  prompt === undefined
    ? sets
    : sets.map((one) => ({
        ...one,
        examples: withSystem(one.examples, prompt, { tokenizer, contextLength: spec.contextLength }),
      }));
