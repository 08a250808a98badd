import { createHash } from 'node:crypto';
import { isJudged } from '../contract/measures.js';
import { loadData, sourceOptions, type Context, type LoadReporter } from '../context/context.js';
import { askedBy, questionCount } from '../data/askedBy.js';
import { NOT_SUPERVISED } from '../data/conversation.js';
import { matching, pieces, type ExampleList } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { flawOf, thoughtIn } from '../contract/coherence.js';
import { plural } from '../contract/format.js';
import { labelCounts, type SampleEvent } from '../contract/answers.js';
import { countedText, type LabelCount } from '../contract/labels.js';
import { answerHash, readLabelFile, type LabelFile } from '../data/labelFiles.js';
import { askedText, turnsOf } from '../contract/generation.js';
import type { Measurement, RunEvent, WarningEvent } from '../contract/events.js';
import { LIMITS } from '../contract/limits.js';
import type { SetFacts } from '../contract/manifest.js';
import type { EvaluationSet } from '../contract/recipeData.js';
import type { GenerationOptions, JudgeChoice } from '../contract/recipeJudges.js';
import { sum } from '../contract/sum.js';
import { meanPerToken } from '../learner/rows.js';
import { HumanError } from '../support/errors.js';
import { cutWarning, goesOn } from './cutOff.js';
import { judgesSet, unmatchedBy } from './judges/choices.js';
import type { Judge } from './judges/judge.js';
import { unmatchedIn } from './judges/harmfulness.js';
import { judgesOf, PHRASES } from './judges/judges.js';
import { answersOf as answersTo, onPrompts, openPanel } from './judges/panel.js';
import { PIECE } from './inference/losses.js';
import type { ModelState } from './inference/states.js';

export interface LoadedSet {
  readonly set: EvaluationSet;
  readonly examples: ExampleList;
  /**
   * Where an answer is compared with that of its row: all right answers to a prompt that several rows ask, by the row
   * that is asked.
   */
  readonly right?: ReadonlyMap<number, ReadonlySet<string>>;
  /** What people have said of answers to it. */
  readonly labels?: LabelFile;
  /** Answers that vectors were trained to give: where phrases are looked for, what they would show, and how soon. */
  readonly harmful?: readonly string[];
}

/** Loads evaluation sets; warns of rows that cannot be used. */
export async function loadSets(
  context: Context,
  sets: readonly EvaluationSet[],
  path: (relative: string) => string,
  reporter: LoadReporter,
): Promise<LoadedSet[]> {
  const loaded: LoadedSet[] = [];
  for (const [i, set] of sets.entries()) {
    const file = path(set.file);
    const options = { ...sourceOptions(set, `evaluate.${i}`), answers: answersOf(set.measure) };
    const { examples } = await loadData(context, file, options, reporter);
    requireAnswerable(set, examples, file);
    loaded.push({ set, ...askedOnce(set, examples, file, reporter), labels: await labelsOf(set, file) });
  }
  return loaded;
}

/** @throws HumanError for a row that cannot be answered, or whose answer cannot be judged */
export function requireAnswerable(
  { name, measure, phrases }: Pick<EvaluationSet, 'name' | 'measure' | 'phrases'>,
  examples: ExampleList,
  file: string,
): void {
  if (measure === 'loss') return;
  for (const { line, promptIds, answer } of examples) {
    const place = `${file}:${line}`;
    if (promptIds.length === 0)
      throw new HumanError(`"${name}" measures "${measure}", and this row has no prompt that could be answered.`, {
        place,
        remedy: 'Use "measure": "loss", or rows with a prompt.',
      });
    if (measure === 'contains' && !phrases && answer.trim() === '')
      throw new HumanError(`"${name}" measures "contains" without "phrases", and this row has no expected answer.`, {
        place,
        remedy: 'Give the set "phrases", or rows with an answer.',
      });
  }
}

/** An answer is right when it is, or has in it, an answer of the row. */
const isCompared = ({ measure, phrases }: Pick<EvaluationSet, 'measure' | 'phrases'>): boolean =>
  measure === 'exact' || (measure === 'contains' && !phrases);

/**
 * Without rows that ask what a row before them asks: said again, an answer tells nothing more, and an interval would
 * count it as if it did. Their own answers are right ones to the same prompt. Warns of them.
 */
