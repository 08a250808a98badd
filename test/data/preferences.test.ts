/** Rows of preferences: pairs of which none is named as the answer, and answers that are marked as bad. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadData } from '../../runtime/context/context.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { HumanError } from '../../runtime/support/errors.js';
import { lines, temporary, write } from '../extension/support.js';

async function load(t: TestContext, rows: readonly object[], columns?: Columns) {
  const folder = await temporary(t);
  const tokenizer = await loadTokenizer(join(import.meta.dirname, '../fixtures/smollm2'));
  const warnings: string[][] = [];
  const spec = { contextLength: 2048 } as Parameters<typeof loadData>[0]['spec'];
  const file = await write(join(folder, 'train.jsonl'), lines(rows));
  const scratch = openScratch(folder);
  t.after(() => scratch.close());
  const warn = (...said: string[]): void => void warnings.push(said);
  const { examples } = await loadData({ tokenizer, spec, scratch }, file, { columns }, { warn });
  return { file, answers: [...examples].map(({ answer }) => answer), warnings };
}

test('a pair without an answer is refused with the column that may be meant', async (t) => {
  const pair = { chosen: 'good', rejected: 'bad' };
  const cases: [row: object, columns: string][] = [
    [{ prompt: 'Hi', ...pair }, '{"completion":"chosen"}'],
    [{ instruction: 'Hi', ...pair }, '{"output":"chosen"}'],
  ];
  for (const [row, columns] of cases)
    await assert.rejects(load(t, [row]), (error) => {
      assert.ok(error instanceof HumanError);
      assert.equal(error.message, `the row has no answer; "columns": ${columns} may be meant.`);
      return true;
    });
  assert.deepEqual((await load(t, [{ prompt: 'Hi', ...pair }], { completion: 'chosen' })).answers, ['good']);
  await assert.rejects(load(t, [{ prompt: 'Hi' }]), /^HumanError: the row has no answer: "completion" is missing\.$/);
});

test('inspecting says that no row has an answer', async (t) => {
  const rows = [1, 2].map((i) => ({ prompt: `Hi ${i}`, chosen: 'good', rejected: 'bad' }));
  const file = await write(join(await temporary(t), 'pairs.jsonl'), lines(rows));
  assert.deepEqual((await inspectData(file)).unanswered, { count: 2, lines: [1, 2] });
});

test('answers that are marked as bad are warned about, with their number and the first line', async (t) => {
  const row = { prompt: 'Hi', completion: 'Hello' };
  const { file, answers, warnings } = await load(t, [
    { ...row, label: true },
    { ...row, label: false },
    { ...row, label: false },
  ]);
  assert.equal(answers.length, 3);
  assert.equal(warnings.length, 1);
  const [message, place, remedy] = warnings[0]!;
  assert.equal(message, '2 of 3 rows have "label": false, which is not read: such rows are used like all others.');
  assert.equal(place, `${file}:2`);
  assert.equal(remedy, 'Leave them out if their answers should not be learned.');
  // As a table says it.
  assert.equal((await load(t, [{ ...row, label: 'False' }])).warnings.length, 1);
  for (const label of [true, 'harmful', 'benign', 2, null, 'falsehood', { toString: 1 }])
    assert.deepEqual((await load(t, [{ ...row, label }])).warnings, []);
});

test('labels of a mapped column that are neither "harmful" nor "benign" are warned about, and no truth value is a bad answer', async (t) => {
  const row = { prompt: 'Hi', completion: 'Hello' };
  const rows = [true, false, 'harmful', false, null].map((is_harmful) => ({ ...row, is_harmful }));
  const { file, warnings } = await load(t, rows, { label: 'is_harmful' });
  assert.deepEqual(warnings, [
    [
      '3 of 5 rows have a label that is neither "harmful" nor "benign" ("true", "false"): it is not read.',
      `${file}:1`,
      'Write these labels as "harmful" and "benign".',
    ],
  ]);
  const many = [1, 2, 3, 4, 5].map((kind) => ({ ...row, kind }));
  const [[message]] = (await load(t, many, { label: 'kind' })).warnings as [[string]];
  assert.match(message, /^5 of 5 rows .* \("1", "2", "3", …\)/);
});

test('so are, in a column named "label", these words in other letters, and 1 and 0', async (t) => {
  const of = async (...labels: unknown[]): Promise<string[]> => {
    const rows = labels.map((label) => ({ prompt: 'Hi', completion: 'Hello', label }));
    return (await load(t, rows)).warnings.map(([message]) => message!);
  };
  assert.deepEqual(await of('HARMFUL', ' Benign', 'harmful', 'spam'), [
    '2 of 4 rows have a label that is neither "harmful" nor "benign" ("HARMFUL", " Benign"): it is not read.',
  ]);
  assert.deepEqual(await of(1, 0, 0), [
    '3 of 3 rows have a label that is neither "harmful" nor "benign" (1, 0): it is not read.',
  ]);
});

test('inspecting counts labels that are not read', async (t) => {
  const rows = ['HARMFUL', 'benign', 'Harmful'].map((label) => ({ prompt: 'Hi', completion: 'Hello', label }));
  const file = await write(join(await temporary(t), 'labels.jsonl'), lines(rows));
  const { labels, unreadLabels } = await inspectData(file);
  assert.deepEqual(labels, { harmful: 0, benign: 1 });
  assert.deepEqual(unreadLabels, { count: 2, lines: [1, 3] });
});
