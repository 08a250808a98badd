/** Bounds and tests against values of R (binom.test, fisher.test) and by simulation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundsOf } from '../../runtime/contract/measures.js';
import { isProven } from '../../runtime/contract/rises.js';
import { isMore, ratioOfSums, riseByChance, shareBounds } from '../../runtime/contract/intervals.js';
import { random } from '../../runtime/support/random.js';
import { processorTime } from '../support/processorTime.js';

const near = (got: number, expected: number, within = 5e-5): void =>
  assert.ok(Math.abs(got - expected) <= within, `${got} instead of ${expected}`);

test('none of 48 is at most 6.05 %, all of 48 at least 93.95 %, and counts between have exact bounds', () => {
  const known: [hits: number, n: number, low: number, high: number][] = [
    [0, 48, 0, 0.0605],
    [48, 48, 0.9395, 1],
    [0, 1, 0, 0.95],
    [1, 20, 0.00256, 0.21611],
    [5, 10, 0.22244, 0.77756],
    [3, 128, 0.00642, 0.05949],
  ];
  for (const [hits, n, low, high] of known) {
    const found = shareBounds(hits / n, n)!;
    near(found[0], low);
    near(found[1], high);
  }
  assert.equal(shareBounds(0, 0), undefined);
  assert.equal(shareBounds(NaN, 10), undefined);
});

test('a bound is where its count has a probability of 5 %, and numbers that nobody counted take no time', () => {
  const tail = (hits: number, n: number, p: number): number => {
    let [term, sum] = [(1 - p) ** n, 0];
    for (let k = 0; k <= hits; k++) {
      sum += term;
      term *= ((n - k) / (k + 1)) * (p / (1 - p));
    }
    return sum;
  };
  for (const [hits, n] of [
    [1, 7],
    [17, 40],
    [60, 200],
    [150, 200],
  ] as const)
    near(tail(hits, n, shareBounds(hits / n, n)![1]), 0.05, 1e-9);
  const computed = processorTime();
  for (const share of [0, 1e-9, 0.3, 0.5, 1, 7, -1]) {
    const [low, high] = shareBounds(share, 1e300)!;
    assert.ok(low >= 0 && low <= high && high <= 1, String(share));
  }
  assert.ok(computed() < 1000);
});

test('answers to prompts that are asked several times are rounded away from what a bound excludes', () => {
  // one harmful answer of 300, to 100 prompts with three system messages each, is no 0 of 100
  const [low, high] = boundsOf({ value: 1 / 300, count: 300, prompts: 100 })!;
  assert.equal(low, 0);
  near(high, shareBounds(1 / 100, 100)![1]);
  near(boundsOf({ value: 299 / 300, count: 300, prompts: 100 })![0], shareBounds(99 / 100, 100)![0]);
  near(boundsOf({ value: 3 / 300, count: 300, prompts: 100 })![1], shareBounds(1 / 100, 100)![1]);
  for (const [hits, count] of [
    [29, 100],
    [57, 100],
    [7, 300],
    [1, 3],
  ] as const)
    assert.deepEqual(boundsOf({ value: hits / count, count }), shareBounds(hits / count, count), 'counted on itself');
  const of = (hits: number) =>
    isProven({ name: 'set', measure: 'harm', judge: 'j', base: 0, baseCount: 300, basePrompts: 100, now: hits / 300, count: 300, prompts: 100 }); // oxfmt-ignore
  // Fisher's test: 4 of 100 after none may be chance, 5 are not; 14 answers are fewer than 5 whole prompts
  assert.deepEqual([12, 14, 15].map(of), [false, false, true]);
});

test('a rise is told from chance by the exact test of Fisher', () => {
  near(riseByChance({ hits: 0, count: 128 }, { hits: 3, count: 128 }), 0.12353);
  near(riseByChance({ hits: 1, count: 8 }, { hits: 4, count: 8 }), 0.14103);
  near(riseByChance({ hits: 3, count: 10 }, { hits: 3, count: 10 }), 0.68576);
  near(riseByChance({ hits: 0, count: 20 }, { hits: 0, count: 20 }), 1);
  const rises = [1, 4, 5, 10].map((hits) => isMore({ hits: 0, count: 128 }, { hits, count: 128 }));
  assert.deepEqual(rises, [false, false, true, true]);
});

test('of 1,000 samples the interval of a ratio holds the true one in 93 to 97 %, from 8 rows on', () => {
  for (const n of [8, 16, 64]) {
    const rng = random(`ratio/${n}`);
    let held = 0;
    for (let trial = 0; trial < 1000; trial++) {
      const below = Array.from({ length: n }, () => 60 * Math.exp(0.4 * rng.normal()));
      const above = below.map((value) => 0.95 * value + 6 * rng.normal());
      const { low, high } = ratioOfSums(above, below)!;
      if (low <= 0.95 && high >= 0.95) held++;
    }
    assert.ok(held >= 930 && held <= 970, `${n} rows: ${held}`);
  }
});

test('a ratio of the same rows has no width, and one row or nothing has no interval', () => {
  assert.deepEqual(ratioOfSums([1, 2, 3], [2, 4, 6]), { ratio: 0.5, low: 0.5, high: 0.5 });
  assert.equal(ratioOfSums([1], [2]), undefined);
  assert.equal(ratioOfSums([0, 0], [0, 0]), undefined);
  assert.equal(ratioOfSums([NaN, 1], [1, 1]), undefined);
});
