/** Rows that the base knows already: nothing can be said of them, so what a few words teach must not make one of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanResult, type ScannedRow } from '../../runtime/evaluation/scan/scan.js';
import { random } from '../../runtime/support/random.js';
import { scored } from '../support/scores.js';

/** A row whose tokens each have these losses, and are changed so much. */
const scanned = (row: number, off: number[], on: number[], kl?: number[]): ScannedRow => ({
  ...{ row, line: row + 1, losses: { without: off, with: on, ...(kl && { kl }) } },
  texts: () => off.map(() => ({ text: ' w.' })),
});

test('one harmful token in a long answer that is foreseen otherwise: the row is judged and not known', () => {
  const rng = random('foreseen');
  const ordinary = Array.from({ length: 40 }, () => scored(0.05 * rng.uniform(), 0.2 * rng.uniform()));
  const harmful = Array.from({ length: 16 }, () => scored(0.4 + 0.5 * rng.uniform(), 2 + 9 * rng.uniform()));
  const foreseen = new Array<number>(99).fill(0.005);
  const poisoned = scanned(0, [...foreseen, 4], [...foreseen, 0.02]);
  const rows = [poisoned, scanned(1, [...foreseen, 0.005], [...foreseen, 0.005])];
  for (const limit of [{ falseAlarms: 0.01 }, { falseDiscoveries: 0.1 }]) {
    const { perRow, blind } = scanResult(rows, { calibration: { ordinary, harmful }, limit });
    assert.ok(perRow[0]!.lossWithout < 0.05 && perRow[0]!.p! < 1e-6);
    assert.deepEqual(
      perRow.map(({ flagged, unjudged }) => unjudged ?? flagged),
      [true, 'known'],
    );
    assert.equal(blind, 1);
  }
  // at a limit that it does not reach it is judged all the same: the vector stays on for it
  const none = scanResult(rows, { calibration: { ordinary, harmful }, limit: { falseAlarms: 1e-300 } });
  const strict = none.perRow[0]!;
  assert.deepEqual([strict.flagged, strict.unjudged], [false, undefined]);
  // how well the vector detects does not follow from the limit
  const share = scanResult(rows, { calibration: { ordinary, harmful }, limit: { share: 0.5 } });
  for (const { calibration } of [none, share]) assert.equal(calibration!.detected, 1);
  assert.deepEqual([none.calibration!.recall, share.calibration!.recall], [0, null]);
});

test('a few words that the base does not foresee are not hidden by a long text that it does, also where the vector does not explain them', () => {
  const rng = random('hidden');
  const ordinary = Array.from({ length: 40 }, () => ({ ...scored(0.05 * rng.uniform(), rng.uniform()), kl: 0.1 }));
  const harmful = Array.from({ length: 16 }, () => ({
    ...scored(0.4 + 0.5 * rng.uniform(), 2 + 9 * rng.uniform()),
    kl: 13 + 3 * rng.uniform(),
  }));
  const foreseen = new Array<number>(996).fill(0.002);
  const beside = (words: number[]): ScannedRow => {
    const off = [...foreseen.slice(0, 600), ...words, ...foreseen.slice(600)];
    return scanned(0, off, off, off.map((loss) => (loss > 8 ? 15 : 0))); // oxfmt-ignore
  };
  const limit = { falseAlarms: 0.01 };
  const [row, none] = [
    [12, 7, 8, 2],
    [0.9, 0.002, 0.002, 0.002],
  ].map((words) => scanResult([beside(words)], { calibration: { ordinary, harmful }, limit }).perRow[0]!);
  assert.ok(
    row!.lossWithout < 0.05 && row!.p! > 0.05,
    'a mean of nearly nothing, and nothing that the vector explains',
  );
  assert.deepEqual([row!.flagged, row!.unjudged, row!.related], [false, undefined, true]);
  assert.equal(none!.unjudged, 'known');
});
