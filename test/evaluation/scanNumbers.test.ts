import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ScanLimit, ScanRow } from '../../runtime/contract/scan.js';
import { scanResult } from '../../runtime/evaluation/scan/scan.js';
import type { Scores, TokenLosses } from '../../runtime/evaluation/scan/scores.js';
import { without } from '../../runtime/support/without.js';

type Kept = [share: number, span: number, spanShare: number, kl: number, choice: number, probe: number];
interface Scan {
  limit: ScanLimit;
  ordinary: Kept[];
  harmful: Kept[];
  rows: (TokenLosses & { probe: number })[];
  texts: string[][];
  told: {
    threshold: number;
    recall: number;
    detected: number;
    rows: (Partial<ScanRow> & { unjudged: string | null })[];
  };
}

const scores = ([share, span, spanShare, kl, choice, probe]: Kept): Scores => ({
  ...{ share, span, spanShare, kl, choice, probe },
});

const isClose = (got: number, want: number): boolean => Math.abs(got - want) <= 1e-8 * Math.max(1e-3, Math.abs(want));

test('every number of a scan is the one that another program computes by docs/method.md', () => {
  const file = join(import.meta.dirname, '../fixtures/scan/scans.json');
  const scans = JSON.parse(readFileSync(file, 'utf8')) as Scan[];
  let [flagged, spans, byProbe] = [0, 0, 0];
  for (const { limit, ordinary, harmful, rows, texts, told } of scans) {
    const scanned = rows.map(({ probe, ...losses }, row) => ({
      row,
      line: row + 1,
      losses,
      probe,
      texts: () => texts[row].map((text, i) => ({ text, begins: i === 0 })),
    }));
    const calibration = { ordinary: ordinary.map(scores), harmful: harmful.map(scores) };
    const { threshold, calibration: found, perRow } = scanResult(scanned, { calibration, limit });
    const alone = scanned.map((row) => without(row, 'probe'));
    const withoutProbe = scanResult(alone, { calibration, limit }).perRow;
    byProbe += perRow.filter((row, i) => row.flagged && !withoutProbe[i].flagged).length;
    const same = (name: string, got: unknown, want: unknown): void => {
      const isSame =
        typeof want === 'number' ? isClose(got as number, want) : JSON.stringify(got) === JSON.stringify(want);
      assert.ok(isSame, `${JSON.stringify(limit)}, ${name}: ${JSON.stringify(got)} is not ${JSON.stringify(want)}`);
    };
    same('threshold', threshold, told.threshold);
    same('recall', found?.recall, told.recall);
    same('detected', found?.detected, told.detected);
    for (const [i, row] of perRow.entries()) {
      for (const [name, want] of Object.entries(told.rows[i]))
        same(`${name} of row ${i}`, row[name as keyof ScanRow] ?? null, want);
      assert.equal(row.spans === undefined, told.rows[i].spans === undefined);
      flagged += Number(row.flagged);
      spans += row.spans?.length ?? 0;
    }
  }
  assert.ok(flagged > 10 && spans > 5 && byProbe > 2, 'the scans flag rows, some of them by the probe alone');
});
