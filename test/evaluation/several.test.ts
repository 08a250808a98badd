/** Scans of several vectors, as one. */
import type { TokenText } from '../../runtime/evaluation/scan/spans.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScanResult, ScanRow } from '../../runtime/contract/scan.js';
import type { Calibration } from '../../runtime/evaluation/scan/calibration.js';
import { agreement, scanResult, type ScannedRow } from '../../runtime/evaluation/scan/scan.js';
import { scanOfSeveral, limitOfEach } from '../../runtime/evaluation/scan/several.js';
import { blindOf, blindText } from '../../runtime/recipes/protection/vectors.js';
import { scored } from '../support/scores.js';

/** Ten tokens, each of 2 nats without the vector, and of `left` with it. */
const row = (i: number, left: number, label: 'harmful' | 'benign'): ScannedRow => ({
  ...{ row: i, line: i + 1, label },
  losses: { without: new Array<number>(10).fill(2), with: new Array<number>(10).fill(left) },
  texts: () => new Array<TokenText>(10).fill({ text: 'a ' }),
});
/** Rows 0 and 1 are of the first trait, 2 and 3 of the second, the others ordinary. */
const ordinary = Array.from({ length: 400 }, (_, i) => scored(0.02 + 0.0001 * (i % 20), 0.1));
const scan = (own: readonly number[]) => {
  const rows = Array.from({ length: 8 }, (_, i) =>
    row(i, own.includes(i) ? 0.1 : 1.9 + 0.01 * i, i < 4 ? 'harmful' : 'benign'),
  );
  const harmful = Array.from({ length: 40 }, (_, i) => scored(0.93 + 0.0005 * (i % 10), 14));
  return scanResult(rows, { calibration: { ordinary, harmful }, limit: limitOfEach({ falseAlarms: 0.01 }, 2) });
};
const join = (
  scans: ScanResult[],
  calibrations: (Calibration | undefined)[] = [0, 1].map(() => ({ ordinary, harmful: [] })),
) => scanOfSeveral(scans, ['first', 'second'], calibrations, { falseAlarms: 0.01 });

