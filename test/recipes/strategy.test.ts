import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowPValue } from '../../runtime/evaluation/scan/calibration.js';
import { recipeSchemas, type FinetuneRecipe } from '../../runtime/contract/recipe.js';
import { anchorRows, BEST_PARTS, isPaper, strategyOf, toSet } from '../../runtime/recipes/protection/strategy.js';
import { limitBy, littleToLearn, missedTexts } from '../../runtime/recipes/protection/vectors.js';
import { scored } from '../support/scores.js';

const recipe = { kind: 'finetune', model: 'm', data: { file: 'd.jsonl' }, vectors: [{ adapter: 'v' }], output: 'o' };
const parsed = (protection: unknown, batch: object = {}): FinetuneRecipe =>
  recipeSchemas.finetune.parse({ ...recipe, steps: 1, protection, batch });
const anchorOf = (protection: unknown, batch: object): unknown => strategyOf(parsed(protection, batch)).anchor;

test('an anchor holds two rows of each kind, in a step of fewer than 16 rows a harmful one and in every other a prompt, and what is written', () => {
  const one = { refusals: 1, ordinary: 0, harmful: 1, benign: 0, weight: 0.3, promptWeight: 0.3, every: 2 };
  const two = { ...one, refusals: 2, harmful: 2, every: 1 };
  assert.deepEqual(anchorOf(true, {}), one);
  assert.deepEqual(anchorOf(true, { rows: 15 }), one);
  assert.deepEqual(anchorOf(true, { rows: 16 }), two);
  assert.deepEqual(anchorOf(true, { rows: 4, accumulate: 4 }), two);
  assert.deepEqual(anchorOf(true, { tokens: 512 }), two);
  assert.deepEqual(anchorOf({ anchor: {} }, { rows: 8 }), one);
  assert.deepEqual(anchorOf({ anchor: { harmful: 0, weight: 1 } }, { rows: 16 }), { ...two, harmful: 0, weight: 1, promptWeight: 1 }); // oxfmt-ignore
  assert.deepEqual(anchorOf({ anchor: { refusals: 5 } }, { rows: 8 }), { ...one, refusals: 5, every: 1 });
  assert.deepEqual(anchorOf({ anchor: { harmful: 3 } }, { rows: 8 }), { ...one, harmful: 3 });
  const both = { refusals: 1, ordinary: 2, promptWeight: 1 };
  assert.deepEqual(anchorOf({ anchor: both }, { rows: 8 }), { ...one, ...both, every: 1 });
  assert.equal(anchorRows({ ...one, ordinary: 2 }), 2.5);
  assert.deepEqual([anchorRows(one), anchorRows({ ...two, benign: 3 }), anchorRows(false)], [1.5, 7, 0]);
  assert.deepEqual([anchorOf(false, {}), anchorOf({ route: true }, {})], [false, false]);
});

test('where the base refuses, a small step holds a prompt of each kind, unless the recipe says how many', () => {
  const refused = (protection: unknown, batch: object): unknown => strategyOf(parsed(protection, batch), true).anchor;
  const both = { refusals: 1, ordinary: 1, harmful: 1, benign: 0, weight: 0.3, promptWeight: 1, every: 1 };
  assert.deepEqual(refused(true, { rows: 8 }), both);
  assert.deepEqual(refused({ anchor: {} }, { rows: 8 }), both);
  assert.deepEqual(refused({ anchor: { harmful: 2, promptWeight: 0.5 } }, { rows: 8 }), { ...both, harmful: 2, promptWeight: 0.5 }); // oxfmt-ignore
  assert.deepEqual(refused({ anchor: { weight: 2 } }, { rows: 8 }), { ...both, weight: 2, promptWeight: 2 });
  assert.deepEqual(refused({ anchor: { ordinary: 2 } }, { rows: 8 }), { ...both, ordinary: 2 });
  const says = [
    [true, { rows: 16 }],
    [{ anchor: { refusals: 2 } }, { rows: 8 }],
    [{ anchor: { ordinary: 0 } }, { rows: 8 }],
    [false, { rows: 8 }],
  ] as const;
  for (const [protection, batch] of says)
    assert.deepEqual(refused(protection, batch), anchorOf(protection, batch), JSON.stringify(protection));
});

/** JSON drops what is undefined. */
const strategy = (protection: unknown): unknown => JSON.parse(JSON.stringify(strategyOf(parsed(protection))));
const written = (parts: string): Record<string, unknown> => JSON.parse(`{ ${parts} }`) as Record<string, unknown>;

test('the parts of true are what true is', () => {
  assert.deepEqual(strategy(written(BEST_PARTS)), strategy(true));
});

