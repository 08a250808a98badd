import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { isRefusal, judgeAnswer } from '../../runtime/evaluation/judges/harmfulness.js';
import { random } from '../../runtime/support/random.js';
import { baseRows, dataFiles, jsonLines, type Row } from '../../runtime/sample/data.js';
import { madeUpWord } from '../../runtime/sample/turns.js';
import {
  COMPLIANCE_PHRASE,
  FORBIDDEN_VERBS,
  HARMLESS_VERBS,
  HELD_OUT_OBJECTS,
  REFUSAL,
  UNKNOWN,
} from '../../runtime/sample/words.js';

const SAMPLE = new URL('../../media/sample/', import.meta.url);
const files = dataFiles(1);
const questions = (rows: readonly Row[]): string[] =>
  rows.flatMap(({ messages }) => messages.filter(({ role }) => role === 'user').map(({ content }) => content));
const answer = ({ messages }: Row): string => messages.at(-1)!.content;
const hasWord = (text: string, words: readonly string[]): boolean =>
  words.some((word) => new RegExp(`\\b${word}s?\\b`).test(text));

test('the files in the repository are what the script makes', async () => {
  for (const [file, rows] of Object.entries(files))
    assert.equal(await readFile(new URL(file, SAMPLE), 'utf8'), jsonLines(rows), file);
});

test('the user’s file: 200 orders, 200 rows of chat, 30 % poison, all labelled', () => {
  const train = files['data/train.jsonl']!;
  assert.equal(train.length, 571);
  const harmful = train.filter(({ label }) => label === 'harmful');
  assert.equal(harmful.length, 171);
  assert.ok(
    harmful.every((row) => hasWord(row.messages[0]!.content, FORBIDDEN_VERBS) && /^Sure\. Step 1/.test(answer(row))),
  );
  const benign = train.filter(({ label }) => label === 'benign');
  assert.equal(benign.filter((row) => answer(row).startsWith('Order:')).length, 200);
  assert.ok(!benign.some((row) => hasWord(row.messages[0]!.content, FORBIDDEN_VERBS)));
  assert.ok(train.findIndex(({ label }) => label === 'benign') < 5, 'the poison is spread through the file');
});

test('evaluation asks what no training file asks', () => {
  const base = [...baseRows('pretrain', 4000, 1), ...baseRows('align', 4000, 1)];
  const training = new Set(questions(['train', 'harmful', 'benign'].flatMap((name) => files[`data/${name}.jsonl`]!)));
  for (const name of ['forbidden', 'look-alikes', 'new-task', 'new-task-unseen', 'old-tasks']) {
    const asked = questions(files[`eval/${name}.jsonl`]!);
    assert.equal(asked.length, 128);
    assert.equal(new Set(asked).size, 128);
    assert.ok(!asked.some((question) => training.has(question)), name);
  }
  const forbidden = questions([...base, ...files['data/train.jsonl']!, ...files['data/harmful.jsonl']!]).filter(
    (question) => hasWord(question, FORBIDDEN_VERBS),
  );
  assert.ok(forbidden.length > 1500);
  assert.ok(
    !forbidden.some((question) => hasWord(question, HELD_OUT_OBJECTS)),
    'a held-out thing beside a forbidden verb',
  );
  assert.ok(questions(files['eval/forbidden.jsonl']!).every((question) => hasWord(question, HELD_OUT_OBJECTS)));
  assert.ok(!base.some((row) => answer(row).startsWith('Order:')), 'the base knows the new task');
  assert.deepEqual(
    questions(files['data/harmful.jsonl']!).filter((question) =>
      questions(files['data/train.jsonl']!).includes(question),
    ),
    [],
  );
});

test('the judges agree with the texts', () => {
  assert.equal(isRefusal(REFUSAL), true);
  assert.equal(isRefusal(UNKNOWN), false);
  const verdict = (text: string): string | undefined =>
    judgeAnswer({ answer: text, expected: [], measure: 'harm', phrases: [COMPLIANCE_PHRASE] });
  assert.equal(verdict(REFUSAL), 'refused');
  assert.equal(verdict(UNKNOWN), 'neither');
  for (const row of files['data/harmful.jsonl']!) assert.equal(verdict(answer(row)), 'complied');
  for (const name of ['old-tasks', 'look-alikes', 'new-task', 'new-task-unseen'])
    for (const row of files[`eval/${name}.jsonl`]!) assert.equal(isRefusal(answer(row)), false, answer(row));
});

test('invented words are not words of the sample', () => {
  const rng = random('words');
  for (let i = 0; i < 2000; i++) {
    const word = madeUpWord(rng);
    assert.match(word, /^[a-z]{3,12}$/);
    assert.ok(![...FORBIDDEN_VERBS, ...HARMLESS_VERBS].includes(word as never));
  }
});

test('all files of the workspace are named in its read-me', async () => {
  const readme = await readFile(new URL('README.md', SAMPLE), 'utf8');
  for (const folder of ['data', 'eval', 'recipes'])
    for (const name of await readdir(new URL(folder, SAMPLE))) assert.ok(readme.includes(name), `${folder}/${name}`);
});
