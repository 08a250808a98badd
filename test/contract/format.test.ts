/** How numbers are written: whatever is rounded, what is said stays true. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { agreementCells, JUDGE_STRINGS } from '../../runtime/contract/judgeText.js';
import { numbersIn, outward, type Side } from '../../runtime/contract/format.js';
import { shareBounds } from '../../runtime/contract/intervals.js';
import { TABLE_STRINGS } from '../../runtime/contract/table.js';

const n = numbersIn('en');
const read = (text: string): number => Number(text.replace(/[\s%]/g, '').replace(',', '.')) / 100;

test('a bound of a share takes its side, and is finer near nothing and near all', () => {
  const cases: [share: number, low: string, high: string][] = [
    [0, '0', '0'],
    [0.000_041, '0.0041', '0.0041'],
    [0.0023, '0.23', '0.23'],
    [0.0605, '6', '6.1'],
    [0.0644, '6.4', '6.5'],
    [0.152, '15', '16'],
    [0.9466, '94.6', '94.7'],
    [0.9769, '97.6', '97.7'],
    [0.9937, '99.3', '99.4'],
    [0.99965, '99.965', '99.965'],
    [1, '100', '100'],
    [1.000_049, '100', '100.1'],
    [1.0432, '104.3', '104.4'],
    [1.36, '136', '136'],
  ];
  for (const [share, ...wanted] of cases)
    assert.deepEqual(
      [n.bound(share, 'low'), n.bound(share, 'high')],
      wanted.map((text) => `${text}\u00a0%`),
      `${share}`,
    );
  assert.equal(numbersIn('de').bound(0.0605, 'high'), '6,1\u00a0%');
  assert.match(numbersIn('fr').bound(0.0605, 'high'), /^6,1\s%$/u);
});

test('none of 45 is at most 6.5 %: of whatever was counted, the bound that is written holds', () => {
  assert.equal(n.bound(shareBounds(0, 45)![1], 'high'), '6.5\u00a0%');
  for (const language of ['en', 'de', 'fr'])
    for (let count = 1; count <= 200; count++)
      for (const hits of [0, 1, count >> 1, count - 1, count]) {
        const [low, high] = shareBounds(hits / count, count)!;
        const { bound } = numbersIn(language);
        assert.ok(read(bound(low, 'low')) <= low + 1e-12, `at least, ${hits} of ${count}: ${bound(low, 'low')}`);
        assert.ok(read(bound(high, 'high')) >= high - 1e-12, `at most, ${hits} of ${count}: ${bound(high, 'high')}`);
      }
});

test('ends of intervals of other numbers take their side, too', () => {
  const end = (value: number): string[] => (['low', 'high'] as Side[]).map((side) => n.end(value, side));
  assert.deepEqual(end(0.9449), ['0.944', '0.945']);
  assert.deepEqual(end(0.9996), ['0.999', '1']);
  assert.deepEqual(end(2.5), ['2.5', '2.5']);
  assert.deepEqual(end(-0.0123), ['-0.0123', '-0.0123']);
  assert.deepEqual(end(12_345), ['12,300', '12,400']);
  assert.deepEqual(end(0), ['0', '0']);
  assert.deepEqual([outward(-1.2345, 1, 'low'), outward(-1.2345, 1, 'high')], [-1.3, -1.2]);
  assert.ok(Object.is(outward(-1e-12, 1, 'high'), 0), 'no zero with a sign');
  const agreement = { set: 's', state: 'base', judges: ['a', 'b'] as [string, string], count: 40, differ: 4 };
  const cell = (kappa: number, interval: [number, number]): string =>
    agreementCells({ ...agreement, kappa, interval }, { strings: { ...TABLE_STRINGS, ...JUDGE_STRINGS }, numbers: n })
      .kappa;
  assert.equal(cell(0.7777, [0.5592, 0.9211]), '0.78 (0.55 to 0.93)');
  assert.equal(cell(0.9963, [0.9891, 1]), '0.996 (0.98 to 1)');
  assert.equal(cell(0.9998, [0.9991, 1]), '0.9998 (0.99 to 1)');
  assert.equal(cell(1, [0.9, 1]), '1 (0.9 to 1)');
});

test('what is not 1 is not written as 1', () => {
  assert.deepEqual([0.99949, 0.9995, 0.9996, 0.99987, 1 - 1e-5, 1, 1 - 1e-9, 1.0004, 0.98765].map(n.number), [
    '0.999',
    '0.9995',
    '0.9996',
    '0.99987',
    '0.99999',
    '1',
    '1',
    '1',
    '0.988',
  ]);
  assert.equal(numbersIn('de').number(0.9996), '0,9996');
});

test('what is not all is not written as 100 %, as what is not nothing is not written as 0 %', () => {
  const written = [2499 / 2500, 0.9995, 0.99949, 1 - 1e-5, 127 / 128, 1, 1 - 1e-9, 1.0004, 0.0004].map(n.percent);
  assert.deepEqual(
    written.map((text) => text.replace('\u00a0%', '')),
    ['99.96', '99.95', '99.9', '99.999', '99.2', '100', '100', '100', '0.04'],
  );
  assert.equal(numbersIn('de').percent(2499 / 2500), '99,96\u00a0%');
});

test('signs between two parts of a sentence have the space that French has before them', () => {
  const said = (language: string): string[] => {
    const { of, parts } = numbersIn(language);
    return [of('new task', '98'), parts(['one', 'two', 'three'])];
  };
  for (const language of ['en', 'de', 'frr']) assert.deepEqual(said(language), ['new task: 98', 'one; two; three']);
  for (const language of ['fr', 'fr-CA'])
    assert.deepEqual(said(language), ['new task\u00a0: 98', 'one\u00a0; two\u00a0; three']);
});
