/** Rows of the view of runs: sweeps with their points, and what is archived. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { Problems } from '../../extension/data/problems.js';
import { VIEWS } from '../../extension/host/contributions.js';
import { RunStore } from '../../extension/runs/store.js';
import type { Services } from '../../extension/services/services.js';
import { memory } from './fake/memory.js';
import { fake } from './fake/vscode.js';
import { runFolder, temporary, until } from './support.js';

const { archiveRuns } = await import('../../extension/commands/manageRuns.js');
const { runsView } = await import('../../extension/views/runs.js');
const { Archive } = await import('../../extension/workspace/archive.js');

/** The view on a sweep of two points. */
async function viewed(t: TestContext) {
  const root = await temporary(t);
  const store = new RunStore();
  const point = (seed: number) => ({
    started: `2026-01-01T00:00:0${seed}Z`,
    point: { values: { seed }, depends: 'on' },
  });
  const sweep = await runFolder(root, 's', { manifest: { kind: 'sweep', role: undefined, result: undefined } });
  const [first, second] = [
    await runFolder(root, 's/points/seed-1', { manifest: point(1) }),
    await runFolder(root, 's/points/seed-2', { manifest: point(2) }),
  ];
  for (const folder of [sweep, first, second]) await store.read(folder);
  const archive = new Archive(memory());
  const runner = { onDidChangeQueue: () => ({ dispose: () => undefined }), paused: false };
  const services = { store, archive, runner, problems: new Problems() } as unknown as Services;
  const view = runsView(services);
  t.after(() => [view, archive].forEach((part) => part.dispose()));
  const tree = fake.trees.get(VIEWS.runs)!;
  const under = (run?: string): string[] =>
    (tree.getChildren(run === undefined ? undefined : { run }) as { run: string }[]).map((row) => row.run);
  return { root, store, services, archive, sweep, first, second, under, point };
}

test('a point that is archived leaves its sweep in the view until archived runs are shown', async (t) => {
  const { services, archive, sweep, first, second, under } = await viewed(t);
  assert.deepEqual([under(), under(sweep)], [[sweep], [first, second]]);
  await archiveRuns(services, { run: first });
  assert.deepEqual([under(), under(sweep)], [[sweep], [second]]);
  const title = fake.titles.get(VIEWS.runs)! as { description?: string; message?: string };
  await until(() => title.description === '1 archived', 'the number');
  await archive.show(true);
  assert.deepEqual(under(sweep), [first, second]);
  assert.equal(title.description, undefined);
  await archive.show(false);
  assert.equal(title.message, undefined);
  await archiveRuns(services, { run: sweep });
  await until(() => title.message === 'All runs are archived.', 'the message');
});

test('what is to replace a point stands in its sweep, too', async (t) => {
  const { root, store, sweep, first, second, under, point } = await viewed(t);
  const next = await runFolder(root, 's/points/seed-1/next', { manifest: point(1) });
  await store.read(next);
  assert.equal(next, join(first, 'next'));
  assert.deepEqual(under(), [sweep]);
  assert.deepEqual(new Set(under(sweep)), new Set([first, second, next]));
});
