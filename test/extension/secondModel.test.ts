/** The training panel with two models: the vector of either protects. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from './trainingPanel.js';

const second = () => [
  { path: '/w/second', name: 'second', adapters: [{ role: 'security', path: '/w/v', name: 'v', reason: null }] },
];

test('without a recipe, protection is offered where any model has a vector', async (t) => {
  const panel = await opened(t, { written: [], adapters: [], models: second() });
  assert.deepEqual(panel.state().notices[0]?.buttons.map(({ label }) => label)[0], 'Fine-tune with protection');
});

test('a new recipe is a protected one where any model has a vector', async (t) => {
  const panel = await opened(t, { adapters: [], models: second() });
  await panel.ask({ type: 'act', action: 'newRecipe' });
  assert.deepEqual(panel.called, [['securityVectors.fineTuneProtected', {}]]);
  const without = await opened(t, { adapters: [], models: [{ path: '/w/second', name: 'second', adapters: [] }] });
  await without.ask({ type: 'act', action: 'newRecipe' });
  assert.deepEqual(without.called, [['securityVectors.fineTunePlain', {}]]);
});
