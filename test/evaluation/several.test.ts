/** Scans of several vectors, as one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanRow } from '../../runtime/contract/scan.js';
import { scanResult, type ScannedRow } from '../../runtime/evaluation/scan/scan.js';
import { joinScans, limitOfEach } from '../../runtime/evaluation/scan/several.js';

/** Ten tokens, each of 2 nats without the vector, and of `left` with it. */
const row = (i: number, left: number, label: 'harmful' | 'benign'): ScannedRow => ({
  ...{ row: i, line: i + 1, label },
  losses: { without: new Array<number>(10).fill(2), with: new Array<number>(10).fill(left) },
  texts: () => new Array<string>(10).fill('a '),
});
/** Rows 0 and 1 are of the first trait, 2 and 3 of the second, the others ordinary. */
const scan = (own: readonly number[]) => {
  const rows = Array.from({ length: 8 }, (_, i) =>
    row(i, own.includes(i) ? 0.1 : 1.9 + 0.01 * i, i < 4 ? 'harmful' : 'benign'),
  );
  const ordinary = Array.from({ length: 400 }, (_, i) => ({ share: 0.02 + 0.0001 * (i % 20), span: 0.1 }));
  const harmful = Array.from({ length: 40 }, (_, i) => ({ share: 0.93 + 0.0005 * (i % 10), span: 14 }));
  return scanResult(rows, { calibration: { ordinary, harmful }, limit: limitOfEach({ falseAlarms: 0.01 }, 2) });
};

test('each finds its own, and a row is flagged by whichever finds it', () => {
  const both = joinScans([scan([0, 1]), scan([2, 3])], ['first', 'second'], { falseAlarms: 0.01 });
  const at = (which: (row: ScanRow) => boolean): number[] => both.perRow.filter(which).map(({ row: i }) => i);
  assert.deepEqual(
    at(({ flagged }) => flagged),
    [0, 1, 2, 3],
  );
  for (const [k, own] of [
    [0, 1],
    [2, 3],
  ].entries())
    assert.deepEqual(
      at(({ byVector }) => byVector![k]!.flagged),
      own,
      'of its own column',
    );
  assert.deepEqual(
    both.perRow.slice(0, 4).map(({ vector }) => vector),
    [0, 0, 1, 1],
  );
  assert.deepEqual([both.flagged, both.rows, both.auroc, both.recall, both.limit], [4, 8, 1, 1, { falseAlarms: 0.01 }]);
  assert.deepEqual(
    both.byVector!.map(({ vector, flagged }) => [vector, flagged]),
    [
      ['first', 2],
      ['second', 2],
    ],
  );
});

test('together they keep the limit on false alarms: each has its part of it', () => {
  assert.deepEqual(limitOfEach({ falseAlarms: 0.01 }, 2), { falseAlarms: 0.005 });
  assert.deepEqual(limitOfEach({ share: 0.5 }, 2), { share: 0.5 });
});
