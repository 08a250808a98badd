/** What is kept beside a data file, reviews and labels of answers, is no data itself. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { labelsFile } from '../../runtime/contract/labels.js';
import { reviewFile } from '../../runtime/contract/review.js';
import { Problems } from '../../extension/data/problems.js';
import { RunStore } from '../../extension/runs/store.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { fake, Uri } from './fake/vscode.js';
import { temporary, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

test('labels and reviews in a folder of data are not listed, found at the start or written later', async (t) => {
  const root = await temporary(t);
  const data = await write(join(root, 'data/train.jsonl'), '{}\n');
  const beside = [labelsFile(data), reviewFile(data)];
  for (const file of beside) await write(file, { version: 1 });
  fake.watchers = [];
  const files = new WorkspaceFiles({
    ...{ store: new RunStore(), recipes: new RecipeIndex(), problems: new Problems() },
    ...{ onState: () => undefined, onReview: () => undefined, onDataFile: () => undefined },
    onError: assert.ifError,
  });
  const before = fake.find;
  fake.find = (glob) => (glob === '**/*.json' ? beside : String(glob).includes('jsonl') ? [data] : []);
  t.after(() => {
    fake.find = before;
    files.dispose();
  });
  await files.scan();
  assert.deepEqual(files.dataFiles(), [data]);
  const json = fake.watchers.find(({ glob }) => glob === '**/*.json')!;
  for (const file of beside) await json.create.fire(Uri.file(file));
  assert.deepEqual(files.dataFiles(), [data]);
});