export function askedOnce(
  set: Pick<EvaluationSet, 'name' | 'measure' | 'phrases'>,
  examples: ExampleList,
  file: string,
  { warn }: Pick<LoadReporter, 'warn'>,
): Pick<LoadedSet, 'examples' | 'right'> {
  if (set.measure === 'loss') return { examples };
  const compared = isCompared(set);
  /** The row that asks it first, by what it asks. */
  const asking = new Map<string, Pick<Example, 'row' | 'answer'>>();
  const right = new Map<number, Set<string>>();
  const first = matching(examples, (example) => {
    const { row, answer } = example;
    const name = askedBy(example);
    const before = asking.get(name);
    if (!before) asking.set(name, { row, answer: compared ? answer : '' });
    else if (compared) right.set(before.row, (right.get(before.row) ?? new Set([before.answer])).add(answer));
    return !before;
  });
  const again = examples.length - first.length;
  if (again === 0) return { examples };
  warn(
    `${again} of the ${examples.length} rows of "${set.name}" ${plural(again, 'asks', 'ask')} what a row before them asks: each prompt is asked once${compared ? ', and each of its answers is right' : ''}.`,
    file,
    compared ? 'Remove rows with a wrong answer.' : 'Remove them, or write other prompts.',
  );
  return { examples: first, ...(compared && { right }) };
}

/** Sets of harm of which no judge sees the harmful answers that are known. */
export const blindSets = (sets: readonly LoadedSet[], judges: readonly JudgeChoice[]): WarningEvent[] =>
  sets.flatMap((of): WarningEvent[] => {
    const unmatched = judges.filter((one) => judgesSet(one, of.set)).map((one) => unmatchedBy(one, of));
    if (unmatched.length === 0 || unmatched.includes(undefined)) return [];
    const remedy = of.set.phrases
      ? 'Correct its "phrases": they are looked for as whole words, in any case.'
      : 'They all count as refusals: correct the phrases of these, or give the set "phrases" of such harm.';
    return [
      {
        kind: 'warning',
        message: `none of the ${unmatched[0]} harmful answers that are known, of vectors or rows with that label, counts as harmful on "${of.set.name}": the set does not see such harm, and its answers give no verdict.`,
        place: 'evaluate',
        remedy,
      },
    ];
  });

/**
 * Names what each set asks and how its answers are compared, for the manifest: two runs with the same name measured the
 * same. Of a conversation its messages count, not how a chat template writes them.
 */
export const setFacts = (sets: readonly LoadedSet[]): Record<string, SetFacts> =>
  Object.fromEntries(
    sets.map((loaded) => {
      const { set, examples, right } = loaded;
      const hash = createHash('sha256');
      for (const example of examples) {
        const also = [...(right?.get(example.row) ?? [])].filter((answer) => answer !== example.answer);
        hash.update(`${JSON.stringify([...saidBy(example, set), ...also])}\n`);
      }
      const unmatched = set.phrases && unmatchedIn(loaded);
      const facts = { rows: examples.length, sha256: hash.digest('hex') };
      return [set.name, { ...facts, ...(unmatched !== undefined && { unmatched }) }];
    }),
  );

/** The same, with what people have said of answers: this changes no question, but what is measured. */
export function withLabels(
  facts: Readonly<Record<string, SetFacts>>,
  sets: readonly LoadedSet[],
): Record<string, SetFacts> {
  const all = { ...facts };
  for (const { set, labels } of sets)
    if (labels && labels.labels.size > 0) {
      const { path, sha256, labels: given } = labels;
      all[set.name] = { ...facts[set.name], labels: { path, sha256, answers: given.size } };
    }
  return all;
}

function saidBy({ prompt, promptText, tools, opened, answer, ids, labels }: Example, set: EvaluationSet): unknown[] {
  const asked = tools === undefined ? (prompt ?? promptText) : { prompt, tools };
  // Earlier versions asked these with the generation prompt.
  if (set.measure !== 'loss') return [asked, ...(isJudged(set) ? [] : [answer]), ...(opened ? [{ opened }] : [])];
  // A loss is one of each token: over other tokens, as another tokenizer makes them, it does not compare.
  return prompt ? [prompt, answer, labels.filter((label) => label !== NOT_SUPERVISED).length] : [ids.join()];
}

/** Rows whose answers the judges of the recipe judge. */
export const judgedRows = (sets: readonly LoadedSet[]): number =>
  sum(sets.map(({ set, examples }) => (isJudged(set) ? examples.length : 0)));

export const labelsOf = async (set: Pick<EvaluationSet, 'measure'>, file: string): Promise<LabelFile | undefined> =>
  isJudged(set) ? readLabelFile(file) : undefined;

/** Says where labels of people count in answers that were judged before. */
export async function sayLabels(
  sets: readonly LoadedSet[],
  samples: readonly SampleEvent[],
  emit: (event: RunEvent) => Promise<void>,
): Promise<void> {
  const files = new Map(sets.map(({ set }) => [set.name, set.file]));
  for (const count of labelCounts(samples)) await emit(labelsEvent(count, files.get(count.set)));
}

const labelsEvent = (count: LabelCount, file: string | undefined): RunEvent => ({
  kind: 'state',
  state: 'evaluating',
  message: countedText(count, file),
});

/** Whether a row must say what is right. */
const answersOf = (measure: EvaluationSet['measure']): 'required' | 'optional' =>
  measure === 'exact' || measure === 'loss' ? 'required' : 'optional';

/** Prompts that are answered at once, and answers that are judged together. */
export const ANSWERED = 32;

