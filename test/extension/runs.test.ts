/** Runs as the extension knows them: their columns, their folders, their events. */
import assert from 'node:assert/strict';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { probesSince, trainSince } from '../../extension/runs/columns.js';
import { runTitle } from '../../extension/runs/compare.js';
import { readRun } from '../../extension/runs/folder.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { applyEvent, canResume, canRunAgain, createRun } from '../../extension/runs/run.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { readingOf, viewOf } from '../../extension/runs/reading.js';
import { appendProbes, appendStep, emptyProbes, emptyTrain, probesAt } from '../../runtime/contract/columns.js';
import { factsOf } from '../../runtime/contract/facts.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { harm, LEARNED, runFolder, step, temporary, write } from './support.js';

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

test('of a run that was stopped it is said what is kept', async (t) => {
  const root = await temporary(t);
  const done: DoneEvent = {
    ...{ kind: 'done', outcome: 'stopped', output: root, step: 5, seconds: 60, measurements: [] },
  };
  const stopped = async (name: string, more: Parameters<typeof runFolder>[2] = {}, checkpoint = false) => {
    const manifest = { outcome: 'stopped' as const, done, ...more.manifest };
    const folder = await runFolder(root, name, { events: [step(5)], ...more, manifest });
    if (checkpoint) await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
    return (await readRun(folder))!.progress.message;
  };
  assert.equal(await stopped('late', {}, true), 'Stopped at step 5; the last checkpoint is kept.');
  const gone = { events: [step(5), { kind: 'checkpoint' as const, step: 5, path: '' }] };
  for (const [name, more] of [['early'], ['gone', gone]] as const)
    assert.equal(await stopped(name, more), 'Stopped before the first checkpoint. Run it again.');
  assert.equal(
    await stopped('measured', { manifest: { kind: 'evaluate' } }),
    'Stopped before its end: an evaluation has no checkpoint. Run it again.',
  );
  const point = { values: { seed: 1 }, depends: '' };
  for (const kept of [true, false])
    assert.equal(
      await stopped(`point ${kept}`, { manifest: { point } }, kept),
      'Stopped with its sweep. Resume the sweep to continue.',
    );
  assert.equal(await stopped('many', { manifest: { kind: 'sweep' } }), 'Stopped; the points that are done are kept.');
});

test('of a run whose process ended it is said how it goes on: an evaluation has no checkpoint to come, a point has its sweep', async (t) => {
  const root = await temporary(t);
  const ended = async (name: string, manifest: Partial<Manifest>, recipe?: object): Promise<string> => {
    const running = { outcome: 'running' as const, ended: undefined, done: undefined, ...manifest };
    const folder = await runFolder(root, name, { manifest: running, events: [step(5)], recipe });
    return (await readRun(folder))!.progress.message;
  };
  const first = 'The window or the engine ended while this ran. ';
  const evaluate = ['forbidden', 'look-alikes'].map((set) => ({ name: set, file: `../${set}.jsonl`, measure: 'harm' }));
  assert.equal(
    await ended('measured', { kind: 'evaluate' }, { kind: 'evaluate', evaluate }),
    'The window or the engine ended while tiny was evaluated: forbidden, look-alikes. ' +
      'Choose "Run again" to do it from its beginning.',
  );
  const point = { values: { seed: 1 }, depends: '' };
  assert.equal(await ended('point', { point }), `${first}Resume its sweep to continue.`);
  assert.equal(await ended('many', { kind: 'sweep' }), `${first}It can be resumed.`);
});

test('a vector says that it needed no more steps only where its run tells that it is as it was at its end', async (t) => {
  const root = await temporary(t);
  const events = [step(5), { kind: 'evaluation' as const, step: 5, probes: { heldOutAuroc: 0.99 } }, step(10)];
  const vector = { harmful: 16, ordinary: 32, auroc: 0.99, aurocInterval: [0.95, 1] as [number, number], recall: 1 };
  const taken = async (at?: number) => {
    const done: DoneEvent = {
      ...{ kind: 'done', outcome: 'finished', output: root, step: 10, seconds: 60, measurements: [] },
      ...{ vector, laws: { baseUnchanged: true }, taken: at },
    };
    const manifest = { kind: 'vector' as const, vectors: [], done };
    const folder = await runFolder(root, `at-${at}`, { events, manifest });
    const run = (await readRun(folder, { whole: false }))!;
    const { reachedGoal } = snapshot(run, [run], { answers: false, report: false }, 0);
    const [said] = /It is the vector of step \d+: .*?\./.exec(viewOf(run).headline!) ?? [];
    return [reachedGoal, said];
  };
  assert.deepEqual(await taken(10), [true, undefined]);
  assert.deepEqual(await taken(5), [
    false,
    'It is the vector of step 5: after that, it explained unseen harmful rows less well.',
  ]);
  // an earlier version did not tell
  assert.deepEqual(await taken(), [undefined, undefined]);
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

test('the host reads the same facts of a run as the report does of its folder', async (t) => {
  const root = await temporary(t);
  const vectors = [{ path: '/v', sha256: '', scale: 1 }];
  const laws = { vectorUnchanged: true, baseUnchanged: true, deliveredWithoutVector: true };
  const probes = (withVector: number) => ({
    harmfulGradNormWith: withVector,
    harmfulGradNormWithout: 4,
    harmfulLossWithout: 4,
  });
  const measurements = [harm('base', 0), harm('protected', 0), ...LEARNED];
  const done = {
    kind: 'done' as const,
    outcome: 'finished' as const,
    output: '',
    step: 9,
    seconds: 1,
    measurements,
    laws,
  };
  // Judged again, and by a judge in the place of this one, who has said too little for a column.
  const replaced = [{ ...harm('base', 0), judge: 'guard' }, { ...harm('protected', 0.3), judge: 'guard' }]; // oxfmt-ignore
  const events = [
    { kind: 'evaluation' as const, step: 0, probes: probes(0.02), measurements: replaced },
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
  assert.deepEqual(run.measurements, measurements);
  // While a process is at it there is no verdict, and of a protected run that has not named its vectors yet none of a
  // plain one.
  run.done = undefined;
  run.manifest = { ...manifest_, vectors: [], done: undefined };
  run.recipe!.vectors = ['/v'];
  run.progress.state = 'training';
  assert.equal(readingOf(run).verdict.kind, 'running');
  assert.equal(runTitle(run), 'held, protected by v');
});
