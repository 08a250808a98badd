import { basename, dirname, resolve } from 'node:path';
import type { Estimate } from '../contract/estimate.js';
import { isTraining } from '../contract/kinds.js';
import type { Requests } from '../contract/protocol.js';
import { estimateTraining, type Expected } from '../estimate/estimate.js';
import { parseRecipe, readRecipe } from '../recipes/readRecipe.js';
import { Cancelled } from '../support/errors.js';
import type { Reporter } from './reporter.js';

/** What a recipe will take, by its file or by a text that is not saved yet; null for one that does not train. */
export async function estimateRecipe(
  { recipe: file, text, device }: Requests['estimate']['params'],
  { signal }: Pick<Reporter, 'signal'>,
): Promise<Estimate | null> {
  const recipe = text === undefined ? (await readRecipe(file)).recipe : parseRecipe(text, basename(file));
  if (!isTraining(recipe) || recipe.on) return null;
  const path = (written: string): string => resolve(dirname(file), written);
  try {
    return plain(await estimateTraining(recipe, { path, device, signal }));
  } catch (error) {
    if (signal.aborted) throw new Cancelled();
    throw error;
  }
}

/** Without what only the run needs of it. */
export const plain = ({ machine: _, model: __, raw: ___, ...estimate }: Expected): Estimate => estimate;
