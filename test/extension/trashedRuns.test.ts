/** No folder goes to the trash in which something works, or is to work: in the run itself, or in what lies within. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, test, type TestContext } from 'node:test';
import { OWNER } from '../../runtime/contract/owner.js';
import { Problems } from '../../extension/data/problems.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake } from './fake/vscode.js';
import { workingIn } from './otherProcess.js';
import { recipe, runFolder, temporary, write } from './support.js';

const { deleteRuns } = await import('../../extension/commands/manageRuns.js');

beforeEach(() => {
  Object.assign(fake, { asked: [], deleted: [], hasTrash: true, choose: () => undefined });
});

/** A finished run, and the services that know it. */
async function finished(t: TestContext) {
  const root = await temporary(t);
  const run = await runFolder(root, 'a', {});
  const store = new RunStore();
  await store.read(run);
  return {
    root,
    run,
    next: join(run, 'next'),
    services: { store, recipes: new RecipeIndex(), problems: new Problems() },
  };
}

test('a run stays that another process is about to replace, known to the window or not', async (t) => {
  const { root, run, next, services } = await finished(t);
  await runFolder(root, 'a/next', { manifest: { outcome: 'running' } });
  const { pid } = await workingIn(t, next);
  const refused = { message: /another process is working on this run/ };
  await assert.rejects(deleteRuns(services, { run, confirmed: true }), refused);
  await services.store.read(next);
  assert.equal(services.store.get(next)!.elsewhere?.pid, pid);
  await assert.rejects(deleteRuns(services, { run, confirmed: true }), /is running/);
  assert.deepEqual(fake.deleted, []);
  await rm(join(next, OWNER.file));
  await services.store.read(next);
  await deleteRuns(services, { run, confirmed: true });
  assert.deepEqual(fake.deleted, [{ path: run, useTrash: true }]);
});

test('a point stays as long as its sweep does, and goes with it', async (t) => {
  const { root, services } = await finished(t);
  const sweep = await runFolder(root, 's', { manifest: { kind: 'sweep' } });
  const point = await runFolder(root, 's/points/seed-1', { manifest: { point: { values: { seed: 1 }, depends: '' } } });
  for (const folder of [sweep, point]) await services.store.read(folder);
  const refused = { message: /"seed 1" is a point of a sweep, whose table names it/ };
  await assert.rejects(deleteRuns(services, { run: point, confirmed: true }), refused);
  assert.deepEqual(fake.deleted, []);
  const next = async (): Promise<string> => {
    const of = { point: { values: { seed: 1 }, depends: '' }, outcome: 'stopped' } as const;
    const folder = await runFolder(root, 's/points/seed-1/next', { manifest: of });
    await services.store.read(folder);
    return folder;
  };
  const stopped = await next();
  await deleteRuns(services, { run: stopped, confirmed: true });
  assert.deepEqual(fake.deleted.splice(0), [{ path: stopped, useTrash: true }], 'no table names it');
  await deleteRuns(services, { runs: [point, await next(), sweep], confirmed: true });
  assert.deepEqual(fake.deleted, [{ path: sweep, useTrash: true }]);
  // One that lies elsewhere is a run like any other.
  const alone = await runFolder(root, 'alone/points/seed-1', { manifest: { point: { values: { seed: 1 }, depends: '' } } }); // oxfmt-ignore
  await services.store.read(alone);
  await deleteRuns(services, { run: alone, confirmed: true });
  assert.deepEqual(fake.deleted.at(-1), { path: alone, useTrash: true });
});

test('a run stays that one of this window is to replace, also where that came while the person was asked', async (t) => {
  const { root, run, next, services } = await finished(t);
  const facts = await recipeToRun(await write(join(root, 'recipes/r.json'), recipe()));
  fake.choose = ([yes]) => {
    services.store.queued(services.store.begin({ ...facts, output: next }, 'again', false), 1, 'waits');
    return yes;
  };
  await assert.rejects(deleteRuns(services, { run }), /"again" is running/);
  await assert.rejects(deleteRuns(services, { run, confirmed: true }), /"again" is running/);
  assert.deepEqual(fake.deleted, []);
});
