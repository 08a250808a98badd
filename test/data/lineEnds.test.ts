/**
 * Rows have the lines that an editor counts, which ends one at a carriage return, too: marks and decisions are kept by
 * them.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readRows as rowsOfFile, rowKeyOf } from '../../extension/data/rows.js';
import { linesOf, testRows } from '../../extension/testing/sets.js';
import { readRows, type RowOptions } from '../../runtime/data/rows.js';

let folder: string;
before(async () => void (folder = await mkdtemp(join(tmpdir(), 'lines-'))));
after(() => rm(folder, { recursive: true }));

/** Lines of an editor's text, from 1. */
const editorLines = (text: string): string[] => text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);

const FILES: [name: string, text: string, rows: [line: number, lines: number][]][] = [
  ['a.csv', 'text,label\n"a\rb",x\nc,y\r\n"d\r\ne\nf",z\rg,h\r', [[2, 2], [4, 1], [5, 3], [8, 1]]],
  ['b.tsv', '\uFEFFtext\tlabel\r\n"a\r\rb"\tx\r\nc\ty', [[2, 3], [5, 1]]],
  ['c.jsonl', '{"a":\r1}\n\r\r{"a":2}\r\n{"a":3}\n\r\n{"a":\r4}\r', [[1, 2], [5, 1], [6, 1], [8, 2]]],
  ['d.json', '[{"a":\r1},\r{"a":\r\n2},\n\r\n{"a":3}\r]', [[1, 2], [3, 2], [6, 1]]],
]; // oxfmt-ignore

for (const [name, text, expected] of FILES)
  test(`${name}: places and keys of rows are those of the editor`, async () => {
    const file = join(folder, name);
    await writeFile(file, text);
    const found: [line: number, lines: number][] = [];
    const options: RowOptions = {};
    for await (const { line, lines = 1 } of readRows(file, options)) found.push([line, lines]);
    assert.deepEqual(found, expected);
    const shown = editorLines(text);
    const { keys, lineCount } = await rowsOfFile(file, new Map(found));
    assert.equal(lineCount, shown.length);
    for (const [line, lines] of found)
      assert.deepEqual(keys.get(line), rowKeyOf(shown.slice(line - 1, line - 1 + lines)), `line ${line}`);
  });

test('a line end that is cut in two by the pieces in which a file is read is one', async () => {
  const file = join(folder, 'large.csv');
  // The return is the last byte of the first piece, of the second one a newline the first.
  const text = `text\n${'x'.repeat(2 ** 20 - 6)}\r\nsecond\rthird\n`;
  await writeFile(file, text);
  const { keys, lineCount } = await rowsOfFile(file, new Map([[2, 1], [3, 1], [4, 1]])); // oxfmt-ignore
  const shown = editorLines(text);
  assert.equal(lineCount, shown.length);
  for (const line of [2, 3, 4]) assert.deepEqual(keys.get(line), rowKeyOf([shown[line - 1]!]));
  const rows = [];
  for await (const row of readRows(file)) rows.push(row.line);
  assert.deepEqual(rows, [2, 3, 4]);
});

test('tests of a set stand at the lines where its rows begin', () => {
  const [, text] = FILES[2]!;
  const set = text.replaceAll('"a"', '"prompt"').replace(/(\d)(?=\})/g, '"p $1"');
  const rows = testRows(set, 9);
  assert.deepEqual(
    rows.map(({ line, prompt }) => [line, prompt]),
    [[1, 'p 1'], [5, 'p 2'], [6, 'p 3'], [8, 'p 4']],
  ); // oxfmt-ignore
  const chosen = linesOf(set, [8, 5]).split('\n');
  assert.deepEqual(chosen.slice(0, 2).map((line) => JSON.parse(line)), [{ prompt: 'p 4' }, { prompt: 'p 2' }]); // oxfmt-ignore
});
