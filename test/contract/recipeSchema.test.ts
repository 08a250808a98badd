/** What editors check: recipes, and nothing that other programs keep in folders of that name. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Ajv } from 'ajv';
import { parseJsonc } from '../../runtime/contract/jsonc.js';
import { recipeSchema } from '../../runtime/contract/recipe.js';
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

test('evaluations of earlier versions have batches, which nothing reads', () => {
  const evaluation = {
    kind: 'evaluate',
    model: 'm',
    evaluate: [{ name: 'n', file: 'f', measure: 'loss' }],
    output: 'o',
  };
  for (const batch of [{ rows: 8, accumulate: 1, maxTokens: 512 }, { tokens: 4096 }]) {
    assert.ok(isValid({ ...evaluation, batch }), JSON.stringify(isValid.errors));
    assert.equal(recipeSchema.safeParse({ ...evaluation, batch }).error, undefined);
  }
});

test('phrases that are looked for in answers have something in them', () => {
  const recipe = (phrase: string, refusal: string): object => ({
    ...{ kind: 'evaluate', model: 'm', output: 'o' },
    evaluate: [{ name: 'n', file: 'f', measure: 'harm', phrases: ['a', phrase] }],
    judges: [{ refusalPhrases: [refusal] }],
  });
  for (const [given, isRight] of [
    [recipe('b c', '…'), true],
    [recipe(' ', 'no'), false],
    [recipe('b', '\t\u00a0'), false],
  ] as const)
    assert.deepEqual(
      [isValid(given), recipeSchema.safeParse(given).success],
      [isRight, isRight],
      JSON.stringify(given),
    );
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
