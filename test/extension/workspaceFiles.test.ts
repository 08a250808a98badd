/** Which files of a workspace are recipes, data and evaluation sets. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostError } from '../../extension/host/errors.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { writeState } from '../../extension/host/state.js';
import { scanFile } from '../../extension/data/scans.js';
import { Problems } from '../../extension/data/problems.js';
import { RunStore } from '../../extension/runs/store.js';
import { fake, Uri, workspace } from './fake/vscode.js';
import { recipe, runFolder, temporary, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

test('recipes of the workspace determine which files are evaluation sets', async (t) => {
  const root = await temporary(t);
  const index = new RecipeIndex();
  const file = await write(
    join(root, 'recipes/r.json'),
    recipe({ evaluate: [{ name: 'f', file: '../held-out.jsonl', measure: 'harm' }] }),
  );
  await index.read(file);
  await index.read(await write(join(root, 'package.json'), { name: 'x' }));
  assert.equal(index.list().length, 1);
  assert.equal(index.isEvaluationSet(join(root, 'held-out.jsonl')), true);
  assert.equal(index.isEvaluationSet(join(root, 'eval/other.jsonl')), true);
  assert.equal(index.isEvaluationSet(join(root, 'train.jsonl')), false);
  await index.read(join(root, 'none.json'));
  index.forget(file);
  assert.equal(index.list().length, 0);
});

test('recipes are in the order of their files, sorted once after each change', async (t) => {
  const root = await temporary(t);
  const index = new RecipeIndex();
  const made = async (name: string, more?: object): Promise<string> => {
    const file = await write(join(root, `recipes/${name}.json`), recipe(more));
    await index.read(file);
    return file;
  };
  const measured = () => index.list().map(({ file, evaluate }) => [basename(file), evaluate.length]);
  await made('b');
  assert.deepEqual(measured(), [['b.json', 1]]);
  const first = await made('a');
  assert.deepEqual(measured(), [['a.json', 1], ['b.json', 1]]); // oxfmt-ignore
  await made('b', { evaluate: [] });
  assert.deepEqual(measured(), [['a.json', 1], ['b.json', 0]]); // oxfmt-ignore
  assert.equal(index.list(), index.list(), 'not sorted again');
  index.forget(first);
  assert.deepEqual(measured(), [['b.json', 0]]);
});

test('what other programs call recipes is none of ours; a recipe that is broken is told', async (t) => {
  const root = await temporary(t);
  const told = async (content: string | object): Promise<boolean> => {
    const read = new RecipeIndex().read(await write(join(root, 'site/recipes/r.json'), content));
    return read.then(
      () => false,
      (error: unknown) => error instanceof HostError,
    );
  };
  const theirs = [{ title: 'Pasta', ingredients: [] }, { kind: 'dessert' }, [], '5', '{ "title": "Pasta",', ''];
  const ours = [{ kind: 'vector' }, { model: '../tiny' }, { output: 'x' }, { harmful: {} }, '{ "data": {},'];
  for (const content of theirs) assert.equal(await told(content), false, JSON.stringify(content));
  for (const content of ours) assert.equal(await told(content), true, JSON.stringify(content));
  assert.equal(await told('x'.repeat(2e6)), false);
  // Where somebody has worked with models, what cannot be read there was a recipe.
  await writeState(root, { version: 1, models: [] });
  assert.equal(await told('<<<<<<< HEAD'), true);
  assert.equal(await told('x'.repeat(2e6)), true);
  assert.equal(await told({ title: 'Pasta' }), false);
});

test('the recipe that lies in a run is none of the workspace, in whatever order its files come', async (t) => {
  const root = await temporary(t);
  const errors: unknown[] = [];
  const none = (): undefined => undefined;
  const parts = { store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() };
  const on = { onState: none, onReview: none, onDataFile: none, onError: (error: unknown) => errors.push(error) };
  const files = new WorkspaceFiles({ ...parts, ...on });
  t.after(() => files.dispose());
  for (const name of ['a', 'b']) {
    const [own, manifest] = ['recipe.json', 'manifest.json'].map((file) => join(root, `adapters/${name}`, file));
    const come = (file: string): Promise<unknown>[] =>
      fake.watchers
        .filter(({ glob }) => glob === '**/*.json' || glob === `**/${basename(file)}`)
        .map(async (watcher) => watcher.create.fire(Uri.file(file)));
    if (name === 'a') {
      await write(own!, recipe());
      await Promise.all(come(own!));
      await sleep(50);
      await runFolder(root, name, {});
      await Promise.all(come(manifest!));
    } else {
      await runFolder(root, name, {});
      await write(own!, recipe());
      // Both in one batch.
      await Promise.all([manifest!, own!].flatMap(come));
    }
    for (let i = 0; i < 100 && !parts.store.get(join(root, 'adapters', name)); i++) await sleep(10);
    await sleep(50);
  }
  assert.equal(parts.store.list().length, 2);
  assert.deepEqual([files.recipes(), errors], [[], []]);
});

test('a folder of the workspace that keeps scans, but no models, has been worked with, too', async (t) => {
  const root = await temporary(t);
  const broken = await write(join(root, 'recipes/r.json'), '<<<<<<< HEAD');
  await write(join(root, '.security-vectors/cache/rows'), 'beside data that was read');
  await new RecipeIndex().read(broken);
  await write(scanFile(root, join(root, 'train.jsonl')), '{}');
  await assert.rejects(new RecipeIndex().read(broken), HostError);
});

