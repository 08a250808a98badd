/** The training panel after a review: rows that somebody has excluded are trained on by no recipe that does not say so. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainingForm } from '../../extension/views/trainingState.js';
import { opened } from './trainingPanel.js';
import { known, TEXT, written } from './trainingRecipe.js';

const said = (excluded: number, text = TEXT) => {
  const { form, notices } = trainingForm(written(text), known({ excluded: () => excluded }));
  return [form.canStart, ...notices.map(({ text }) => text)];
};

test('a recipe that ignores a review says how many rows that are', () => {
  assert.deepEqual(said(0), [true]);
  assert.deepEqual(said(12), [true, 'Your review excludes 12 rows of train.jsonl. This recipe trains on them.']);
  assert.deepEqual(said(1), [true, 'Your review excludes one row of train.jsonl. This recipe trains on it.']);
  assert.deepEqual(said(12, TEXT.replace('train.jsonl" }', 'train.jsonl", "exclude": "reviewed" }')), [true]);
});

test('its button puts the review into the recipe, and the notice is gone', async (t) => {
  const panel = await opened(t, { reviewed: ['train.jsonl'] });
  const notice = panel.state().notices.find(({ text }) => text.startsWith('Your review'));
  assert.deepEqual(notice?.buttons, [{ action: 'useReview', label: 'Use the review' }]);
  const before = await panel.read('protected');
  assert.deepEqual(await panel.ask({ type: 'act', action: 'useReview' }), { kind: 'result' });
  assert.equal(
    await panel.read('protected'),
    before.replace('train.jsonl" }', 'train.jsonl", "exclude": "reviewed" }'),
  );
  assert.ok(!panel.state().notices.some(({ text }) => text.startsWith('Your review')));
});
