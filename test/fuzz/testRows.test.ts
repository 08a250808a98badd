import assert from 'node:assert/strict';
import { linesOf, testRows } from '../../extension/testing/sets.js';
import { fuzz } from './harness.js';
import { damagedRow, ROWS } from './rows.js';

/** Rows of an evaluation set as the Test Explorer names them. */
fuzz<Buffer>({
  name: 'row in the Test Explorer',
  rounds: 180,
  sources: () => ROWS.map((row) => Buffer.from(`${JSON.stringify(row)}\n${JSON.stringify(row)}`)),
  damage: (source, rng) => Buffer.concat([damagedRow(rng, source.toString().split('\n')[0]), Buffer.from('\n'), source]),
  load: (bytes) => {
    const text = bytes.toString();
    const rows = testRows(text, 100);
    for (const { line, prompt } of rows) assert(line >= 1 && typeof prompt === 'string' && prompt.length <= 120);
    const lines = linesOf(text, rows.map(({ line }) => line)).split('\n');
    assert.equal(lines.length, rows.length + 1);
    return rows[0]?.line === 1;
  },
}); // oxfmt-ignore
