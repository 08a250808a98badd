/** What a process has used at most, for the estimates of the next runs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peakMemory, watchMemory } from '../../runtime/support/memory.js';
import { until } from '../extension/support.js';

test('the peak of a process is what it has taken since it is watched', async () => {
  assert.equal(peakMemory(), 0, 'nobody watches');
  watchMemory(1e13, '');
  await until(() => peakMemory() > 0, 'it is watched');
  const before = peakMemory();
  const taken = Buffer.alloc(3e8, 1);
  await until(() => peakMemory() > before + 2e8, 'it has risen');
  assert.equal(taken.at(-1), 1);
});
