/** A state that is open answers for other factors on its adapters, and with some of them off, without being opened anew. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { openStates } from '../../runtime/calls/chat.js';
import { loadReference } from '../support/reference.js';
import { silent } from '../support/silent.js';
import { adapterOf, at } from '../export/support.js';

const [task, vector] = [adapterOf('llama', 'task'), adapterOf('llama', 'security')];
const options = { maxNewTokens: 16, temperature: 0, topP: 1 };

test('another factor and a detached adapter open nothing; an attached one does', async () => {
  const { folder: model, ints } = await loadReference('llama');
  const ids = await ints('generate.prompt');
  const ask = async (...adapters: { path: string; scale: number }[]) =>
    (await calls.generate({ model, adapters, ids, options, device: 'cpu' }, silent)).ids;
  const opened = () => openStates().map(({ adapters }) => adapters.length);

  const base = await ask();
  assert.deepEqual(base, await ints('generate.base'));
  assert.deepEqual(opened(), [0]);
  const secured = await ask(at(vector));
  assert.deepEqual(secured, await ints('generate.security'));
  assert.notDeepEqual(secured, base);
  assert.deepEqual(opened(), [0, 1]);
  assert.deepEqual(await ask(at(vector, 0)), base);
  const both = await ask(at(task), at(vector, 0.5));
  assert.deepEqual(opened(), [0, 1, 2]);
  assert.deepEqual(await ask(at(vector, 0.5), at(task)), both);
  assert.deepEqual(await ask(at(vector, 0.25), at(task), at(vector, 0.25)), both);
  const alone = await ask(at(task));
  assert.notDeepEqual(alone, both);
  assert.deepEqual(opened().sort(), [0, 1, 2]);
  await assert.rejects(ask(at(task, 1e6)), /scale is 1000000/);
});
