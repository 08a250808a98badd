/** Runs beside each other: like with like, or it is said what differs. */

/** Recipe keys that decide what a fine-tuning learns or how it is measured, with their defaults; the protection is what is compared. */
export const COMPARED_KEYS: Readonly<Record<string, unknown>> = {
  method: 'lora',
  'data.format': 'auto',
  'data.limit': undefined,
  'adapter.rank': 8,
  'adapter.alpha': 16,
  'adapter.sites': 'all-linear',
  'adapter.init': undefined,
  'optimizer.learningRate': 1e-3,
  'optimizer.betas': [0.9, 0.999],
  'optimizer.epsilon': 1e-8,
  'optimizer.weightDecay': 0,
  'optimizer.clipNorm': 1,
  'optimizer.schedule': 'constant',
  'optimizer.warmupSteps': 0,
  'batch.rows': 8,
  'batch.accumulate': 1,
  'batch.maxTokens': 512,
  epochs: undefined,
  steps: undefined,
  seed: 1,
  'generation.maxNewTokens': 64,
  'generation.temperature': 0,
  'generation.topP': 1,
};

/** A key in which two recipes differ, as JSON; `–` for a key that one of them does not have. */
export interface Difference {
  key: string;
  theirs: string;
  ours: string;
}

/** Where the recipe of another run differs from ours. Recipes are as they are written, with or without their defaults. */
export function differences(ours: unknown, theirs: unknown): Difference[] {
  return Object.entries(COMPARED_KEYS).flatMap(([key, byDefault]) => {
    const [a, b] = [ours, theirs].map((recipe) => written(valueAt(recipe, key) ?? byDefault));
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

/** "optimizer.learningRate 0.001 instead of 0.003": what the other run has, and what this one has. */
export const DIFFERENCE = '{0} {1} instead of {2}';
