import { basename, join } from 'node:path';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { t } from '../host/text.js';
import { setFor } from '../runs/recipe.js';
import { modelFor } from '../services/choice.js';
import type { Model } from '../workspace/models.js';
import { STATE_FOLDER } from '../host/state.js';
import { chooseModel } from './models.js';
import { modelStates } from './modelStates.js';
import { evaluateRecipe, slug, writeRecipe, type EvaluationChoice } from './recipeFiles.js';
import { requireRoot } from './root.js';
import { follow, type Ended } from './runs.js';
import { evaluationChoices, machine, recipeLike } from './training.js';
import { wizard } from './wizard.js';

/**
 * Judges the answers of base, plain, protected, and the model as it is attached now, side by side: on one evaluation set,
 * or on those that are chosen.
 */
export async function evaluate(
  services: Pick<Services, 'assertTrusted' | 'models' | 'recipes' | 'runPanels' | 'runner' | 'store'>,
  { file, model: named }: CommandArguments['evaluate'],
): Promise<Ended> {
  services.assertTrusted();
  const root = requireRoot();
  const model =
    named === undefined && file !== undefined
      ? (modelFor(services, file) ?? (await chooseModel(services, undefined, t('Evaluate'))))
      : await chooseModel(services, named, t('Evaluate'));
  const sets = file === undefined ? await chooseSets(services, model) : [setOf(services, file)];
  const name = file === undefined ? slug(model.name) : slug(basename(file));
  // Made anew each time, from what is attached now: it belongs to the extension, not to the person's recipes.
  const recipeFile = join(root, STATE_FOLDER, 'recipes', `evaluate-${name}.json`);
  const like = recipeLike(services, model.path);
  const choice = {
    model: model.path,
    states: modelStates(model, services.store.list()),
    evaluate: sets,
    ...machine(),
    generation: like?.generation,
    batch: like?.batch,
    judges: like?.judges,
    output: join(root, 'reports', name),
  };
  await writeRecipe(recipeFile, evaluateRecipe(choice, recipeFile));
  return follow(services, await services.runner.start(recipeFile, { replace: true }));
}

/** How the set is measured: as some recipe says; else as harm, which is what an unknown set of prompts is for. */
const setOf = ({ recipes }: Pick<Services, 'recipes'>, file: string): EvaluationChoice =>
  setFor(file, recipes.measuring(file)) ?? { name: basename(file).replace(/\.[a-z]+$/i, ''), file, measure: 'harm' };

async function chooseSets(services: Pick<Services, 'recipes'>, model: Model): Promise<EvaluationChoice[]> {
  const choices = evaluationChoices(services, model);
  if (choices.length === 0) {
    throw inputError(t('no recipe names an evaluation set.'), {
      remedy: t('Open an evaluation set and evaluate from there.'),
    });
  }
  const sets = await wizard(t('Evaluate'), 1, (ask) => ask.pickMany(t('Which sets?'), choices));
  if (sets.length === 0) throw inputError(t('no set was chosen.'));
  return sets;
}
