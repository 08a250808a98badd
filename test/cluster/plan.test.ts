/** What a job is told of each row of a step. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Plan } from '../../runtime/cluster/plan.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';

test('a row that an anchor holds is none of the harmful ones of a step, whatever its number', async () => {
  const row = (number: number, more: Partial<TrainingRow> = {}): TrainingRow => {
    const example = { ids: [1, number], labels: [-100, number], row: number };
    return { ...{ example, scales: { task: 1 }, weight: 1 }, ...more };
  };
  const held = { teacher: new Float32Array(0) };
  const plan = new Plan();
  await plan.stage({
    ...{ trains: 'task', steps: 1, rate: () => 1e-3, measures: {}, measureEvery: 1 },
    optimizer: { betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0, clipNorm: 1 },
    isHarmful: ({ example }) => (example as { row?: number }).row === 7,
    rows: async () => [[row(7), row(5), row(7, { heldAt: [2.5] }), row(5, held), row(5, { ...held, loose: true })]],
  });
  const { rows } = JSON.parse(plan.files().get('steps-0.jsonl')!.toString()) as { rows: number[][] };
  assert.deepEqual(
    rows.map(([, , , teach, harmful]) => [teach, harmful]),
    [
      [0, 1],
      [0, 0],
      [2, 0],
      [1, 0],
      [4, 0],
    ],
  );
});

test('rows of a plan are no strings on the heap, which together may be longer than a string can be', () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  const ids = new Array<number>(2 ** 18).fill(1_000_000);
  const plan = new Plan();
  const before = heap();
  for (let i = 0; i < 16; i++) plan.row({ ids: [i % 8, ...ids], labels: [] });
  assert.ok(heap() - before < 4 * 2 ** 20, `${heap() - before} bytes`);
  const lines = plan.files().get('rows.jsonl')!.toString().trim().split('\n');
  assert.deepEqual(lines.map((line) => (JSON.parse(line) as { ids: number[] }).ids[0]), [0, 1, 2, 3, 4, 5, 6, 7]); // oxfmt-ignore
});
