/** The recipe of a finished run, which an earlier version may have read: what that let stand and did not look at is left out. */
import { join } from 'node:path';
import { isObject } from '../contract/isObject.js';
import type { Recipe } from '../contract/recipe.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { parseRecipe } from '../recipes/readRecipe.js';
import { readText } from '../support/jsonFile.js';

const MOST_BYTES = 2 ** 22;

export const readKeptRecipe = async (folder: string): Promise<Recipe> =>
  parseRecipe(await readText(join(folder, RUN_FILES.recipe), MOST_BYTES), RUN_FILES.recipe, withoutUnread);

function withoutUnread(recipe: unknown): unknown {
  if (!isObject(recipe)) return recipe;
  const { method, adapter, evaluate, heldOut } = recipe;
  return {
    ...recipe,
    ...(method === 'full' && isObject(adapter) && { adapter: without('init', adapter) }),
    ...(Array.isArray(evaluate) && { evaluate: evaluate.map(soughtAlone) }),
    ...(isObject(heldOut) && { heldOut: soughtAlone(heldOut) }),
  };
}

/** A set without phrases that its measure did not look for. */
function soughtAlone(set: unknown): unknown {
  if (!isObject(set)) return set;
  const { measure = 'loss' } = set;
  return measure === 'exact' || measure === 'loss' ? without('phrases', set) : set;
}

function without(key: string, { [key]: _, ...rest }: Record<string, unknown>): Record<string, unknown> {
  return rest;
}
