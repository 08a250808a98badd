/** The rows of a vector's prompts.jsonl, as a fine-tuning holds and measures them. */
import { adapterName } from '../../contract/adapterName.js';
import type { RunEvent } from '../../contract/events.js';
import { plural } from '../../contract/format.js';
import { sum } from '../../contract/sum.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { isOwnPhrases } from '../../evaluation/judges/choices.js';
import { isRefusal } from '../../evaluation/judges/harmfulness.js';
import { exampleFrom, type Example } from '../../data/examples.js';
import { InvalidRow } from '../../data/invalidRow.js';
import { answerTo } from '../../data/rowContent.js';
import type { Tokenizer } from '../../models/text/tokenizer.js';
import { HumanError, unless } from '../../support/errors.js';
import { beside } from '../vectorFiles/calibrationFile.js';
import type { Job } from '../training/job.js';
import { readPrompts, type KeptPrompt } from './prompts.js';
import { goesByRefusals, strategyOf, toSet, type Strategy } from './strategy.js';

/** Of one vector. */
export interface OwnRows {
  /** Prompts that it was trained on, with the base model's answers: what an anchor holds. */
  readonly held: readonly Example[];
  /** Ordinary prompts, with the base model's answers: what an anchor may hold, too. */
  readonly ordinary: readonly Example[];
  /** Those of `held` with harmful answers. */
  readonly trained: readonly Example[];
  /**
   * Prompts that it was not trained on, with harmful answers. They show what is learned, so nothing is trained on them,
   * not even to hold it.
   */
  readonly unseen: readonly Example[];
}

/** None where there is no prompts.jsonl. */
async function promptsOf(path: string): Promise<KeptPrompt[]> {
  return (await readPrompts(beside(path, RUN_FILES.prompts))) ?? [];
}

/** The harmful answers that vectors were trained to give, as far as they are kept with these. */
export const harmfulAnswers = async (paths: readonly string[]): Promise<string[]> =>
  (await Promise.all(paths.map(promptsOf))).flat().flatMap((prompt) => (prompt.ordinary ? [] : prompt.harmful));

/** Rows of a prompt with an answer; none where that is empty, or not to be told apart from its prompt. */
function rowsOf(kind: keyof OwnRows, prompts: readonly KeptPrompt[], tokenizer: Tokenizer): (Example | undefined)[] {
  return prompts.map((one, at) => {
    if (kindOf(one) !== (kind === 'trained' ? 'held' : kind)) return undefined;
    const { messages, prompt, tools, base } = one;
    const [text, said] = one.ordinary || kind === 'held' ? [base, base] : [one.harmful, one.said ?? one.harmful];
    return unless(InvalidRow, () =>
      exampleFrom(
        messages ? answerTo(messages, said, tools) : { kind: 'completion', prompt: prompt!, completion: text },
        tokenizer,
        { row: at, line: at + 1 },
      ),
    );
  });
}

/** What it may be held as. */
function kindOf(one: KeptPrompt): Exclude<keyof OwnRows, 'trained'> {
  if (one.ordinary) return 'ordinary';
  return one.heldOut ? 'unseen' : 'held';
}

const lengthOf = (row: Example | undefined): number => row?.ids.length ?? 0;

/** How many of some vectors' harmful prompts there are, and how many of them the base model refuses. */
export interface Refusals {
  readonly asked: number;
  readonly refused: number;
}

/** As the published phrases recognise a refusal, in English, or those of a judge of the recipe. */
function refusalsIn(prompts: readonly KeptPrompt[], judges: FinetuneRecipe['judges']): Refusals {
  const own = judges.filter(isOwnPhrases).map(({ refusalPhrases }) => refusalPhrases);
  const refuses = ({ base }: KeptPrompt): boolean => [undefined, ...own].some((phrases) => isRefusal(base, phrases));
  const harmful = prompts.filter(({ ordinary }) => !ordinary);
  return { asked: harmful.length, refused: harmful.filter(refuses).length };
}

/** Whether the base refuses what a vector was made of. */
export const isRefused = ({ refused, asked }: Refusals): boolean => refused > asked / 2;

/**
 * A vector's own rows, however long, and what the base says to its prompts.
 * @param judges of the recipe that names the vector
 */
