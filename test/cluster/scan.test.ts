/** How much of a scan one job computes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster } from '../../runtime/cluster/cluster.js';
import type { Example } from '../../runtime/data/examples.js';
import type { Job } from '../../runtime/recipes/training/job.js';
import { clusterComparisons } from '../../runtime/recipes/training/lossesThere.js';
import type { FinetuneRecipe } from '../../runtime/contract/recipe.js';

const TOKENS = 20;

test('a scan of more tokens than a message and a log hold is several jobs, each row in one', async () => {
  const rows = Array.from({ length: 3 }, (_, row): Example => {
    const labels = new Array<number>(TOKENS + 1).fill(7 + row);
    return { ids: labels, labels, promptIds: [], row, line: row + 1 } as unknown as Example;
  });
  const asked: [name: string, rows: number][] = [];
  const cluster = {
    address: 'here',
    run(name, { files, measures }, { onMessage }) {
      const first = files.get('rows.jsonl')!.toString().split('\n').filter(Boolean).map((line) => Number(/\d+/.exec(line)![0])); // oxfmt-ignore
      asked.push([name, first.length]);
      const of = first.map((id) => new Array<number>(3 * TOKENS).fill(id));
      const sets = Object.fromEntries(Object.keys(measures!).map((state) => [state, { rows: of }]));
      return onMessage({ kind: 'measured', step: 0, sets }, 1);
    },
  } as Cluster;
  const job = { progress: () => undefined } as unknown as Job<FinetuneRecipe>;
  const scales = { vector0: 1 };
  const { compare } = await clusterComparisons(
    job,
    cluster,
    [],
    [rows.slice(0, 1), rows.slice(1)],
    [scales],
    2 * TOKENS,
  );
  assert.deepEqual(asked, [
    ['scan', 2],
    ['scanpart2', 1],
  ]);
  const found = await compare(rows.map((example) => ({ example, scales, weight: 1 })), {}); // oxfmt-ignore
  assert.deepEqual(found.map(({ with: on }) => on.nll / TOKENS), [7, 8, 9]); // oxfmt-ignore
});

test('a scan that a job of an earlier version has made is not taken for one of other rows', async () => {
  const example = { ids: [1, 2], labels: [-100, 2], promptIds: [], row: 0, line: 1 } as unknown as Example;
  const cluster = {
    address: 'here',
    run: (_, __, { onMessage }) => onMessage({ kind: 'measured', step: 0, sets: { '0 0': { rows: [[1, 1, 1]] } } }, 1),
  } as Cluster;
  const job = { progress: () => undefined } as unknown as Job<FinetuneRecipe>;
  await assert.rejects(
    clusterComparisons(job, cluster, [], [[example]], [{ vector0: 1 }]),
    /another version of this program/,
  );
});
