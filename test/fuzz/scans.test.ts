import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleaningOf } from '../../runtime/contract/cleaning.js';
import { tableRows } from '../../extension/data/scanTable.js';
import { markText } from '../../extension/codelens/titles.js';
import { scanFile, Scans, scanSummary } from '../../extension/data/scans.js';
import { damageJsonText } from './damage.js';
import { fuzz } from './harness.js';

const RESULT = {
  ...{ flagged: 2, rows: 3, threshold: 0.01, auroc: 0.9, precision: 1, recall: null, blind: 1, short: 0 },
  limit: { falseAlarms: 0.01 },
  calibration: { ordinary: 40, harmful: 10, recall: null },
  perRow: [1, 2, 3].map((line) => ({
    ...{ row: line - 1, line, explained: line / 4, span: line, p: 0.02 - line / 200, flagged: line > 1 },
    ...{ tokens: 5, lossWithout: 2, lossWith: 0.2, parts: ['b'], ...(line === 2 && { rest: 'a' }) },
  })),
};
const VALUES: readonly unknown[] = [
  1,
  2,
  3,
  1e9,
  -1,
  0.5,
  null,
  [1],
  [3, 2, 1],
  '',
  'a b',
  '../x',
  Array<number>(500).fill(2),
];

/** A scan that was kept, as it is read when a window opens. */
fuzz<string>({
  name: 'scan that was kept',
  rounds: 180,
  sources: async (folder) => {
    const data = join(folder, 'train.jsonl');
    writeFileSync(data, '{"text":"a"}\n{"text":"b"}\n{"text":"c"}\n');
    await new Scans(() => [folder]).add(data, join(folder, 'v'), 'v', RESULT);
    return [readFileSync(scanFile(folder, data), 'utf8')];
  },
  damage: (source, rng) => damageJsonText(source, rng, VALUES),
  load: async (text, folder) => {
    const data = join(folder, 'train.jsonl');
    writeFileSync(scanFile(folder, data), text);
    const scans = new Scans(() => [folder]);
    await scans.load();
    const scan = scans.get(data);
    if (!scan) return false;
    assert.equal(typeof scanSummary(scan), 'string');
    for (const { line, looks } of scan.marks) {
      assert(line >= 1 && line <= scan.lineCount && Number.isFinite(looks.explained));
      assert.equal(typeof markText(looks, scan.vectorName), 'string');
    }
    for (const [from, to] of cleaningOf(tableRows(scan.table, scan.cut)).keep) assert(from <= to);
    return true;
  },
});
