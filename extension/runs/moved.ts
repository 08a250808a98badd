import { resolve } from 'node:path';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { isRooted, wayTo } from '../../runtime/contract/moved.js';
import { recipeOutput } from '../../runtime/contract/recipeFacts.js';
import { exists, parseJson } from '../host/checkedFile.js';
import { editorPath } from '../host/paths.js';

/**
 * The manifest with the paths that its files have now, in a workspace that was moved or copied whole: the recipe lies
 * where it lay as seen from the run folder, and so does what is there of the rest. Where the recipe does not, nothing
 * was moved with the run.
 * @param text the recipe as the run folder keeps it
 */
export async function inPlace(folder: string, manifest: Manifest, text: string | undefined): Promise<Manifest> {
  const { recipe, model, data, vectors } = manifest;
  const made = recipe === undefined ? undefined : await madeIn(manifest, recipe, text);
  if (recipe === undefined || made === undefined || made === folder) return manifest;
  const now = (path: string): string => {
    const way = wayTo(made, path);
    return way === undefined ? path : editorPath(resolve(folder, way));
  };
  if (!(await exists(now(recipe)))) return manifest;
  const moved = async <T extends { path: string }>(one: T): Promise<T> => {
    const path = now(one.path);
    return !(await exists(path)) && (await exists(one.path)) ? one : { ...one, path };
  };
  return {
    ...manifest,
    recipe: now(recipe),
    model: await moved(model),
    data: await Promise.all(data.map(moved)),
    vectors: await Promise.all(vectors.map(moved)),
  };
}

/**
 * The folder in which the run was made. One that was cut off does not say it: its recipe does, and is asked where it is
 * gone.
 */
async function madeIn({ done }: Manifest, recipe: string, text: string | undefined): Promise<string | undefined> {
  if (done) return editorPath(done.output);
  const output = text === undefined ? undefined : recipeOutput(parseJson(text).value);
  if (output === undefined || (await exists(recipe))) return undefined;
  return isRooted(output) ? output : `${recipe}/../${output}`;
}