test('recipes and lists that are called nearly as a file of a model are found after a reload, too', async (t) => {
  const root = await temporary(t);
  const recipes = ['all/lora-config.json', 'recipes/config.json'];
  const lists = ['faq-index.json', 'my.vocab.json'];
  const ofModel = ['adapter_config.json', 'config.json', 'model.safetensors.index.json', 'tokenizer.json'].map((name) => `tiny/${name}`); // oxfmt-ignore
  for (const name of [...recipes, ...ofModel]) await write(join(root, name), recipe());
  for (const name of lists) await write(join(root, name), '[{ "question": "a" }]');
  const parts = { store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() };
  const none = (): undefined => undefined;
  const files = new WorkspaceFiles({ ...parts, onState: none, onReview: none, onDataFile: none, onError: none });
  t.after(() => files.dispose());
  const all = [...recipes, ...lists, ...ofModel].map((name) => join(root, name));
  const { find } = fake;
  t.after(() => (fake.find = find));
  fake.find = (glob) => (glob === '**/*.json' ? all : []);
  await files.scan();
  const names = (paths: readonly string[]): string[] => paths.map((path) => path.slice(root.length + 1));
  assert.deepEqual([names(files.recipes()), names(files.dataFiles())], [recipes, lists]);
});

test('the recipes of the workspace are those that were read, and what is meant to be one', async (t) => {
  const root = await temporary(t);
  const files = {
    'recipes/good.json': JSON.stringify(recipe()),
    'recipes/broken.json': '{"kind": "finetune",',
    'recipes/soup.json': '{"name": "soup", "ingredients": []}',
    'runs/x/manifest.json': '{',
  };
  for (const [name, text] of Object.entries(files)) await write(join(root, name), text);
  const workspaceFiles = new WorkspaceFiles({
    ...{ store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems(), onError: assert.ifError },
    ...{ onReview: () => undefined, onDataFile: () => undefined, onState: () => undefined },
  });
  const { find } = fake;
  t.after(() => {
    fake.find = find;
    workspaceFiles.dispose();
  });
  const paths = Object.keys(files).map((name) => join(root, name));
  fake.find = (glob) => paths.filter((path) => (glob === '**/manifest.json' ? path.endsWith('manifest.json') : glob === '**/*.json')); // oxfmt-ignore
  await workspaceFiles.scan();
  assert.deepEqual(workspaceFiles.recipes(), [join(root, 'recipes/broken.json'), join(root, 'recipes/good.json')]);
});

test('the list of data files is made anew when a file, a list, a recipe or a run comes or goes, and not before', async (t) => {
  const root = await temporary(t);
  fake.watchers = [];
  const parts = { store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() };
  const none = (): undefined => undefined;
  const files = new WorkspaceFiles({ ...parts, onState: none, onReview: none, onDataFile: none, onError: assert.ifError }); // oxfmt-ignore
  t.after(() => files.dispose());
  const watcher = (glob: RegExp) => fake.watchers.find((one) => glob.test(one.glob))!;
  const data = watcher(/jsonl/);
  const json = watcher(/^\*\*\/\*\.json$/);
  const shown = (): string[] => files.dataFiles().map((file) => file.slice(root.length + 1));
  const rows = Uri.file(await write(join(root, 'adapters/run/rows.jsonl'), '{}\n'));
  const faq = Uri.file(await write(join(root, 'faq.json'), '[{ "question": "a" }]'));
  await data.create.fire(rows);
  await json.create.fire(faq);
  const first = files.dataFiles();
  assert.deepEqual(shown(), ['adapters/run/rows.jsonl', 'faq.json']);
  await data.change.fire(rows);
  await json.change.fire(faq);
  assert.equal(files.dataFiles(), first, 'the same list');
  await write(faq.fsPath, '{}');
  await json.change.fire(faq);
  assert.deepEqual(shown(), ['adapters/run/rows.jsonl']);
  const naming = await write(join(root, 'recipes/a.json'), recipe({ data: { file: '../faq.json' } }));
  await parts.recipes.read(naming);
  assert.deepEqual(shown(), ['adapters/run/rows.jsonl', 'faq.json']);
  parts.recipes.forget(naming);
  assert.deepEqual(shown(), ['adapters/run/rows.jsonl']);
  const folder = await runFolder(root, 'run', {});
  await parts.store.read(folder);
  assert.deepEqual(shown(), []);
  parts.store.forget(folder);
  assert.deepEqual(shown(), ['adapters/run/rows.jsonl']);
  await data.remove.fire(rows);
  assert.deepEqual(shown(), []);
});

test('what .gitignore says of results counts at once, as soon as it is written, changed or deleted', async (t) => {
  const root = await temporary(t);
  workspace.workspaceFolders = [{ uri: Uri.file(root) }] as never;
  fake.watchers = [];
  t.after(() => (workspace.workspaceFolders = undefined));
  const none = (): undefined => undefined;
  const files = new WorkspaceFiles({
    ...{ store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() },
    ...{ onState: none, onReview: none, onDataFile: none, onError: assert.ifError },
  });
  t.after(() => files.dispose());
  const told = async (glob: RegExp, what: 'create' | 'change' | 'remove', file: string): Promise<void> => {
    for (const watcher of fake.watchers) if (glob.test(watcher.glob)) await watcher[what].fire(Uri.file(file));
  };
  await told(/jsonl/, 'create', await write(join(root, 'runs/rows.jsonl'), '{}\n'));
  const ignore = join(root, '.gitignore');
  const shown = async (what: 'create' | 'change' | 'remove'): Promise<number> => {
    await told(/gitignore$/, what, ignore);
    return files.dataFiles().length;
  };
  assert.equal(files.dataFiles().length, 1);
  await write(ignore, '/runs/\n');
  assert.equal(await shown('create'), 0);
  await write(ignore, '*.log\n');
  assert.equal(await shown('change'), 1);
  await write(ignore, '/runs/\n');
  assert.equal(await shown('change'), 0);
  await rm(ignore);
  assert.equal(await shown('remove'), 1);
});
