/** Runs beside each other: like with like, or what differs is listed. */
import { COLUMN_FIELDS } from './mapping.js';
import { recipeSchemas } from './recipe.js';

export { DIFFERENCE } from './format.js';

/** Recipe keys that decide what a fine-tuning learns or how it is measured; the protection is what is compared. */
export const COMPARED_KEYS: readonly string[] = [
  'method',
  'heldOut',
  'data.format',
  'data.limit',
  ...COLUMN_FIELDS.map((field) => `data.columns.${field}`),
  'adapter.rank',
  'adapter.alpha',
  'adapter.sites',
  'adapter.init',
  'optimizer.learningRate',
  'optimizer.betas',
  'optimizer.epsilon',
  'optimizer.weightDecay',
  'optimizer.clipNorm',
  'optimizer.schedule',
  'optimizer.warmupSteps',
  'batch.rows',
  'batch.accumulate',
  'batch.maxTokens',
  'epochs',
  'steps',
  'seed',
  'precision',
  'generation.maxNewTokens',
  'generation.temperature',
  'generation.topP',
];

const LEAST = { kind: 'finetune', model: '-', data: { file: '-' }, output: '-' };
let defaults: unknown;
/** What a recipe has that leaves out everything it can, but for its length, which has no default. Made when it is asked for. */
function defaultsOf(): unknown {
  if (defaults) return defaults;
  const { steps: _, ...rest } = recipeSchemas.finetune.parse({ ...LEAST, steps: 1 });
  return (defaults = rest);
}

/** A key in which two recipes differ, as JSON; `–` for a key that one of them does not have. */
export interface Difference {
  key: string;
  theirs: string;
  ours: string;
}

/** Where the recipe of another run differs from ours. Recipes are as they are written, with or without their defaults. */
export function differences(ours: unknown, theirs: unknown): Difference[] {
  return COMPARED_KEYS.flatMap((key) => {
    const [a, b] = [ours, theirs].map((recipe) => written(valueAt(recipe, key) ?? valueAt(defaultsOf(), key)));
    return a === b ? [] : [{ key, theirs: b, ours: a }];
  });
}

const valueAt = (recipe: unknown, key: string): unknown =>
  key
    .split('.')
    .reduce<unknown>(
      (at, part) => (typeof at === 'object' && at ? (at as Record<string, unknown>)[part] : undefined),
      recipe,
    );

const written = (value: unknown): string =>
  value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);
