import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { random } from '../../runtime/support/random.js';
import { byLength, evenBatches, pack, microBatches, supervised } from '../../runtime/learner/packing.js';

const rng = random('packing');
const row = (length: number) => ({
  example: {
    ids: Array.from({ length }, () => 1 + rng.int(9)),
    labels: Array.from({ length }, (_, t) => (t < 2 ? -100 : 1 + rng.int(9))),
  },
  scales: { a: 1 },
  weight: 0.5,
});

test('cutting a batch by length keeps every row once and saves more padding than it costs runs', () => {
  const rows = Array.from({ length: 64 }, () => row(3 + rng.int(400)));
  const groups = byLength(rows);
  assert.ok(groups.length > 1);
  assert.deepEqual(new Set(groups.flat()), new Set(rows));
  assert.equal(groups.flat().length, rows.length);
  const cells = (batches: (typeof rows)[]): number =>
    batches.reduce((n, b) => n + b.length * Math.max(...b.map((r) => r.example.ids.length)), 0);
  assert.ok(cells([rows]) - cells(groups) > 512 * (groups.length - 1));
});

test('no run has more tokens than the limit, but for a row that alone is longer', () => {
  const rows = Array.from({ length: 40 }, () => row(3 + rng.int(200)));
  const runs = microBatches([...rows, row(1500)], 1024);
  assert.equal(runs.flat().length, 41);
  for (const run of runs) {
    const tokens = run.length * Math.max(...run.map((r) => r.example.ids.length));
    assert.ok(tokens <= 1024 || run.length === 1, `${tokens} tokens in ${run.length} rows`);
  }
  assert.equal(microBatches(Array.from({ length: 18 }, () => row(28))).length, 1, 'a small batch is one run');
});

test('rows of like length, and few short ones, stay together', () => {
  assert.equal(byLength(Array.from({ length: 64 }, () => row(20 + rng.int(6)))).length, 1);
  assert.equal(byLength([row(3), row(40)]).length, 1);
});

test('packing pads on the right, shifts the targets and keeps the weights', () => {
  const rows = [row(3), row(5)];
  const { feeds, rowOf } = pack(rows, ['a'], 7);
  assert.deepEqual(feeds.input_ids!.dims, [2, 5]);
  assert.deepEqual([...(feeds.input_ids!.data as BigInt64Array)].slice(3, 5), [7n, 7n]);
  assert.deepEqual([...(feeds.attention_mask!.data as BigInt64Array)], [1n, 1n, 1n, 0n, 0n, 1n, 1n, 1n, 1n, 1n]);
  // labels 2 … of each row, predicted from the position before
  assert.deepEqual([...(feeds.targets!.data as BigInt64Array)], [1n, 6n, 7n, 8n]);
  assert.deepEqual([...(feeds.target_ids!.data as BigInt64Array)].map(Number), [
    rows[0]!.example.labels[2],
    ...rows[1]!.example.labels.slice(2),
  ]);
  assert.deepEqual([...(feeds.target_weights!.data as Float32Array)], [0.5, 0.5, 0.5, 0.5]);
  assert.deepEqual(rowOf, [0, 1, 1, 1]);
  assert.deepEqual(supervised([-100, -100, 4]), [1]);
});

test('within a budget of tokens at least nine tenths of each micro-batch are useful, and every row is there once', () => {
  const rows = [...Array.from({ length: 200 }, () => row(3 + rng.int(400))), row(1500)];
  const batches = evenBatches(rows, 1024);
  assert.deepEqual(new Set(batches.flat()), new Set(rows));
  assert.equal(batches.flat().length, rows.length);
  for (const batch of batches) {
    const lengths = batch.map((r) => r.example.ids.length);
    const padded = batch.length * Math.max(...lengths);
    assert.ok(padded <= 1024 || batch.length === 1, `${padded} tokens in ${batch.length} rows`);
    assert.ok(sum(lengths) >= 0.9 * padded);
  }
  assert.ok(batches.length < 100, `${batches.length} micro-batches`);
  assert.equal(
    evenBatches(
      Array.from({ length: 18 }, () => row(28)),
      512,
    ).length,
    1,
  );
});
