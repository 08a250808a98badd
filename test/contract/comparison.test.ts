import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as z from 'zod';
import { COMPARED_KEYS, differences } from '../../runtime/contract/comparison.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';

interface Schema {
  properties?: Record<string, Schema>;
  anyOf?: Schema[];
}

const least = { kind: 'finetune', model: 'm', data: { file: 'd' }, steps: 1, output: 'o' };

test('the defaults of compared keys are those of recipes, so that a recipe equals itself with its defaults written', () => {
  const on = { ray: 'http://head:8265', model: '/m', storage: '/s' };
  for (const recipe of [least, { ...least, data: { file: 'd', mix: { file: 'e' } } }, { ...least, on }]) {
    assert.deepEqual(differences(recipe, recipeSchemas.finetune.parse(recipe)), []);
    assert.deepEqual(differences(recipeSchemas.finetune.parse(recipe), recipe), []);
  }
});

test('every key of a fine-tuning is compared, or left out for a reason', () => {
  // The protection is what is compared; the rest changes neither what is learned nor how it is measured, or is compared
  // by content.
  const leftOut = [
    ...['$schema', 'kind', 'model', 'data.file', 'data.mix.file', 'vectors', 'protection', 'baseline', 'probes'],
    ...['evaluate', 'judges', 'evaluateEvery', 'threads', 'device', 'recompute', 'output', 'tensorboard'],
    ...['ray', 'token', 'headers', 'ca', 'model', 'workers', 'gpu', 'storage', 'strategy', 'tokens', 'install'].map(
      (key) => `on.${key}`,
    ),
  ];
  const known = [...leftOut, ...COMPARED_KEYS];
  const keys = (schema: Schema, path = ''): string[] => {
    if (known.includes(path)) return [];
    const properties = [schema, ...(schema.anyOf ?? [])].flatMap((one) => Object.entries(one.properties ?? {}));
    return properties.length === 0
      ? [path]
      : properties.flatMap(([key, inner]) => keys(inner, path ? `${path}.${key}` : key));
  };
  assert.deepEqual(keys(z.toJSONSchema(recipeSchemas.finetune, { io: 'input' }) as Schema), []);
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
