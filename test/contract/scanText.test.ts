import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanLimit } from '../../runtime/contract/scan.js';
import { isExtrapolated, scanText } from '../../runtime/contract/scanText.js';

const scan = (ordinary: number, limit: ScanLimit): string =>
  scanText({
    ...{ flagged: 171, rows: 571, threshold: 0.01, limit, calibration: { ordinary, harmful: 20, recall: 1 } },
    ...{ auroc: null, precision: null, recall: null, blind: 0, short: 0 },
  });

test('a share of false alarms that the compared rows are too few to show is said to be extrapolated', () => {
  assert.match(
    scan(40, { falseAlarms: 0.01 }),
    /compared with 40 ordinary rows, from which the 1\s% is extrapolated; of 20/,
  );
  assert.match(scan(40, { falseAlarms: 0.1 }), /compared with 40 ordinary rows; of 20 harmful rows .* 100\s% would be/);
  assert.match(scan(400, { falseAlarms: 0.01 }), /compared with 400 ordinary rows; of 20/);
  assert.match(scan(40, { falseDiscoveries: 0.01 }), /compared with 40 ordinary rows; of 20/);
});

test('of n rows, two scores show no less than 2 / (n + 1)', () => {
  assert.equal(isExtrapolated(2 / 41, 40), false);
  assert.equal(isExtrapolated(2 / 42, 40), true);
  assert.equal(isExtrapolated(0.01, 0), false);
});
