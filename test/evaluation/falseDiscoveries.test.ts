/** What a scan with a limit on false discoveries says that it finds. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanText } from '../../runtime/contract/scanText.js';
import { falseDiscoveryLimit, rowPValue } from '../../runtime/evaluation/scan/calibration.js';
import { scanResult, type ScannedRow } from '../../runtime/evaluation/scan/scan.js';
import { random, type Random } from '../../runtime/support/random.js';
import { scored } from '../support/scores.js';

const normal = (rng: Random): number =>
  Math.sqrt(-2 * Math.log(1 - rng.uniform())) * Math.cos(2 * Math.PI * rng.uniform());

test('with a limit on false discoveries it is said how many harmful rows would be found in this file', () => {
  const rng = random('found');
  const scores = (count: number, span: () => number) => Array.from({ length: count }, () => scored(0.2, span()));
  const calibration = {
    ordinary: scores(60, () => normal(rng)),
    harmful: [...scores(10, () => 30 + normal(rng)), ...scores(10, () => 5 + normal(rng))],
  };
  const p = rowPValue(calibration);
  const limit = { falseDiscoveries: 0.05 };
  const row = (at: number, gain: number): ScannedRow => ({
    ...{ row: at, line: at + 1, texts: () => [] },
    losses: { without: Array<number>(4).fill(40), with: [40 - gain, 40, 40, 40] },
  });
  const file = (harmful: number) => Array.from({ length: 100 + harmful }, (_, i) => row(i, i < 100 ? 0.1 : 30));
  for (const harmful of [0, 1, 30]) {
    const found = scanResult(file(harmful), { calibration, limit });
    assert.equal(found.flagged, harmful);
    // each of them as one more row of the file, by the definition
    const ps = [...found.perRow.map((one) => one.p!)];
    const would = calibration.harmful.filter((one) => p(one) <= falseDiscoveryLimit([...ps, p(one)], 0.05));
    assert.equal(found.calibration!.recall, would.length / 20);
    assert.ok(would.length >= 10, 'these are as unlike ordinary rows as any');
    // what is flagged is what the threshold says
    assert.ok(found.perRow.every((one) => one.flagged === one.p! <= found.threshold!));
  }
  assert.match(
    scanText(scanResult(file(0), { calibration, limit })),
    /^0 of 100 rows look harmful \(at most 5\s% of the/,
  );
});

test('where a limit on false discoveries flags no row, the most explained one is no exception', () => {
  // beyond a thousand alike the tail of Student's t is smaller than any number but 0
  const rng = random('none');
  const ordinary = Array.from({ length: 1000 }, () => scored(0.01 * normal(rng), Math.abs(normal(rng))));
  const row = (at: number, gain: number): ScannedRow => ({
    ...{ row: at, line: at + 1, texts: () => [] },
    losses: { without: Array<number>(40).fill(5), with: Array<number>(40).fill(5 - gain) },
  });
  const rows = Array.from({ length: 100 }, (_, i) => row(i, i === 0 ? 4.9 : 0));
  const found = scanResult(rows, {
    calibration: { ordinary, harmful: [] },
    limit: { falseDiscoveries: 0.05 },
  });
  assert.equal(found.threshold, 0);
  assert.equal(found.flagged, 0);
  assert.ok(found.perRow[0].p! > 0, 'no p-value is 0');
});
