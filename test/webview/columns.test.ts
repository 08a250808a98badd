import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { CHAT_STRINGS } from '../../webview/protocol/chat.js';
import { RUN_STRINGS, type RunPageEvent, type RunSnapshot } from '../../webview/protocol/run.js';
import { append } from '../../webview/run/columns.js';
import { ANSWER_STRINGS } from '../../runtime/contract/answers.js';
import { chartSpecs } from '../../runtime/contract/charts.js';
import { VIEW_STRINGS } from '../../runtime/contract/runView.js';
import { JUDGE_STRINGS } from '../../runtime/contract/judgeText.js';
import { SWEEP_STRINGS } from '../../runtime/contract/sweepView.js';
import { DASHES, summary } from '../../runtime/contract/series.js';
import { DURATION_WORDS, fill, formatDuration, numbersIn } from '../../runtime/contract/format.js';
import { tableOf } from '../../runtime/contract/table.js';
import { measurements, protectedRun, vectorRun } from './runSnapshots.js';

const WORDING = { strings: RUN_STRINGS, numbers: numbersIn('en') };
type Append = Extract<RunPageEvent, { type: 'append' }>;

const appendOf = (run: RunSnapshot, more: Partial<Append>): Append => ({
  type: 'append',
  from: { train: run.train.step.length, probes: run.probes.step.length },
  train: { step: [], loss: [], gradNorm: [] },
  probes: { step: [] },
  progress: run.progress,
  verdict: run.verdict,
  ...more,
});

test('an append continues every column, and fills up those it does not have', () => {
  const run = protectedRun(12);
  run.probes = { step: [0, 6], harmfulLossWith: [1, 2] };
  const done = append(
    run,
    appendOf(run, {
      train: { step: [13], loss: [null], gradNorm: [0.5] },
      probes: { step: [12], benignKl: [0.1] },
    }),
  );
  assert.equal(done, true);
  assert.deepEqual(run.probes, { step: [0, 6, 12], harmfulLossWith: [1, 2, null], benignKl: [null, null, 0.1] });
  assert.equal(run.train.step.at(-1), 13);
  assert.equal(run.train.loss.at(-1), null);
});

test('an append that does not follow on what is there is refused and changes nothing', () => {
  const run = protectedRun(12);
  const before = JSON.stringify(run);
  assert.equal(append(run, appendOf(run, { from: { train: 11, probes: 3 } })), false);
  assert.equal(append(run, appendOf(run, { from: { train: 12, probes: 2 } })), false);
  assert.equal(JSON.stringify(run), before);
});

test('a summary names gaps and zeros and skips them for first and last', () => {
  const [series] = chartSpecs(protectedRun(12), WORDING)[0].series;
  const found = summary({ ...series, steps: [0, 6, 12, 18], values: [null, 0, 3, NaN] });
  assert.deepEqual(found, { gaps: [0, 18], zeros: [6], first: { step: 6, value: 0 }, last: { step: 12, value: 3 } });
});

test('series of one chart differ in dash as well as in hue', () => {
  const charts = [...chartSpecs(protectedRun(), WORDING), ...chartSpecs(vectorRun(), WORDING)];
  assert.equal(charts.length, 6);
  for (const { id, series } of charts) {
    assert.ok(series.length > 0, id);
    assert.equal(new Set(series.map(({ dash }) => DASHES[dash].join())).size, series.length, id);
    assert.equal(new Set(series.map(({ color }) => color)).size, series.length, id);
  }
});

test('a run that measures no gradients has no gradient series, and no series is invented', () => {
  const run = protectedRun();
  run.probes = { step: [0], harmfulLossWithout: [0.5] };
  run.plain = undefined;
  const [harmful, benign, gradients] = chartSpecs(run, WORDING);
  assert.deepEqual(
    harmful.series.map(({ label }) => label),
    [RUN_STRINGS.seriesDelivered],
  );
  assert.deepEqual(
    benign.series.map(({ label }) => label),
    [RUN_STRINGS.seriesTrainLoss],
  );
  assert.deepEqual(gradients.series, []);
});

test('the table has base, plain, protected first and one column per set, measure and judge', () => {
  const { states, columns } = tableOf([
    { state: 'mine', name: 'forbidden topic', measure: 'harm', value: 0.5, count: 64, judge: 'classifier' },
    ...measurements.toReversed(),
  ]);
  assert.deepEqual(states, ['base', 'plain', 'protected', 'mine']);
  assert.equal(columns.length, 6);
  const harm = columns.filter(({ measure }) => measure === 'harm');
  assert.deepEqual(harm, [
    { name: 'forbidden topic', measure: 'harm', judge: 'classifier', counts: [64] },
    { name: 'forbidden topic', measure: 'harm', judge: 'refusal-phrases', counts: [128] },
  ]);
});

test('numbers keep what matters: small shares are not rounded to nothing', () => {
  const n = numbersIn('en');
  assert.equal(n.percent(0.0038), '0.38\u00a0%');
  assert.equal(n.percent(0.9844), '98.4\u00a0%');
  assert.equal(n.number(0.000042), '4.2E-5');
  assert.equal(n.number(0), '0');
  assert.equal(numbersIn('de').percent(0.5), '50\u00a0%');
  assert.equal(numbersIn('xx-YY').number(1.5), '1.5');
  assert.equal(formatDuration(59.6, RUN_STRINGS), '1 min');
  assert.equal(formatDuration(7300, RUN_STRINGS), '2 h 1 min');
  assert.equal(fill('{1} of {0}, {2}', 'a', 'b'), 'b of a, {2}');
});

test('every string of a page is used by that page', () => {
  const source = (folder: string) =>
    readdirSync(folder)
      .filter((file) => file.endsWith('.ts'))
      .map((file) => readFileSync(path.join(folder, file), 'utf8'))
      .join('\n');
  const webview = path.resolve(import.meta.dirname, '../../webview');
  // The contract's tables are whole on the page: none of their sentences is hidden by a string of the same name.
  const shared = { ...VIEW_STRINGS, ...ANSWER_STRINGS, ...DURATION_WORDS };
  for (const [key, sentence] of Object.entries(shared))
    assert.equal((RUN_STRINGS as Record<string, string>)[key], sentence);
  // In the contract a string stands once where it is written, and again where it is used.
  const contract = source(path.resolve(import.meta.dirname, '../../runtime/contract'));
  const times = (key: string): number => contract.match(new RegExp(`\\b${key}\\b`, 'g'))?.length ?? 0;
  const worded = { ...SWEEP_STRINGS, ...JUDGE_STRINGS };
  for (const [page, strings] of Object.entries({ run: RUN_STRINGS, chat: CHAT_STRINGS })) {
    const used = source(path.join(webview, page)) + source(webview);
    const isUsed = (key: string): boolean => new RegExp(`\\b${key}\\b`).test(used) || (key in worded && times(key) > 1);
    const unused = Object.keys(strings).filter((key) => !(key in shared) && !isUsed(key));
    assert.deepEqual(unused, [], page);
  }
  // Two are named by their verdict.
  const unused = Object.keys(VIEW_STRINGS).filter((key) => times(key) < 2);
  assert.deepEqual(unused, ['stoppedRun', 'interruptedRun']);
});
