import type { FinetuneRecipe } from '../../contract/recipe.js';
import { canonical } from '../../contract/sweep.js';

/** How often the runs of a sweep answer their sets, at most: each what it delivers, and each base of them once. */
export function evaluationsOf(recipes: readonly FinetuneRecipe[]): number {
  const bases = recipes.map(
    ({ model, precision, device, threads, on, evaluate, judges, generation, heldOut, data, batch, seed, ...more }) =>
      canonical([
        [model, precision, device, threads, on, evaluate, judges, generation, heldOut],
        // what they were trained on may be left out of a set
        [more.vectors.map(({ adapter }) => adapter), more.baseline?.aligned],
        heldOut !== 0 && [data, batch.maxTokens],
        (heldOut !== 0 || generation.temperature > 0) && seed,
      ]),
  );
  return recipes.length + new Set(bases).size;
}
