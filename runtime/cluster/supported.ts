import type { Recipe } from '../contract/recipe.js';
import { HumanError } from '../support/errors.js';

/**
 * The recipe, if a cluster can run it.
 * @throws HumanError that names what runs only here
 */
export function supported<R extends Recipe>(recipe: R): R {
  const only = (place: string, what: string, why: string, remedy: string): HumanError =>
    new HumanError(`${what} runs only on this machine: ${why}.`, { place, remedy });
  if (recipe.kind !== 'sweep' && recipe.precision !== 'float32')
    throw only(
      'precision',
      `"${recipe.precision}"`,
      'a cluster has its own "on.precision"',
      'Use "float32", or remove "on".',
    );
  if (recipe.kind === 'evaluate') {
    if (recipe.generation.temperature > 0)
      throw only(
        'generation.temperature',
        'sampling',
        'other random numbers are drawn there',
        'Set the temperature to 0, or remove "on".',
      );
    if (recipe.states?.some(({ model }) => model !== undefined))
      throw only(
        'states',
        'a state with a model of its own',
        'its job has the one model of on.model',
        'Evaluate that model by a recipe of its own, or remove "on".',
      );
  }
  if (recipe.kind !== 'finetune') return recipe;
  if (recipe.method === 'full')
    throw only('method', 'full fine-tuning', 'its job trains adapters', 'Use "lora", or remove "on".');
  if (recipe.baseline)
    throw only(
      'baseline',
      `"${recipe.baseline.name}"`,
      'its job knows only the steps of our own method',
      'Remove "baseline" or "on".',
    );
  return recipe;
}
