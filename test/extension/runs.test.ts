import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  appendProbes,
  appendStep,
  emptyProbes,
  emptyTrain,
  probesSince,
  trainSince,
} from '../../extension/runs/columns.js';
import { comparedMeasurements, measureOf, plainSibling, runTitle } from '../../extension/runs/compare.js';
import { readRun } from '../../extension/runs/folder.js';
import { guessedBase, recipeFacts, requireRecipe } from '../../extension/runs/recipe.js';
import { headline, resultsFor, resultText, verdictsFor } from '../../extension/runs/results.js';
import { applyEvent, canResume, canRunAgain, createRun, mergeMeasurements } from '../../extension/runs/run.js';
import { answerRows, probesAt, snapshot, verdict } from '../../extension/runs/snapshot.js';
import { HostError } from '../../extension/errors.js';
import { harm, manifest, recipe, runFolder, sample, step, temporary, write } from './support.js';

test('steps become columns of equal length, and what is no number becomes a gap', () => {
  const columns = emptyTrain();
  appendStep(columns, step(1));
  assert.equal(appendStep(columns, step(2, { lossNatsPerToken: null, gradNorm: Infinity })), true);
  assert.deepEqual(columns, { step: [1, 2], loss: [4, null], gradNorm: [1, null] });
  assert.deepEqual(trainSince(columns, 1), { step: [2], loss: [null], gradNorm: [null] });
});

test('steps that a resumed run repeats replace what was there', () => {
  const columns = emptyTrain();
  for (const n of [1, 2, 3, 4]) appendStep(columns, step(n));
  assert.equal(appendStep(columns, step(3, { lossNatsPerToken: 9 })), false);
  assert.deepEqual(columns.step, [1, 2, 3]);
  assert.deepEqual(columns.loss, [4, 2, 9]);
});

test('a probe that starts late has gaps before, and one that is left out a gap after', () => {
  const columns = emptyProbes();
  appendProbes(columns, { kind: 'evaluation', step: 0, probes: { harmfulLossWith: 3 } });
  appendProbes(columns, { kind: 'evaluation', step: 10, probes: { harmfulLossWith: 1, benignKl: 0.1 } });
  appendProbes(columns, { kind: 'evaluation', step: 20, probes: { benignKl: 0.2 } });
  assert.deepEqual(columns, { step: [0, 10, 20], harmfulLossWith: [3, 1, null], benignKl: [null, 0.1, 0.2] });
  assert.deepEqual(probesSince(columns, 2), { step: [20], harmfulLossWith: [null], benignKl: [0.2] });
  assert.deepEqual(probesAt(columns, 2), { benignKl: 0.2 });
  assert.equal(probesAt(emptyProbes(), 0), undefined);
});

test('a recipe in comments and trailing commas gives absolute paths', () => {
  const facts = recipeFacts(
    `{ // protected
      "kind": "finetune", "model": "../tiny", "data": { "file": "../train.jsonl" },
      "vectors": [{ "adapter": "../vectors/v", }],
      "evaluate": [{ "name": "f", "file": "../eval/f.jsonl", "measure": "harm", "phrases": ["step 1"] }, { "file": 3 }],
      "output": "../adapters/a",
    }`,
    '/w/recipes/a.json',
  )!;
  assert.equal(facts.model, '/w/tiny');
  assert.deepEqual(facts.data, ['/w/train.jsonl']);
  assert.deepEqual(facts.vectors, ['/w/vectors/v']);
  assert.equal(facts.output, '/w/adapters/a');
  assert.deepEqual(
    facts.evaluate.map(({ name, file, measure, raw }) => [name, file, measure, raw['phrases']]),
    [['f', '/w/eval/f.jsonl', 'harm', ['step 1']]],
  );
});

test('other JSON is no recipe', () => {
  for (const text of ['', '[]', '{"kind":"finetune"}', '{"kind":"other","model":"m","output":"o"}', 'null']) {
    assert.equal(recipeFacts(text, '/w/r.json'), undefined, text);
  }
});

test('a broken recipe that is to run is refused with its line', () => {
  assert.throws(
    () => requireRecipe('{\n"kind": "vector",\n"model": }', '/w/r.json'),
    (error) => error instanceof HostError && error.data.place === '/w/r.json:3',
  );
});

test('the base of the paths in a run folder is found from its output', () => {
  assert.equal(guessedBase('{"output":"../vectors/a"}', '/w/vectors/a'), '/w/_');
  assert.equal(guessedBase('{"output":"runs/a"}', '/w/runs/a'), '/w');
  assert.equal(guessedBase('{"output":"./a"}', '/w/a'), '/w');
  assert.equal(guessedBase('{"output":"/w/a"}', '/w/a'), undefined);
});

