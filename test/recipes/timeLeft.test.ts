import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timeLeft } from '../../runtime/recipes/training/timeLeft.js';

test('a measurement before the first step counts for those that come, not for each step', () => {
  const left = timeLeft(40, 20);
  left.measured(100_000);
  left.stepped(16_000);
  assert.equal(left.after(1), 39 * 16 + 2 * 100);
});

test('the first step, which makes the graphs, counts only while there is no other', () => {
  const left = timeLeft(10, 100);
  left.stepped(5000);
  assert.equal(left.after(1), 45);
  left.stepped(1000);
  left.stepped(2000);
  assert.equal(left.after(3), 7 * 1.5);
});

test('a step with a measurement behind it has that before it, and the last one nothing else', () => {
  const left = timeLeft(25, 10);
  left.stepped(1000);
  left.measured(3000);
  assert.deepEqual(
    [9, 10, 11, 20, 21, 25].map((step) => left.after(step) - (25 - step)),
    [9, 9, 6, 6, 3, 3],
  );
});
