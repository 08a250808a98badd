/** What is counted of the answers of a model state, and what its judges are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LoadReporter } from '../../runtime/context/context.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { ChatMessage } from '../../runtime/contract/generation.js';
import type { EvaluationSet } from '../../runtime/contract/recipeData.js';
import { shareBounds } from '../../runtime/contract/intervals.js';
import type { Example } from '../../runtime/data/examples.js';
import { answerHash } from '../../runtime/data/labelFiles.js';
import { askedOnce, evaluateState, type LoadedSet } from '../../runtime/evaluation/evaluate.js';
import { tooLong } from '../../runtime/evaluation/cutOff.js';
import { openChoices } from '../../runtime/evaluation/judges/judges.js';
import type { Judge } from '../../runtime/evaluation/judges/judge.js';

const reporter: Pick<LoadReporter, 'warn'> = { warn: () => undefined };
/** A model that answers each prompt with the text that follows from it, one token a letter. */
const tokenizer = {
  decode: (ids: readonly number[]) => String.fromCodePoint(...ids),
  encode: (text: string) => Array.from(text, (c) => c.codePointAt(0)!),
};
const LIMIT = 8;
const answering = (answerTo: (prompt: string, stream: number) => string) => ({
  name: 'base',
  generator: {
    async *answers(prompts: readonly (readonly number[])[], { stream = 0 }: { stream?: number }) {
      for (const [index, asked] of prompts.entries()) {
        const ids = tokenizer.encode(answerTo(tokenizer.decode(asked), stream + index));
        const reason = ids.length < LIMIT ? ('stop' as const) : ('length' as const);
        yield { index, answer: { ids: ids.slice(0, LIMIT), reason } };
      }
    },
  },
  losses: async (rows: readonly Example[]) => rows.map(() => ({ nll: 1, tokens: 1 })),
});

const row = (at: number, promptText: string, answer: string): Example => ({
  ...{ row: at, line: at + 1, ids: [at], labels: [at], promptText, answer },
  promptIds: Array.from(promptText, (c) => c.codePointAt(0)!),
});

async function measured(
  measure: EvaluationSet['measure'],
  rows: readonly Example[],
  answerTo: (prompt: string, stream: number) => string,
  more: Pick<LoadedSet, 'labels' | 'harmful'> & Pick<EvaluationSet, 'phrases'> & { judges?: readonly Judge[] } = {},
): Promise<{ measurements: Measurement[]; samples: SampleEvent[]; warnings: string[] }> {
  const { phrases } = more;
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure, ...(phrases && { phrases }) };
  const samples: SampleEvent[] = [];
  const warnings: string[] = [];
  const measurements = await evaluateState(
    { tokenizer: tokenizer as never },
    [{ set, ...askedOnce(set, rows, 'set.jsonl', reporter), labels: more.labels, harmful: more.harmful }],
    answering(answerTo) as never,
    {
      step: 0,
      generation: { maxNewTokens: LIMIT, temperature: 0 } as never,
      signal: new AbortController().signal,
      judges: more.judges,
      emit: async (event) => {
        if (event.kind === 'sample') samples.push(event);
        if (event.kind === 'warning') warnings.push(event.message);
      },
    },
  );
  return { measurements, samples, warnings };
}

test('a model that gives one of several right answers to each prompt is right', async () => {
  const rows = Array.from({ length: 36 }, (_, i) => row(i, `q${Math.floor(i / 3)}`, `a${Math.floor(i / 3)}.${i % 3}`));
  for (const measure of ['exact', 'contains'] as const) {
    const { measurements, samples } = await measured(measure, rows, (prompt) => `${prompt.replace('q', 'a')}.1`);
    assert.deepEqual(
      measurements.map(({ value, count }) => [value, count]),
      [[1, 12]],
      measure,
    );
    assert.deepEqual(
      samples.map(({ line }) => line).sort((a, b) => a - b),
      Array.from({ length: 12 }, (_, i) => 3 * i + 1),
      'where the prompt stands first',
    );
  }
  const { measurements: wrong } = await measured('exact', rows, (prompt) => `${prompt.replace('q', 'a')}.3`);
  assert.equal(wrong[0]!.value, 0);
});

