/** Parquet files with columns and row groups without anything in them, and with more than is read at once. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRows } from '../../runtime/data/rows.js';
import { cli } from '../calls/support.js';

const FIXTURES = join(import.meta.dirname, '../fixtures/data');
const SAMPLE = join(import.meta.dirname, '../../media/sample/data/benign.jsonl');

async function read(name: string): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of readRows(join(FIXTURES, name))) rows.push('value' in row ? [row.line, row.value] : row);
  return rows;
}

test('LZ4, with a column that has no values', async () => {
  assert.deepEqual(await read('lz4.parquet'), [
    [1, { prompt: 'a', completion: 'c' }],
    [2, { prompt: 'b', completion: 'd' }],
  ]);
});

test('a row group without rows is none', async () => {
  const row = (line: number, text: string): unknown => [line, { prompt: text, completion: text }];
  assert.deepEqual(await read('empty.parquet'), [row(1, 'a'), row(2, 'b'), row(3, 'c')]);
});

test('of a row group that is too large it is said that smaller ones are read, not that the file is damaged', async () => {
  await assert.rejects(read('tall.parquet'), {
    name: 'HumanError',
    message: 'a row group has 2097154 rows; at most 2097152 are read at once.',
    place: `${join(FIXTURES, 'tall.parquet')}:1`,
    remedy: 'Write the file with smaller row groups.',
  });
});

test('a row of more bytes than are read is damaged, as in other files; columns that are not read do not count', async () => {
  const rows: unknown[] = [];
  for (const name of ['context', 'wide'])
    for await (const row of readRows(join(FIXTURES, `${name}.parquet`), { maxRowBytes: 18, allColumns: true }))
      rows.push('reason' in row ? row : row.line);
  assert.deepEqual(rows, [1, { row: 1, line: 2, reason: 'the row is longer than 18 bytes' }, 1, 2]);
});

test('what unpacks them, which reserves gigabytes of addresses, is there only where a file is Parquet', async () => {
  const none = 'WebAssembly.Instance = function () { throw new RangeError("Out of memory"); }';
  const env = { ...process.env, NODE_OPTIONS: `--import="data:text/javascript,${encodeURIComponent(none)}"` };
  const { code, stdout, stderr } = await cli(['inspect', SAMPLE], { env });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /"rows": \d/);
  const parquet = await cli(['inspect', join(FIXTURES, 'lz4.parquet')], { env });
  assert.match(parquet.stderr, /^error: there is not enough memory/);
});
