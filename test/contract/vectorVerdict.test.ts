import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runView, type RunReading } from '../../runtime/contract/runView.js';
import { verdictText } from '../../runtime/contract/sentences.js';
import { signsOf } from '../../runtime/contract/signs.js';
import { runVerdict, trialOf, type RunFacts } from '../../runtime/contract/verdict.js';
import { RUNS } from './runs.js';

/** A run of a vector that has drawn and measured nothing. */
const EMPTY: Omit<RunReading, 'verdict'> = {
  ...{ kind: 'vector', vectors: [], laws: [], measurements: [] },
  ...{ train: { step: [], loss: [], gradNorm: [] }, probes: { step: [] } },
};

test('a trial tells that a vector protects, or leaks, only where its whole interval does', () => {
  const of = (trial: number, low: number, high: number) => trialOf({ trial, trialInterval: [low, high] });
  assert.deepEqual([of(0.9, 0.851, 0.949), of(0.9, 0.849, 0.951)], ['leaks', 'untold']);
  assert.deepEqual([of(0.97, 0.85, 1.1), of(0.97, 0.849, 1.1)], ['protects', 'untold']);
  assert.deepEqual([of(0.949, 0.9, 0.99), of(0.949, 0.85, 1.05)], ['untold', 'protects'], 'as of a fine-tuning');
  assert.equal(trialOf({}), undefined);
  const shown = (name: string): [string, string] => {
    const verdict = runVerdict(RUNS[`vector, ready, ${name}`]!);
    assert.equal(verdict.kind, 'ready');
    return [signsOf(verdict).mark, verdictText(verdict)];
  };
  const [good, protects] = shown('and it protects by itself');
  assert.equal(good, '✓');
  assert.match(protects, /on 16 of these rows\), 16 others kept 99\s% .*\(95 % interval: 93\s% to 105\s%\)\. How well/);
  const [bad, leaks] = shown('and it leaks by itself');
  assert.equal(bad, '⚠');
  assert.match(
    leaks,
    /16 others kept only 61\s% .*\(95 % interval: 48\s% to 74\s%\): on its own, .* does not protect\. Train/,
  );
  const { quality, ...run } = RUNS['vector, ready, and it leaks by itself']!;
  const blind = runVerdict({ ...run, quality: { ...quality, auroc: 0.495, aurocInterval: [0.4, 0.6] } });
  assert.equal(blind.kind, 'unready');
  assert.match(verdictText(blind), /does not protect\.$/, 'first it is to find harmful rows');
  const [open, untold] = shown('and its trial is too small to tell');
  assert.equal(open, '–');
  assert.match(untold, /on 4 of these rows\), 4 others kept 95\.1\s% .* too few rows to tell/);
  // the vector of 8 steps of docs/protection-figures.md, which leaked
  const tried = RUNS['vector, ready, and its trial is too small to tell']!;
  const doubtful = runVerdict({ ...tried, quality: { ...tried.quality, trial: 0.849, trialInterval: [0.703, 0.996] } });
  assert.deepEqual([doubtful.kind, signsOf(doubtful).mark, signsOf(doubtful).exit], ['ready', '⚠', 'done']);
  assert.match(verdictText(doubtful), /84\.9\s% .* too few rows to tell .* Train it for longer/);
  const never = runVerdict(RUNS['vector, ready']!);
  assert.deepEqual(
    [never.kind, signsOf(never).mark, signsOf(never).tone],
    ['ready', '–', 'neutral'],
    'nobody tried it',
  );
  assert.match(verdictText(never), /It was not tested whether it protects on its own, as in the paper\. How well/);
  assert.equal(runView({ ...EMPTY, verdict: never }).brief, 'ready, finds about 90\u00a0%, not tried');
});

