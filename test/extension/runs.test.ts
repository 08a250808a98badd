import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { probesSince, trainSince } from '../../extension/runs/columns.js';
import { comparison, measureOf, runTitle } from '../../extension/runs/compare.js';
import { readRun } from '../../extension/runs/folder.js';
import { guessedBase, recipeFacts, requireRecipe } from '../../extension/runs/recipe.js';
import { resultsFor, verdictsFor } from '../../extension/runs/results.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { applyEvent, canResume, canRunAgain, createRun } from '../../extension/runs/run.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { answerRows } from '../../runtime/contract/answers.js';
import { readingOf, viewWording } from '../../extension/runs/reading.js';
import { HostError } from '../../extension/host/errors.js';
import { appendProbes, appendStep, emptyProbes, emptyTrain, probesAt } from '../../runtime/contract/columns.js';
import { factsOf } from '../../runtime/contract/facts.js';
import { mergeMeasurements } from '../../runtime/contract/measures.js';
import { resultsText } from '../../runtime/contract/table.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { harm, recipe, runFolder, sample, step, temporary, write } from './support.js';

const resultText = (results: Parameters<typeof resultsText>[0]): string => resultsText(results, viewWording());

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
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  const run = (await readRun(folder))!;
  assert.equal(run.progress.state, 'interrupted');
  assert.equal(run.progress.step, 1);
  assert.match(run.progress.message, /can be resumed/);
  assert.equal(canResume(run), true);
  assert.equal(snapshot(run, [run], { answers: false, report: false }, 0).canResume, true);
});

test('a run that ended early without a checkpoint has nothing to resume: it can run again', async (t) => {
  const root = await temporary(t);
  const error = { kind: 'input' as const, message: 'no such key' };
  for (const manifest of [
    { outcome: 'failed' as const, error },
    { outcome: 'stopped' as const, done: undefined },
    { outcome: 'running' as const, ended: undefined, done: undefined },
  ]) {
    const early = (await readRun(await runFolder(root, `early-${manifest.outcome}`, { manifest, events: [step(1)] })))!;
    assert.deepEqual([canResume(early), canRunAgain(early)], [false, true], manifest.outcome);
    const page = snapshot(early, [early], { answers: false, report: false }, 0);
    assert.deepEqual([page.canResume, page.canRunAgain], [false, true]);
    if (manifest.outcome === 'running')
      assert.match(early.progress.message, /before the first checkpoint\. Run it again/);

    const folder = await runFolder(root, `late-${manifest.outcome}`, { manifest, events: [step(1)] });
    await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
    const late = (await readRun(folder))!;
    assert.deepEqual([canResume(late), canRunAgain(late)], [true, false], manifest.outcome);
  }
  const live = createRun(root, 'live');
  live.recipe = (await readRun(await runFolder(root, 'recipe', {})))!.recipe;
  live.progress.state = 'stopped';
  assert.equal(canResume(live), false);
  applyEvent(live, { kind: 'checkpoint', step: 5, path: '' });
  assert.equal(canResume(live), true);
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
  const compared = { title: 'plain, plain', states: ['plain'], differences: [] };
  assert.deepEqual(comparison(run, all), {
    plain,
    measurements: [harm('base', 0), harm('plain', 0.92), harm('protected', 0)],
    compared: [compared],
  });
  assert.equal(comparison(plain, all).plain, undefined);
  assert.equal(runTitle(run), 'protected, protected by forbidden-topic');
  assert.deepEqual(snapshot(run, all, { answers: true, report: true }, 0).plain!.probes.harmfulLossWithout, [4]);
  assert.equal(measureOf(run, 'forbidden'), 'harm');
});

test('a run that failed, and one that was not trained to its end, stand alone', async (t) => {
  const root = await temporary(t);
  const measured = (...measurements: ReturnType<typeof harm>[]) => [
    { kind: 'evaluation' as const, step: 0, measurements },
  ];
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const read = async (name: string, parts: Parameters<typeof runFolder>[2]) =>
    (await readRun(await runFolder(root, name, parts)))!;
  const failed = await read('failed', {
    events: measured(harm('base', 0)),
    manifest: { vectors, outcome: 'failed', error: { kind: 'failed', message: 'the loss is not a number.' } },
  });
  const plain = await read('plain', { events: measured(harm('base', 0), harm('plain', 1)) });
  const cut = await read('cut', { events: measured(harm('plain', 0.3)), manifest: { outcome: 'stopped' } });
  assert.deepEqual(comparison(failed, [failed, plain]).measurements, [harm('base', 0)]);
  assert.deepEqual(comparison(failed, [failed, plain]).compared, []);
  const held = await read('held', { events: measured(harm('base', 0), harm('protected', 0)), manifest: { vectors } });
  assert.deepEqual(
    comparison(held, [cut, failed, held]).measurements.map(({ state }) => state),
    ['base', 'protected'],
  );
});

