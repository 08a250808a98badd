/** A run that made its model worse has failed; noise, a start from nothing and a loss that falls have not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { random } from '../../runtime/support/random.js';
import { divergenceWatch, requireLearned } from '../../runtime/recipes/training/divergence.js';

const V = 1000; // ln V = 6.9
const failed = /the run has diverged/;

/** The step at which a run of these losses is stopped. */
function stops(losses: readonly number[], before: readonly number[] = []): number | undefined {
  const watch = divergenceWatch(V, before);
  for (const [i, loss] of losses.entries())
    try {
      watch(i + 1, loss);
    } catch (error) {
      assert.ok(error instanceof HumanError && error.kind === 'failed');
      assert.equal(error.place, `step ${i + 1}`);
      assert.match(error.message, failed);
      return i + 1;
    }
  return undefined;
}

describe('while training', () => {
  it('ten steps no better than guessing, after a start that was better, end the run', () => {
    assert.equal(stops([2.9, ...Array<number>(20).fill(7.2)]), 10);
    assert.equal(stops(Array<number>(20).fill(7.2), [2.9]), 9, 'a run that is resumed knows its first loss');
    assert.equal(stops([2.9, 50, 100, 200, 400, 800, 1600, 3200, 6400, 1e4, 1e4]), 10);
  });

  it('a run that is resumed again and again ends at the step at which it would have without', () => {
    const losses = [2.9, ...Array<number>(20).fill(7.2)];
    for (const resumedAt of [1, 5, 9]) {
      const [before, rest] = [losses.slice(0, resumedAt), losses.slice(resumedAt)];
      assert.equal(resumedAt + stops(rest, before)!, 10);
    }
    const better = [2.9, ...Array<number>(30).fill(7.2), ...Array<number>(9).fill(2)];
    assert.equal(stops([2], better), undefined, 'only the last ten steps count');
  });

  it('ten times the first loss ends it too, before it is as bad as guessing', () => {
    assert.equal(stops([0.4, ...Array<number>(20).fill(4.5)]), 10);
    assert.equal(stops([0.5, ...Array<number>(20).fill(4.5)]), undefined);
  });

  it('noise does not', () => {
    const rng = random('noise');
    for (let run = 0; run < 200; run++) {
      const start = 0.01 + 4 * rng.uniform();
      const losses = Array.from({ length: 200 }, (_, i) => (start * Math.exp(-i / 50) + 0.05) * (0.4 + rng.uniform()));
      // single bad steps, up to three in a row
      for (let n = 0; n < 3; n++) losses.fill(15, 60 * n + 5, 60 * n + 5 + rng.int(3));
      assert.equal(stops(losses), undefined, `run ${run}`);
    }
  });

  it('a model that begins at guessing or worse does not', () => {
    assert.equal(stops(Array.from({ length: 100 }, (_, i) => 12 * Math.exp(-i / 100))), undefined);
    assert.equal(stops(Array<number>(50).fill(6.9)), undefined);
  });

  it('a first batch of known rows before rows of a new task does not', () => {
    assert.equal(stops([0.01, ...Array<number>(50).fill(3)]), undefined);
  });
});

describe('at the end', () => {
  const loss = (nll: number) => [{ nll: nll * 7, tokens: 7 }];

  it('a model that is worse than before on its own rows is not delivered', () => {
    for (const [before, after] of [
      [2.9, 7.2],
      [0.7, 1.3],
      [3, NaN],
      [3, Infinity],
    ])
      assert.throws(() => requireLearned(40, loss(before!), loss(after!)), {
        kind: 'failed',
        place: 'step 40',
        message: failed,
      });
  });

  it('one that learned, or hardly changed, is', () => {
    for (const [before, after] of [
      [2.9, 0.1],
      [2.9, 2.96],
      [0.01, 0.25],
      [0, 0],
      [11, 12],
    ])
      requireLearned(2, loss(before!), loss(after!));
  });
});