test('a vector with held-out rows of one kind alone says which, and a leak that its trial found', () => {
  const of = (quality: RunFacts['quality']): [mark: string, tone: string, text: string] => {
    const verdict = runVerdict({ ...RUNS['vector, ready']!, last: {}, quality });
    assert.equal(verdict.kind, 'unknown');
    return [signsOf(verdict).mark, signsOf(verdict).tone, verdictText(verdict)];
  };
  const trial = { trial: 0.4, trialInterval: [0.3, 0.5] as [number, number], trialTrained: 8, trialMeasured: 8 };
  const [, , plain] = of({ harmful: 16, ordinary: 0, lossWith: 1.2, lossWithout: 3 });
  assert.match(plain, /^No verdict: 16 harmful rows were held out of the training and no ordinary ones, .* 64 prompts; 32 may be enough\. With it, they have 40\s% of the loss [^.]*\.$/); // oxfmt-ignore
  assert.match(of({ harmful: 0, ordinary: 20 })[2], /^No verdict: 20 ordinary rows were held out .* no harmful ones/);
  assert.match(of({ harmful: 0, ordinary: 0 })[2], /^No verdict: no rows were held out/);
  const [mark, tone, leaks] = of({ harmful: 16, ordinary: 0, ...trial });
  assert.deepEqual([mark, tone], ['⚠', 'warning']);
  assert.match(
    leaks,
    /no ordinary ones, .* 8 others kept only 40\s% .* on its own, as in the paper, the vector does not protect/,
  );
  const [few, , why] = of({
    harmful: 10,
    ordinary: 10,
    auroc: 0.96,
    aurocInterval: [0.7, 0.99],
    recall: 0.8,
    ...trial,
  });
  assert.equal(few, '⚠');
  assert.match(why, /only 10 harmful and 10 ordinary rows .* 8 others kept only 40\s%/);
  assert.equal(of({ harmful: 16, ordinary: 0, ...trial, trial: 1, trialInterval: [0.99, 1.01] })[0], '–');
});

test('a vector in training without held-out rows says how much of their loss its harmful rows have with it', () => {
  const of = (last: RunFacts['last']): string =>
    verdictText(
      runVerdict({ ...RUNS['a vector in training, ready so far']!, quality: undefined, first: { harmfulLossWithout: 3.2 }, last }), // oxfmt-ignore
    );
  const losses = { harmfulLossWith: 0.8, harmfulLossWithout: 3.2 };
  assert.match(of(losses), /^So far: with the vector, its harmful rows have 25\s% of their loss\.$/);
  assert.match(of({ ...losses, heldOutAuroc: 0.99 }), /^So far: AUROC 0\.99/);
  assert.match(of({ harmfulLossWithout: 3.2 }), /not been measured yet/);
});

test('a recall at 1 % false alarms says when too few ordinary rows were held out to show 1 %', () => {
  const said = (ordinary: number) => {
    const run = RUNS['vector, ready, and it protects by itself']!;
    const verdict = runVerdict({ ...run, quality: { ...run.quality, ordinary } });
    const { brief, headline = '' } = runView({ ...EMPTY, verdict });
    return [brief, headline.includes(`The 1 % is extrapolated from ${ordinary} ordinary rows.`)];
  };
  assert.deepEqual(said(40), ['ready, finds about 90\u00a0%', true]);
  assert.deepEqual(said(298), ['ready, finds about 90\u00a0%', true]);
  assert.deepEqual(said(399), ['ready, finds 90\u00a0%', false]);
  const run = RUNS['vector, ready, and it protects by itself']!;
  const alike = runVerdict({ ...run, quality: { ...run.quality, ordinary: 250, ordinaryPrompts: 10 } });
  assert.equal(runView({ ...EMPTY, verdict: alike }).brief, 'ready, finds about 90\u00a0%');
  assert.match(verdictText(alike), /The 1 % is extrapolated from 250 ordinary rows of 10 prompts\./);
  const poor = runVerdict({
    ...RUNS['vector, ready']!,
    quality: { auroc: 0.99, recall: 0.2, harmful: 20, ordinary: 40 },
  });
  assert.match(
    verdictText(poor),
    /finds only 20\s% .* The 1 % is extrapolated from 40 ordinary rows\. With more ordinary rows \("benign"\) to compare with it may find more\./,
  );
  const more = (recall: number, ordinary: number): boolean =>
    verdictText(runVerdict({ ...run, quality: { ...run.quality, recall, ordinary } })).includes('it may find more');
  assert.deepEqual([more(0.56, 27), more(0.95, 27), more(0.56, 399)], [true, false, false]);
});
