/**
 * Which model a file is scanned with: the one that a recipe names with it, but never one without a vector where another
 * has one.
 */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanModelFor, withVectors } from '../../extension/services/choice.js';

const vector = { role: 'security', path: '/w/v', name: 'v', reason: null };
const model = (name: string, ...adapters: object[]) => ({ path: `/w/${name}`, name, adapters });

function services(models: object[], recipes: object[] = []) {
  return { models: { list: () => models }, recipes: { list: () => recipes } } as unknown as Parameters<
    typeof scanModelFor
  >[0];
}
const recipe = (name: string) => ({ model: `/w/${name}`, data: ['/w/d.jsonl'], evaluate: [], vectors: [] });
const scanned = (models: object[], recipes?: object[]) => scanModelFor(services(models, recipes), '/w/d.jsonl')?.name;

test('a file is scanned with the first model that has a vector, unless a recipe names another one that has', () => {
  const [a, b, c] = [model('a'), model('b', vector), model('c', vector)];
  assert.equal(scanned([a, b, c]), 'b');
  assert.equal(scanned([a, b, c], [recipe('c')]), 'c');
  assert.equal(scanned([a, b, c], [recipe('a')]), 'b');
  assert.equal(scanned([a]), 'a');
  assert.equal(scanned([]), undefined);
  assert.deepEqual(
    withVectors(services([a, model('d', { ...vector, reason: 'other shapes' }), c])).map(({ name }) => name),
    ['c'],
  );
});
