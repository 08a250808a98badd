/** Runs beside each other: like with like, or what differs is listed. */
import { setDifferences } from './askedSets.js';
import type { Manifest } from './manifest.js';
import { COLUMN_FIELDS } from './mapping.js';
import { recipeSchemas } from './recipe.js';
import { valueAt } from './recipeInputs.js';

const SOURCE_KEYS = ['format', 'limit', 'exclude', ...COLUMN_FIELDS.map((field) => `columns.${field}`)];

/** Recipe keys that decide what a fine-tuning learns or how it is measured; the protection is what is compared. */
export const COMPARED_KEYS: readonly string[] = [
  'method',
  'heldOut',
  ...SOURCE_KEYS.map((key) => `data.${key}`),
  ...SOURCE_KEYS.map((key) => `data.mix.${key}`),
  'data.mix.share',
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
  'optimizer.moments',
  'batch.rows',
  'batch.accumulate',
  'batch.maxTokens',
  'batch.tokens',
  'epochs',
  'steps',
  'seed',
  'precision',
  'on.precision',
  'generation.maxNewTokens',
  'generation.temperature',
  'generation.topP',
];

const LEAST = {
  kind: 'finetune',
  model: '-',
  output: '-',
  data: { file: '-', mix: { file: '-' } },
  on: { ray: 'http://-', model: '/', storage: '/' },
};
let defaults: unknown;
/**
 * What a recipe has that leaves out everything it can, but for its length, which has no default. Made when it is asked
 * for.
 */
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

/**
 * Where the recipe of another run differs from ours. Recipes are as they are written, with or without their defaults.
 */
export function differences(ours: unknown, theirs: unknown): Difference[] {
  return COMPARED_KEYS.flatMap((key) => {
    const [a, b] = [ours, theirs].map((recipe) => written(valueAt(recipe, key) ?? valueAt(defaultsOf(), key)));
    return a === b ? [] : [{ key, theirs: b, ours: a }];
  });
}

type Data = Pick<Manifest, 'data'>;

/** Of every file that rows come from. */
export const dataHashes = ({ data }: Data): string => data.map(({ sha256 }) => sha256).join(' ');

/** Both runs left out rows that a review excludes, and the reviews differ. */
function reviewDifference(ours: Data, theirs: Data): Difference[] {
  const [a, b] = [ours, theirs].map(({ data }) =>
    data.flatMap(({ review }) => review?.sha256.slice(0, 8) ?? []).join(' '),
  );
  return a && b && a !== b ? [{ key: 'data.exclude', theirs: `reviewed (${b})`, ours: `reviewed (${a})` }] : [];
}

/** All in which another run differs besides its protection; of one without a manifest, its recipe alone. */
export const runDifferences = (
  ours: { recipe: unknown; manifest?: Data & Pick<Manifest, 'sets'> },
  theirs: typeof ours,
  promptsOf = (set: string): string => `prompts of "${set}"`,
): Difference[] => [
  ...differences(ours.recipe, theirs.recipe),
  ...(ours.manifest && theirs.manifest
    ? [
        ...reviewDifference(ours.manifest, theirs.manifest),
        ...setDifferences(ours.manifest, theirs.manifest, promptsOf),
      ]
    : []),
];

const written = (value: unknown): string =>
  value === undefined || value === null ? '–' : typeof value === 'string' ? value : JSON.stringify(value);
