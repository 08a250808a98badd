/** Folders that join the workspace or leave it, while a window is open. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { VIEWS } from '../../extension/host/contributions.js';
import { Problems } from '../../extension/data/problems.js';
import { Scans } from '../../extension/data/scans.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { recipe, runFolder, temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';

const { start } = await import('./started.js');
const { modelsView } = await import('../../extension/views/models.js');
const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

/** Two folders, each with a run, a recipe, another that is damaged, and a data file. */
async function twoFolders(t: TestContext) {
  const root = await temporary(t);
  const folders = [join(root, 'a'), join(root, 'ab')];
  const [manifests, json, data]: string[][] = [[], [], []];
  for (const folder of folders) {
    manifests.push(join(await runFolder(folder, 'run', {}), 'manifest.json'));
    json.push(await write(join(folder, 'recipes/good.json'), recipe()));
    json.push(await write(join(folder, 'recipes/bad.json'), '{ "kind": "finetune",'));
    data.push(await write(join(folder, 'data/rows.jsonl'), '{}\n'));
  }
  let open = folders;
  const before = fake.find;
  fake.find = (glob) => {
    const found = glob === '**/manifest.json' ? manifests : glob === '**/*.json' ? json : data;
    return found.filter((file) => open.some((folder) => file.startsWith(join(folder, '/'))));
  };
  const parts = { store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() };
  const files = new WorkspaceFiles({
    ...parts,
    ...{ onState: () => undefined, onReview: () => undefined, onDataFile: () => undefined },
    onError: assert.ifError,
  });
  t.after(() => {
    fake.find = before;
    files.dispose();
  });
  const change = async (next: string[], of: { added?: string[]; removed?: string[] }): Promise<void> => {
    open = next;
    const asFolders = (paths: string[] = []) => paths.map((path) => ({ uri: Uri.file(path) }));
    await fake.folders.fire({ added: asFolders(of.added), removed: asFolders(of.removed) });
  };
  const all = { runs: folders.length, recipes: folders.length, problems: folders.length, data: folders.length };
  const count = () => ({
    runs: parts.store.list().length,
    recipes: parts.recipes.list().length,
    problems: parts.problems.list('runs').length,
    data: files.dataFiles().length,
  });
  const becomes = async (expected: ReturnType<typeof count>, why?: string): Promise<void> => {
    for (let i = 0; !isDeepStrictEqual(count(), expected) && i < 750; i++) await sleep(20);
    assert.deepEqual(count(), expected, why);
  };
  return { ...parts, files, folders, change, becomes, all };
}

const ONE = { runs: 1, recipes: 1, problems: 1, data: 1 };

test('a folder that leaves the workspace takes its runs, recipes, data and problems along, and brings them back', async (t) => {
  const { store, recipes, files, folders, change, becomes, all } = await twoFolders(t);
  const [a, b] = folders as [string, string];
  await files.scan();
  await becomes(all);
  await change([b], { removed: [a] });
  await becomes(ONE, 'the other has a name that begins with its own');
  assert.ok(store.list()[0]!.folder.startsWith(b) && recipes.list()[0]!.file.startsWith(b));
  await change(folders, { added: [a] });
  await becomes(all);
});

test('a run at work there stays, and a folder that leaves during the first look leaves nothing', async (t) => {
  const { store, files, folders, change, becomes } = await twoFolders(t);
  const [a, b] = folders as [string, string];
  const facts = await recipeToRun(join(b, 'recipes/good.json'));
  const live = store.begin({ ...facts, output: join(b, 'adapters/live') }, 'live', false);
  const first = files.scan();
  await change([a], { removed: [b] });
  await first;
  await becomes({ ...ONE, runs: 2 });
  assert.ok(store.list().includes(live));
});

test('a folder that leaves takes nothing along of a folder in it that stays: pages of its runs stay open', async (t) => {
  const { store, files, folders, change, becomes } = await twoFolders(t);
  const [a] = folders as [string, string];
  const before = workspace.workspaceFolders;
  t.after(() => void Object.assign(workspace, { workspaceFolders: before }));
  await files.scan();
  const gone: string[] = [];
  store.onDidChange(({ kind, run }) => kind === 'gone' && gone.push(run.folder));
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(a), name: 'a' }] });
  await change([a], { removed: [dirname(a)] });
  await becomes(ONE);
  assert.deepEqual(gone, [join(folders[1]!, 'adapters/run')]);
});

test('of several folders the one that keeps the models is named at their view', async (t) => {
  const before = workspace.workspaceFolders;
  const models = { list: () => [], onDidChange: () => ({ dispose: () => undefined }) };
  const services = { models, problems: new Problems(), notices: { error: assert.ifError } };
  const folders = ['/a', '/b'].map((path) => ({ uri: Uri.file(path), name: path.slice(1) }));
  Object.assign(workspace, { workspaceFolders: folders });
  const view = modelsView(services as never, async () => undefined);
  t.after(() => {
    view.dispose();
    Object.assign(workspace, { workspaceFolders: before });
  });
  const title = fake.titles.get(VIEWS.models)!;
  assert.equal(title.description, 'a');
  Object.assign(workspace, { workspaceFolders: folders.slice(0, 1) });
  await fake.folders.fire({ added: [], removed: folders.slice(1) });
  assert.equal(title.description, undefined);
});

test('the scans of a folder that joins the workspace are shown, and go with it', async (t) => {
  const root = await temporary(t);
  const [a, b] = ['a', 'b'].map((name) => join(root, name)) as [string, string];
  const data = await write(join(b, 'train.jsonl'), '{"prompt":"x","completion":"y"}\n');
  await new Scans(() => [b]).add(data, 'v', 'v', scanResult({ flagged: 1 }));
  const [find, folders] = [fake.find, workspace.workspaceFolders];
  await start(t, await write(join(a, 'readme.md'), '').then(() => a), false);
  t.after(() => {
    fake.find = find;
    Object.assign(workspace, { workspaceFolders: folders, isTrusted: true });
  });
  const tree = fake.trees.get(VIEWS.data)!;
  const shown = async (): Promise<string> => {
    const rows = (await tree.getChildren()) as unknown[];
    return rows.map((row) => (tree.getTreeItem(row) as { description?: string }).description).join();
  };
  const becomes = async (expected: RegExp): Promise<void> => {
    for (let i = 0; !expected.test(await shown()) && i < 750; i++) await sleep(20);
    assert.match(await shown(), expected);
  };
  // The file itself stays, as a recipe of the folder that is left might name it.
  fake.find = (glob) => (String(glob).includes('jsonl') ? [data] : []);
  const joined = { uri: Uri.file(b), name: 'b' };
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(a), name: 'a' }, joined] });
  await fake.folders.fire({ added: [joined], removed: [] });
  await becomes(/flagged/);
  Object.assign(workspace, { workspaceFolders: [{ uri: Uri.file(a), name: 'a' }] });
  await fake.folders.fire({ added: [], removed: [joined] });
  await becomes(/^$/);
});