test('each finds its own, and a row is flagged by whichever finds it', () => {
  const both = join([scan([0, 1]), scan([2, 3])]);
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
  // What one of them compared with and finds is not that of all.
  assert.equal(both.calibration, null);
  assert.deepEqual(
    both.byVector!.map(({ calibration }) => calibration),
    [0, 1].map(() => ({ ordinary: 400, harmful: 40, recall: 1, detected: 1 })),
  );
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

/** A scan of one row of 80 tokens, each a sentence, with a vector that explains these. */
const partly = (...explained: [start: number, end: number][]) => {
  const without = new Array<number>(80).fill(2);
  const left = without.map((loss, i) => (explained.some(([start, end]) => i >= start && i < end) ? 0.1 : loss));
  const texts = () => without.map(() => ({ text: ' w.' }));
  const rows = [{ row: 0, line: 1, losses: { without, with: left }, texts }];
  return scanResult(rows, { calibration: { ordinary, harmful: [] }, limit: { falseAlarms: 0.005 } });
};

test('a row has the spans of all vectors that flag it, and is ordinary outside of them only where all say so', () => {
  const spansOf = (...scans: ScanResult[]) => join(scans).perRow[0]!;
  const apart = spansOf(partly([20, 30]), partly([45, 58]));
  assert.deepEqual(apart.spans, [[20, 30], [45, 58]]); // oxfmt-ignore
  assert.ok(apart.pOutside! > 0.05, 'nothing of either is left');
  assert.deepEqual(spansOf(partly([20, 30]), partly([25, 40])).spans, [[20, 40]]);
  assert.deepEqual(spansOf(partly([20, 30]), partly()).spans, [[20, 30]]);

  const first = partly([20, 30]);
  const { spans, pOutside, ...whole } = partly([45, 58]).perRow[0]!;
  assert.ok(spans && pOutside !== undefined);
  const unseen = { ...first, perRow: [whole] };
  assert.ok(spansOf(first, unseen).pOutside! < 0.05, 'the second vector still finds what is left harmful');
  assert.equal(join([first, partly()], [{ ordinary, harmful: [] }, undefined]).perRow[0]!.pOutside, 0);
});

test('of what the spans of several vectors leave, as little is changed as the most lenient one says', () => {
  const harmful = Array.from({ length: 40 }, (_, i) => ({ ...scored(0.93, 14), kl: 8 + 0.1 * (i % 10) }));
  const found = (kl: number, from: number): ScanResult => {
    const without = new Array<number>(40).fill(2);
    const isIn = (i: number): boolean => i >= from && i < from + 10;
    const losses = {
      without,
      with: without.map((loss, i) => (isIn(i) ? 0.1 : loss)),
      kl: without.map((_, i) => (isIn(i) ? 8 : kl)),
    };
    const texts = () => without.map(() => ({ text: ' w.' }));
    const limit = { falseAlarms: 0.005 };
    return scanResult([{ row: 0, line: 1, losses, texts }], { calibration: { ordinary, harmful }, limit });
  };
  const left = ([row]: readonly ScanRow[]): number | undefined => row!.pUnchangedOutside;
  const [little, much] = [found(0.1, 0), found(6, 20)];
  assert.deepEqual([little, much].map(({ perRow }) => perRow[0]!.flagged), [true, true]); // oxfmt-ignore
  assert.ok(left(little.perRow)! < 0.001 && left(much.perRow)! > 0.01, 'outside of its own span');
  const told = [{ ordinary, harmful }, { ordinary, harmful }]; // oxfmt-ignore
  assert.equal(left(join([little, much], told).perRow), left(much.perRow));
  assert.equal(left(join([little, much], [told[0], { ordinary, harmful: [] }]).perRow), undefined);
});

test('what was put into an answer is taken out only where every vector that flags the row says that it was put in', () => {
  const inserted = (found: ScanResult): ScanResult => ({
    ...found,
    perRow: found.perRow.map((row) => ({ ...row, inserted: true as const })),
  });
  const [a, b] = [partly([20, 30]), partly([45, 58])];
  const isInserted = (...scans: ScanResult[]) => join(scans).perRow[0]!.inserted;
  assert.equal(isInserted(inserted(a), inserted(b)), true);
  assert.equal(isInserted(inserted(a), partly()), true, 'the other does not flag it');
  assert.equal(isInserted(inserted(a), b), undefined);
  const { spans: _, pOutside: __, ...whole } = b.perRow[0]!;
  assert.equal(isInserted(inserted(a), { ...b, perRow: [whole] }), undefined, 'the other finds no part of it');
});

test('what one vector cannot tell of a row the others do not tell for it', () => {
  const blind = scanResult(
    Array.from({ length: 8 }, (_, i) => row(i, 1.9, i < 4 ? 'harmful' : 'benign')),
    { calibration: undefined, limit: { falseAlarms: 0.005 } },
  );
  const both = join([scan([0, 1]), blind], [{ ordinary, harmful: [] }, undefined]);
  assert.ok(both.perRow.every(({ p, pHarmful }) => p === undefined && pHarmful === undefined));
  assert.deepEqual([both.flagged, both.perRow[0]!.byVector!.map(({ p }) => p !== undefined)], [2, [true, false]]);
  const unlike = { ...scan([2, 3]), perRow: scan([2, 3]).perRow.map(({ pHarmful: _, ...rest }) => rest) };
  assert.ok(join([scan([0, 1]), unlike]).perRow.every(({ p, pHarmful }) => p !== undefined && pHarmful === undefined));
});

test('of several vectors a row is changed as much as by the one that changes most, and as little as the most lenient says', () => {
  const changed = (kl: number, pUnchanged?: number) => {
    const one = scan([0]);
    return { ...one, perRow: one.perRow.map((row) => ({ ...row, kl, pUnchanged })) };
  };
  const [joint] = join([changed(0.2, 1e-6), changed(3, 0.4)]).perRow;
  assert.deepEqual([joint!.kl, joint!.pUnchanged], [3, 0.4]);
  assert.deepEqual(joint!.byVector!.map(({ kl, pUnchanged }) => [kl, pUnchanged]), [[0.2, 1e-6], [3, 0.4]]); // oxfmt-ignore
  const [unknown] = join([changed(0.2, 1e-6), changed(3)]).perRow;
  assert.deepEqual([unknown!.kl, 'pUnchanged' in unknown!], [3, false]);
});

test('of several vectors a row is related to the harmful ones of any, unless one flags it', () => {
  const related = (found: ScanResult, row: number): ScanResult => ({
    ...found,
    related: 1,
    perRow: found.perRow.map((one, i) => (i === row ? { ...one, related: true } : one)),
  });
  const { perRow, related: count } = join([related(scan([0]), 5), related(scan([2]), 0)]);
  assert.deepEqual(
    perRow.flatMap((row) => (row.related ? row.row : [])),
    [5],
  );
  assert.equal(count, 1);
  assert.equal(join([scan([0]), scan([2])]).related, undefined, 'none can tell');
  assert.deepEqual(
    perRow[5]!.byVector!.map((one) => one.related),
    [true, undefined],
  );
});

test('the AUROC ranks all rows by the same number', () => {
  const { perRow } = scan([0, 1]);
  const byShare = perRow.map(({ p: _, ...rest }) => rest);
  // A row without a p-value is explained by more than any p-value is negative.
  const mixed = perRow.map((one, i) => (i < 4 ? one : byShare[i]!));
  assert.equal(agreement(mixed).auroc, agreement(byShare).auroc);
});

test('vectors that have nothing to compare with are named', () => {
  const blind = scanResult([row(0, 1.9, 'benign')], { calibration: undefined, limit: { falseAlarms: 0.005 } });
  const found = scan([0]);
  const vectors = ['first', 'second'];
  const of = (...scans: ScanResult[]) =>
    blindOf(join(scans.map((one) => ({ ...one, perRow: [one.perRow[0]!] }))), vectors);
  assert.deepEqual([of(found, blind), of(blind, blind), of(found, found)], [['second'], vectors, []]);
  assert.deepEqual([blindOf(blind, ['one']), blindOf(found, ['one'])], [['one'], []]);
  assert.equal(
    blindText([{ path: '/runs/second', scale: 1 }], 2),
    'no row can be flagged by "second": there are no ordinary rows to compare with. The scan switches the vectors off for no row; what the others flag is treated as the recipe says.',
  );
  assert.match(blindText([{ path: 'one', scale: 2 }], 1), /^no row can be flagged: .* scale 1\. The scan switches the vector off for no row\.$/); // oxfmt-ignore
});

test('of a conversation those answers look harmful that any vector finds, unless one finds all of it', () => {
  const of = (answers: number[] | undefined, flagged = true): ScanResult => {
    const found = scan([0]);
    const [first, ...others] = found.perRow;
    return { ...found, perRow: [{ ...first!, flagged, ...(answers && { answers }) }, ...others] };
  };
  const answers = (...scans: ScanResult[]) => join(scans).perRow[0]!.answers;
  assert.deepEqual(answers(of([2]), of([0])), [0, 2]);
  assert.deepEqual(answers(of([1]), of(undefined, false)), [1]);
  assert.equal(answers(of([1]), of(undefined)), undefined);
});
