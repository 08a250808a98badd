import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressOf } from '../../runtime/calls/sweepProgress.js';
import { secondsLeft } from '../../runtime/contract/sweepTime.js';
import type { RunEvent } from '../../runtime/contract/events.js';

test('a point never goes back: before its first step and while it saves, it is as far as its training', (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => (now += 2000));
  const shares: number[] = [];
  const said: RunEvent[] = [];
  const whole = (share: number): number => {
    shares.push(share);
    return share / 4;
  };
  const say = progressOf(
    (event) => said.push(event),
    'point 1 of 4',
    whole,
    () => `, ${shares.length} said`,
  );
  const state = (of: 'preparing' | 'evaluating' | 'saving'): void => say({ kind: 'state', state: of, message: of });
  const step = (at: number): void =>
    say({
      kind: 'step',
      step: at,
      steps: 10,
      lossNatsPerToken: 1,
      gradNorm: 1,
      learningRate: 1,
      tokens: 1,
      stepMs: 1,
      secondsLeft: 1,
      memoryBytes: 1,
    });
  state('evaluating');
  state('preparing');
  step(5);
  state('evaluating');
  step(10);
  state('saving');
  state('evaluating');
  state('saving');
  assert.deepEqual(shares, [0, 0, 0.4, 0.4, 0.8, 0.8, 0.9, 0.9]);
  assert.deepEqual(said[0], {
    kind: 'state',
    state: 'preparing',
    message: 'point 1 of 4: evaluating, 1 said',
    progress: 0,
  });
});

test('of a point at work only the rest takes time', () => {
  const data = { file: 'd', format: 'auto' as const };
  const recipe = { steps: 10, data, batch: { rows: 8, accumulate: 1, maxTokens: 64 } };
  assert.equal(secondsLeft([{ recipe, begun: 0.5 }, { recipe }], 10), 15);
  assert.equal(secondsLeft([{ recipe, seconds: 10, begun: 1 }, { recipe, begun: 0.9 }, { recipe }]), 11);
});
