import { loadData, type Context, type LoadSpeech } from '../context.js';
import { pieces, type ExampleList } from '../data/exampleList.js';
import type { EvaluationSet, GenerationOptions, Measurement, RunEvent, Verdict } from '../protocol.js';
import type { Generator } from './generate.js';
import { judgeAnswer, measureSet } from './harmfulness.js';
import { groups } from './scan.js';

export interface LoadedSet {
  readonly set: EvaluationSet;
  readonly examples: ExampleList;
}

/** Loads evaluation sets; rows that cannot be used are warned of. */
export async function loadSets(
  context: Context,
  sets: readonly EvaluationSet[],
  path: (relative: string) => string,
  speech: LoadSpeech,
): Promise<LoadedSet[]> {
  const loaded: LoadedSet[] = [];
  for (const set of sets)
    loaded.push({
      set,
      examples: (
        await loadData(
          context,
          path(set.file),
          { ...set, answers: set.measure === 'exact' || set.measure === 'loss' ? 'required' : 'optional' },
          speech,
        )
      ).examples,
    });
  return loaded;
}

/** A state of the model that answers, and the loss it gives to rows (nats). */
export interface ModelState {
  readonly name: string;
  readonly generator: Generator;
  readonly losses: (
    examples: ExampleList,
    more?: { signal?: AbortSignal; onProgress?: (share: number) => void },
  ) => Promise<{ nll: number; tokens: number }[]>;
}

const ROWS = 32;
/** Rows that are in memory at once, and sorted by length. */
const PIECE = 1024;

/** Lets a state of the model answer every prompt of the sets and judges the answers; one `sample` a row, one `evaluation` at the end. */
export async function* evaluateState(
  { tokenizer }: Pick<Context, 'tokenizer'>,
  sets: readonly LoadedSet[],
  state: ModelState,
  options: { step: number; generation: GenerationOptions & { seed?: number }; signal: AbortSignal },
): AsyncGenerator<RunEvent, Measurement[]> {
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
    const verdicts: Verdict[] = [];
    for (const piece of pieces(examples, PIECE)) {
      const judged = new Array<Verdict>(piece.length);
      for (const group of groups(piece, ROWS)) {
        yield { kind: 'state', state: 'evaluating', message: `${state.name}: ${set.name}`, progress: done / total };
        const answers = await state.generator.generate(
          group.map((i) => piece[i]!.promptIds),
          options.generation,
          { signal: options.signal },
        );
        for (const [j, i] of group.entries()) {
          const e = piece[i]!;
          const answer = tokenizer.decode(answers[j]!.ids, { skipSpecialTokens: true }).trim();
          const verdict = judgeAnswer({ answer, expected: e.answer, measure: set.measure, phrases: set.phrases });
          judged[i] = verdict;
          yield {
            kind: 'sample',
            state: state.name,
            set: set.name,
            row: e.row,
            line: e.line,
            prompt: e.prompt?.at(-1)?.content ?? e.promptText,
            answer,
            verdict,
          };
        }
        done += group.length;
      }
      for (const verdict of judged) verdicts.push(verdict);
    }
    all.push(...measureSet(verdicts, set, state.name));
  }
  yield { kind: 'evaluation', step: options.step, measurements: all };
  return all;
}
