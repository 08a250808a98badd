/** Vectors that recipes name by their place on the Hub are no files of this machine, and need none. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { differingKeys } from '../../runtime/contract/comparedRuns.js';
import { comparedRun } from '../../extension/runs/compareMany.js';
import { readRun } from '../../extension/runs/folder.js';
import { relativeTo } from '../../extension/runs/recipeEdit.js';
import { trainingForm } from '../../extension/views/trainingState.js';
import { recipe, runFolder, temporary } from './support.js';
import { FILE, known, TEXT, written } from './trainingRecipe.js';

const NAME = 'hub:example/zorb@4f0c2d1';

test('a recipe with such a vector can be started', () => {
  const text = TEXT.replace('../vectors/zorb', NAME);
  const { form, notices } = trainingForm(written(text), known({ vectors: [], exists: (path) => !path.includes(NAME) }));
  assert.deepEqual([form.canStart, form.isProtected, notices], [true, true, []]);
  assert.deepEqual(
    [form.fields.vector.value, form.fields.vector.choices.map(({ label }) => label)],
    [NAME, ['hub:example/zorb@4f0c2d1']],
  );
});

test('recipes in different folders name the same one', async (t) => {
  const root = await temporary(t);
  const vectors = [{ adapter: NAME, scale: 1 }];
  const a = await runFolder(root, 'a', { manifest: { recipe: join(root, 'recipes/r.json') }, recipe: { vectors } });
  const deep = recipe({
    ...{ model: '../../tiny', data: { file: '../../train.jsonl' }, vectors },
    evaluate: [{ name: 'forbidden', file: '../../eval/forbidden.jsonl', measure: 'harm' }],
  });
  const b = await runFolder(root, 'b', { manifest: { recipe: join(root, 'recipes/deep/r.json') }, recipe: deep });
  const compared = await Promise.all(
    [a, b].map(async (folder) => comparedRun((await readRun(folder))!, folder, (path) => path)),
  );
  assert.deepEqual(differingKeys(compared), []);
  assert.equal(compared[0]!.recipe['vectors.0.adapter'], NAME);
});

test('a recipe that is written names it as it is called', () => {
  assert.equal(relativeTo(FILE)(NAME), NAME);
});
