/** What stays open from one call to the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptOpen } from '../../runtime/calls/keptOpen.js';
import { Cancelled } from '../../runtime/support/errors.js';

test('an opening that the call which began it has stopped is begun again by one that waits for it', async () => {
  const work = keptOpen<string>(() => undefined);
  let stop = (_: Error): void => undefined;
  const first = work('a', () => new Promise<string>((_, reject) => (stop = reject)), String);
  const second = work('a', async () => 'opened', String);
  stop(new Cancelled());
  await assert.rejects(first, Cancelled);
  assert.equal(await second, 'opened');
  assert.deepEqual(work.keys(), ['a']);
});

test('another fault of an opening, and a call that is stopped in its own work, end as they are', async () => {
  const work = keptOpen<string>(() => undefined);
  let fail = (_: Error): void => undefined;
  const fault = new Error('damaged');
  const first = work('a', () => new Promise<string>((_, reject) => (fail = reject)), String);
  const second = work('a', async () => 'opened', String);
  fail(fault);
  await assert.rejects(first, fault);
  await assert.rejects(second, fault);
  await work('a', async () => 'opened', String);
  const stopped = (): Promise<string> => Promise.reject(new Cancelled());
  await assert.rejects(
    work('a', async () => 'again', stopped),
    Cancelled,
  );
  assert.equal(await work('a', async () => 'again', String), 'opened');
});
