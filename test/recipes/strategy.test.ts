import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import { anchorRows, strategyOf } from '../../runtime/recipes/strategy.js';

const anchorOf = (protection: unknown, batch: object): unknown => {
  const recipe = { kind: 'finetune', model: 'm', data: { file: 'd.jsonl' }, vectors: [{ adapter: 'v' }], output: 'o' };
  return strategyOf(recipeSchemas.finetune.parse({ ...recipe, steps: 1, protection, batch })).anchor;
};

test('an anchor holds two rows of each kind, in a step of fewer than 16 rows a harmful one and in every other a prompt, and what is written', () => {
  const one = { refusals: 1, harmful: 1, benign: 0, weight: 0.3, every: 2 };
  const two = { ...one, refusals: 2, harmful: 2, every: 1 };
  assert.deepEqual(anchorOf(true, {}), one);
  assert.deepEqual(anchorOf(true, { rows: 15 }), one);
  assert.deepEqual(anchorOf(true, { rows: 16 }), two);
  assert.deepEqual(anchorOf(true, { rows: 4, accumulate: 4 }), two);
  assert.deepEqual(anchorOf(true, { tokens: 512 }), two);
  assert.deepEqual(anchorOf({ anchor: {} }, { rows: 8 }), one);
  assert.deepEqual(anchorOf({ anchor: { harmful: 0, weight: 1 } }, { rows: 16 }), { ...two, harmful: 0, weight: 1 });
  assert.deepEqual(anchorOf({ anchor: { refusals: 5 } }, { rows: 8 }), { ...one, refusals: 5, every: 1 });
  assert.deepEqual(anchorOf({ anchor: { harmful: 3 } }, { rows: 8 }), { ...one, harmful: 3 });
  assert.deepEqual([anchorRows(one), anchorRows({ ...two, benign: 3 }), anchorRows(false)], [1.5, 7, 0]);
  assert.deepEqual([anchorOf(false, {}), anchorOf({ route: true }, {})], [false, false]);
});
