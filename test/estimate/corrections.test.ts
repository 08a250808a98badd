/** How estimates are corrected by what runs took. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { GB } from '../../runtime/contract/format.js';
import type { Expected } from '../../runtime/estimate/estimate.js';
import { correction, remember } from '../../runtime/estimate/history.js';
import { recorder } from '../../runtime/estimate/recorder.js';
import { estimateOf, total, wide } from './sampleEstimates.js';
import { temporary } from '../support/temporary.js';

describe('the estimate after a run', () => {
  let history: string;
  before(async () => void (history = await mkdtemp(join(tmpdir(), 'corrected-'))));
  after(() => rm(history, { recursive: true }));
  const estimate = (change: Record<string, unknown>): Promise<Expected> =>
    estimateOf(history, 'plain', change, { mapped: false });
  /** Mapped weights are known: only the others are corrected. */
  const peakOf = (of: Expected, factor: number, spread: readonly number[]): number[] => {
    const counted = of.raw.counted!;
    return spread.map((each) => total(of) - counted + counted * factor * each);
  };
  const near = (range: readonly number[], wanted: readonly number[]): void => {
    for (const [i, bytes] of range.entries()) assert.ok(Math.abs(bytes / wanted[i]! - 1) < 1e-9, `${range} ${wanted}`);
  };
  const [SURE, UNSURE] = [[0.93, 1.1], [0.88, 1.15]]; // oxfmt-ignore

  it('is corrected, and that of no other model', async () => {
    const first = await estimate({ seed: 2 });
    assert.equal(first.measured, false);
    near(first.peakBytes, peakOf(first, 1, UNSURE));
    const heard = recorder(first, history, () => 1.5 * first.raw.counted! - 80e6);
    const stepMs = 1000 * 3 * first.raw.stepSeconds;
    const rest = { lossNatsPerToken: 1, gradNorm: 1, learningRate: 1, tokens: 1, memoryBytes: 1, secondsLeft: 1 };
    for (let step = 1; step <= 5; step++) heard.hear({ kind: 'step', step, steps: 5, stepMs, ...rest });
    await heard.done();
    const next = await estimate({ seed: 2 });
    assert.equal(next.measured, true);
    const middle = Math.sqrt(next.stepSeconds[0] * next.stepSeconds[1]);
    assert.ok(Math.abs(middle / (3 * first.raw.stepSeconds) - 1) < 0.1, `${middle} s`);
    near(next.peakBytes, peakOf(first, 1.5, SURE));
    assert.ok(next.stepSeconds[1] / next.stepSeconds[0] < first.stepSeconds[1] / first.stepSeconds[0]);
    assert.equal((await estimate({ method: 'full', adapter: {} })).measured, false);
  });

  it('of one batch corrects that of another, and not the weights, which are known', async () => {
    const model = await wide(join(history, 'wide'));
    const at = (rows: number): Promise<Expected> =>
      estimate({ model, batch: { rows, maxTokens: 64 }, evaluate: [], probes: {}, recompute: true });
    const [one, many] = [await at(1), await at(64)];
    assert.ok(total(one) - one.raw.counted! >= one.memory.weights);
    assert.ok(many.raw.counted! > 1.5 * one.raw.counted!);
    await remember({ machine: one.machine, model: one.model, seconds: 1, bytes: 1.5 }, history);
    near((await at(64)).peakBytes, peakOf(many, 1.5, SURE));
  });

  it('that took less than expected is the same: the run is not refused, nor computed again', async () => {
    const recipe = { method: 'full', adapter: {}, recompute: undefined };
    const first = await estimate(recipe);
    await remember({ machine: first.machine, model: first.model, seconds: 1, bytes: 0.6 }, history);
    process.env['SECURITY_VECTORS_MEMORY_GB'] = String((0.9 * first.raw.counted!) / GB);
    try {
      const next = await estimate(recipe);
      assert.deepEqual([next.measured, next.fits, next.recompute], [true, true, undefined]);
      near(next.peakBytes, first.peakBytes);
    } finally {
      delete process.env['SECURITY_VECTORS_MEMORY_GB'];
    }
  });

  it('where the watch counts mapped weights once for each session, says nothing of the memory', async () => {
    assert.equal((await estimateOf(history, 'plain', {}, { mapped: true })).raw.counted, undefined);
  });
});

it('what memory a run took is remembered through many that could not tell', async (t) => {
  const folder = await temporary(t);
  await remember({ machine: 'a', model: 'm', seconds: 1, bytes: 1.5 }, folder);
  for (let point = 0; point < 8; point++) await remember({ machine: 'a', model: 'm', seconds: 2 }, folder);
  assert.deepEqual(await correction('a', 'm', folder), { seconds: 2, bytes: 1.5 });
  for (const bytes of [1.1, 1.2, 1.3, 1.4, 1.5])
    await remember({ machine: 'a', model: 'm', seconds: 2, bytes }, folder);
  assert.equal((await correction('a', 'm', folder))!.bytes, 1.3, 'the last ones that could tell');
  await remember({ machine: 'a', model: 'other', seconds: 3 }, folder);
  assert.deepEqual(await correction('a', 'other', folder), { seconds: 3, bytes: 1 });
});

it('a run that took many times what was expected says nothing of the next', async (t) => {
  const folder = await temporary(t);
  await remember({ machine: 'a', model: 'm', seconds: 1, bytes: 8 }, folder);
  assert.deepEqual(await correction('a', 'm', folder), { seconds: 1, bytes: 1 });
  await remember({ machine: 'a', model: 'm', seconds: 1, bytes: 1.2 }, folder);
  assert.equal((await correction('a', 'm', folder))!.bytes, 1.2);
});
