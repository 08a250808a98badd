/** What the windows of a workspace remember together. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { HostError } from '../../extension/host/errors.js';
import { SharedMemory } from '../../extension/host/sharedMemory.js';
import { temporary } from './support.js';

test('one window overwrites nothing that another one has kept', async (t) => {
  const folder = join(await temporary(t), 'remembered');
  const [first, second] = [new SharedMemory(folder), new SharedMemory(folder)];
  assert.equal(second.get('chat:/m', 'none'), 'none');
  await first.update('chat:/m', { rounds: [1] });
  await second.update('training.protection:/r.json', { vectors: '[]' });
  const third = new SharedMemory(folder);
  for (const window of [first, second, third]) {
    assert.deepEqual(window.get('chat:/m'), { rounds: [1] });
    assert.deepEqual(window.get('training.protection:/r.json'), { vectors: '[]' });
  }
});

test('of quick updates the last one stays, each as it was when it was kept', async (t) => {
  const memory = new SharedMemory(await temporary(t));
  const value = { step: 1 };
  const first = memory.update('a', value);
  value.step = 2;
  await Promise.all([first, memory.update('a', value)]);
  value.step = 3;
  assert.deepEqual(memory.get('a'), { step: 2 });
});

test('what cannot be written is an error for people, and the next value is kept all the same', async (t) => {
  const folder = join(await temporary(t), 'remembered');
  const memory = new SharedMemory(folder);
  await writeFile(folder, '');
  await assert.rejects(memory.update('a', 1), HostError);
  await rm(folder);
  await memory.update('a', 2);
  assert.equal(memory.get('a'), 2);
});
