/** A recipe that cannot be run is refused at the line of its fault, in words that say which one it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRecipe } from '../../runtime/recipes/readRecipe.js';

const FINETUNE = { kind: 'finetune', model: 'm', data: { file: 'd' }, output: 'o', steps: 1 };

const parsed = (recipe: object) => parseRecipe(JSON.stringify(recipe, null, 1), 'r.json');
const refused = (recipe: object, message: RegExp | string, place?: string): void =>
  assert.throws(() => parsed(recipe), { message, ...(place && { place }) });

test('all weights are trained from those of the model: an adapter to start from is refused', () => {
  const full = { ...FINETUNE, method: 'full', optimizer: { learningRate: 1e-3 } };
  const init = { adapter: { init: 'a' } };
  refused({ ...full, ...init }, /export the merged model and name it as "model"/, 'r.json:14 adapter.init');
  parsed({ ...FINETUNE, ...init });
  // A sweep varies these beside the method.
  parsed({ ...full, adapter: { rank: 4, alpha: 8 } });
});
