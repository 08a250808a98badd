import assert from 'node:assert/strict';
import { isAbsolute } from 'node:path';
import { guessedBase, isPlain, recipeFacts, requireRecipe } from '../../extension/runs/recipe.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';
import { fuzz } from './harness.js';
import { damageRecipe, recipes } from './recipes.js';

/** Recipes as the extension reads them, while they are typed. */
fuzz<string>({
  name: 'recipe in the extension',
  rounds: 180,
  sources: recipes,
  damage: damageRecipe,
  load: (text) => {
    const base = guessedBase(text, '/w/adapters/a');
    assert(base === undefined || isAbsolute(base));
    const facts = recipeFacts(text, '/w/recipes/a.json', base);
    const read = engineReads(text);
    // The extension may read more than the engine runs; what the engine runs has its lenses.
    if (!facts) {
      assert(!read);
      return false;
    }
    isPlain(facts);
    for (const path of [facts.model, facts.output, ...facts.data, ...facts.vectors, ...facts.adapters])
      assert(typeof path === 'string' && isAbsolute(path));
    for (const { name, file } of facts.evaluate) assert(typeof name === 'string' && isAbsolute(file));
    requireRecipe(text, '/w/recipes/a.json');
    return true;
  },
});

function engineReads(text: string): boolean {
  try {
    parseRecipe(text, 'a.json');
    return true;
  } catch {
    return false;
  }
}
