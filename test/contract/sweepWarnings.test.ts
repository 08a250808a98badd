/** What points are warned of, taken together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sweepTable } from '../../runtime/commandLine/terminal.js';
import { numbersIn } from '../../runtime/contract/format.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { SWEEP_ENGLISH, sweepView } from '../../runtime/contract/sweepView.js';
import { warningLines, type PointWarning } from '../../runtime/contract/sweepWarnings.js';

const measured = (name: string): Measurement => ({
  ...{ state: 'protected', name, measure: 'exact', value: 0.5, count: 20, judge: 'exact-match' },
});
const point = (way: string, seed: number, warnings?: PointWarning[]): SweepPoint => ({
  ...{ values: { way, seed }, folder: `points/${way}-${seed}`, verdict: 'held', headline: '', seconds: 1 },
  measurements: [measured('held out'), measured('task 1')],
  warnings,
});
const looksHarmful = (percent: string): PointWarning => ({
  message: `${percent} % of the rows look harmful.`,
  ...{ place: 'heldOut', remedy: 'Review the rows.', set: 'held out' },
});
const over = { way: ['plain', 'ours'], seed: [1, 2] };
const points = [
  point('plain', 1),
  point('plain', 2),
  point('ours', 1, [looksHarmful('29.6')]),
  point('ours', 2, [looksHarmful('30'), { message: 'rows are skipped', place: 'rows.jsonl:3' }]),
];

test('those that differ in numbers alone are one, and it is said at which points', () => {
  assert.deepEqual(warningLines(points), [
    'at 2 of 4 points (way ours, seed 1 → heldOut): 29.6 % of the rows look harmful. Review the rows.',
    'at 1 of 4 points (way ours, seed 2 → rows.jsonl:3): rows are skipped',
  ]);
});

test('those of other sets and files are others, whatever numbers their names have', () => {
  const of = (message: string, place: string): SweepPoint => point('ours', 1, [{ message, place }]);
  const lines = [of('2 of "task 1"', 'a1:2'), of('4 of "task 2"', 'a1:3'), of('6 of "task 1"', 'a2:2')];
  assert.equal(warningLines(lines).length, 3);
  assert.equal(warningLines([...lines, of('1 of "task 1"', 'a1:9')]).length, 3);
});

test('a set that some points are warned of is marked for all: beside these the others are read', () => {
  const { columns } = sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).table;
  assert.deepEqual(columns, ['held out · right ⚠', 'task 1 · right']);
});

test('the terminal lists them below its table', () => {
  const lines = sweepTable({ version: 1, over, of: 4, points }).split('\n');
  assert.deepEqual(
    lines.slice(-2),
    warningLines(points).map((line) => `! ${line}`),
  );
});
