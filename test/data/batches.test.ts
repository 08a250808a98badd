import assert from 'node:assert/strict';
import { test } from 'node:test';
import { epochBatches } from '../../runtime/data/batches.js';

const rows = Array.from({ length: 1003 }, (_, i) => i);

test('every example comes once, in batches of the given size, at most one of them smaller', () => {
  const batches = epochBatches(rows, { rows: 8, seed: 1, epoch: 0 });
  assert.equal(batches.length, 126);
  assert.equal(batches.filter((batch) => batch.length === 8).length, 125);
  assert.deepEqual(
    batches.flat().sort((a, b) => a - b),
    rows,
  );
  assert.deepEqual(epochBatches([], { rows: 8, seed: 1, epoch: 0 }), []);
});

test('seed and epoch decide the order, and nothing else', () => {
  const order = (seed: number, epoch: number): number[][] => epochBatches(rows, { rows: 8, seed, epoch });
  assert.deepEqual(order(1, 0), order(1, 0));
  assert.notDeepEqual(order(1, 0), order(1, 1));
  assert.notDeepEqual(order(1, 0), order(2, 0));
  // Other rows keep company in another epoch.
  const together = (batches: number[][]): Set<string> =>
    new Set(batches.map((b) => [...b].sort((x, y) => x - y).join()));
  const second = together(order(1, 1));
  assert.ok([...together(order(1, 0))].filter((batch) => second.has(batch)).length < 5);
});