test('a run folder is read, with half a last line and paths relative to its recipe', async (t) => {
  const root = await temporary(t);
  const events = [step(1), step(2), { kind: 'evaluation' as const, step: 2, measurements: [harm('plain', 0.92)] }];
  const folder = await runFolder(root, 'colours', {
    events,
    manifest: { recipe: join(root, 'recipes', 'plain.json') },
  });
  await appendFile(join(folder, 'events.jsonl'), '{"kind":"step","st');
  const run = (await readRun(folder))!;
  assert.deepEqual(run.train.step, [1, 2]);
  assert.deepEqual(run.measurements, [harm('plain', 0.92)]);
  assert.equal(run.progress.state, 'finished');
  assert.equal(run.progress.secondsElapsed, 60);
  assert.equal(run.recipe!.evaluate[0]!.file, join(root, 'eval/forbidden.jsonl'));
  assert.equal(run.recipe!.file, join(root, 'recipes', 'plain.json'));
  assert.equal(runTitle(run), 'colours, plain');
  assert.equal(canResume(run), false);
});

test('a run that no child works on any more is interrupted and can be resumed', async (t) => {
  const root = await temporary(t);
  const running = { outcome: 'running' as const, ended: undefined };
  const folder = await runFolder(root, 'colours', { manifest: running, events: [step(1)] });
  const run = (await readRun(folder))!;
  assert.equal(run.progress.state, 'interrupted');
  assert.equal(run.progress.step, 1);
  assert.equal(canResume(run), true);
  assert.equal(snapshot(run, [run], { answers: false, report: false }, 0).canResume, true);
});

test('a run that failed before its first step has nothing to resume: it can run again', async (t) => {
  const root = await temporary(t);
  const failed = { outcome: 'failed' as const, error: { kind: 'input' as const, message: 'no such key' } };
  const early = (await readRun(await runFolder(root, 'early', { manifest: failed })))!;
  assert.deepEqual([canResume(early), canRunAgain(early)], [false, true]);
  const late = (await readRun(await runFolder(root, 'late', { manifest: failed, events: [step(1)] })))!;
  assert.deepEqual([canResume(late), canRunAgain(late)], [true, false]);
  const stopped = { outcome: 'stopped' as const };
  const waiting = (await readRun(await runFolder(root, 'waiting', { manifest: stopped })))!;
  assert.deepEqual([canResume(waiting), canRunAgain(waiting)], [true, false]);
  const page = snapshot(early, [early], { answers: false, report: false }, 0);
  assert.deepEqual([page.canResume, page.canRunAgain], [false, true]);
});

test('a folder whose manifest is not ours is no run', async (t) => {
  const root = await temporary(t);
  await write(join(root, 'manifest.json'), { name: 'web app', start_url: '/' });
  assert.equal(await readRun(root), undefined);
  await write(join(root, 'manifest.json'), '{');
  assert.equal(await readRun(root), undefined);
  assert.equal(await readRun(join(root, 'none')), undefined);
});

test('an append that changes more than rows asks for a whole snapshot', () => {
  const run = createRun('/r', 'r');
  assert.equal(applyEvent(run, step(1)), true);
  assert.equal(applyEvent(run, { kind: 'evaluation', step: 1, probes: { harmfulLossWith: 1 } }), true);
  assert.equal(applyEvent(run, { kind: 'warning', message: 'row 3 is too long' }), false);
  assert.equal(applyEvent(run, { kind: 'evaluation', step: 1, measurements: [harm('base', 0)] }), false);
  assert.equal(applyEvent(run, { kind: 'state', state: 'training', message: '', device: 'cpu' }), false);
  assert.equal(applyEvent(run, { kind: 'state', state: 'training', message: '', device: 'cpu' }), true);
});

test('a later number of the same set, state and judge replaces the earlier one', () => {
  const merged = mergeMeasurements([harm('base', 0), harm('plain', 0.5)], [harm('plain', 0.9)]);
  assert.deepEqual(merged, [harm('base', 0), harm('plain', 0.9)]);
});

