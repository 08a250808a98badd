import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assemble, epochBatches } from '../../runtime/data/batches.js';
import { random } from '../../runtime/random.js';

interface Row {
  name: number;
  ids: number[];
  labels: number[];
}
const rng = random('batches');
const rows: Row[] = Array.from({ length: 1003 }, (_, name) => {
  const ids = Array.from({ length: 2 + rng.int(200) }, () => rng.int(100));
  return { name, ids, labels: ids };
});

test('every example comes once, in batches of the given size, at most one of them smaller', () => {
  const batches = epochBatches(rows, { rows: 8, seed: 1, epoch: 0 });
  assert.equal(batches.length, 126);
  assert.equal(batches.filter((batch) => batch.length === 8).length, 125);
  assert.deepEqual(
    batches
      .flat()
      .map(({ name }) => name)
      .sort((a, b) => a - b),
    rows.map(({ name }) => name),
  );
  assert.deepEqual(epochBatches([], { rows: 8, seed: 1, epoch: 0 }), []);
});

test('seed and epoch decide the order, and nothing else', () => {
  const names = (seed: number, epoch: number) =>
    epochBatches(rows, { rows: 8, seed, epoch }).map((b) => b.map((r) => r.name));
  assert.deepEqual(names(1, 0), names(1, 0));
  assert.notDeepEqual(names(1, 0), names(1, 1));
  assert.notDeepEqual(names(1, 0), names(2, 0));
  // Other rows keep company in another epoch.
  const together = (batches: number[][]) => new Set(batches.map((batch) => [...batch].sort((a, b) => a - b).join()));
  const second = together(names(1, 1));
  assert.ok([...together(names(1, 0))].filter((batch) => second.has(batch)).length < 5);
});

test('rows of like length come together: little padding', () => {
  const padding = (batches: Row[][]): number => {
    const cells = batches.reduce(
      (sum, batch) => sum + batch.length * Math.max(...batch.map(({ ids }) => ids.length)),
      0,
    );
    return 1 - batches.flat().reduce((sum, { ids }) => sum + ids.length, 0) / cells;
  };
  const shuffled = random('plain').shuffle([...rows]);
  const plain = Array.from({ length: 126 }, (_, i) => shuffled.slice(i * 8, i * 8 + 8));
  assert.ok(padding(plain) > 0.35);
  assert.ok(padding(epochBatches(rows, { rows: 8, seed: 3, epoch: 0 })) < 0.04);
});

test('lengths do not come in order', () => {
  const lengths = epochBatches(rows, { rows: 8, seed: 1, epoch: 0 }).map((batch) => batch[0]!.ids.length);
  const rising = lengths.filter((length, i) => i > 0 && length > lengths[i - 1]!).length / lengths.length;
  assert.ok(rising > 0.35 && rising < 0.65, String(rising));
});

test('a batch: padded on the right, targets are the positions that predict a label', () => {
  const batch = assemble(
    [
      { ids: [5, 6, 7, 8], labels: [-100, -100, 7, 8] },
      { ids: [9, 3], labels: [9, 3] },
      { ids: [4, 4, 4], labels: [-100, 4, -100] },
    ],
    { padId: 1 },
  );
  assert.deepEqual([batch.B, batch.T], [3, 4]);
  assert.deepEqual([...batch.inputIds], [5, 6, 7, 8, 9, 3, 1, 1, 4, 4, 4, 1]);
  assert.deepEqual([...batch.attentionMask], [1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0]);
  assert.deepEqual([...batch.positionIds], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
  // Row 1: the label of its first token has nothing before it.
  assert.deepEqual([...batch.targets], [1, 2, 4, 8]);
  assert.deepEqual([...batch.targetIds], [7, 8, 3, 4]);
  assert.deepEqual([...batch.rowOfTarget], [0, 0, 1, 2]);
});

test('without supervised tokens there are no targets; lengths must agree', () => {
  const batch = assemble([{ ids: [1, 2], labels: [1, -100] }], { padId: 0 });
  assert.equal(batch.targets.length, 0);
  assert.throws(() => assemble([{ ids: [1], labels: [] }], { padId: 0 }), /1 ids and 0 labels/);
});