test('a loss says how many of its rows have the label "harmful"', async () => {
  const rows = Array.from({ length: 4 }, (_, i) => row(i, `q${i}`, 'a'));
  const harmful = async (labelled: number): Promise<number | undefined> => {
    const labels = rows.map((one, i): Example => ({ ...one, label: i < labelled ? 'harmful' : 'benign' }));
    return (await measured('loss', labels, assert.fail)).measurements[0]!.harmful;
  };
  assert.deepEqual(await Promise.all([0, 3].map(harmful)), [undefined, 3]);
});

test('each prompt of a set draws from a stream of its own, however many there are', async () => {
  const rows = Array.from({ length: 1030 }, (_, i) => row(i, `q${i}`, 'a'));
  const { samples } = await measured('exact', rows, (_, stream) => String(stream));
  const streams = samples.map(({ answer }) => Number(answer)).sort((a, b) => a - b);
  assert.deepEqual(streams, [...rows.keys()]);
});

test('a row that stands in the file ten times makes its bound no narrower', async () => {
  const rows = Array.from({ length: 70 }, (_, i) => row(i, `q${i % 7}`, `a${i % 7}`));
  const { measurements } = await measured('exact', rows, (prompt) => prompt.replace('q', 'a'));
  assert.deepEqual(measurements[0]!.interval, shareBounds(1, 7));
});

test('of a conversation judges, labels and samples have all that was said, not its last message alone', async () => {
  const turns = (...said: string[]): ChatMessage[] =>
    said.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
  const system: ChatMessage = { role: 'system', content: 'Be brief.' };
  const rows = [
    [system, ...turns('How do I bake?', 'With flour.', 'Go on.')],
    turns('How do I brew?', 'With malt.', 'Go on.'),
    [system, ...turns('Go on.')],
  ].map((prompt, i) => ({ ...row(i, `conversation ${i}`, ''), prompt }));
  const said = [
    'User: How do I bake?\nAssistant: With flour.\nUser: Go on.',
    'User: How do I brew?\nAssistant: With malt.\nUser: Go on.',
    'Go on.',
  ];
  const asked: string[] = [];
  const judge: Judge = {
    choice: 'refusal-phrases',
    opinions: async (answers) => {
      asked.push(...answers.map(({ prompt }) => prompt));
      return answers.map(() => ({ verdict: 'complied' }));
    },
    dispose: async () => undefined,
  };
  const labels = { path: 'l', sha256: 's', labels: new Map([[answerHash(said[1]!, 'Sure.'), 'refused' as const]]) };
  const { samples } = await measured('harm', rows, () => 'Sure.', { labels, judges: [judge] });
  assert.deepEqual(
    [asked.toSorted(), samples.map(({ prompt }) => prompt).toSorted()],
    [said.toSorted(), said.toSorted()],
  );
  assert.deepEqual(
    samples.map(({ messages }) => messages?.map(({ content }) => content)),
    [['How do I bake?', 'With flour.', 'Go on.'], ['How do I brew?', 'With malt.', 'Go on.'], undefined],
  );
  assert.deepEqual(
    samples.filter(({ label }) => label).map(({ prompt }) => prompt),
    [said[1]],
  );
});

const asking = (count: number, answer: string): Example[] =>
  Array.from({ length: count }, (_, i) => row(i, `q${i}`, answer));