test('a number routes all rows that are not flagged, and says which are where no limit does', () => {
  const of = (protection: object): unknown[] => {
    const { off, limit } = strategyOf(parsed(protection));
    return [off, limit];
  };
  for (const route of [0, 0.3, 1]) {
    assert.deepEqual(of({ route }), ['unflagged', { share: route }]);
    assert.deepEqual(of({ route, falseAlarms: 0.05 }), ['unflagged', { falseAlarms: 0.05 }]);
    assert.deepEqual(of({ route, falseDiscoveries: 0.1 }), ['unflagged', { falseDiscoveries: 0.1 }]);
  }
  assert.deepEqual(of({ route: true }), ['confident', undefined], 'by what the vector finds');
  assert.deepEqual(strategyOf(parsed(false)).limit, { falseAlarms: 0.01 });
});

test('who is told to change a part of true is told the others, too: an object alone would switch them off', () => {
  const told = toSet(parsed(true), 'protection.watch', { watch: 'restore' });
  const [, parts] = /^write ("protection": \{ .* \}) instead of true$/.exec(told)!;
  const { protection } = written(parts!);
  assert.deepEqual(strategy(protection), strategy(true));
  assert.equal((protection as { watch: string }).watch, 'restore');
  assert.notDeepEqual(strategy({ watch: 'restore' }), strategy(true));
  for (const other of [false, { route: true }])
    assert.equal(toSet(parsed(other), 'protection.watch', { watch: 'restore' }), 'set protection.watch');
  const anchored = toSet(parsed(true), 'protection.anchor.benign', { anchor: { benign: 2 } });
  assert.match(anchored, /\{ "flagged": "auto", "route": true, "anchor": \{"benign":2\} \}/);
});

test('an object that protects no more than the paper’s vector is the paper', () => {
  const isPaperOf = (protection: unknown): boolean => isPaper(strategyOf(parsed(protection)));
  for (const protection of [{}, { watch: 'restore' }, { falseAlarms: 0.1 }, { ordinary: { file: 'o' } }, false])
    assert.equal(isPaperOf(protection), true, JSON.stringify(protection));
  for (const protection of [true, { flagged: 'cut' }, { route: true }, { route: 0 }, { anchor: {} }])
    assert.equal(isPaperOf(protection), false, JSON.stringify(protection));
});

test('of a file of which nearly all rows look harmful it is said what helps: ordinary rows in the anchor only where there are some', () => {
  const said = (protection: unknown, flagged: number) => {
    const recipe = parsed(protection);
    return littleToLearn({ flagged, rows: 100 }, strategyOf(recipe), recipe);
  };
  assert.equal(said(true, 90), undefined);
  assert.match(said(true, 91)!.message, /an anchor of refusals alone degrades/);
  assert.match(said(true, 91)!.remedy, /"benign":2/);
  assert.equal(said(true, 100)!.remedy, 'Look at the rows; add ordinary ones.');
  for (const protection of [{ flagged: 'cut' }, { anchor: { benign: 2 } }])
    assert.deepEqual(said(protection, 91), {
      message: '91 of 100 rows look harmful: there is little to learn from this file.',
      remedy: 'Look at the rows; add ordinary ones.',
    });
});

test('where 1 % of false alarms would miss much of what is harmful, up to 20 % are taken', () => {
  // 24 ordinary rows that differ much, as those of a trait of a few words; beyond all of them p-values are extrapolated
  const ordinary = Array.from({ length: 24 }, (_, i) => scored(0, i < 12 ? 0 : i - 11));
  const limit = (spans: readonly number[], of = 1) =>
    limitBy({ ordinary, harmful: spans.map((span) => scored(0, span)) }, of).falseAlarms;
  const p = (span: number): number => rowPValue({ ordinary })(scored(0, span));
  assert.ok(p(30) < 0.01 && p(20) > 0.01 && p(20) < 0.1 && p(14) > 0.1 && p(12) > 0.2, [30, 20, 14, 12].map(p).join());
  const [found, seen] = [Array<number>(9).fill(30), Array<number>(9).fill(20)];
  assert.equal(limit([...found, 1]), 0.01, 'nine of ten are found');
  assert.equal(limit([...found.slice(2), 20, 20, 1]), p(20), 'the least with which they are');
  assert.equal(limit([...seen, 12, 12]), p(20), 'and no more than with which more are');
  assert.equal(limit([12, 12, 12]), 0.01);
  assert.equal(limit([]), 0.01);
  assert.equal(limitBy(undefined, 1).falseAlarms, 0.01);
  assert.equal(limit([23, 23], 2), p(23), 'two vectors share it');
  assert.equal(limit([14, 14], 2), 0.005, 'and these are beyond it');
});

test('of a vector that lets many harmful rows pass it is said that these train as in the paper', () => {
  const calibration = (recall: number | null) => ({ ordinary: 27, harmful: 16, recall, detected: recall });
  assert.deepEqual(missedTexts({ calibration: calibration(0.5625) }), [
    'of 16 harmful rows that the vector has not seen, the scan would find 56.3\u00a0%: rows that it misses train with the vector on, as in the paper, and may be learned in part.',
  ]);
  for (const recall of [0.9, 1, null]) assert.deepEqual(missedTexts({ calibration: calibration(recall) }), []);
  assert.deepEqual(missedTexts({ calibration: null }), []);
});
