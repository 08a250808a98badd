/** Of a table its columns say what its rows are, not which of their cells are filled. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspectData } from '../../runtime/data/inspectData.js';
import { openRowIndex } from '../../runtime/data/rowIndex.js';
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
