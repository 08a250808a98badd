import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../../runtime/contract/events.js';
import { loadReporter, type Job } from '../../runtime/recipes/training/job.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { oneByOne } from '../../runtime/support/oneByOne.js';

test('calls wait for each other, in their order', async () => {
  const said: string[] = [];
  const say = oneByOne(async (what: string, ms: number) => {
    said.push(`${what} begins`);
    await sleep(ms);
    said.push(`${what} ends`);
  });
  await Promise.all([say('a', 5), say('b', 0)]);
  assert.deepEqual(said, ['a begins', 'a ends', 'b begins', 'b ends']);
});

test('a warning that nobody waits for and that cannot be recorded fails the next event, and no more', async () => {
  const tried: string[] = [];
  const emit = oneByOne(async (event: RunEvent) => {
    tried.push(event.kind);
    throw new Error('the disk is full');
  });
  const job = { emit, progress: () => undefined } as unknown as Job<Recipe>;
  loadReporter(job).warn('the rates may differ', 'data', 'Look.');
  await sleep(5);
  await assert.rejects(emit({ kind: 'state', state: 'preparing', message: 'x' }), /the disk is full/);
  assert.deepEqual(tried, ['warning']);
});
