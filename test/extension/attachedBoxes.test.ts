/** The boxes of the panel and of a chat: only adapters that can be attached to the model have one. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EMPTY_CHAT, Chat } from '../../extension/panels/chat.js';
import { opened } from './trainingPanel.js';

const adapters = [
  { path: '/w/fits', name: 'fits', role: 'task', attached: false, reason: null, scale: 1, rank: 8 },
  { path: '/w/other', name: 'other', role: 'security', attached: false, reason: 'of another model', scale: 1, rank: 8 },
];

test('an adapter that does not fit has no box in a chat', () => {
  const model = { path: '/w/tiny', name: 'tiny', adapters };
  const chat = new Chat({ path: '/w/tiny', memory: EMPTY_CHAT, model: () => model, states: () => [] } as never);
  assert.deepEqual(
    chat.state().adapters.map(({ name }) => name),
    ['fits'],
  );
});

test('an adapter that does not fit has no box in the training panel', async (t) => {
  const panel = await opened(t, { adapters });
  assert.deepEqual(
    panel.state().adapters.map(({ name }) => name),
    ['fits'],
  );
});