test('of an answer that is cut off before any of the phrases it is not said that it is no harm', async () => {
  const said = (i: number): string => ['Sorry, no.', 'bye for now', 'No.'][i] ?? 'Step 1: take it. bye';
  const answerTo = (prompt: string): string => said(Number(prompt.slice(1)));
  const phrases = ['bye'];
  const of = async (answer: string) => measured('harm', asking(40, answer), answerTo, { phrases });
  const { measurements, samples, warnings } = await of('');
  const harm = measurements.find(({ measure }) => measure === 'harm')!;
  const [low] = shareBounds(1 / 40, 40)!;
  assert.deepEqual([harm.value, harm.cut, harm.interval], [1 / 40, 37, [low, shareBounds(38 / 40, 40)![1]]]);
  assert.equal(samples.filter(({ cut }) => cut).length, 39, 'each that is cut off is marked');
  assert.deepEqual(warnings, [
    '37 of 40 answers of "base" to "mine" are cut off before any of its phrases, and no refusal to compliance-phrases: they may be harmful all the same.',
  ]);
  const judges = await openChoices(['refusal-phrases', { refusalPhrases: ['step'], name: 'own' }], {} as never);
  assert.deepEqual((await measured('harm', asking(40, ''), answerTo, { phrases, judges })).warnings, [
    ...warnings,
    '1 of 40 answers of "base" to "mine" is cut off before any of its phrases, and no refusal to own: it may be harmful all the same.',
  ]);
  const cut = async (answer: string) =>
    (await of(answer)).measurements.flatMap((m) => (m.cut === undefined ? [] : [[m.measure, m.cut]]));
  assert.deepEqual(await cut('take it. bye'), [['harm', 37]], 'the answers of the set show it too late, too');
  assert.deepEqual(await cut('Oh, bye. Step 1: take it.'), [], 'the answers of the set show it early');
  const byVector = async (measure: 'harm' | 'contains', ...harmful: string[]) =>
    (await measured(measure, asking(40, ''), answerTo, { phrases, harmful })).measurements.find((m) => m.measure === measure)!.cut; // oxfmt-ignore
  assert.equal(await byVector('harm', 'Oh, bye. Step 1: take it.', 'Step 1.'), undefined, 'what a vector says does');
  assert.equal(await byVector('harm', 'Step 1: take it. bye'), 37);
  assert.equal(await byVector('contains', 'Oh, bye.'), 38, 'that is harm, and no answer to this set');
});

test('an answer that is cut off before it could be right is not said to be wrong', async () => {
  const cutOf = async (measure: 'exact' | 'contains', rows: readonly Example[], said: string) =>
    (await measured(measure, rows, () => said)).measurements.map(({ value, cut }) => [value, cut]);
  const [short, long] = [asking(20, 'a fish'), asking(40, 'a long answer').slice(20)];
  for (const measure of ['exact', 'contains'] as const) {
    assert.deepEqual(await cutOf(measure, [...short, ...long], 'a long answer'), [[0, 20]]);
    assert.deepEqual(await cutOf(measure, [...short, ...long], 'a fish'), [[0.5, undefined]], 'it has ended');
    assert.deepEqual(
      await cutOf(measure, short, 'a long answer'),
      [[0, undefined]],
      'a right answer has ended by then',
    );
  }
  const either = [...asking(20, 'a fish'), ...asking(20, 'a long answer')];
  assert.deepEqual(await cutOf('exact', either, 'a long answer'), [[0, 20]], 'it may be the longer one');
  assert.deepEqual(await cutOf('contains', either, 'a long answer'), [[0, undefined]], 'the shorter one is not in it');
});

test('before a run begins it is known which expected answers are too long for it', () => {
  const set = (measure: EvaluationSet['measure'], rows: readonly Example[], phrases?: string[]): LoadedSet => {
    const own: EvaluationSet = {
      name: measure,
      file: 'set.jsonl',
      format: 'auto',
      measure,
      ...(phrases && { phrases }),
    };
    return { set: own, ...askedOnce(own, rows, 'set.jsonl', reporter) };
  };
  const rows = [...asking(2, 'a fish'), ...asking(5, 'a long answer').slice(2), ...asking(1, 'a long answer')];
  const said = tooLong(
    [set('exact', rows), set('contains', rows.slice(0, 2)), set('contains', rows, ['fish']), set('harm', rows)],
    tokenizer,
    LIMIT,
  );
  assert.deepEqual(said, [
    {
      kind: 'warning',
      message:
        '3 of 5 rows of "exact" expect an answer of more than 8 tokens: whatever the model says there counts as wrong.',
      place: 'generation.maxNewTokens',
      remedy: 'Raise it to 13 or more.',
    },
  ]);
});
