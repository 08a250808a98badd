/** A sweep among the runs of a workspace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRun } from '../../extension/runs/folder.js';
import { canResume } from '../../extension/runs/run.js';
import { runFolder, temporary } from './support.js';

test('a sweep that no child works on any more can be resumed without a checkpoint of its own, and says so', async (t) => {
  const root = await temporary(t);
  const manifest = { kind: 'sweep' as const, outcome: 'running' as const, ended: undefined, done: undefined };
  const run = (await readRun(await runFolder(root, 'sweep', { manifest, events: [] })))!;
  assert.equal(run.progress.state, 'interrupted');
  assert.match(run.progress.message, /can be resumed/);
  assert.equal(canResume(run), true);
});
