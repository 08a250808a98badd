import type { Recipe } from './protocol.js';

/** A file or folder that a recipe reads, and the key that names it. */
export interface RecipeInput {
  /** `evaluate.2.file`; empty for the recipe itself. */
  readonly key: string;
  readonly path: string;
}

/** Everything that a recipe names to be read: each path of the schema but `output`. */
export function recipeInputs(recipe: Recipe): RecipeInput[] {
  const inputs: RecipeInput[] = [];
  const add = (key: string, path: string | undefined): void => {
    if (path !== undefined) inputs.push({ key, path });
  };
  add('model', recipe.model);
  if (recipe.kind === 'vector') {
    add('harmful.file', recipe.harmful.file);
    add('benign.file', recipe.benign?.file);
  }
  if (recipe.kind === 'finetune') {
    add('data.file', recipe.data.file);
    add('probes.harmful.file', recipe.probes.harmful?.file);
    add('probes.benign.file', recipe.probes.benign?.file);
    recipe.vectors.forEach(({ adapter }, i) => add(`vectors.${i}.adapter`, adapter));
  }
  if (recipe.kind === 'evaluate') {
    recipe.adapters.forEach(({ adapter }, i) => add(`adapters.${i}.adapter`, adapter));
    recipe.states?.forEach(({ model, adapters }, i) => {
      add(`states.${i}.model`, model);
      adapters.forEach(({ adapter }, j) => add(`states.${i}.adapters.${j}.adapter`, adapter));
    });
  } else add('adapter.init', recipe.adapter.init);
  if (recipe.kind !== 'vector') {
    recipe.evaluate.forEach(({ file }, i) => add(`evaluate.${i}.file`, file));
    recipe.judges.forEach((judge, i) => {
      if (typeof judge !== 'string') add(`judges.${i}.classifier`, judge.classifier);
    });
  }
  return inputs;
}
