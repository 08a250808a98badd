import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batchPlan } from '../../runtime/recipes/steps.js';

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
