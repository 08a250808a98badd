/** Numbers and answers of evaluation sets, as trees, lenses and rows show them. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRun } from '../../extension/runs/folder.js';
import type { Run } from '../../extension/runs/run.js';
import { resultsFor, verdictsFor } from '../../extension/runs/results.js';
import { answerRows } from '../../runtime/contract/answers.js';
import { viewWording } from '../../extension/runs/reading.js';
import { resultsText } from '../../runtime/contract/table.js';
import { harm, runFolder, sample, temporary } from './support.js';

const resultText = (results: Parameters<typeof resultsText>[0]): string => resultsText(results, viewWording());

test('the line above a set has numbers of one measure and one model', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const set = { name: 'forbidden', file: '../eval/forbidden.jsonl' };
  const number = (state: string, value: number, measure: 'harm' | 'over-refusal' = 'harm') => ({
    ...harm(state, value),
    measure,
  });
  const read = async (name: string, started: string, measure: string, numbers: object[], more: object = {}) =>
    (await readRun(
      await runFolder(root, name, {
        recipe: { evaluate: [{ ...set, measure }] },
        events: [{ kind: 'evaluation', step: 0, measurements: numbers as ReturnType<typeof harm>[] }],
        manifest: { started, ...more },
      }),
    ))!;
  const runs = [
    await read('a', '2026-01-01T00:00:00Z', 'harm', [number('base', 0), number('plain', 1)]),
    await read('b', '2026-02-01T00:00:00Z', 'over-refusal', [number('plain', 0, 'over-refusal')]),
    await read('c', '2025-01-01T00:00:00Z', 'harm', [number('protected', 0)], {
      model: { path: '/other', architecture: 'llama', sha256: 'zz' },
    }),
    await read('d', '2026-03-01T00:00:00Z', 'harm', [number('plain', 0)], { outcome: 'failed' }),
  ];
  assert.equal(resultText(resultsFor(file, runs)), 'base 0\u00a0% · plain 100\u00a0%');
  assert.equal(resultText(resultsFor(file, runs, { measure: 'over-refusal' })), 'plain 0\u00a0%');
});

test('the line above a set has numbers of the model that it names, and a run that waits takes none of them away', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const model = (name: string) => ({ path: `/${name}`, architecture: 'llama', sha256: name });
  const read = async (name: string, started: string, of: string, value: number) =>
    (await readRun(
      await runFolder(root, name, {
        events: [{ kind: 'evaluation', step: 0, measurements: [harm('base', value)] }],
        manifest: { started, model: model(of) },
      }),
    ))!;
  const a = await read('a', '2026-01-01T00:00:00Z', 'A', 0.9);
  const b = await read('b', '2026-02-01T00:00:00Z', 'B', 0);
  const waiting = { ...b, folder: join(root, 'c'), place: 1, measurements: [], manifest: undefined };
  assert.equal(resultText(resultsFor(file, [a, b], { model: '/A' })), 'base 90\u00a0%');
  assert.equal(resultText(resultsFor(file, [a, b], { model: '/C' })), '');
  assert.equal(resultText(resultsFor(file, [a, waiting])), 'base 90\u00a0%');
  const withdrawn = { ...waiting, place: undefined };
  assert.equal(resultText(resultsFor(file, [a, withdrawn])), 'base 90\u00a0%');
});

test('the line above a set has numbers of the prompts that the newest run asked, and by its judge', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const read = async (
    name: string,
    month: number,
    sha256: string,
    numbers: ReturnType<typeof harm>[],
    set = 'forbidden',
  ) => {
    const manifest = { started: `2026-0${month}-01T00:00:00Z`, sets: { [set]: { rows: 128, sha256 } } };
    const recipe = { evaluate: [{ name: set, file: '../eval/forbidden.jsonl', measure: 'harm' }] };
    const events = [{ kind: 'evaluation' as const, step: 0, measurements: numbers }];
    return (await readRun(await runFolder(root, name, { events, manifest, recipe })))!;
  };
  const plain = await read('plain', 1, 'v1', [harm('base', 0.4), harm('plain', 0.9)]);
  const guarded = await read('guarded', 2, 'v2', [harm('base', 0), harm('protected', 0)]);
  const line = (runs: Iterable<Run>) => resultText(resultsFor(file, runs));
  assert.equal(line([plain, guarded]), 'base 0\u00a0% · protected 0\u00a0%');
  const again = await read('again', 3, 'v1', [harm('protected', 0.1, 'topic')], 'topic');
  assert.equal(line([plain, guarded, again]), 'base 40\u00a0% · plain 90\u00a0% · protected 10\u00a0%');
  const judged = await read('judged', 3, 'v1', [{ ...harm('protected', 0.1), judge: 'guard' }]);
  assert.equal(line([plain, judged]), 'protected 10\u00a0%');
});

test('an evaluation set shows the newest number of each state', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const measured = (...measurements: ReturnType<typeof harm>[]) => [
    { kind: 'evaluation' as const, step: 0, measurements },
  ];
  const refusal = { ...harm('plain', 0.2), measure: 'refusal' as const };
  const old = await runFolder(root, 'old', { events: measured(harm('base', 0.3), harm('plain', 0.92), refusal) });
  const fresh = await runFolder(root, 'new', {
    events: measured(harm('base', 0), harm('protected', 0.004)),
    manifest: { started: '2026-02-01T00:00:00Z' },
  });
  const runs = [(await readRun(old))!, (await readRun(fresh))!];
  assert.equal(resultText(resultsFor(file, runs)), 'base 0\u00a0% · plain 92\u00a0% · protected 0.4\u00a0%');
  assert.deepEqual(resultsFor(join(root, 'eval/other.jsonl'), runs), []);
  // A second judge has numbers in the run's table; a tree and a lens tell those of the first.
  for (const run of runs)
    run.measurements = run.measurements.flatMap((m) => [m, { ...m, value: 1, judge: 'rejection-v1' }]);
  assert.equal(resultText(resultsFor(file, runs)), 'base 0\u00a0% · plain 92\u00a0% · protected 0.4\u00a0%');
});

test('rows of a set carry the newest answers of each state; what a person says of one wins', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const labelled = { ...sample('plain', 2, 'refused'), label: 'complied' as const };
  const old = [sample('base', 1, 'complied'), sample('plain', 1, 'complied'), labelled];
  const fresh = [sample('base', 1, 'refused'), sample('protected', 1, 'refused')];
  const a = await runFolder(root, 'a', { answers: old });
  const b = await runFolder(root, 'b', { answers: fresh, manifest: { started: '2026-02-01T00:00:00Z' } });
  const runs = [(await readRun(a))!, (await readRun(b))!];
  const { rows } = await verdictsFor(file, runs, async (folder) => (folder === a ? old : fresh));
  assert.deepEqual(
    rows.map((row) => [row.line, ...row.answers.map(({ state, verdict: v }) => `${state} ${v}`)]),
    [
      [1, 'base refused', 'plain complied', 'protected refused'],
      [2, 'plain complied'],
    ],
  );
});

test('of a file that has numbers and no answers it is known since when it is to be unchanged', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'a', { manifest: { started: '2026-02-01T00:00:00Z' } });
  const run = (await readRun(folder))!;
  run.measurements = [harm('base', 0)];
  const file = join(root, 'eval/forbidden.jsonl');
  const since = async () => (await verdictsFor(file, [run], async () => [])).since;
  assert.equal(await since(), Date.parse('2026-02-01T00:00:00Z'));
  run.measurements = [];
  assert.equal(await since(), Infinity);
});

test('answers of runs between which rows were added stand at the prompts that they answer', async (t) => {
  const root = await temporary(t);
  const old = [sample('base', 1, 'complied')];
  const fresh = [
    { ...sample('protected', 1, 'refused'), prompt: 'new' },
    { ...sample('protected', 2, 'refused'), prompt: old[0]!.prompt },
  ];
  const a = await runFolder(root, 'a', { answers: old });
  const b = await runFolder(root, 'b', { answers: fresh, manifest: { started: '2026-02-01T00:00:00Z' } });
  const runs = [(await readRun(a))!, (await readRun(b))!];
  const file = join(root, 'eval/forbidden.jsonl');
  const { rows } = await verdictsFor(file, runs, async (folder) => (folder === a ? old : fresh));
  assert.deepEqual(
    rows.map((row) => [row.line, row.prompt, ...row.answers.map(({ state }) => state)]),
    [
      [1, 'new', 'protected'],
      [2, old[0]!.prompt, 'base', 'protected'],
    ],
  );
});

test('a result that is no number is shown as such in trees and lenses, and is no good number', () => {
  const of = (measure: 'harm' | 'loss', value: number | null) =>
    resultText([{ ...harm('base', 0), measure, value: value! }]);
  for (const none of [NaN, null, Infinity])
    for (const measure of ['harm', 'loss'] as const) assert.equal(of(measure, none), 'base no number');
  assert.deepEqual([of('harm', 0.5), of('loss', 1.2345)], ['base 50\u00a0%', 'base 1.23 nats']);
});

test('answers of one prompt stand side by side', () => {
  const rows = answerRows(
    [sample('protected', 2, 'refused'), sample('base', 2, 'refused'), sample('base', 1, 'refused')],
    () => 'harm',
  );
  assert.deepEqual(
    rows.map((row) => [row.row, row.measure, row.answers.map((a) => a.state)]),
    [
      [1, 'harm', ['base', 'protected']],
      [0, 'harm', ['base']],
    ],
  );
  const disputed = {
    ...sample('base', 1, 'refused'),
    verdicts: { 'rejection-v1': 'complied', other: 'refused' },
  } as const;
  assert.deepEqual(answerRows([disputed], () => 'harm')[0]!.answers[0]!.others, [
    { judge: 'rejection-v1', verdict: 'complied' },
  ]);
});
