import { basename, join } from 'node:path';
import type { CommandArguments } from '../host/commandArguments.js';
import { inputError } from '../host/errors.js';
import type { Services } from '../services/services.js';
import { t } from '../host/text.js';
import { setFor } from '../runs/recipe.js';
import { modelFor } from '../services/choice.js';
import type { Model } from '../workspace/models.js';
import { STATE_FOLDER } from '../host/state.js';
import { nameOf, type Known } from './dataSource.js';
import { evaluationPlace } from './evaluationPlace.js';
import { askSet, evaluationChoices, judgesBeside } from './evaluationSets.js';
import { chooseModel } from './models.js';
import { modelStates, precisionOf } from './modelStates.js';
import { evaluateRecipe, freeFile, slug, writeRecipe, type DataChoice, type EvaluationChoice } from './recipeFiles.js';
import { requireRoots, rootFor } from './root.js';
import { follow, type Ended } from './runs.js';
import { savedRecipe } from './savedRecipe.js';
import { machine, recipeLike } from './training.js';
import { wizard, type Choice } from './wizard.js';

/**
 * Judges the answers of base, plain, protected, and the model as it is attached now, side by side: on one evaluation
 * set, or on those that are chosen.
 */
export async function evaluate(
  services: Known & Pick<Services, 'assertTrusted' | 'models' | 'runPanels' | 'runner' | 'store'>,
  given: CommandArguments['evaluate'],
): Promise<Ended> {
  services.assertTrusted();
  requireRoots();
  const { file, model: named } = given;
  const model =
    named === undefined && file !== undefined
      ? (modelFor(services, file) ?? (await chooseModel(services, undefined, t('Evaluate'))))
      : await chooseModel(services, named, t('Evaluate'));
  const { sets, judges, made } = await setsOf(services, model, given);
  const root = await rootFor(sets[0]!.file, model.path);
  const plain = file === undefined && !made ? slug(model.ownName ?? model.name) : slug(basename(sets[0]!.file));
  const { name, output, replace } = await evaluationPlace(services, root, plain, { model: model.path, sets });
  // Made anew each time, from what is attached now: it belongs to the extension, not to the person's recipes. How a
  // file is measured that was no set before is theirs.
  const recipeFile = made
    ? await freeFile(join(root, 'recipes'), `evaluate-${name}`)
    : join(root, STATE_FOLDER, 'recipes', `evaluate-${name}.json`);
  const like = recipeLike(services, model.path);
  const states = modelStates(model, services.store.list());
  const choice = {
    model: model.path,
    states,
    evaluate: sets,
    ...machine(precisionOf(model, states)),
    generation: like.generation,
    judges: judges ?? like.judges,
    output,
  };
  await writeRecipe(recipeFile, evaluateRecipe(choice, recipeFile));
  await savedRecipe(recipeFile);
  if (made) await services.recipes.read(recipeFile);
  return follow(services, await services.runner.start(recipeFile, { replace }));
}

interface Sets {
  sets: EvaluationChoice[];
  judges?: readonly unknown[];
  /** The file was no set before. */
  made: boolean;
}

/** The sets that are chosen; a file that no recipe measures is asked about. */
async function setsOf(services: Known, model: Model, given: CommandArguments['evaluate']): Promise<Sets> {
  const { file, columns, measure, phrases } = given;
  if (file === undefined) return chooseSets(services, model);
  const known = setFor(file, services.recipes.measuring(file));
  if (known) return { sets: [known], made: false };
  const raw = { ...(columns && { columns }), ...(phrases && { phrases }) };
  if (measure !== undefined) return { sets: [{ name: nameOf(file), file, measure, raw }], made: true };
  return makeSet(services, model, { file, columns });
}

async function chooseSets(services: Known, model: Model): Promise<Sets> {
  const known = evaluationChoices(services, model);
  const other: Choice<'other'> = { label: t('Another data file…'), value: 'other' };
  const chosen =
    known.length === 0
      ? (['other'] as const)
      : await wizard(t('Evaluate'), (ask) =>
          ask.pickMany<EvaluationChoice | 'other'>(t('Which sets?'), [...known, other]),
        );
  if (chosen.length === 0)
    throw inputError(t('no set was chosen.'), { remedy: t('Choose at least one, or another data file.') });
  const sets = chosen.filter((each) => typeof each === 'object');
  if (sets.length === chosen.length) return { sets, made: false };
  const { sets: more, judges } = await makeSet(services, model);
  return { sets: [...more, ...sets], judges: judgesBeside(sets, judges), made: true };
}

async function makeSet(services: Known, model: Model, given?: DataChoice): Promise<Sets> {
  const { set, judges } = await wizard(t('Evaluate'), (ask) => askSet(services, ask, model, given));
  return { sets: [set], judges, made: true };
}
