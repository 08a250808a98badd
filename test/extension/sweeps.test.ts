/** A sweep among the runs of a workspace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRun } from '../../extension/runs/folder.js';
import { canJudge, canResume, createRun } from '../../extension/runs/run.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { runFolder, temporary } from './support.js';

test('a sweep that no child works on any more can be resumed without a checkpoint of its own, and says so', async (t) => {
  const root = await temporary(t);
  const manifest = { kind: 'sweep' as const, outcome: 'running' as const, ended: undefined, done: undefined };
  const run = (await readRun(await runFolder(root, 'sweep', { manifest, events: [] })))!;
  assert.equal(run.progress.state, 'interrupted');
  assert.match(run.progress.message, /can be resumed/);
  assert.equal(canResume(run), true);
});

const done: SweepPoint = { values: { seed: 1 }, folder: '/s/points/a', verdict: 'held', headline: '', measurements: [], seconds: 1 }; // prettier-ignore

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
