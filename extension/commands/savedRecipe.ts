import { dirname } from 'node:path';
import { recipeInputs } from '../../runtime/contract/recipeInputs.js';
import { overOf } from '../../runtime/contract/sweep.js';
import { readText } from '../host/checkedFile.js';
import { saveOpen } from '../host/documents.js';
import { pathsFrom, recipeFacts, recipeToRun, type RecipeFacts } from '../runs/recipe.js';

/**
 * Saves a recipe that is to run and the files that it names, where they are edited: what is run is what the person
 * sees.
 */
export async function savedRecipe(file: string): Promise<RecipeFacts> {
  await saveOpen(file);
  await saveInputs(await recipeToRun(file));
  // A sweep is read by its base.
  return recipeToRun(file);
}

async function saveInputs({ kind, raw, file }: RecipeFacts): Promise<void> {
  const at = pathsFrom(dirname(file));
  const inputs = recipeInputs({ ...raw, kind }).map(({ path }) => at(path));
  for (const input of inputs) await saveOpen(input);
  const [base] = kind === 'sweep' ? inputs : [];
  if (base === undefined) return;
  // Its points may name files of their own, as its base names them.
  for (const text of textsIn(overOf(raw))) await saveOpen(pathsFrom(dirname(base))(text));
  const facts = recipeFacts((await readText(base).catch(() => undefined)) ?? '', base);
  if (facts && facts.kind !== 'sweep') await saveInputs(facts);
}

const textsIn = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(textsIn)
      : [];
