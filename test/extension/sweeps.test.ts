/** A sweep among the runs of a workspace. */
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { readRun } from '../../extension/runs/folder.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import { canJudge, canResume, createRun } from '../../extension/runs/run.js';
import { runDescription, runningText } from '../../extension/views/labels.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { recipe, runFolder, temporary, write } from './support.js';

test('a sweep that no child works on any more can be resumed without a checkpoint of its own, and says so', async (t) => {
  const root = await temporary(t);
  const manifest = { kind: 'sweep' as const, outcome: 'running' as const, ended: undefined, done: undefined };
  const run = (await readRun(await runFolder(root, 'sweep', { manifest, events: [] })))!;
  assert.equal(run.progress.state, 'interrupted');
  assert.match(run.progress.message, /can be resumed/);
  assert.equal(canResume(run), true);
});

const done: SweepPoint = { values: { seed: 1 }, folder: '/s/points/a', verdict: 'held', headline: '', measurements: [], seconds: 1 }; // oxfmt-ignore

/** A sweep that ended in this state, with these points. */
function sweep(state: 'finished' | 'stopped', points: SweepPoint[]) {
  const run = createRun('/s', 's');
  return Object.assign(run, { manifest: { kind: 'sweep' }, points, progress: { ...run.progress, state } });
}

test('the answers of a sweep are judged again as soon as a point is done and nobody works on it', () => {
  assert.equal(canJudge(sweep('finished', [done])), true);
  assert.equal(canJudge(sweep('stopped', [done])), true);
  const failed: SweepPoint = { ...done, verdict: 'failed', error: { kind: 'input', message: 'no such file.' } };
  assert.equal(canJudge(sweep('finished', [failed])), false);
  assert.equal(canJudge(sweep('stopped', [])), false);
  assert.equal(canJudge(Object.assign(sweep('stopped', [done]), { live: true })), false);
});

test('a point that failed is not counted as done', () => {
  const failed: SweepPoint = { ...done, verdict: 'failed', error: { kind: 'input', message: 'no such file.' } };
  const live = (...points: SweepPoint[]) => runningText(Object.assign(sweep('stopped', points), { live: true }));
  assert.equal(live(done, failed, done), 'points done: 2');
  assert.doesNotMatch(live(failed), /points/);
  const ended = sweep('stopped', [done, failed, done]);
  assert.match(
    runDescription(Object.assign(ended, { manifest: { ...ended.manifest, vectors: [] } })),
    /^sweep · points: 2 · /,
  );
});

test('a sweep uses what any of its points uses, and nothing that all of them replace', async (t) => {
  const root = await temporary(t);
  const uses = async (over: object, more: object = {}): Promise<string[]> => {
    await write(join(root, 'base/base.json'), recipe({ vectors: [{ adapter: '../v/0' }], ...more }));
    const file = await write(join(root, 'sweeps/s.json'), {
      kind: 'sweep',
      base: '../base/base.json',
      over,
      output: 's',
    });
    return (await recipeToRun(file)).uses.map((path) => path.replace(`${root}/`, '')).sort();
  };
  const plain = { vectors: [] };
  assert.deepEqual(await uses({ seed: [1, 2] }), ['tiny', 'v/0']);
  // Relative to the base, as all that is in a point.
  assert.deepEqual(await uses({ vectors: [[], [{ adapter: '../v/1' }, { adapter: 'hub:a/b' }]] }), [
    'hub:a/b',
    'tiny',
    'v/1',
  ]);
  assert.deepEqual(await uses({ 'vectors.0.adapter': ['../v/1', '../v/2'], 'vectors.0.scale': [1] }), [
    'tiny',
    'v/1',
    'v/2',
  ]);
  assert.deepEqual(await uses({ strategy: { plain, paper: { protection: false } } }), ['tiny', 'v/0']);
  assert.deepEqual(await uses({ strategy: { plain, on: { 'adapter.init': '../a/1' } }, model: ['../a/model', '../tiny'] }), ['a/1', 'a/model', 'tiny', 'v/0']); // oxfmt-ignore
  assert.deepEqual(await uses({ 'adapter.init': ['../a/1'], 'adapter.rank': [1, 2] }, { adapter: { rank: 8 } }), ['a/1', 'tiny', 'v/0']); // oxfmt-ignore
  // What cannot be run uses what its base does.
  for (const over of [
    { 'vectors.7.adapter': ['../v/1'] },
    { 'epochs.adapter': [1] },
    { vectors: {} },
    { vectors: 3 },
    { x: { y: null } },
  ])
    assert.deepEqual(await uses(over), ['tiny', 'v/0']);
});

test('the points of a sweep are where it lies, each once, and those whose runs were deleted are not done', async (t) => {
  const root = await temporary(t);
  const made = join(root, 'adapters/sweep');
  const point = (seed: number, more: Partial<SweepPoint> & { judged?: true } = {}, from = made) => {
    return { ...done, kind: 'point' as const, values: { seed }, folder: join(from, `points/seed-${seed}`), ...more };
  };
  const copy = join(root, 'copy');
  const error = { kind: 'input' as const, message: 'no such file.' };
  const windows = 'C:\\w\\adapters\\sweep\\points\\seed-4';
  const events = [point(1), point(2), point(3, { error }), point(4, { folder: windows }), point(1, { judged: true, headline: 'anew' }, copy)]; // oxfmt-ignore
  const manifest = { kind: 'sweep' as const, outcome: 'stopped' as const };
  await runFolder(root, 'sweep', { manifest, recipe: { kind: 'sweep' }, events });
  for (const seed of [1, 2, 4]) await runFolder(root, `sweep/points/seed-${seed}`, {});
  await cp(made, copy, { recursive: true });
  const found = async () => (await readRun(copy))!.points.map(({ folder, headline }) => [folder, headline]);
  const points = join(copy, 'points');
  const all = [[join(points, 'seed-1'), 'anew'], ...[2, 3, 4].map((seed) => [join(points, `seed-${seed}`), ''])];
  assert.deepEqual(await found(), all);
  await rm(join(points, 'seed-2'), { recursive: true });
  assert.deepEqual(await found(), [all[0], all[2], all[3]]);
});
