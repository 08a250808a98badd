import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COMPARED_KEYS, differences } from '../../runtime/contract/comparison.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';

const least = { kind: 'finetune', model: 'm', data: { file: 'd' }, steps: 1, output: 'o' };

test('the defaults of compared keys are those of recipes, so that a recipe equals itself with its defaults written', () => {
  assert.deepEqual(differences(least, recipeSchemas.finetune.parse(least)), []);
  assert.deepEqual(differences(recipeSchemas.finetune.parse(least), least), []);
});

test('every key of a fine-tuning is compared, or left out for a reason', () => {
  // The protection is what is compared; the rest changes neither what is learned nor how it is measured, or is compared by content.
  const leftOut = [
    ...['$schema', 'kind', 'model', 'data.file', 'vectors', 'protection', 'probes', 'evaluate', 'judges'],
    ...['evaluateEvery', 'threads', 'device', 'recompute', 'output', 'tensorboard'],
  ];
  const keys = (value: unknown, path = ''): string[] => {
    const isLeaf = typeof value !== 'object' || value === null || Array.isArray(value);
    if (isLeaf || leftOut.includes(path)) return [path];
    return Object.entries(value).flatMap(([key, inner]) => keys(inner, path ? `${path}.${key}` : key));
  };
  const full = recipeSchemas.finetune.parse(least);
  const known = [...leftOut, ...COMPARED_KEYS];
  assert.deepEqual(
    keys(full).filter((key) => !known.includes(key)),
    [],
  );
});

test('a difference has the key and both values', () => {
  assert.deepEqual(
    differences({ ...least, seed: 2, optimizer: { betas: [0.9, 0.95] } }, { ...least, method: 'full' }),
    [
      { key: 'method', theirs: 'full', ours: 'lora' },
      { key: 'optimizer.betas', theirs: '[0.9,0.999]', ours: '[0.9,0.95]' },
      { key: 'seed', theirs: '1', ours: '2' },
    ],
  );
});
