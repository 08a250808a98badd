import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRecipe } from '../../runtime/recipes.js';
import { damageJsonText, damageText, JSON_WORDS } from './damage.js';
import { fuzz } from './harness.js';

const FOLDER = join(import.meta.dirname, '..', '..', 'media', 'sample', 'recipes');
const VALUES: readonly unknown[] = [
  ...['vector', 'finetune', 'evaluate', 'lora', 'full', 'auto', 'cpu', 'all-linear', 'contains', 'harm', 'loss', 'messages'],
  ...[{ route: 0.5 }, { route: 2 }, { anchor: false }, ['q_proj'], { adapter: 'x', scale: 1e308 }, [{ adapter: '../..' }]],
]; // prettier-ignore

fuzz<string>({
  name: 'recipe',
  rounds: 1000,
  sources: () => readdirSync(FOLDER).map((name) => readFileSync(join(FOLDER, name), 'utf8')),
  damage: (source, rng) => {
    if (rng.int(3) === 0) return damageText(source, rng, JSON_WORDS);
    return damageJsonText(source, rng, VALUES);
  },
  load: (text) => {
    const recipe = parseRecipe(text, 'recipe.json');
    assert.equal(Object.getPrototypeOf(recipe), Object.prototype);
    assert(['vector', 'finetune', 'evaluate'].includes(recipe.kind));
  },
});