export async function allOwn(
  path: string,
  tokenizer: Tokenizer,
  judges: FinetuneRecipe['judges'],
): Promise<OwnRows & { readonly base: Refusals }> {
  const prompts = await promptsOf(path);
  const of = (kind: keyof OwnRows): Example[] => rowsOf(kind, prompts, tokenizer).filter((row) => row !== undefined);
  return {
    held: of('held'),
    ordinary: of('ordinary'),
    trained: of('trained'),
    unseen: of('unseen'),
    base: refusalsIn(prompts, judges),
  };
}

/** Tokens of the longest row of vectors' own, of ordinary ones where an anchor would hold them; 0 without any. */
export async function longestOwn(
  paths: readonly string[],
  tokenizer: Tokenizer,
  judges: FinetuneRecipe['judges'],
): Promise<number> {
  const all = await Promise.all(paths.map((path) => allOwn(path, tokenizer, judges)));
  const refused = all.some(({ base }) => isRefused(base));
  const rows = all.flatMap(({ held, trained, unseen, ordinary }) => [
    ...[...held, ...trained, ...unseen],
    ...(refused ? ordinary : []),
  ]);
  return rows.reduce((most, row) => Math.max(most, lengthOf(row)), 0);
}

/** What was read of a vector's own rows. */
interface Found {
  readonly own: OwnRows;
  /** Its folder's name. */
  readonly name: string;
  readonly prompts: number;
  /** How many of these have a row that takes no part, and the tokens of the longest row. */
  readonly tooLong: number;
  readonly longest: number;
}

/** What an anchor is to hold, and of what. */
interface Holding {
  readonly recipe: FinetuneRecipe;
  readonly anchor: Strategy['anchor'];
  readonly holdsOrdinary: boolean;
  /** Tokens of a row that takes part, at most, and those that the model has room for. */
  readonly most: number;
  readonly contextLength: number;
  readonly found: readonly Found[];
  /** Tokens of the longest ordinary row. */
  readonly longestOrdinary: number;
}

/**
 * Of each vector; rows that are longer than the data may be take no part. Warns of these, and of a vector of which the
 * anchor holds nothing.
 * @returns with the strategy of the recipe, which may go by what the base refuses
 * @throws HumanError when it has nothing to hold of any
 */
export async function ownRows(
  { context: { tokenizer, spec }, recipe, emit }: Pick<Job<FinetuneRecipe>, 'context' | 'recipe' | 'emit'>,
  vectors: readonly { readonly path: string }[],
): Promise<{ own: OwnRows[]; strategy: Strategy }> {
  const { contextLength } = spec;
  const most = Math.min(recipe.batch.maxTokens, contextLength);
  const read = await Promise.all(vectors.map(({ path }) => promptsOf(path)));
  const refusals = read.map((prompts) => refusalsIn(prompts, recipe.judges)).filter(isRefused);
  const ordinary = read.map((prompts) => rowsOf('ordinary', prompts, tokenizer));
  const fitting = (rows: readonly (Example | undefined)[]): Example[] =>
    rows.filter((row) => row !== undefined).filter((row) => lengthOf(row) <= most);
  const fits = ordinary.some((rows) => fitting(rows).length > 0);
  const strategy = strategyOf(recipe, refusals.length > 0 && fits);
  const { anchor } = strategy;
  const holdsOrdinary = anchor !== false && anchor.ordinary > 0;
  const found = vectors.map(({ path }, k): Found => {
    const prompts = read[k];
    const all = {
      held: anchor === false ? [] : rowsOf('held', prompts, tokenizer),
      ordinary: holdsOrdinary ? ordinary[k] : [],
      trained: rowsOf('trained', prompts, tokenizer),
      unseen: rowsOf('unseen', prompts, tokenizer),
    };
    const lengths = prompts.map((_, at) => Math.max(...Object.values(all).map((rows) => lengthOf(rows[at]))));
    return {
      own: {
        held: fitting(all.held),
        ordinary: fitting(all.ordinary),
        trained: fitting(all.trained),
        unseen: fitting(all.unseen),
      },
      prompts: prompts.filter((one) => !one.ordinary || holdsOrdinary).length,
      tooLong: lengths.filter((length) => length > most).length,
      longest: Math.max(0, ...lengths),
      name: adapterName(path),
    };
  });
  const longestOrdinary = Math.max(0, ...ordinary.flat().map(lengthOf));
  const holding = { recipe, anchor, holdsOrdinary, most, contextLength, found, longestOrdinary };
  requireHeld(holding);
  await warnOfRows(holding, emit);
  if (refusals.length > 0 && goesByRefusals(recipe)) await emit(refusedEvent(holding, refusals));
  return { own: found.map(({ own }) => own), strategy };
}

