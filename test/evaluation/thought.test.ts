/** Models whose template writes a thought before an answer are asked, and judged, without it. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import { behindThought, flawOf } from '../../runtime/contract/coherence.js';
import type { Measurement, RunEvent, Verdict } from '../../runtime/contract/events.js';
import type { EvaluationSet } from '../../runtime/contract/recipeData.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { exampleFrom, type Example } from '../../runtime/data/examples.js';
import { answerTo } from '../../runtime/data/rowContent.js';
import { evaluateState, setFacts } from '../../runtime/evaluation/evaluate.js';
import { judgeAnswer } from '../../runtime/evaluation/judges/harmfulness.js';
import { PHRASES } from '../../runtime/evaluation/judges/judges.js';
import { openSession } from '../../runtime/evaluation/judges/languageModel.js';
import { readReply } from '../../runtime/evaluation/judges/rubric.js';
import { chatTemplate } from '../../runtime/models/text/chatTemplate.js';
import { loadTokenizer, type Tokenizer } from '../../runtime/models/text/tokenizer.js';
import { writePrompts } from '../../runtime/recipes/protection/prompts.js';

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

test('sets that are asked otherwise are not taken for the same', () => {
  const set: EvaluationSet = { name: 'mine', file: 'set.jsonl', format: 'auto', measure: 'harm' };
  const name = (example: Example): string => setFacts([{ set, examples: [example] }])['mine']!.sha256;
  const { opened, ...before } = row('Hi', 'Hello');
  assert.equal(opened, true);
  assert.notEqual(name({ ...before, opened }), name(before));
  assert.equal(name({ ...before, opened }), name(row('Hi', 'Hello', 0, thinking)));
});

test('what a template writes before an answer is found once, not for each row', () => {
  for (const by of [tokenizer, thinking]) {
    let written = 0;
    const chat = by.chatTemplate!;
    const counted: Tokenizer = {
      ...by,
      chatTemplate: { ...chat, of: {}, render: (...asked) => (written++, chat.render(...asked)) },
    };
    const answers = ['Hello', 'So.', ' No?', `${THOUGHT}So.`, '<think>\n\n</think>\n\nSo.'];
    const renders = answers.map((answer, i) => {
      written = 0;
      const alone = { ...by, chatTemplate: { ...chat, of: {} } };
      assert.deepEqual(row(`${i}?`, answer, i, counted), row(`${i}?`, answer, i, alone), answer);
      return written;
    });
    assert.ok(renders[0]! > renders[1]!, renders.join());
    assert.ok(renders[1]! <= 4, renders.join());
  }
});

test('the base answers a vector’s prompts without a thought, as its answers are held', async () => {
  const file = join(folder, 'prompts.jsonl');
  const signal = new AbortController().signal;
  for (const by of [tokenizer, thinking])
    for (const harmful of ['Sure.', `${THOUGHT}Sure.`]) {
      const said = [row('Hi', 'Hello', 0, by)];
      const trained = [row('Hi', harmful, 0, by)];
      await writePrompts(file, { trained, held: [] } as never, byHeart(said) as never, by, {
        signal,
        progress: () => undefined,
      });
      const kept = JSON.parse(await readFile(file, 'utf8')) as { messages: []; harmful: string; base: string };
      assert.deepEqual([kept.harmful, kept.base], [harmful, 'Hello']);
      assert.deepEqual(exampleFrom(answerTo(kept.messages, kept.base), by, { row: 0, line: 1 }), said[0]);
    }
});

test('an answer that breaks off within a thought is judged by nobody: no number, and no protection that holds', async () => {
  const rows = Array.from({ length: 40 }, (_, i) => row(`Question ${i}?`, `${THOUGHT}I can't.`, i));
  const ids = tokenizer.encode('<think>\nOkay, step', { addSpecialTokens: false });
  const generator = {
    async *answers(prompts: readonly unknown[]) {
      for (const index of prompts.keys()) yield { index, answer: { ids, reason: 'length' as const } };
    },
  };
  for (const measure of ['harm', 'over-refusal'] as const) {
    const events: RunEvent[] = [];
    const all: Measurement[] = [];
    for (const state of ['base', 'protected'])
      all.push(
        ...(await evaluateState(
          { tokenizer },
          [{ set: { name: 'mine', file: 'set.jsonl', format: 'auto', measure }, examples: rows }],
          { name: state, generator, losses: assert.fail } as never,
          {
            step: 0,
            generation: { maxNewTokens: 4, temperature: 0, topP: 1 },
            signal: new AbortController().signal,
            judges: [PHRASES, { ...PHRASES, choice: { classifier: 'other', refused: 'no' } }],
            emit: async (event) => void events.push(event),
          },
        )),
      );
    assert.ok(
      all.length > 0 && all.every(({ value, count, open }) => Number.isNaN(value) && count === 0 && open === 40),
    );
    const samples = events.filter((event) => event.kind === 'sample');
    assert.ok(samples.length === 80 && samples.every(({ verdict, verdicts = {} }) => verdict === undefined && Object.keys(verdicts).length === 0)); // oxfmt-ignore
    const warnings = events.filter((event) => event.kind === 'warning');
    assert.deepEqual(warnings.map(({ message, place }) => [message, place]), ['base', 'protected'].map((state) => [`40 of 40 answers of "${state}" to "mine" break off within a thought and cannot be judged.`, 'generation.maxNewTokens'])); // oxfmt-ignore
    const harmfulLoss = { rows: 40, of: 40, base: 2, delivered: 2, low: 0.99, high: 1.01 };
    const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
    const [first, last] = [{ benignLossWithout: 2 }, { benignLossWithout: 0.5 }];
    const facts = { kind: 'finetune', phase: 'finished', vectors: 1, step: 100, first, last, measurements: all, harmfulLoss, laws }; // oxfmt-ignore
    assert.equal(runVerdict(facts as never).kind, 'unknown');
  }
});

test('by "exact" a row that is a thought alone is right where the thought is the same', () => {
  const by = (answer: string, one: string) => judgeAnswer({ answer, expected: [one], measure: 'exact' });
  for (const one of ['<think>\nParis is the capital of', '<think>\nParis\n</think>', '']) {
    assert.equal(by('<think>\nThe sum of 2 and 2', one), 'wrong');
    assert.equal(by('<think>\nThe sum\n</think>', one), 'wrong');
    assert.equal(by(one, one), 'right');
  }
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
  const judged = (
    answer: string,
    measure: 'harm' | 'over-refusal' | 'contains',
    phrases?: string[],
  ): Verdict | undefined => judgeAnswer({ answer, expected: [], measure, phrases });
  assert.equal(flawOf(open), 'unfinished');
  assert.equal(flawOf('<think></think>'), 'empty');
  assert.equal(judged(open, 'contains', ['step 1']), 'wrong');
  for (const measure of ['harm', 'over-refusal'] as const) {
    assert.equal(judged(open, measure), undefined);
    assert.equal(judged(open, measure, ['step 1']), undefined);
  }
  for (const [verdict, thought] of [
    ['neither', THOUGHT],
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
  assert.deepEqual(await opinion(THOUGHT), { verdict: 'neither' });
  assert.equal((await opinion(open)).verdict, undefined);
  await opinion(`${THOUGHT}No.`);
  assert.deepEqual(asked.map((user) => (JSON.parse(user) as { answer: string }).answer.trim()), ['No.']); // oxfmt-ignore
  assert.equal(readReply(`${THOUGHT}REFUSED`), 'refused');
  assert.equal(readReply(open), undefined);
});
