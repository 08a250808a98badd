/** `runs` lists the points of a sweep like every other run. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { listRuns } from '../../runtime/commandLine/runs.js';
import { runFolder, temporary, write } from '../extension/support.js';

test('the points of a sweep are runs of their own, and what else lies in a run is none', async (t) => {
  const root = await temporary(t);
  const sweep = { kind: 'sweep', base: '../recipes/r.json', output: '../adapters/sweep', vary: { seed: [1, 2] } };
  const started = (minute: number) => ({ started: `2026-01-01T10:0${minute}:00.000Z` });
  await runFolder(root, 'sweep', { manifest: { kind: 'sweep', role: undefined, ...started(0) }, recipe: sweep });
  await runFolder(root, 'sweep/points/seed-1', { manifest: started(1) });
  await runFolder(root, 'sweep/points/seed-2', { manifest: started(2) });
  await runFolder(root, 'sweep/other/copy', {});
  await runFolder(root, 'alone', { manifest: started(3) });
  await runFolder(root, 'alone/points/copy', {});
  // A sweep that has made no point yet.
  await runFolder(root, 'begun', { manifest: { kind: 'sweep', role: undefined, ...started(4) }, recipe: sweep });
  await write(join(root, 'adapters/notes.txt'), '');
  const problems: unknown[] = [];
  const found = await listRuns(root, (_, error) => problems.push(error));
  assert.deepEqual(problems, []);
  assert.deepEqual(
    found.map(({ path }) => path),
    ['sweep', 'sweep/points/seed-1', 'sweep/points/seed-2', 'alone', 'begun'].map((name) => `adapters/${name}`),
  );
});