test('the table of a protected run has the plain numbers of its sibling, and its curve in grey', async (t) => {
  const root = await temporary(t);
  const probes = { kind: 'evaluation' as const, step: 0, probes: { harmfulLossWithout: 4 } };
  const vectors = [{ path: join(root, 'vectors/forbidden-topic/adapter'), sha256: 'dd', scale: 1 }];
  const own = { kind: 'evaluation' as const, step: 9, measurements: [harm('protected', 0), harm('base', 0)] };
  const theirs = { kind: 'evaluation' as const, step: 9, measurements: [harm('plain', 0.92), harm('base', 0.5)] };
  const read = async (name: string, parts: Parameters<typeof runFolder>[2]) =>
    (await readRun(await runFolder(root, name, parts)))!;
  const run = await read('protected', { events: [own], manifest: { vectors, started: '2026-01-02T00:00:00Z' } });
  const plain = await read('plain', { events: [probes, theirs] });
  const older = await read('older', {
    events: [{ ...theirs, measurements: [harm('plain', 0.1)] }],
    manifest: { started: '2025-01-01T00:00:00Z' },
  });
  const other = await read('other', { events: [theirs], manifest: { data: [{ path: '/x', rows: 1, sha256: 'xx' }] } });
  const all = [older, other, plain, run];
  assert.deepEqual(comparedMeasurements(run, all), [harm('base', 0), harm('plain', 0.92), harm('protected', 0)]);
  assert.equal(plainSibling(run, all), plain);
  assert.equal(plainSibling(plain, all), undefined);
  assert.equal(runTitle(run), 'protected, protected by forbidden-topic');
  assert.deepEqual(snapshot(run, all, { answers: true, report: true }, 0).plain!.probes.harmfulLossWithout, [4]);
  assert.equal(measureOf(run, 'forbidden'), 'harm');
});

test('the verdict is the rule of the protocol on the first and last probes', () => {
  const run = createRun('/r', 'r');
  run.manifest = manifest('/w', { vectors: [{ path: '/v', sha256: '', scale: 1 }] });
  const probe = (at: number, withVector: number, loss: number) =>
    applyEvent(run, {
      kind: 'evaluation',
      step: at,
      probes: { harmfulGradNormWith: withVector, harmfulGradNormWithout: 4, harmfulLossWithout: loss },
    });
  probe(0, 0.02, 4);
  probe(10, 0.04, 3.9);
  assert.equal(verdict(run).kind, 'holds');
  assert.ok(Math.abs(verdict(run).gradientShare! - 0.01) < 1e-12);
  probe(20, 2, 3.8);
  assert.equal(verdict(run).kind, 'weak');
  // While the run is at it, and only then, the pull is not yet a verdict.
  run.live = true;
  run.progress.state = 'training';
  assert.equal(verdict(run).kind, 'open');
  run.progress.state = 'evaluating';
  assert.equal(verdict(run).kind, 'weak');
  run.progress.state = 'training';
  probe(30, 2, 1);
  assert.equal(verdict(run).kind, 'weak');
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
  assert.deepEqual(headline(runs[0]!), { harm: 0.92 });
  // A second judge has numbers in the run's table; a tree and a lens tell those of the first.
  for (const run of runs)
    run.measurements = run.measurements.flatMap((m) => [m, { ...m, value: 1, judge: 'rejection-v1' }]);
  assert.deepEqual(headline(runs[0]!), { harm: 0.92 });
  assert.equal(resultText(resultsFor(file, runs)), 'base 0\u00a0% · plain 92\u00a0% · protected 0.4\u00a0%');
});

test('rows of a set carry the newest answers of each state', async (t) => {
  const root = await temporary(t);
  const file = join(root, 'eval/forbidden.jsonl');
  const old = [sample('base', 1, 'complied'), sample('plain', 1, 'complied'), sample('plain', 2, 'complied')];
  const fresh = [sample('base', 1, 'refused'), sample('protected', 1, 'refused')];
  const a = await runFolder(root, 'a', { answers: old });
  const b = await runFolder(root, 'b', { answers: fresh, manifest: { started: '2026-02-01T00:00:00Z' } });
  const runs = [(await readRun(a))!, (await readRun(b))!];
  const rows = await verdictsFor(file, runs, async (folder) => (folder === a ? old : fresh));
  assert.deepEqual(
    rows.map((row) => [row.line, ...row.answers.map(({ state, verdict: v }) => `${state} ${v}`)]),
    [
      [1, 'base refused', 'plain complied', 'protected refused'],
      [2, 'plain complied'],
    ],
  );
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

test('the recipe of the fixtures is a recipe', () => {
  assert.equal(recipeFacts(JSON.stringify(recipe()), '/w/recipes/r.json')?.output, '/w/adapters/colours');
});
