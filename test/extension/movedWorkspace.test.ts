/** A workspace that was moved, renamed or copied whole: its runs are still those of its models and recipes. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readRun } from '../../extension/runs/folder.js';
import type { Run } from '../../extension/runs/run.js';
import { RunStore } from '../../extension/runs/store.js';
import { vectorsFor } from '../../extension/services/choice.js';
import { WorkspaceModels } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { recipe, runFolder, temporary, write } from './support.js';

/**
 * A workspace with a vector, its recipe and what it was made of, as it was when the vector was trained.
 * @returns where it is now
 */
async function workspace(
  t: TestContext,
  { output, ...more }: { output?: boolean } & Partial<Manifest> = {},
): Promise<{ old: string; now: string }> {
  const above = await temporary(t);
  const [old, now] = [join(above, 'old'), join(above, 'new/deeper')];
  const folder = join(old, 'adapters/v');
  const done: DoneEvent = { kind: 'done', outcome: 'finished', output: folder, step: 1, seconds: 1, measurements: [] };
  await runFolder(old, 'v', {
    manifest: {
      ...{ kind: 'vector', role: 'security', recipe: join(old, 'recipes/v.json') },
      data: [
        { path: join(old, 'train.jsonl'), rows: 1, sha256: 'bb' },
        { path: join(above, 'beside.jsonl'), rows: 1, sha256: 'cc' },
      ],
      ...(output && { done }),
      ...more,
    },
  });
  await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
  await write(join(folder, 'adapter/security_vector.json'), { role: 'security' });
  await write(join(old, 'recipes/v.json'), recipe({ kind: 'vector', output: '../adapters/v' }));
  for (const file of ['tiny/config.json', 'train.jsonl', '../beside.jsonl']) await write(join(old, file), '{}');
  await write(join(now, '../keep'), '');
  return { old, now };
}

const read = async (root: string): Promise<Run> => (await readRun(join(root, 'adapters/v')))!;

test('a model of a workspace that was moved has the vector that was trained there', async (t) => {
  const { old, now } = await workspace(t);
  await rename(old, now);
  const store = new RunStore();
  await store.read(join(now, 'adapters/v'));
  const models = new WorkspaceModels({
    root: () => now,
    inspect: () => Promise.reject(new Error('not asked')),
    runs: () => store.list(),
  });
  const model = await models.add(join(now, 'tiny'));
  assert.deepEqual(
    model.adapters.map(({ path }) => path),
    [join(now, 'adapters/v/adapter')],
  );
  assert.equal(vectorsFor({ models, recipes: new RecipeIndex(), store }, model).length, 1);
});

for (const output of [false, true])
  test(`paths of a run lead into the workspace as it is now, ${output ? 'where it was made' : 'its recipe'} says the way`, async (t) => {
    const { old, now } = await workspace(t, { output });
    await rename(old, now);
    const run = await read(now);
    assert.equal(run.recipe!.file, join(now, 'recipes/v.json'));
    assert.deepEqual([run.recipe!.model, run.recipe!.evaluate[0]!.file], [join(now, 'tiny'), join(now, 'eval/forbidden.jsonl')]); // oxfmt-ignore
    assert.equal(run.manifest!.model.path, join(now, 'tiny'));
    // What was not moved with it is where it was.
    assert.deepEqual(
      run.manifest!.data.map(({ path }) => path),
      [join(now, 'train.jsonl'), join(old, '../beside.jsonl')],
    );
  });

test('the runs of a copy are those of the copy, and a run that was moved alone stays with its workspace', async (t) => {
  const { old, now } = await workspace(t, { output: true });
  await cp(old, now, { recursive: true });
  assert.equal((await read(now)).recipe!.file, join(now, 'recipes/v.json'));
  assert.equal((await read(old)).recipe!.file, join(old, 'recipes/v.json'));
  await rm(now, { recursive: true });
  await cp(join(old, 'adapters/v'), join(now, 'adapters/v'), { recursive: true });
  const alone = await read(now);
  assert.equal(alone.recipe!.file, join(old, 'recipes/v.json'));
  assert.equal(alone.manifest!.model.path, join(old, 'tiny'));
});

test('a run that was cut off is not moved while its recipe lies where it lay', async (t) => {
  const { old } = await workspace(t, { outcome: 'stopped' });
  const elsewhere = join(old, 'other/adapters/v');
  await write(join(old, 'other/recipes/v.json'), recipe());
  await cp(join(old, 'adapters/v'), elsewhere, { recursive: true });
  assert.equal((await readRun(elsewhere))!.recipe!.file, join(old, 'recipes/v.json'));
  await rm(join(elsewhere, RUN_FILES.recipe));
  await rm(join(old, 'recipes/v.json'));
  assert.equal((await readRun(elsewhere))!.manifest!.recipe, join(old, 'recipes/v.json'));
});
