import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { epochOrder } from '../../runtime/data/epochOrder.js';
import { batchPlan, plannedSteps } from '../../runtime/recipes/training/steps.js';

const rows = Array.from({ length: 1003 }, (_, i) => i);
const PER_EPOCH = 63;

/** The micro-batches of an epoch. */
function epoch(seed: number, number: number, accumulate = 2): number[][] {
  const batchAt = batchPlan(rows, { rows: 8, accumulate, seed });
  return Array.from({ length: PER_EPOCH }, (_, i) => batchAt(number * PER_EPOCH + i + 1)).flat();
}

test('every example comes once an epoch, in batches of the given size, at most one of them smaller', () => {
  for (const number of [0, 1]) {
    const batches = epoch(1, number);
    assert.equal(batches.length, 126);
    assert.equal(batches.filter((batch) => batch.length === 8).length, 125);
    assert.deepEqual(
      batches.flat().sort((a, b) => a - b),
      rows,
    );
  }
});

test('a step has its accumulated batches; the last of an epoch may have fewer', () => {
  const batchAt = batchPlan(rows, { rows: 8, accumulate: 4, seed: 1 });
  assert.deepEqual(
    batchAt(1).map((batch) => batch.length),
    [8, 8, 8, 8],
  );
  // 126 batches: the 32nd step has two
  assert.deepEqual(
    batchAt(32).map((batch) => batch.length),
    [8, 3],
  );
  assert.equal(batchAt(33).length, 4);
});

test('seed and epoch decide the order, and nothing else; any step can be asked for', () => {
  assert.deepEqual(epoch(1, 0), epoch(1, 0));
  assert.notDeepEqual(epoch(1, 0), epoch(1, 1));
  assert.notDeepEqual(epoch(1, 0), epoch(2, 0));
  const late = batchPlan(rows, { rows: 8, accumulate: 2, seed: 1 })(PER_EPOCH + 5);
  assert.deepEqual(late, epoch(1, 1).slice(8, 10));
  // Other rows keep company in another epoch.
  const together = (batches: number[][]): Set<string> =>
    new Set(batches.map((b) => [...b].sort((x, y) => x - y).join()));
  const second = together(epoch(1, 1));
  assert.ok([...together(epoch(1, 0))].filter((batch) => second.has(batch)).length < 5);
});

/** Rows of 5 to 60 tokens. */
const texts = Array.from({ length: 500 }, (_, i) => ({ i, ids: new Array<number>(5 + ((i * i) % 56)) }));
const budget = { tokens: 512, accumulate: 2, seed: 1 };
const stepsOfEpoch = plannedSteps({ epochs: 1, batch: budget }, texts);

test('with a budget of tokens every step has about as many of them, and every row comes once an epoch', () => {
  const total = sum(texts.map(({ ids }) => ids.length));
  assert.equal(stepsOfEpoch, Math.ceil(total / 1024));
  for (const number of [0, 1]) {
    const batchAt = batchPlan(texts, budget);
    const steps = Array.from({ length: stepsOfEpoch }, (_, i) => batchAt(number * stepsOfEpoch + i + 1).flat());
    assert.deepEqual(
      steps.flatMap((step) => step.map(({ i }) => i)).sort((a, b) => a - b),
      texts.map(({ i }) => i),
    );
    const sizes = steps.map((step) => sum(step.map(({ ids }) => ids.length)));
    const share = total / stepsOfEpoch;
    assert.ok(Math.max(...sizes) <= share + 60 && Math.min(...sizes) >= share - 60, sizes.join());
  }
});

test('which rows meet in a step does not depend on their lengths, and any step can be asked for', () => {
  const order = epochOrder(texts.length, { seed: 1, epoch: 0 });
  const batchAt = batchPlan(texts, budget);
  const met = Array.from({ length: stepsOfEpoch }, (_, i) => batchAt(i + 1).flat()).flat();
  assert.deepEqual(
    met.map(({ i }) => i),
    order,
  );
  assert.deepEqual(batchPlan(texts, budget)(stepsOfEpoch + 3), batchAt(stepsOfEpoch + 3));
});

test('a row longer than the budget is a step of its own, and no step is empty', () => {
  const rows = [900, 3, 3, 3, 900, 3].map((length) => ({ ids: new Array<number>(length) }));
  const batch = { tokens: 100, accumulate: 1, seed: 1 };
  const steps = plannedSteps({ epochs: 1, batch }, rows);
  const batchAt = batchPlan(rows, batch);
  assert.equal(steps, 6);
  for (let step = 1; step <= 2 * steps; step++) assert.ok(batchAt(step).flat().length > 0);
});