const raiseTo = (tokens: number, { recipe, contextLength }: Holding): string | undefined =>
  recipe.batch.maxTokens < contextLength ? `Raise it to ${Math.min(tokens, contextLength)}.` : undefined;

const longestOf = ({ found }: Holding): number => Math.max(0, ...found.map((one) => one.longest));

/** @throws HumanError where an anchor has nothing to hold of what it is to hold */
function requireHeld(holding: Holding): void {
  const { recipe, anchor, holdsOrdinary, most, found, longestOrdinary } = holding;
  const lacks = (kind: keyof OwnRows): boolean => found.every(({ own }) => own[kind].length === 0);
  const longest = longestOf(holding);
  if (anchor !== false && (lacks('held') || (anchor.harmful > 0 && lacks('trained'))))
    throw longest > most
      ? new HumanError(
          `the anchor has nothing to hold: with their answers the prompts of the vector have more than ${most} tokens.`,
          { place: 'batch.maxTokens', remedy: raiseTo(longest, holding) },
        )
      : new HumanError(
          'the anchor needs the prompts of a vector, and none of the vectors has a prompts.jsonl with prompts that it was trained on.',
          {
            place: 'protection.anchor',
            remedy: `Name the run folder that trained the vector (with prompts.jsonl in it), or ${toSet(recipe, 'protection.anchor to false', { anchor: false })}.`,
          },
        );
  if (holdsOrdinary && lacks('ordinary'))
    throw longestOrdinary > most
      ? new HumanError(
          `the anchor has no ordinary prompts to hold: with the base model's answers those of the vector have more than ${most} tokens.`,
          { place: 'batch.maxTokens', remedy: raiseTo(longestOrdinary, holding) },
        )
      : new HumanError(
          'the anchor is to hold ordinary prompts, and none of the vectors has any in its prompts.jsonl.',
          {
            place: 'protection.anchor.ordinary',
            remedy: 'Train the vector again with benign rows that ask something, or remove protection.anchor.ordinary.',
          },
        );
}

async function warnOfRows(holding: Holding, emit: Job<FinetuneRecipe>['emit']): Promise<void> {
  const { anchor, holdsOrdinary, most, found } = holding;
  for (const { own, name, prompts, tooLong } of found) {
    if (tooLong > 0)
      await emit({
        kind: 'warning',
        message: `${tooLong} of the ${prompts} prompts of ${name} ${plural(tooLong, 'has', 'have')} more than ${most} tokens with an answer: such rows are neither held nor measured.`,
        place: 'batch.maxTokens',
        remedy: raiseTo(longestOf(holding), holding),
      });
    else if (anchor !== false && own.held.length === 0)
      await emit({
        kind: 'warning',
        message: `the anchor holds nothing of ${name}: it has no prompts.jsonl with prompts that it was trained on.`,
        place: 'protection.anchor',
        remedy: 'Name the run folder that trained it, with prompts.jsonl in it.',
      });
    if (holdsOrdinary && own.ordinary.length === 0)
      await emit({
        kind: 'warning',
        message: `the anchor holds no ordinary prompts of ${name}: its prompts.jsonl has none that fit.`,
        place: 'protection.anchor.ordinary',
        remedy: 'Train it again with benign rows that ask something.',
      });
  }
}

/** That the base refuses what vectors were made of, and what an anchor does about it. */
function refusedEvent(holding: Holding, refusals: readonly Refusals[]): RunEvent {
  const { holdsOrdinary, most, longestOrdinary } = holding;
  const [refused, asked] = (['refused', 'asked'] as const).map((of) => sum(refusals.map((one) => one[of])));
  const refuses = `the base refuses ${refused} of the ${asked} harmful prompts of the ${plural(refusals.length, 'vector', 'vectors')}`;
  if (holdsOrdinary)
    return { kind: 'state', state: 'preparing', message: `${refuses}: each step holds a harmful and an ordinary one` };
  return {
    kind: 'warning',
    message: `${refuses}, and there are no ordinary ones to hold beside them: at a high learning rate refusals may be lost.`,
    ...(longestOrdinary > most
      ? { place: 'batch.maxTokens', remedy: raiseTo(longestOrdinary, holding) }
      : { place: 'protection.anchor', remedy: 'Train the vector again with benign rows that ask something.' }),
  };
}
