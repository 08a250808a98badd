/** What is run or shown is what the person sees: files that are edited are saved before. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { fake, TabInputCustom, TabInputText, Uri, window, workspace, type TextDocument } from './fake/vscode.js';
import { recipe, temporary, write } from './support.js';

const { startRecipe } = await import('../../extension/commands/runs.js');
const { previewData } = await import('../../extension/commands/previewData.js');

const documents = workspace.textDocuments as TextDocument[];

/** Files of a workspace that are open, with an edit that is not saved. */
async function edited(t: TestContext, files: readonly string[]): Promise<string> {
  const root = await temporary(t);
  t.after(() => void documents.splice(0));
  for (const name of files) {
    const file = await write(join(root, name), 'before\n');
    (await workspace.openTextDocument(Uri.file(file))).edit('after\n');
  }
  return root;
}

/** Of a runner that starts nothing: what the files say when a run begins. */
async function begun(root: string, file: string, files: readonly string[]): Promise<string[]> {
  const said: string[] = [];
  const runner = {
    standing: async () => undefined,
    start: async () => {
      for (const name of files) said.push(await readFile(join(root, name), 'utf8'));
    },
  };
  await startRecipe({ runner, assertTrusted: () => undefined } as never, file);
  return said;
}

test('a recipe is run on its data and evaluation sets as their editors have them', async (t) => {
  const named = ['train.jsonl', 'mix.jsonl', 'eval/forbidden.jsonl'];
  const root = await edited(t, [...named, 'other.jsonl']);
  const data = { file: '../train.jsonl', mix: { file: '../mix.jsonl' } };
  const file = await write(join(root, 'recipes/r.json'), recipe({ data }));
  assert.deepEqual(await begun(root, file, [...named, 'other.jsonl']), ['after\n', 'after\n', 'after\n', 'before\n']);
});

test('a sweep is run by its base as its editor has it, and on what its points name', async (t) => {
  const named = ['recipes/base/r.json', 'recipes/train.jsonl', 'recipes/other.jsonl', 'recipes/eval/forbidden.jsonl'];
  const root = await edited(t, named);
  const base = JSON.stringify(recipe());
  documents[0]!.edit(base);
  const over = { 'data.file': ['../train.jsonl', '../other.jsonl'] };
  const file = await write(join(root, 'recipes/s.json'), { kind: 'sweep', base: 'base/r.json', over, output: '../s' });
  assert.deepEqual(await begun(root, file, named), [base, 'after\n', 'after\n', 'after\n']);
});

test('a file that cannot be saved keeps the run from beginning', async (t) => {
  const root = await edited(t, ['train.jsonl']);
  documents[0]!.save = async () => false;
  const file = await write(join(root, 'recipes/r.json'), recipe());
  await assert.rejects(begun(root, file, []), /could not be saved/);
});

test('a file that has no document is saved by its tab: a very large one, or one in an editor of an extension', async (t) => {
  const root = await temporary(t);
  const [large, table] = await Promise.all(
    ['train.jsonl', 'mix.jsonl'].map((name) => write(join(root, name), 'before\n')),
  );
  const file = await write(join(root, 'r.json'), recipe({ data: { file: large, mix: { file: table } } }));
  const tab = (input: unknown, isDirty = true): object => ({ label: '', isDirty, input });
  const [text, custom] = [new TabInputText(Uri.file(large!)), new TabInputCustom(Uri.file(table!), 'table')];
  const { save } = workspace;
  t.after(() => {
    workspace.save = save;
    window.tabGroups.all = [];
  });
  const show = (...tabs: object[]): void => void (window.tabGroups.all = [{ tabs }] as typeof window.tabGroups.all);
  workspace.save = async (uri) => (await write(uri.fsPath, 'after\n'), uri);
  const files = ['train.jsonl', 'mix.jsonl'];
  show(tab(text, false), tab(custom, false), tab(new TabInputText(Uri.file(join(root, 'other.jsonl')))));
  assert.deepEqual(await begun(root, file, files), ['before\n', 'before\n']);
  show(tab(text), tab(custom));
  assert.deepEqual(await begun(root, file, files), ['after\n', 'after\n']);
  workspace.save = save;
  await assert.rejects(begun(root, file, []), /could not be saved/);
});

test('rows are shown as their editor has them', async (t) => {
  const root = await edited(t, ['train.jsonl']);
  const file = join(root, 'train.jsonl');
  const said: string[] = [];
  const recipes = { list: () => [], isEvaluationSet: () => false };
  const asked = new Error('the engine was asked');
  const services = {
    ...{ assertTrusted: () => undefined, recipes, store: { list: () => [] } },
    models: { list: () => [{ path: join(root, 'tiny'), name: 'tiny' }] },
    engine: {
      request: async () => {
        said.push(await readFile(file, 'utf8'));
        throw asked;
      },
    },
  };
  fake.said.length = 0;
  await assert.rejects(previewData(services as never, { file, columns: { prompt: 'a' } }), asked);
  assert.deepEqual(said, ['after\n']);
});
