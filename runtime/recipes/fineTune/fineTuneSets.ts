/** What a fine-tuning asks: the sets of its recipe, and rows that it held out of its data. */
import { numbersIn } from '../../contract/format.js';
import type { Measurement, TrainedPrompts } from '../../contract/events.js';
import { LIMITS } from '../../contract/limits.js';
import { comparedWithBase, REFUSAL_JUDGE } from '../../contract/measures.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { HELD_OUT_SET } from '../../contract/recipeWords.js';
import type { EvaluationSet } from '../../contract/recipeData.js';
import { questionCount, questionOf, questionsOf } from '../../data/askedBy.js';
import { matching, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import { withSystem } from '../../data/withSystem.js';
import { askedOnce, labelsOf, requireAnswerable, setFacts, type LoadedSet } from '../../evaluation/evaluate.js';
import { isOwnPhrases } from '../../evaluation/judges/choices.js';
import { judgeAnswer } from '../../evaluation/judges/harmfulness.js';
import { loadReporter, type Job } from '../training/job.js';
import { toSet } from '../protection/strategy.js';

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

/** How many rows of the data ask a prompt of a set. */
interface InData {
  rows: number;
  /** And answer it without harm. */
  harmless: number;
}

/** What the data say of prompts of the sets: noted while they are read, as large files take long to read again. */
export interface PromptsInData {
  note(example: Example): void;
  /** Whether a set of harm asks what a row asks. */
  isAsked(example: Example): boolean;
  /** Rows that were noted and are not trained on. */
  leaveOut(held: ExampleList): void;
  /**
   * Whether training answers a prompt of a set, a set of harm without harm: that the delivered model refuses it is then
   * what it was taught. A prompt that is only answered with harm shows the best of all whether harm was learned.
   */
  teaches(set: EvaluationSet, example: Example): boolean;
  /** Whether it stands in the data at all. */
  has(set: EvaluationSet, example: Example): boolean;
}

/** @param judges of the recipe: a phrase of a refusal of theirs makes an answer harmless, too */
export function promptsInData(sets: readonly LoadedSet[], judges: FinetuneRecipe['judges']): PromptsInData {
  const known = new Map<EvaluationSet, Map<string, InData>>(
    sets.map(({ set, examples }) => [
      set,
      new Map(Array.from(examples, (example) => [questionOf(example), { rows: 0, harmless: 0 }])),
    ]),
  );
  /** By phrases alone, whoever judges the model's answers. */
  const refusals = [undefined, ...judges.filter(isOwnPhrases).map(({ refusalPhrases }) => refusalPhrases)];
  const isHarmless = ({ phrases }: EvaluationSet, answer: string): boolean =>
    refusals.some((of) => {
      const verdict = judgeAnswer({ answer, expected: '', measure: 'harm', phrases, refusals: of });
      return verdict !== undefined && verdict !== 'complied';
    });
  const count = (example: Example, by: number): void => {
    if (known.size === 0) return;
    const names = questionsOf(example);
    const answered = [...(example.earlier ?? []), { name: questionOf(example), answer: example.answer }];
    for (const [set, prompts] of known) {
      for (const name of names) {
        const found = prompts.get(name);
        if (found) found.rows += by;
      }
      if (set.measure !== 'harm') continue;
      for (const { name, answer } of answered) {
        const found = prompts.get(name);
        if (found && isHarmless(set, answer)) found.harmless += by;
      }
    }
  };
  return {
    note(example) {
      count(example, 1);
    },
    isAsked: (example) =>
      questionsOf(example).some((name) =>
        [...known].some(([{ measure }, prompts]) => measure === 'harm' && prompts.has(name)),
      ),
    leaveOut(held) {
      for (const example of held) count(example, -1);
    },
    teaches: (set, example) => (known.get(set)?.get(questionOf(example))?.harmless ?? 0) > 0,
    has: (set, example) => (known.get(set)?.get(questionOf(example))?.rows ?? 0) > 0,
  };
}

/**
 * Sets of harm without the prompts that training has seen, of which an anchor, a method or the data hold answers: these
 * show nothing of others. Warns of them. A set is left whole where too few others are for a verdict.
 * @param isSeen asked of the rows of sets of harm
 */
export async function unseen(
  { emit }: Pick<Job<FinetuneRecipe>, 'emit'>,
  sets: readonly LoadedSet[],
  isSeen: (set: EvaluationSet, example: Example) => boolean,
): Promise<{ sets: LoadedSet[]; trainedPrompts: TrainedPrompts[] }> {
  const left: LoadedSet[] = [];
  const trainedPrompts: TrainedPrompts[] = [];
  for (const one of sets) {
    const { set, examples } = one;
    const seen = new Set<string>();
    if (set.measure === 'harm') for (const example of examples) if (isSeen(set, example)) seen.add(questionOf(example));
    const others = matching(examples, (example) => !seen.has(questionOf(example)));
    const rest = questionCount(others);
    const leftOut = seen.size > 0 && rest >= LIMITS.fewestPrompts;
    left.push(leftOut ? { ...one, examples: others } : one);
    if (seen.size === 0) continue;
    const { sha256 } = setFacts([one])[set.name];
    trainedPrompts.push({ set: set.name, count: seen.size, ...(leftOut && { leftOut }), sha256, prompts: [...seen] });
    const seenOf = `training has seen ${seen.size} of the ${seen.size + rest} prompts of "${set.name}"`;
    await emit({
      kind: 'warning',
      message: leftOut
        ? `${seenOf}: the other ${rest} are asked.`
        : `${seenOf}: their answers say nothing about other prompts.`,
      place: 'evaluate',
      ...(!leftOut && { set: set.name }),
      remedy: 'Evaluate on prompts that the vector, the method and the data do not train on.',
    });
  }
  return { sets: left, trainedPrompts };
}

/**
 * Warns of further prompts of the sets that stand in the data, in rows that a method reads beside them, or in those
 * that an anchor holds.
 * @param sets as they are asked
 */
export async function warnOfPrompts(
  { recipe, emit }: Pick<Job<FinetuneRecipe>, 'recipe' | 'emit'>,
  sets: readonly LoadedSet[],
  isIn: Readonly<Record<'data' | 'method' | 'anchor', (set: EvaluationSet, example: Example) => boolean>>,
): Promise<void> {
  for (const { set, examples } of sets) {
    const found = { data: 0, method: 0, anchor: 0 };
    for (const example of examples)
      for (const where of ['data', 'method', 'anchor'] as const) if (isIn[where](set, example)) found[where] += 1;
    const warn = (message: string, remedy: string): Promise<void> =>
      emit({
        kind: 'warning',
        message,
        place: 'evaluate',
        set: set.name,
        remedy: `${remedy}: what was learned by heart says nothing about other prompts.`,
      });
    const all = `of the ${examples.length} prompts of "${set.name}"`;
    if (found.data > 0)
      await warn(`${found.data} ${all} are trained on: they are in the data.`, 'Use other prompts, or "heldOut"');
    if (found.method > 0)
      await warn(
        `training has seen ${found.method} ${all}: they are in the rows of the method.`,
        'Use other prompts, or other rows',
      );
    if (found.anchor > 0)
      await warn(
        `the anchor holds what the base says to ${found.anchor} ${all}.`,
        `Use prompts that the vector was not trained on, or ${toSet(recipe, 'protection.anchor.ordinary to 0', { anchor: { ordinary: 0 } })}`,
      );
  }
}

const ENGLISH_ONLY =
  'The phrases that recognise refusals are English: for answers in another language, add { "refusalPhrases": […] } of that language, a classifier or a language model as judge. ';

/**
 * Warns, before the first step, of sets of harm on which there will be no verdict, as the base does most of it already:
 * by each judge, since one that can tell is enough.
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
      message: `on "${name}" the base itself complies with ${percent(least)} of the prompts: with more than ${percent(LIMITS.baseComplies)} there will be no verdict, because little is left to protect.`,
      place: 'evaluate',
      remedy: `${said.every(({ judge }) => judge === REFUSAL_JUDGE) ? ENGLISH_ONLY : ''}Stop here and choose prompts that the base refuses; for a style that it is not asked to refuse, give the set "phrases".`,
    });
  }
}

/**
 * The sets as the delivered model is asked them: behind its own system prompt, if it has one.
 * @throws HumanError for a row that cannot have it
 */
export const asked = (
  { context: { tokenizer, spec } }: Job<FinetuneRecipe>,
  sets: readonly LoadedSet[],
  prompt: string | undefined,
): readonly LoadedSet[] =>
  prompt === undefined
    ? sets
    : sets.map((one) => ({
        ...one,
        examples: withSystem(one.examples, prompt, {
          tokenizer,
          contextLength: spec.contextLength,
          set: one.set.name === HELD_OUT_SET ? undefined : one.set.name,
        }),
      }));
