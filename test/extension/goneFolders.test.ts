/** Of a folder that is deleted or renamed VS Code tells the topmost only: what lay in it leaves all lists. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { Problems } from '../../extension/data/problems.js';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake, Uri } from './fake/vscode.js';
import { recipe, runFolder, temporary, until, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

test('data, recipes and damaged files leave with their folder, and files that are still there stay', async (t) => {
  const root = await temporary(t);
  const told: string[] = [];
  const reviewed: string[] = [];
  fake.watchers = [];
  const parts = { store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() };
  const files = new WorkspaceFiles({
    ...parts,
    ...{ onState: () => undefined, onReview: (file) => reviewed.push(file), onDataFile: (file) => told.push(file) },
    onError: assert.ifError,
  });
  t.after(() => files.dispose());
  const watchers = (glob: RegExp) => fake.watchers.filter((one) => glob.test(one.glob));
  const made = async (name: string, content: string | object): Promise<string> => {
    const file = await write(join(root, name), content);
    const glob = file.endsWith('.json') ? /^\*\*\/\*\.json$/ : /jsonl/;
    for (const { create } of watchers(glob)) await create.fire(Uri.file(file));
    return file;
  };
  await made('all/recipes/good.json', recipe({}));
  await made('all/recipes/bad.json', '{ "kind": "finetune",');
  await made('all/data/rows.jsonl', '{}\n');
  await made('all/data/list.json', '[{}]');
  const kept = await made('all-others/rows.jsonl', '{}\n');
  const known = () => ({
    data: files.dataFiles().map((file) => file.slice(root.length + 1)),
    recipes: parts.recipes.list().length,
    problems: parts.problems.list('runs').length,
  });
  const becomes = async (expected: ReturnType<typeof known>): Promise<void> => {
    for (let i = 0; !isDeepStrictEqual(known(), expected) && i < 750; i++) await sleep(20);
    assert.deepEqual(known(), expected);
  };
  const gone = async (folder: string): Promise<void> => {
    for (const { remove } of watchers(/^\*\*\/\*$/)) await remove.fire(Uri.file(join(root, folder)));
  };
  const all = ['all-others/rows.jsonl', 'all/data/list.json', 'all/data/rows.jsonl'];
  await becomes({ data: all, recipes: 1, problems: 1 });

  told.length = reviewed.length = 0;
  await rename(join(root, 'all/data'), join(root, 'data'));
  await gone('all/data');
  await becomes({ data: all.slice(0, 1), recipes: 1, problems: 1 });
  assert.deepEqual(
    told.sort(),
    all.slice(1).map((name) => join(root, name)),
  );
  assert.deepEqual(reviewed.sort(), told, 'their reviews are gone, too');
  // gone and there again, as at a checkout
  await gone('all-others');
  await rm(join(root, 'all'), { recursive: true });
  await gone('all');
  await becomes({ data: all.slice(0, 1), recipes: 0, problems: 0 });
  assert.deepEqual(files.dataFiles(), [kept]);
});

/** A store of runs, and who watches the folders of the workspace for it. */
async function watched(t: TestContext) {
  const root = await temporary(t);
  fake.watchers = [];
  const store = new RunStore();
  const none = (): undefined => undefined;
  const files = new WorkspaceFiles({
    ...{ store, recipes: new RecipeIndex(), problems: new Problems() },
    ...{ onState: none, onReview: none, onDataFile: none, onError: assert.ifError },
  });
  t.after(() => files.dispose());
  return { root, store, files };
}

test('the points of a sweep leave with its folder', async (t) => {
  const { root, store } = await watched(t);
  const sweep = await runFolder(root, 'sweep', { manifest: { kind: 'sweep', role: undefined, result: undefined } });
  const folders = [sweep];
  for (const seed of [1, 2]) {
    const manifest = { point: { values: { seed }, depends: 'on' } };
    folders.push(await runFolder(root, `sweep/points/seed-${seed}`, { manifest, recipe: { seed } }));
  }
  for (const folder of folders) await store.read(folder);
  assert.deepEqual([store.list().length, store.all().length], [1, 3]);
  await rename(sweep, join(root, 'elsewhere'));
  for (const { glob, remove } of fake.watchers) if (glob === '**/*') await remove.fire(Uri.file(sweep));
  await until(() => store.all().length === 0, 'some are still there');
});

test('a run whose folder is deleted under it stays, with how it ended, until a person has it go', async (t) => {
  const { root, store, files } = await watched(t);
  const folder = await runFolder(root, 'colours', { manifest: { outcome: 'stopped', done: undefined } });
  const { recipe: facts, name } = (await store.read(folder))!;
  const error = { kind: 'failed', message: 'the folder of the run is gone.' } as const;
  const gone = async (): Promise<void> => {
    const file = join(folder, 'manifest.json');
    for (const { glob, remove } of fake.watchers) {
      if (glob === '**/manifest.json') await remove.fire(Uri.file(file));
      if (glob === '**/*') await remove.fire(Uri.file(folder));
    }
    await files.scan();
  };
  for (const resume of [true, false]) {
    const run = store.begin({ ...facts!, output: folder }, name, resume);
    await rm(folder, { recursive: true, force: true });
    await gone();
    await store.end(run, error);
    await gone();
    const [left, ...more] = store.list();
    assert.deepEqual([left?.error, left?.progress.state, left?.hasCheckpoint], [error, 'failed', false]);
    assert.equal(more.length, 0);
  }
});
