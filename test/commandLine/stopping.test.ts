/** Who presses Ctrl+C hears what it does, and what a second one would lose. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stopping, type Stopping } from '../../runtime/commandLine/stopping.js';
import type { RunEvent } from '../../runtime/contract/events.js';

const step = (n: number, steps = 9): RunEvent => ({
  ...{ kind: 'step', step: n, steps, lossNatsPerToken: 1, gradNorm: 1, learningRate: 1, tokens: 1, stepMs: 1 },
  ...{ memoryBytes: 1, secondsLeft: 1 },
});
const saved = (n: number): RunEvent => ({ kind: 'checkpoint', step: n, path: '' });

/** What is done and said, in order. */
function asked(...events: RunEvent[]): { done: string[] } & Stopping {
  const done: string[] = [];
  const one = stopping({
    stop: () => void done.push('stop'),
    say: (text) => void done.push(text),
    exit: () => void done.push('exit'),
  });
  events.forEach(one.hear);
  return { done, ...one };
}

test('the first Ctrl+C stops between two steps, the second at once, and both say what is lost', () => {
  for (const [events, first, second] of [
    [
      [step(1), step(2)],
      'Stopping after this step. Ctrl+C again ends at once, and loses all steps so far.',
      'Ended at once. All steps are lost: there is no checkpoint yet.',
    ],
    [
      [step(1), step(2), saved(2), step(3)],
      'Stopping after this step. Ctrl+C again ends at once, and loses the steps since step 2.',
      'Ended at once. What came after step 2 is lost; --resume goes on from there.',
    ],
    [
      // resumed
      [step(6)],
      'Stopping after this step. Ctrl+C again ends at once, and loses the steps since step 5.',
      'Ended at once. What came after step 5 is lost; --resume goes on from there.',
    ],
    [
      [step(9), saved(9)],
      'Stopping. Ctrl+C again ends at once, and loses what is not saved yet.',
      'Ended at once. What came after step 9 is lost; --resume goes on from there.',
    ],
    [[], 'Stopping. Ctrl+C again ends at once, and loses what is not saved yet.', 'Ended at once.'],
  ] as const) {
    const { done, interrupt } = asked(...events);
    interrupt();
    assert.deepEqual(done, ['stop', first]);
    interrupt();
    assert.deepEqual(done.slice(2), [second, 'exit']);
  }
});

test('a checkpoint that was saved after the first Ctrl+C counts at the second', () => {
  const { done, interrupt, hear } = asked(step(1), step(2));
  interrupt();
  hear(saved(2));
  interrupt();
  assert.equal(done[2], 'Ended at once. What came after step 2 is lost; --resume goes on from there.');
});

test('whoever else asks hears nothing, and Ctrl+C then ends at once', () => {
  const { done, end, interrupt } = asked(step(1));
  end();
  end();
  assert.deepEqual(done, ['stop', 'stop']);
  interrupt();
  assert.equal(done.at(-1), 'exit');
});
