/** A sweep among the runs of a workspace. */
import assert from 'node:assert/strict';
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
