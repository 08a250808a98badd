import assert from 'node:assert/strict';
import { access, readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { parseRecipe } from '../../runtime/recipes/reading/readRecipe.js';

const MEDIA = new URL('../../media/', import.meta.url);

for (const folder of ['sample/recipes/', 'smollm2/']) {
  test(`recipes of ${folder} are valid and name files that exist`, async () => {
    const here = new URL(folder, MEDIA);
    const names = (await readdir(here)).filter((name) => name.endsWith('.json'));
    assert.ok(names.length >= 4);
    const outputs = new Set<string>();
    const used: string[] = [];
    for (const name of names) {
      const recipe = parseRecipe(await readFile(new URL(name, here), 'utf8'), name);
      outputs.add(recipe.output);
      if (recipe.kind === 'sweep') continue;
      const sets = recipe.kind === 'vector' ? [] : recipe.evaluate;
      const data =
        recipe.kind === 'vector' ? [recipe.harmful, recipe.benign!] : recipe.kind === 'finetune' ? [recipe.data] : [];
      for (const { file } of [...sets, ...data]) await access(new URL(file, here));
      if (recipe.kind === 'finetune') used.push(...recipe.vectors.map(({ adapter }) => adapter));
      if (recipe.kind === 'evaluate')
        used.push(...recipe.states!.flatMap(({ adapters }) => adapters.map(({ adapter }) => adapter)));
    }
    assert.equal(outputs.size, names.length, 'two recipes write to one folder');
    for (const adapter of used) assert.ok(outputs.has(adapter), `${adapter} is made by no recipe`);
  });
}

test('a recipe that ends in a comment without end is refused', { timeout: 60_000 }, () => {
  for (const text of ['{}/*', '{}/* ', '/', '{}//', '"'])
    assert.throws(() => parseRecipe(text, 'recipe.json'), HumanError);
});

test('a recipe of brackets without end is refused', () => {
  for (const text of [
    '['.repeat(20_000),
    `{"kind":"vector","a":${'{"b":['.repeat(5000)}`,
    `// "\n${'['.repeat(20_000)}`,
  ])
    assert.throws(() => parseRecipe(text, 'recipe.json'), { constructor: HumanError, message: /nested too deeply/ });
});
