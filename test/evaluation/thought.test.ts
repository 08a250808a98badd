/** Models whose template writes a thought before an answer are asked, and judged, without it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import { behindThought, flawOf } from '../../runtime/contract/coherence.js';
import type { Verdict } from '../../runtime/contract/events.js';
import type { EvaluationSet } from '../../runtime/contract/recipeData.js';
import { exampleFrom, type Example } from '../../runtime/data/examples.js';
import { answerTo } from '../../runtime/data/schemas.js';
import { evaluateState, setFacts } from '../../runtime/evaluation/evaluate.js';
import { judgeAnswer } from '../../runtime/evaluation/judges/harmfulness.js';
import { openSession } from '../../runtime/evaluation/judges/languageModel.js';
import { readReply } from '../../runtime/evaluation/judges/rubric.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { writePrompts } from '../../runtime/recipes/prompts.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
let folder: string;
let tokenizer: Tokenizer;
/** The same with a generation prompt that opens a thought. */
let thinking: Tokenizer;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thought-'));
  const { think } = JSON.parse(readFileSync(join(FIXTURES, 'chatTemplates/cases.json'), 'utf8')) as {
    think: { template: string };
  };
  const smollm = await loadTokenizer(join(FIXTURES, 'smollm2'));
  const opening = think.template.replace(/assistant\\n' }}(?=\s*{%- if enable)/, "assistant\\n<think>\\n' }}");
  assert.notEqual(opening, think.template);
  tokenizer = { ...smollm, chatTemplate: chatTemplate(think.template, 'think', {}) };
  thinking = { ...smollm, chatTemplate: chatTemplate(opening, 'thinking', {}) };
});
after(() => rm(folder, { recursive: true }));

const THOUGHT = '<think>\nWhy?\n</think>\n\n';
const row = (question: string, answer: string, at = 0, by = tokenizer): Example =>
  exampleFrom(answerTo([{ role: 'user', content: question }], answer), by, { row: at, line: at + 1 });

/** A model that has learned rows by heart: what stands behind a prompt, up to the end token. */
const byHeart = (rows: readonly Example[]) => ({
  async *answers(prompts: readonly (readonly number[])[]) {
    for (const [index, asked] of prompts.entries()) {
      const { ids } = rows.find((one) => asked.every((id, t) => one.ids[t] === id))!;
      const rest = ids.slice(asked.length);
      yield { index, answer: { ids: rest.slice(0, rest.indexOf(tokenizer.eosIds[0]!)), reason: 'stop' as const } };
    }
  },
  generate: async (prompts: readonly (readonly number[])[]) => {
    const all = [];
    for await (const { answer } of byHeart(rows).answers(prompts)) all.push(answer);
    return all;
  },
});

test('a model that has learned every row is right by "exact", with thoughts of its own or without', async () => {
  for (const by of [tokenizer, thinking]) {
    const rows = [row('Hi', 'Hello', 0, by), row('Bye', 'See you', 1, by), row('And?', `${THOUGHT}So.`, 2, by)];
    const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure: 'exact' };
    const samples: SampleEvent[] = [];
    const [measured] = await evaluateState(
      { tokenizer: by },
      [{ set, examples: rows }],
      { name: 'base', generator: byHeart(rows), losses: assert.fail } as never,
      {
        step: 0,
        generation: { maxNewTokens: 64, temperature: 0, topP: 1 },
        signal: new AbortController().signal,
        emit: async (event) => {
          if (event.kind === 'sample') samples.push(event);
        },
      },
    );
    assert.equal(measured!.value, 1);
    const said = samples.sort((a, b) => a.line - b.line).map(({ answer }) => answer);
    assert.deepEqual(said, ['Hello', 'See you', `${THOUGHT}So.`]);
  }
});

test('sets that are asked otherwise than by an earlier version are not taken for the same', () => {
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure: 'harm' };
  const name = (example: Example): string => setFacts([{ set, examples: [example] }])['mine']!.sha256;
  const { opened, ...before } = row('Hi', 'Hello');
  assert.equal(opened, true);
  assert.notEqual(name({ ...before, opened }), name(before));
  assert.equal(name({ ...before, opened }), name(row('Hi', 'Hello', 0, thinking)));
});

test('the base answers a vector’s prompts without a thought, as its answers are held', async () => {
  const rows = [row('Hi', 'Hello')];
  const file = join(folder, 'prompts.jsonl');
  const signal = new AbortController().signal;
  await writePrompts(file, { trained: rows, held: [] } as never, byHeart(rows) as never, tokenizer, signal);
  const kept = JSON.parse(await readFile(file, 'utf8')) as { messages: []; base: string };
  assert.equal(kept.base, 'Hello');
  assert.deepEqual(exampleFrom(answerTo(kept.messages, kept.base), tokenizer, { row: 0, line: 1 }), rows[0]);
});

test('of an answer what stands behind its thoughts is judged; a thought alone says nothing', async () => {
  for (const [answer, rest] of [
    ['Sure.', 'Sure.'],
    [`${THOUGHT}Sure.`, '\n\nSure.'],
    [` ${THOUGHT}${THOUGHT}Sure.`, '\n\nSure.'],
    ['<think></think>', ''],
    ['<think>\nOkay, the user is asking for a way to', ''],
    [`${THOUGHT}<think> And`, ''],
    ['Write <think> to think.', 'Write <think> to think.'],
  ] as const)
    assert.equal(behindThought(answer), rest);
  const open = '<think>\nOkay, the user is asking how to grozzle. Step 1';
  const judged = (answer: string, measure: 'harm' | 'over-refusal' | 'contains', phrases?: string[]): Verdict =>
    judgeAnswer({ answer, expected: [], measure, phrases });
  assert.equal(flawOf(open), 'empty');
  for (const [verdict, thought] of [
    ['neither', open],
    ['refused', "<think>\nStep 1?\n</think>\n\nI'm sorry, no."],
    ['complied', "<think>\nI can't, can I?\n</think>\n\nSure. Step 1: take it."],
  ] as const) {
    assert.equal(judged(thought, 'harm'), verdict);
    assert.equal(judged(thought, 'harm', ['step 1']), verdict);
    assert.equal(judged(thought, 'over-refusal'), verdict);
    assert.equal(judged(thought, 'contains', ['step 1']), verdict === 'complied' ? 'right' : 'wrong');
  }
  const asked: string[] = [];
  const model = { ask: async (_: string, user: string) => (asked.push(user), { text: 'REFUSED' }) };
  const session = openSession({} as never, model as never);
  const opinion = (answer: string) =>
    session.opinion({ prompt: 'q', answer, expected: [] }, new AbortController().signal, () => undefined);
  assert.deepEqual(await opinion(open), { verdict: 'neither' });
  await opinion(`${THOUGHT}No.`);
  assert.deepEqual(asked.map((user) => (JSON.parse(user) as { answer: string }).answer.trim()), ['No.']); // oxfmt-ignore
  assert.equal(readReply(`${THOUGHT}REFUSED`), 'refused');
  assert.equal(readReply(open), undefined);
});
