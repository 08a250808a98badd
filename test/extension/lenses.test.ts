/** When lenses are placed nothing is read or asked; what they say is found once they are seen. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake } from './fake/vscode.js';
import { evaluationTitle, unlistedText } from '../../extension/codelens/titles.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { RunStore } from '../../extension/runs/store.js';
import { harm, recipe, runFolder, step, temporary, write } from './support.js';

const { Lenses } = await import('../../extension/codelens/lenses.js');

const silent = {
  onDidChange: () => ({ dispose: () => undefined }),
  onDidChangeState: () => ({ dispose: () => undefined }),
};

/** Nothing was edited. */
const verdicts = { edited: () => 0, onDidChangeEdited: silent.onDidChange } as never;

test('lenses are placed without words, get them when they are seen, and are none where they are turned off', (t) => {
  let asked = 0;
  const scan = { flagged: 171, rows: 571, vectorName: 'forbidden-topic' };
  const lenses = new Lenses(
    {
      estimates: silent,
      store: silent,
      models: { ...silent, list: () => (asked++, []) },
      files: { ...silent, dataFiles: () => ['/w/train.jsonl'] },
      recipes: { isEvaluationSet: () => false, measuring: () => [], list: () => (asked++, []) },
      scans: { ...silent, get: () => scan, since: () => undefined },
      reviews: { ...silent, counts: () => (asked++, undefined) },
    } as never,
    verdicts,
  );
  t.after(() => lenses.dispose());
  const document = { uri: { fsPath: '/w/train.jsonl' }, languageId: 'jsonl' } as never;
  fake.settings.set('codeLens', true);
  const placed = lenses.provideCodeLenses(document);
  assert.deepEqual([placed.map(({ command }) => command), asked], [Array(4).fill(undefined), 0]);
  const [first] = placed as [(typeof placed)[0]];
  assert.equal(lenses.resolveCodeLens(first, { isCancellationRequested: true } as never), undefined);
  const seen = lenses.resolveCodeLens(first, { isCancellationRequested: false } as never);
  assert.match(seen!.command!.title, /Scan for harmful rows with forbidden-topic .* 171 of 571 look harmful/);
  fake.settings.set('codeLens', false);
  assert.deepEqual(lenses.provideCodeLenses(document), []);
  fake.settings.set('codeLens', true);
});

test('in a folder of evaluations data files alone can be measured, and what a recipe measures', async (t) => {
  const recipes = new RecipeIndex();
  const root = await temporary(t);
  const set = { name: 'named', file: '../eval/named.json', measure: 'harm' };
  await recipes.read(await write(join(root, 'recipes/r.json'), recipe({ evaluate: [set] })));
  const at = (name: string): string => join(root, 'eval', name);
  const data = at('list.json');
  const lenses = new Lenses(
    {
      ...{ estimates: silent, store: silent, models: silent, scans: { ...silent, get: () => undefined } },
      ...{ reviews: silent, recipes, files: { ...silent, dataFiles: () => [data] } },
    } as never,
    verdicts,
  );
  t.after(() => lenses.dispose());
  const placed = (file: string): string[] => {
    const document = { uri: { fsPath: file }, languageId: 'json', getText: () => '{}' };
    return lenses.provideCodeLenses(document as never).map(({ kind }) => kind.of);
  };
  assert.deepEqual([data, at('named.json')].map(placed), [['evaluate'], ['evaluate']]);
  for (const name of ['package.json', 'list.json.labels.json', 'list.json.review.json'])
    assert.deepEqual(placed(at(name)), [], name);
});

test('one row that the Problems panel does not list is one row', () => {
  const scan = { size: 1 } as Parameters<typeof unlistedText>[0];
  assert.match(unlistedText(scan, 1, 7), /^1 more row, in line 7, looks harmful and is not listed here\./);
  assert.match(unlistedText(scan, 1200, 7), /^1,200 more rows, from line 7 on, look harmful and are not listed here\./);
});

test('results of a file that may have changed say so, and without results there is nothing to say', () => {
  const title = (edited: number | null, results = [harm('base', 0)]) => evaluationTitle('harm', 'm', results, edited);
  assert.match(title(null), /base 0\s%, perhaps edited since$/);
  assert.match(title(0), /base 0\s%$/);
  assert.match(title(null, []), /on m$/);
});

test('the copy of a recipe in a run folder has no lens that runs it, and the recipe itself has', async (t) => {
  const root = await temporary(t);
  const store = new RunStore();
  const folder = await runFolder(root, 'colours', {});
  await store.read(folder);
  const lenses = new Lenses(
    {
      ...{ estimates: silent, store, models: silent, scans: silent, reviews: silent, recipes: new RecipeIndex() },
      ...{ files: { ...silent, dataFiles: () => [] } },
    } as never,
    verdicts,
  );
  t.after(() => lenses.dispose());
  const text = JSON.stringify(recipe());
  const placed = (file: string): string[] => {
    const document = {
      uri: { fsPath: file },
      languageId: 'json',
      getText: () => text,
      positionAt: () => ({ line: 0 }),
    };
    return lenses.provideCodeLenses(document as never).map(({ kind }) => kind.of);
  };
  assert.deepEqual(placed(join(root, 'recipes/colours.json')), ['recipe', 'lastRun']);
  assert.deepEqual(placed(join(folder, 'recipe.json')), []);
});

test('the lens of a recipe that runs counts its steps, each second at most', (t) => {
  const store = new RunStore();
  const lenses = new Lenses(
    {
      ...{ estimates: silent, store, models: silent, scans: silent, reviews: silent, recipes: new RecipeIndex() },
      ...{ files: { ...silent, dataFiles: () => [] } },
    } as never,
    verdicts,
  );
  t.after(() => lenses.dispose());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const text = JSON.stringify(recipe());
  const document = {
    uri: { fsPath: '/w/recipes/colours.json' },
    languageId: 'json',
    getText: () => text,
    positionAt: () => ({ line: 0 }),
  };
  const shown: (string | undefined)[] = [];
  lenses.onDidChangeCodeLenses(() => {
    const lens = lenses.provideCodeLenses(document as never).at(-1)!;
    shown.push(lenses.resolveCodeLens(lens, { isCancellationRequested: false } as never)?.command?.title);
  });
  const run = store.begin(recipeFacts(text, '/w/recipes/colours.json')!, 'colours', false);
  t.mock.timers.tick(1000);
  for (let k = 1; k <= 25; k++) {
    store.append(run, [step(k)]);
    t.mock.timers.tick(100);
  }
  assert.deepEqual(
    shown.map((title) => /preparing|step \d+/.exec(title ?? '')?.[0]),
    ['preparing', 'step 10', 'step 20'],
  );
});
