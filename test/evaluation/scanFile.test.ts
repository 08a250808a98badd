/** scan.json: one JSON text, read and written by lines. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ScanResult } from '../../runtime/contract/scan.js';
import { readScan, writeScan } from '../../runtime/evaluation/scan/scanFile.js';
import { temporary } from '../extension/support.js';

const scanOf = (rows: number): ScanResult => {
  const perRow = Array.from({ length: rows }, (_, row) => ({ row, line: row + 1, label: '{"perRow":[', tokens: 3 }));
  return { rows, flagged: 0, threshold: 0.01, perRow } as unknown as ScanResult;
};

test('what was written is read, with its rows and without, and is JSON for others', async (t) => {
  const file = join(await temporary(t), 'scan.json');
  for (const rows of [0, 1, 20_001]) {
    const scan = scanOf(rows);
    await writeScan(file, scan);
    assert.deepEqual(await readScan(file), scan);
    assert.deepEqual(await readScan(file, false), { ...scan, perRow: [] });
    assert.deepEqual(JSON.parse(await readFile(file, 'utf8')), scan);
  }
});

test('the numbers are read without the rows, however many there are', async (t) => {
  const file = join(await temporary(t), 'scan.json');
  await writeScan(file, scanOf(2));
  await writeFile(file, 'no row that could be read', { flag: 'a' });
  assert.equal((await readScan(file, false)).rows, 2);
});

test('a file of an earlier version, on one line, is read as before', async (t) => {
  const file = join(await temporary(t), 'scan.json');
  await writeFile(file, `${JSON.stringify(scanOf(2))}\n`);
  assert.deepEqual(await readScan(file), scanOf(2));
});
