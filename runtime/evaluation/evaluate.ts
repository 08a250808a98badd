import { loadData, sourceOptions, type Context, type LoadReporter } from '../context/context.js';
import { pieces, type ExampleList } from '../data/exampleList.js';
import { shareBounds } from '../contract/intervals.js';
import type { EvaluationSet, GenerationOptions, Measurement, RunEvent, Verdict } from '../contract/protocol.js';
import { judgesOf, PHRASES, type Judge, type Opinion } from './judges/judges.js';
import type { ModelState } from './inference/states.js';

export interface LoadedSet {
  readonly set: EvaluationSet;
  readonly examples: ExampleList;
}

/** Loads evaluation sets; warns of rows that cannot be used. */
export async function loadSets(
  context: Context,
  sets: readonly EvaluationSet[],
  path: (relative: string) => string,
  reporter: LoadReporter,
): Promise<LoadedSet[]> {
  const loaded: LoadedSet[] = [];
  for (const [i, set] of sets.entries())
    loaded.push({
      set,
      examples: (
        await loadData(
          context,
          path(set.file),
          { ...sourceOptions(set, `evaluate.${i}`), answers: answersOf(set.measure) },
          reporter,
        )
      ).examples,
    });
  return loaded;
}

/** Whether a row must say what is right. */
const answersOf = (measure: EvaluationSet['measure']): 'required' | 'optional' =>
  measure === 'exact' || measure === 'loss' ? 'required' : 'optional';

/** Prompts that are answered at once, and answers that are judged together. */
const ROWS = 32;
/** Rows that are in memory at once, and sorted by length. */
const PIECE = 1024;

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

const withInterval = (share: Measurement): Measurement => {
  const interval = shareBounds(share.value, share.count);
  return interval ? { ...share, interval } : share;
};

/**
 * Has a state of the model answer every prompt of the sets, and the answers judged; one `sample` a row, one `evaluation`
 * at the end. `judges`: the main one first.
 */
export async function evaluateState(
  { tokenizer }: Pick<Context, 'tokenizer'>,
  sets: readonly LoadedSet[],
  state: ModelState,
  options: {
    step: number;
    generation: GenerationOptions & { seed?: number };
    signal: AbortSignal;
    judges?: readonly Judge[];
    emit: (event: RunEvent) => Promise<void>;
  },
): Promise<Measurement[]> {
  const { emit } = options;
  const all: Measurement[] = [];
  const total = sets.reduce((n, s) => n + s.examples.length, 0);
  let done = 0;
  for (const { set, examples } of sets) {
    if (set.measure === 'loss') {
      const losses = await state.losses(examples, { signal: options.signal });
      const value = losses.reduce((n, l) => n + l.nll, 0) / losses.reduce((n, l) => n + l.tokens, 0);
      all.push({
        state: state.name,
        name: set.name,
        measure: 'loss',
        value,
        count: examples.length,
        judge: 'cross-entropy',
      });
      done += examples.length;
      continue;
    }
    const judges = judgesOf(options.judges ?? [PHRASES], set);
    const others = judges.slice(1);
    const verdicts = judges.map((): Verdict[] => []);
    const truncated = judges.map(() => 0);
    for (const piece of pieces(examples, PIECE)) {
      const order = [...piece.keys()].sort((a, b) => piece[a].promptIds.length - piece[b].promptIds.length);
      const finished = state.generator.answers(
        order.map((i) => piece[i].promptIds),
        { ...options.generation, rows: ROWS },
        { signal: options.signal },
      );
      const began = (): Promise<void> =>
        emit({ kind: 'state', state: 'evaluating', message: `${state.name}: ${set.name}`, progress: done / total });
      await began();
      for await (const some of chunks(finished, ROWS)) {
        const group = some.map(({ index }) => order[index]);
        const texts = some.map(({ answer }, j) => ({
          answer: tokenizer.decode(answer.ids, { skipSpecialTokens: true }).trim(),
          expected: piece[group[j]].answer,
        }));
        const opinions: Opinion[][] = [];
        for (const judge of judges) opinions.push(await judge.opinions(texts, set, options.signal));
        opinions.forEach((given, k) => {
          verdicts[k].push(...given.map((one) => one.verdict));
          truncated[k] += given.filter((one) => one.truncated).length;
        });
        for (const [j, i] of group.entries()) {
          const e = piece[i];
          await emit({
            kind: 'sample',
            state: state.name,
            set: set.name,
            row: e.row,
            line: e.line,
            prompt: e.prompt?.at(-1)?.content ?? e.promptText,
            answer: texts[j].answer,
            verdict: opinions[0][j].verdict,
            ...(others.length > 0
              ? {
                  verdicts: Object.fromEntries(others.map((judge, k) => [judge.name(set), opinions[k + 1][j].verdict])),
                }
              : {}),
          });
        }
        done += group.length;
        await began();
      }
    }
    for (const [k, judge] of judges.entries()) {
      all.push(...judge.measure(verdicts[k], set, state.name).map(withInterval));
      if (truncated[k] > 0)
        await emit({
          kind: 'warning',
          message: `${judge.name(set)} read only the first ${judge.classifier?.maxTokens} tokens of ${truncated[k]} of ${examples.length} answers of "${state.name}" to "${set.name}".`,
          place: 'judges',
          remedy: 'Lower generation.maxNewTokens, or take a classifier for longer texts.',
        });
    }
  }
  await emit({ kind: 'evaluation', step: options.step, measurements: all });
  return all;
}
