/** What editors check: recipes, and nothing that other programs keep in folders of that name. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parseJsonc } from '../../runtime/contract/jsonc.js';
import { editorSchema } from '../../runtime/contract/recipeSchema.js';

const isValid = new Ajv({ strict: false }).compile(editorSchema());
const RECIPES = join(import.meta.dirname, '../../media/sample/recipes');

test('recipes are checked, also those that are begun', async () => {
  for (const name of await readdir(RECIPES)) {
    const recipe = parseJsonc(await readFile(join(RECIPES, name), 'utf8')).value as object;
    assert.ok(isValid(recipe), `${name}: ${JSON.stringify(isValid.errors)}`);
    assert.equal(isValid({ ...recipe, epocs: 3 }), false, name);
  }
  for (const begun of [{}, { kind: 'vector' }, { model: 'm' }, { kind: 'vektor', output: 'o' }, { $schema: 's' }])
    assert.equal(isValid(begun), false, JSON.stringify(begun));
});

test('what other programs call recipes is as it likes', () => {
  for (const theirs of [
    { title: 'Pasta', ingredients: [] },
    { type: 'minecraft:crafting_shaped', pattern: ['#'], key: {}, result: { id: 'x' } },
    { kind: 'dessert' },
    [{ name: 'Pasta' }],
    'pasta',
  ])
    assert.ok(isValid(theirs), JSON.stringify(theirs));
});