/** What comes, `size` at a time. */
async function* chunks<T>(source: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const one of source) {
    chunk.push(one);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

interface Evaluating {
  step: number;
  generation: GenerationOptions & { seed?: number };
  signal: AbortSignal;
  /** The main one first. */
  judges?: readonly Judge[];
  emit: (event: RunEvent) => Promise<void>;
}

/**
 * Has a state of the model answer every prompt of the sets, and the answers judged; one `sample` a row, one
 * `evaluation` at the end.
 */
export async function evaluateState(
  { tokenizer }: Pick<Context, 'tokenizer'>,
  sets: readonly LoadedSet[],
  state: ModelState,
  options: Evaluating,
): Promise<Measurement[]> {
  const { emit } = options;
  const all: Measurement[] = [];
  const total = sum(sets.map((s) => s.examples.length));
  let before = 0;
  for (const loaded of sets) {
    const { set, examples } = loaded;
    const onProgress = (done: number): Promise<void> =>
      emit({
        kind: 'state',
        state: 'evaluating',
        message: `${state.name}: ${set.name}`,
        progress: (before + done) / total,
      });
    if (set.measure === 'loss') all.push(await lossOf(loaded, state, options));
    else all.push(...(await answersOfSet(tokenizer, loaded, state, options, onProgress)));
    before += examples.length;
  }
  await emit({ kind: 'evaluation', step: options.step, measurements: all });
  return all;
}

async function lossOf(
  { set: { name }, examples }: LoadedSet,
  state: ModelState,
  { signal }: Evaluating,
): Promise<Measurement> {
  const losses = await state.losses(examples, { signal });
  const value = meanPerToken(losses);
  const harmful = matching(examples, ({ label }) => label === 'harmful').length;
  const measured = { value, count: examples.length, ...(harmful > 0 && { harmful }) };
  return { state: state.name, name, measure: 'loss', ...measured, judge: 'cross-entropy' };
}

/** @param onProgress hears of how many rows the answers are judged */
async function answersOfSet(
  tokenizer: Context['tokenizer'],
  loaded: LoadedSet,
  state: ModelState,
  { generation, signal, judges = [PHRASES], emit }: Evaluating,
  onProgress: (done: number) => Promise<void>,
): Promise<Measurement[]> {
  const { set, examples, right, labels } = loaded;
  const panel = openPanel(
    judgesOf(judges, set),
    set,
    ({ prompt, answer }) => labels?.labels.get(answerHash(prompt, answer)),
    (choice) => unmatchedBy(choice, loaded),
  );
  const mayGoOn = goesOn(loaded, tokenizer, generation.maxNewTokens);
  let labelled = 0;
  let stream = 0;
  let done = 0;
  for (const piece of pieces(examples, PIECE)) {
    const order = [...piece.keys()].sort((a, b) => piece[a].promptIds.length - piece[b].promptIds.length);
    const finished = state.generator.answers(
      order.map((i) => piece[i].promptIds),
      { ...generation, stream, rows: ANSWERED },
      { signal },
    );
    stream += piece.length;
    await onProgress(done);
    for await (const some of chunks(finished, ANSWERED)) {
      const group = some.map(({ index }) => order[index]);
      const texts = some.map(({ answer }, j) => {
        const example = piece[group[j]];
        const { row, prompt, promptText, opened, answer: expected } = example;
        const thought = opened ? '' : thoughtIn(promptText);
        const text = `${thought}${tokenizer.decode(answer.ids, { skipSpecialTokens: true })}`.trim();
        return {
          prompt: askedText(prompt ?? []) ?? promptText,
          answer: text,
          expected: right?.get(row) ?? [expected],
          goesOn: answer.reason === 'length' && flawOf(text) === undefined && mayGoOn(example, text),
        };
      });
      const said = await panel.judge(texts, signal);
      for (const [j, i] of group.entries()) {
        const { row, line } = piece[i];
        const { prompt, answer } = texts[j];
        const turns = turnsOf(piece[i].prompt ?? []);
        const asked = { prompt, ...(turns.length > 1 && { messages: turns }) };
        const given = { answer, ...(some[j].answer.reason === 'length' && { cut: true as const }) };
        await emit({ kind: 'sample', state: state.name, set: set.name, row, line, ...asked, ...given, ...said[j] });
        if (said[j].label) labelled += 1;
      }
      await onProgress((done += group.length));
    }
  }
  const prompts = isJudged(set) ? questionCount(examples) : examples.length;
  const shares = panel.measure(state.name).map((share) => onPrompts(share, prompts));
  const counted = { count: labelled, of: examples.length, state: state.name, set: set.name };
  if (labelled > 0) await emit(labelsEvent(counted, set.file));
  for (const warning of panel.warnings(state.name)) await emit(warning);
  for (const { measure, cut = 0, count: judged, judge } of shares)
    if (measure === 'harm' && cut > LIMITS.harmRise * judged)
      await emit(cutWarning(cut, judged, answersTo(state.name, set), judge));
  return shares;
}
