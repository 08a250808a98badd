import assert from 'node:assert/strict';
import { test } from 'node:test';
import { supported } from '../../runtime/cluster/supported.js';
import { recipeSchema } from '../../runtime/contract/recipe.js';

const recipe = { kind: 'finetune', model: 'm', data: { file: 'd' }, steps: 1, output: 'o' };

test('a cluster takes no published method', () => {
  assert.throws(
    () => supported(recipeSchema.parse({ ...recipe, baseline: { name: 'ptst', prompt: 'p' } })),
    /"ptst" runs only on this machine/,
  );
});

test('a cluster takes no model in blocks', () => {
  assert.ok(supported(recipeSchema.parse(recipe)));
  assert.throws(() => supported(recipeSchema.parse({ ...recipe, precision: 'int4' })), {
    message: /"int4" runs only on this machine/,
    place: 'precision',
  });
});
