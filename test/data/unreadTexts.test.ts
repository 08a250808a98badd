/** Texts of a row that take no part in a training are told, once a file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { loadData } from '../../runtime/context/context.js';
import type { Columns } from '../../runtime/contract/mapping.js';
import { inspectData } from '../../runtime/data/inspectData.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { lines, temporary, write } from '../extension/support.js';

const FIXTURES = join(import.meta.dirname, '../fixtures');
const REMEDY = 'If they belong to the rows, put them into fields of the row format (docs/data.md).';
const CONTEXT = 'Rome lies on the Tiber.';
const QA = { prompt: 'Where does Rome lie?', response: 'On the Tiber.' };

async function warningsOf(t: TestContext, file: string, columns?: Columns): Promise<string[][]> {
  const tokenizer = await loadTokenizer(join(FIXTURES, 'smollm2'));
  const warnings: string[][] = [];
  const spec = { contextLength: 2048 } as Parameters<typeof loadData>[0]['spec'];
  const scratch = openScratch(await temporary(t));
  t.after(() => scratch.close());
  const warn = (...said: string[]): void => void warnings.push(said);
  await loadData({ tokenizer, spec, scratch }, file, { columns }, { warn });
  return warnings;
}
const put = async (t: TestContext, rows: readonly object[]): Promise<string> =>
  write(join(await temporary(t), 'train.jsonl'), lines(rows));

test('a column with texts that no field has is told with its rows and the columns that may be meant', async (t) => {
  const file = await put(t, [{ ...QA, id: 'a b', source: 'web' }, { ...QA, context: CONTEXT, id: 'c d' }, { ...QA, context: 'Latium' }]); // oxfmt-ignore
  assert.deepEqual(await warningsOf(t, file), [
    [
      'texts that are not read: "context" of 2 of 3 rows.',
      `${file}:2`,
      `"columns": {"instruction":"prompt","input":"context","output":"response"} may be meant. ${REMEDY}`,
    ],
  ]);
  assert.deepEqual((await inspectData(file)).unreadColumns, [{ column: 'context', rows: 2, line: 2 }]);
  const columns = { instruction: 'prompt', input: 'context', output: 'response' };
  assert.deepEqual(await warningsOf(t, file, columns), []);
  assert.equal((await inspectData(file, { columns })).unreadColumns, undefined);
});

const SYSTEM = 'You answer in one sentence.';
const messages = [{ role: 'user', content: QA.prompt }, { role: 'assistant', content: QA.response }]; // oxfmt-ignore
const conversations = [{ from: 'human', value: QA.prompt }, { from: 'gpt', value: QA.response }]; // oxfmt-ignore
const unread: [row: object, column: string, meant?: object, columns?: Columns][] = [
  [{ prompt: 'a', completion: 'b', system_prompt: SYSTEM }, 'system_prompt', { completion: 'completion', system: 'system_prompt' }], // oxfmt-ignore
  [{ system_prompt: SYSTEM, question: 'a', response: 'b' }, 'system_prompt', { prompt: 'question', completion: 'response', system: 'system_prompt' }, { prompt: 'question', completion: 'response' }], // oxfmt-ignore
  [{ messages, system_prompt: SYSTEM }, 'system_prompt', { system: 'system_prompt' }],
  [{ conversations, system_prompt: SYSTEM }, 'system_prompt', { system: 'system_prompt' }],
  [{ conversations: conversations.map((turn) => ({ ...turn, thought: CONTEXT })) }, 'conversations.thought'],
  [{ messages: messages.map((message) => ({ ...message, content: [{ type: 'text', text: message.content }], note: CONTEXT })) }, 'messages.note'], // oxfmt-ignore
  [{ messages, previous: [{ role: 'user', content: 'Say how it is.' }] }, 'previous'],
  [{ text: 'The whole text.', meta: { summary: 'Of it a part.' } }, 'meta.summary'],
  [{ instruction: 'a', input: 'b', output: 'c', context: CONTEXT }, 'context'],
  [{ prompt: 'a', completion: 'b', response: 'What else is said.' }, 'response'],
  [{ prompt: 'a', completion: 'b', 背景: '罗马位于台伯河畔。' }, '背景'],
];
for (const [row, column, meant, columns] of unread)
  test(`${column} of ${Object.keys(row).join(', ')}`, async (t) => {
    const [[said, , remedy], ...others] = (await warningsOf(t, await put(t, [row]), columns)) as [[string, string, string]]; // oxfmt-ignore
    assert.deepEqual(others, []);
    assert.equal(said, `texts that are not read: "${column}" of 1 of 1 rows.`);
    assert.equal(remedy, meant ? `"columns": ${JSON.stringify(meant)} may be meant. ${REMEDY}` : REMEDY);
  });

const nothing: [row: object, columns?: Columns][] = [
  [{ messages, prompt: QA.prompt, prompt_id: 'a1', source: 'The-Web', rating: 4, model: 'GPT 4' }],
  [{ instruction: 'Say where.', context: CONTEXT, response: 'b', category: 'closed_qa' }],
  [{ instruction: 'Say where.', input: CONTEXT, output: 'b', text: `Below.\n\nSay where.\n\n${CONTEXT}\n\nb` }],
  [{ system_prompt: SYSTEM, question: 'a', response: 'b' }, { prompt: 'question', completion: 'response', system: 'system_prompt' }], // oxfmt-ignore
  [{ prompt: 'a', chosen: 'It is so.', rejected: 'It is not so.' }, { completion: 'chosen' }],
  [{ messages, tools: [{ name: 'f', description: 'What it does is said.' }] }],
  [{ prompt: 'a', completion: 'b', kind: 'one of three' }, { label: 'kind' }],
  [{ input_ids: [1, 2], text: 'What was cut.' }],
];
for (const [i, [row, columns]] of nothing.entries())
  test(`nothing is told where all is read, or what is left is no text: ${i}`, async (t) => {
    assert.equal((await inspectData(await put(t, [row]), { columns })).unreadColumns, undefined);
  });

test('of a Parquet file, too', async (t) => {
  const file = join(FIXTURES, 'data/context.parquet');
  assert.deepEqual(
    (await warningsOf(t, file)).map(([message]) => message),
    ['texts that are not read: "context" of 1 of 2 rows.'],
  );
  assert.deepEqual((await inspectData(file)).unreadColumns, [{ column: 'context', rows: 1, line: 2 }]);
});
