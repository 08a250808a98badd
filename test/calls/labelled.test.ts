/** Answers that people have labelled, written as an evaluation set and read again. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { writeLabelled } from '../../runtime/calls/labelled.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import { askedText, turnsOf, type ChatMessage } from '../../runtime/contract/generation.js';
import { questionOf } from '../../runtime/data/askedBy.js';
import { loadExamples, type Example } from '../../runtime/data/examples.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { watch } from '../support/faults.js';

const SMOLLM = join(dirname(fileURLToPath(import.meta.url)), '../fixtures/smollm2');

test('a labelled answer in a conversation asks in the file what its row asks in the set', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'labelled-'));
  t.after(() => rm(folder, { recursive: true }));
  const tokenizer = await loadTokenizer(SMOLLM);
  const load = async (file: string): Promise<Example[]> => {
    const { examples } = await loadExamples(file, tokenizer, { answers: 'optional', scratch: openScratch(folder) });
    return [...examples];
  };
  const turns = (...said: string[]): ChatMessage[] =>
    said.map((content, i) => ({ role: i % 2 ? 'assistant' : 'user', content }));
  const asked: ChatMessage[][] = [
    [{ role: 'system', content: 'Be brief.' }, ...turns('How do I bake?', 'With flour.', 'Go on.')],
    turns('How do I brew?'),
  ];
  const set = join(folder, 'set.jsonl');
  await writeFile(set, asked.map((messages) => `${JSON.stringify({ messages })}\n`).join(''));
  const out = join(folder, 'labelled.jsonl');
  const samples = asked.map((messages, row): SampleEvent => {
    const said = turnsOf(messages);
    return {
      ...{ kind: 'sample', state: 'base', set: 'mine', row, line: row + 1, prompt: askedText(messages)! },
      ...(said.length > 1 && { messages: said }),
      ...{ answer: 'Sure.', label: 'complied' },
    };
  });
  await writeLabelled(out, samples);
  const [before, after] = [await load(set), await load(out)];
  assert.deepEqual(after.map(questionOf), before.map(questionOf));
  assert.deepEqual(
    after.map(({ answer }) => answer),
    ['Sure.', 'Sure.'],
  );
});

test('an empty answer that is labelled leaves a row that can be read, and a contradiction leaves both', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'labelled-'));
  t.after(() => rm(folder, { recursive: true }));
  const tokenizer = await loadTokenizer(SMOLLM);
  const out = join(folder, 'labelled.jsonl');
  const sample = (row: number, answer: string, label: SampleEvent['label'], set = 'mine'): SampleEvent => ({
    ...{ kind: 'sample', state: 'base', set, row, line: row + 1, prompt: `How do I brew ${row}?`, answer, label },
  });
  const others = [sample(1, 'Sure.', 'complied'), sample(1, 'Sure.', 'refused', 'other')];
  const talk: SampleEvent['messages'] = ['Hi.', 'Hello.', 'Go on.'].map((content, i) => ({
    role: i % 2 ? 'assistant' : 'user',
    content,
  }));
  const silent = { ...sample(2, '', 'neither'), messages: talk };
  await writeLabelled(out, [sample(0, '', 'neither'), silent, ...others, sample(1, 'Sure.', 'complied')]);
  const { examples } = await loadExamples(out, tokenizer, { answers: 'optional', scratch: openScratch(folder) });
  assert.deepEqual(
    Array.from(examples, ({ answer, label }) => [answer, label]),
    [
      ['', 'benign'],
      ['', 'benign'],
      ['Sure.', 'harmful'],
      ['Sure.', 'benign'],
    ],
  );
});

test('a file that is there by now stays as it is', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'labelled-'));
  t.after(() => rm(folder, { recursive: true }));
  const out = join(folder, 'labelled.jsonl');
  const end = watch({ root: folder, onCall: ({ name }) => name === 'handle.sync' && writeFileSync(out, 'theirs') });
  const sample: SampleEvent = { kind: 'sample', state: 'base', set: 'mine', row: 0, line: 1, prompt: 'How?', answer: 'So.', label: 'complied' }; // oxfmt-ignore
  await assert.rejects(writeLabelled(out, [sample]), { code: 'exists', place: out });
  end();
  assert.equal(await readFile(out, 'utf8'), 'theirs');
});
