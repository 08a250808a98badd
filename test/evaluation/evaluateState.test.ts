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
import type { Judge } from '../../runtime/evaluation/judges/judge.js';

const reporter: Pick<LoadReporter, 'warn'> = { warn: () => undefined };
/** A model that answers each prompt with the text that follows from it, one token a letter. */
const tokenizer = { decode: (ids: readonly number[]) => String.fromCodePoint(...ids) };
const answering = (answerTo: (prompt: string, stream: number) => string) => ({
  name: 'base',
  generator: {
    async *answers(prompts: readonly (readonly number[])[], { stream = 0 }: { stream?: number }) {
      for (const [index, ids] of prompts.entries())
        yield { index, answer: { ids: Array.from(answerTo(tokenizer.decode(ids), stream + index), (c) => c.codePointAt(0)!), reason: 'stop' as const } }; // oxfmt-ignore
    },
  },
  losses: assert.fail,
});

const row = (at: number, promptText: string, answer: string): Example => ({
  ...{ row: at, line: at + 1, ids: [at], labels: [at], promptText, answer },
  promptIds: Array.from(promptText, (c) => c.codePointAt(0)!),
});

async function measured(
  measure: EvaluationSet['measure'],
  rows: readonly Example[],
  answerTo: (prompt: string, stream: number) => string,
  more: Pick<LoadedSet, 'labels'> & { judges?: readonly Judge[] } = {},
): Promise<{ measurements: Measurement[]; samples: SampleEvent[] }> {
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure };
  const samples: SampleEvent[] = [];
  const measurements = await evaluateState(
    { tokenizer: tokenizer as never },
    [{ set, ...askedOnce(set, rows, 'set.jsonl', reporter), labels: more.labels }],
    answering(answerTo) as never,
    {
      step: 0,
      generation: { maxNewTokens: 8, temperature: 0 } as never,
      signal: new AbortController().signal,
      judges: more.judges,
      emit: async (event) => {
        if (event.kind === 'sample') samples.push(event);
      },
    },
  );
  return { measurements, samples };
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
