/** Of a table its columns say what its rows are, not which of their cells are filled. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspectData } from '../../runtime/data/inspectData.js';
import { parsedRows } from '../../runtime/data/parsedRows.js';
import { openRowIndex } from '../../runtime/data/rowIndex.js';
import { readRows } from '../../runtime/data/rows.js';
import { formatAsRead } from '../../runtime/data/schemas.js';
import { openScratch } from '../../runtime/data/scratch.js';
import { cleaned } from '../support/cleaned.js';

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'tables-'))));
after(() => rm(folder, { recursive: true }));
async function put(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, text);
  return file;
}

test('an empty cell in the first row does not make the file another format', async () => {
  const table = 'instruction,output,text\n,Hello,### All of it\nSay hi,Hello,### All of it\n';
  const file = await put('alpaca.csv', table);
  const info = await inspectData(file);
  assert.equal(info.format, 'alpaca');
  assert.deepEqual(info.refused, [{ line: 2, reason: '"instruction" is missing (format "alpaca")' }]);
  const scratch = openScratch(folder);
  assert.equal((await openRowIndex(file, { scratch })).format, 'alpaca');
  scratch.close();
  const out = join(folder, 'alpaca.clean.csv');
  const { cut } = await cleaned({ data: file, out, keep: [], cut: [[1, 'Hi']] });
  assert.equal(cut, 1, 'the answer of the second row is its output');
  // A column under another name is what it is mapped to.
  const columns = { label: 'instruction' };
  assert.equal((await inspectData(await put('mapped.csv', table), { columns })).format, 'text');
});

test('a column whose name another format has is text, unless that format needs it', async () => {
  const info = await inspectData(await put('toxic.csv', 'prompt,completion,labels\nHi,Hello,toxic\nBye,Ciao,[1\n'));
  assert.deepEqual([info.format, info.rows, info.refusedRows], ['completion', 2, 0]);
  for (const [text, line, reason] of [
    [
      'messages\n"[{""role"":""user"",""content"":""hi""}]"\nnot json\n',
      3,
      /^"messages" is not JSON: .*format "messages"/,
    ],
    ['messages\n"[{""role"":""user"",""content"":""hi""}]"\n5\n', 3, /^"messages" is not a list/],
    ['input_ids,labels\n"[1,2]","[1,2]"\n"[1,2]",toxic\n', 3, /^"labels" is not JSON/],
    [`messages\n"[{""role"":""user"",""content"":""hi""}]"\n${'['.repeat(20_000)}\n`, 3, /nested more than 512 deep/],
    ['conversations\n"[{""from"":""human"",""value"":""hi""}]"\n[\n', 3, /^"conversations" is not JSON/],
  ] as const) {
    const { refused } = await inspectData(await put('needed.csv', text));
    assert.equal(refused.length, 1, text);
    assert.equal(refused[0]!.line, line);
    assert.match(refused[0]!.reason, reason);
  }
});

test('a column that is empty in all rows does not make the table its format', async () => {
  for (const [format, table] of [
    ['completion', 'prompt,completion,messages\nHi,Hello,\nBye,Ciao,\n'],
    ['completion', 'prompt,completion,conversations\nHi,Hello,[]\nBye,Ciao,[]\n'],
    ['completion', 'instruction,context,prompt,response\n,Earlier,Hi,Hello\n,Earlier,Bye,Ciao\n'],
    ['completion', 'instruction,output,prompt\n,,Hi\n,,Bye\n'],
    ['alpaca', 'instruction,output,messages\nHi,Hello,\nBye,Ciao,\n'],
    ['text', 'messages,text\n,Hello\n,Ciao\n'],
    ['text', 'input_ids,labels,text\n,,Hello\n,,Ciao\n'],
  ] as const) {
    const file = await put('joined.csv', table);
    const info = await inspectData(file);
    assert.deepEqual([info.format, info.rows, info.refusedRows], [format, 2, 0], table);
    const scratch = openScratch(folder);
    assert.equal((await openRowIndex(file, { scratch })).format, format);
    scratch.close();
  }
  // What the row has of both formats says nothing against the columns.
  const dolly = await put('dolly.csv', 'instruction,response,text\n,Hello,All of it\nSay hi,Hello,All of it\n');
  assert.equal((await inspectData(dolly)).format, 'alpaca');
  const both = await put(
    'both.csv',
    'prompt,completion,messages\nHi,Hello,"[{""role"":""user"",""content"":""Hi""}]"\n',
  );
  assert.equal((await inspectData(both)).format, 'messages');
});

test('of Parquet a list without entries, and no value, are empty cells, too', () => {
  const names = ['prompt', 'completion', 'messages'];
  for (const messages of [[], null]) {
    const value = { prompt: 'Hi', completion: 'Hello', messages };
    assert.equal(formatAsRead({ row: 0, line: 1, value, names }), 'completion');
  }
});

test('a column that is mapped to a text is no JSON, whatever it is called', async () => {
  const cells = ['"{""a"":1}"', '1.0', '"""hi"""', 'null'];
  for (const name of ['labels', 'messages', 'input_ids']) {
    const file = await put(
      'mapped.csv',
      ['q', ...cells].map((cell, i) => `${i ? i : 'q'},${i ? cell : name}\n`).join(''),
    );
    const columns = { prompt: 'q', completion: name };
    const read: unknown[] = [];
    for await (const row of readRows(file, { columns })) read.push('value' in row ? row.value[name] : row.reason);
    assert.deepEqual(read, ['{"a":1}', '1.0', '"hi"', 'null']);
    const info = await inspectData(file, { columns });
    assert.deepEqual([info.format, info.rows, info.refusedRows], ['completion', 4, 0], name);
  }
});

const PARQUET = join(import.meta.dirname, '../fixtures/data');

test('what says which tokens are learned is read in tables, too', async () => {
  const csv = await put(
    'masks.csv',
    'input_ids,completion_mask,seq_lengths\n"[1,2,3]","[0,1,1]",[3]\n"[1,2,3]","[1,1,1]","[1,2]"\n"[1,2,3]",,[3]\n"[1,2,3]","[1,1,1]",\n',
  );
  for (const file of [csv, join(PARQUET, 'masks.parquet')]) {
    const { refused } = await inspectData(file);
    const first = file === csv ? 2 : 1;
    assert.deepEqual(
      refused.map(({ line, reason }) => [line - first, /^"\w+"/.exec(reason)![0]]),
      [
        [0, '"completion_mask"'],
        [1, '"seq_lengths"'],
      ],
    );
  }
});

test('of a Parquet file, too, the columns that may be meant are said, whichever others are fields', async () => {
  for (const [name, columns] of [
    ['pairs', '{"messages":"chosen"}'],
    ['answers', '{"completion":"chosen"}'],
    ['named', '{"prompt":"frage","completion":"antwort"}'],
  ] as const) {
    const { value } = await parsedRows(join(PARQUET, `${name}.parquet`), {}, {}).next();
    const { meant, reason } = value as { meant?: object; reason?: string };
    assert.ok(`${JSON.stringify(meant)} ${reason}`.includes(columns), name);
  }
});