test('runs that were trained otherwise, or measured otherwise, are not passed off as alike', async (t) => {
  const root = await temporary(t);
  const measured = (state: string, value: number) => [
    { kind: 'evaluation' as const, step: 0, measurements: [harm('base', 0), harm(state, value)] },
  ];
  const rate = (learningRate: number) => ({ optimizer: { learningRate } });
  const read = async (name: string, started: string, recipe: object, more: object = {}) =>
    (await readRun(
      await runFolder(root, name, { events: measured('plain', 0.9), recipe, manifest: { started, ...more } }),
    ))!;
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const own = await runFolder(root, 'own', {
    events: measured('protected', 0),
    recipe: rate(3e-3),
    manifest: { vectors },
  });
  const run = (await readRun(own))!;
  const newer = await read('newer', '2026-03-01T00:00:00Z', {});
  const alike = await read('alike', '2026-01-01T00:00:00Z', rate(3e-3));
  const plainOf = (all: (typeof run)[]) => comparison(run, all).compared.find(({ states }) => states.includes('plain'));
  // What was trained alike is taken before what is newer; where there is nothing else, it is said what differs.
  assert.deepEqual(plainOf([run, newer, alike]), { title: 'alike, plain', states: ['plain'], differences: [] });
  assert.deepEqual(plainOf([run, newer]), {
    title: 'newer, plain',
    states: ['plain'],
    differences: [{ key: 'optimizer.learningRate', theirs: '0.001', ours: '0.003' }],
  });
  const limited = await read('limited', '2026-03-01T00:00:00Z', {
    ...rate(3e-3),
    data: { file: '../train.jsonl', limit: 9 },
  });
  assert.deepEqual(plainOf([limited])!.differences, [{ key: 'data.limit', theirs: '9', ours: '–' }]);
  // The same name on another file, other rows of the file, or another judge of the same name: not the same measurement.
  const set = { name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' };
  for (const evaluate of [
    [{ ...set, file: '../eval/other.jsonl' }],
    [{ ...set, limit: 5 }],
    [{ ...set, phrases: ['x'] }],
  ]) {
    const other = await read('other', '2026-03-01T00:00:00Z', { ...rate(3e-3), evaluate });
    assert.equal(plainOf([other]), undefined, JSON.stringify(evaluate));
  }
  const judges = [{ name: 'refusal-phrases', path: '/j', sha256: 'j1' }];
  assert.equal(plainOf([await read('judged', '2026-03-01T00:00:00Z', rate(3e-3), { judges })]), undefined);
});

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
  assert.equal(resultText(resultsFor(file, runs, 'over-refusal')), 'plain 0\u00a0%');
});

test('the host reads the same facts of a run as the report does of its folder', async (t) => {
  const root = await temporary(t);
  const vectors = [{ path: '/v', sha256: '', scale: 1 }];
  const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
  const probes = (withVector: number) => ({
    harmfulGradNormWith: withVector,
    harmfulGradNormWithout: 4,
    harmfulLossWithout: 4,
  });
  const measurements = [harm('base', 0), harm('protected', 0)];
  const done = {
    kind: 'done' as const,
    outcome: 'finished' as const,
    output: '',
    step: 9,
    seconds: 1,
    measurements,
    laws,
  };
  const events = [
    { kind: 'evaluation' as const, step: 0, probes: probes(0.02) },
    step(9),
    // Of a run that crashed here and went on from step 5.
    { kind: 'evaluation' as const, step: 9, probes: probes(2) },
    step(6),
    step(9),
    { kind: 'evaluation' as const, step: 9, probes: probes(0.04) },
    done,
  ];
  const folder = await runFolder(root, 'held', { events, manifest: { vectors, done } });
  const run = (await readRun(folder))!;
  const manifest_ = run.manifest!;
  assert.deepEqual(readingOf(run).verdict, runVerdict(factsOf({ manifest: manifest_, events })));
  assert.equal(readingOf(run).verdict.kind, 'held');
  // While a process is at it there is no verdict, and of a protected run that has not named its vectors yet none of a plain one.
  run.done = undefined;
  run.manifest = { ...manifest_, vectors: [], done: undefined };
  run.recipe!.vectors = ['/v'];
  run.progress.state = 'training';
  assert.equal(readingOf(run).verdict.kind, 'running');
  assert.equal(runTitle(run), 'held, protected by v');
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

test('the recipe of the fixtures is a recipe', () => {
  assert.equal(recipeFacts(JSON.stringify(recipe()), '/w/recipes/r.json')?.output, '/w/adapters/colours');
});
