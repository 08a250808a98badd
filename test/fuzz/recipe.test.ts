import assert from 'node:assert/strict';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { fuzz } from './harness.js';
import { damageRecipe, recipes } from './recipes.js';

fuzz<string>({
  name: 'recipe',
  rounds: 300,
  sources: recipes,
  damage: damageRecipe,
  load: (text) => {
    const recipe = parseRecipe(text, 'recipe.json');
    assert.equal(Object.getPrototypeOf(recipe), Object.prototype);
    assert(['vector', 'finetune', 'evaluate'].includes(recipe.kind));
  },
});
