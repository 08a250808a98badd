/**
 * The recipe of a finished run, which an earlier version may have read: what that let stand and did not look at is left
 * out.
 */
import { join } from 'node:path';
import type { Measurement } from '../contract/events.js';
import { isObject } from '../contract/isObject.js';
import type { Recipe } from '../contract/recipe.js';
import { HELD_OUT_SET } from '../contract/recipeWords.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { JUDGES } from '../evaluation/judges/harmfulness.js';
import { parseRecipe } from '../recipes/reading/readRecipe.js';
import { readText } from '../support/jsonFile.js';
import { without } from '../support/without.js';

type Written = Record<string, unknown>;

const MOST_BYTES = 2 ** 22;

/** @param measured what the judges of the run have said */
export const readKeptRecipe = async (folder: string, measured: readonly Measurement[]): Promise<Recipe> =>
  parseRecipe(await readText(join(folder, RUN_FILES.recipe), MOST_BYTES), RUN_FILES.recipe, (recipe) =>
    withoutUnread(recipe, measured),
  );

function withoutUnread(recipe: unknown, measured: readonly Measurement[]): unknown {
  if (!isObject(recipe)) return recipe;
  const { method, adapter, evaluate, heldOut } = recipe;
  return {
    ...recipe,
    ...(method === 'full' && isObject(adapter) && { adapter: without(adapter, 'init') }),
    ...(Array.isArray(evaluate) && {
      evaluate: evaluate.map((set) => (isObject(set) ? soughtAlone(set, set.name, measured) : set)),
    }),
    ...(isObject(heldOut) && { heldOut: soughtAlone(heldOut, HELD_OUT_SET, measured) }),
  };
}

/** A set without phrases that its measure did not look for. */
function soughtAlone(set: Written, name: unknown, measured: readonly Measurement[]): Written {
  const { measure = 'loss' } = set;
  const isUnsought =
    measure === 'exact' || measure === 'loss' || (measure === 'over-refusal' && byPublished(name, measured));
  return isUnsought ? without(set, 'phrases') : set;
}

/** Whether the published phrases have judged the set, as they always did before a set could have its own. */
function byPublished(name: unknown, measured: readonly Measurement[]): boolean {
  const judges = new Set(measured.flatMap((one) => (one.name === name ? [one.judge] : [])));
  return judges.has(JUDGES.refusal) && !judges.has(JUDGES.phrases);
}
