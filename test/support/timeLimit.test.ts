import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { withTimeLimit } from '../../runtime/support/timeLimit.js';

const cell = new Int32Array(new SharedArrayBuffer(4));

test('work that does not end is ended, and its place is said', () => {
  assert.throws(
    () =>
      withTimeLimit(50, 'it takes too long.', 'a.jsonl:3', () => {
        for (;;);
      }),
    (error) => error instanceof HumanError && /it takes too long/.test(error.message) && error.place === 'a.jsonl:3',
  );
});

test('work that got no processor time in its limit is begun again: a busy machine makes no hostile file', () => {
  let begun = 0;
  const result = withTimeLimit(100, 'it takes too long.', 'a.jsonl:3', () => {
    begun++;
    // Waits without using the processor.
    Atomics.wait(cell, 0, 0, 350);
    return 'done';
  });
  assert.equal(result, 'done');
  assert.ok(begun > 1);
});

test('an error of the work itself passes through', () => {
  assert.throws(() => withTimeLimit(1000, 'it takes too long.', 'a', () => assert.fail('of the work')), /of the work/);
});
