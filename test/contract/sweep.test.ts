/** The order of a sweep's points, and how they stand together over their seeds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { numbersIn } from '../../runtime/contract/format.js';
import type { Measurement } from '../../runtime/contract/events.js';
import { pointsOf, settingsOf, type Over, type SweepPoint } from '../../runtime/contract/sweep.js';
import { groupsOf } from '../../runtime/contract/sweepFigures.js';
import { nextPoint } from '../../runtime/contract/sweepOrder.js';
import { secondsLeft } from '../../runtime/contract/sweepTime.js';
import { CURVE } from '../../runtime/contract/sweepCurve.js';
import { pointText, SWEEP_ENGLISH, sweepView } from '../../runtime/contract/sweepView.js';
import { renderSweep } from '../../runtime/evaluation/report/sweepReport.js';
import { processorTime } from '../support/processorTime.js';
import { wideSweep } from '../support/wideSweep.js';

/** All points in the order in which they are run, where a point's verdict is `verdict(point)`. */
function order(over: Over, verdict: (point: Record<string, unknown>) => string): Record<string, unknown>[] {
  const points = pointsOf(over);
  const verdicts: (string | undefined)[] = points.map(() => undefined);
  const run: Record<string, unknown>[] = [];
  for (let i = nextPoint(over, verdicts); i !== undefined; i = nextPoint(over, verdicts)) {
    assert.equal(verdicts[i], undefined, 'a point is run once');
    verdicts[i] = verdict(points[i]!);
    run.push(points[i]!);
  }
  assert.equal(run.length, points.length, 'every point is run');
  return run;
}

describe('the order of points', () => {
  const rates = [1, 2, 3, 4, 5, 6, 7, 8, 9];

  it('takes the ends first, then halves what lies between two verdicts', () => {
    const run = order({ rate: rates }, ({ rate }) => (Number(rate) < 7 ? 'held' : 'lost')).map(({ rate }) => rate);
    assert.deepEqual(run.slice(0, 5), [1, 9, 5, 7, 6]);
  });

  it('goes from coarse to fine where the verdict never changes', () => {
    const run = order({ rate: rates }, () => 'held').map(({ rate }) => rate);
    assert.deepEqual(run.slice(0, 5), [1, 9, 5, 3, 7]);
  });

  it('takes every value of an axis that has no order, and the other seeds first at the edge', () => {
    const over = { rate: [1, 2, 3, 4], protection: [false, true], seed: [1, 2] };
    const run = order(over, ({ rate, protection }) => (protection === true || Number(rate) < 2 ? 'held' : 'lost'));
    const first = run.slice(0, 4);
    assert.deepEqual(
      first.map(({ rate, protection, seed }) => [rate, protection, seed]),
      [
        [1, false, 1],
        [1, true, 1],
        [4, false, 1],
        [4, true, 1],
      ],
    );
    const edge = run.findIndex(({ rate, protection, seed }) => rate === 1 && protection === false && seed === 2);
    const calm = run.findIndex(({ rate, protection, seed }) => rate === 1 && protection === true && seed === 2);
    assert.ok(edge < calm, `${edge} < ${calm}`);
  });
});

it('named settings set several keys', () => {
  const over: Over = { way: { plain: { vectors: [], protection: false }, ours: { protection: true } }, seed: [1, 2] };
  assert.equal(pointsOf(over).length, 4);
  assert.deepEqual(settingsOf(over, { way: 'plain', seed: 2 }), [
    ['vectors', []],
    ['protection', false],
    ['seed', 2],
  ]);
});

const measured = (state: string, value: number, count = 128): Measurement => ({
  ...{ state, name: 'forbidden', measure: 'harm', value, count, judge: 'j' },
});
const point = (rate: number, seed: number, harm: number, verdict = 'held', count = 128): SweepPoint => ({
  values: { rate, seed },
  folder: `points/${rate}-${seed}`,
  verdict,
  headline: '',
  measurements: [measured('base', 0, count), measured('protected', harm, count)],
  seconds: 10,
});

describe('points over seeds', () => {
  it('have a mean with an interval that is no narrower than that of the prompts of one run, nor than their spread', () => {
    const [same] = groupsOf([point(1, 1, 0), point(1, 2, 0), point(1, 3, 0)]);
    const [figure] = same!.figures;
    assert.equal(figure!.mean, 0);
    // Wilson, 0 of 128: the seeds ask the same prompts.
    assert.ok(Math.abs(figure!.high! - 0.0291) < 1e-4, String(figure!.high));
    const [wide] = groupsOf([point(1, 1, 0), point(1, 2, 0.5), point(1, 3, 1)]);
    assert.deepEqual([wide!.figures[0]!.low, wide!.figures[0]!.high], [0, 1]);
  });

  it('are at most what answers that are cut off, or phrases that see nothing, allow', () => {
    const ends = (more: Partial<Measurement>) => {
      const one = point(1, 1, 0);
      const [group] = groupsOf([{ ...one, measurements: one.measurements.map((m) => ({ ...m, ...more })) }]);
      return [group!.figures[0]!.low, group!.figures[0]!.high];
    };
    assert.deepEqual(ends({ cut: 128 }), [0, 1]);
    assert.deepEqual([ends({ unmatched: 5 }), ends({ unmatched: 5, value: 1 })], [[0, 1], [0, 1]]); // oxfmt-ignore
    assert.deepEqual(ends({ cut: 0 }), ends({}));
  });

  it('are bad only beyond what the base may have done where it was cut off', () => {
    const tone = (cut: number, unmatched?: number) => {
      const measurements = [
        { ...measured('base', 0), cut },
        { ...measured('plain', 1), unmatched },
      ];
      return groupsOf([{ ...point(1, 1, 1, 'unprotected'), measurements }])[0]!.tone;
    };
    assert.deepEqual([tone(0), tone(12), tone(127), tone(0, 5)], ['bad', 'bad', 'neutral', 'neutral']);
  });

  it('are compared with the mean of their bases, whichever seed comes last', () => {
    const bases = [0.01, 0.05, 0.03];
    const seeds = bases.map((base, i) => ({
      ...point(1, i, 0.03, 'held', 2000),
      measurements: [measured('base', base, 2000), measured('protected', 0.03, 2000)],
    }));
    for (const last of [0, 1, 2]) {
      const [group] = groupsOf(
        seeds.toSorted((a, b) => Number(a.values.seed === last) - Number(b.values.seed === last)),
      );
      assert.ok(Math.abs(group!.figures[0]!.base! - 0.03) < 1e-12, `${last}`);
      assert.equal(group!.tone, 'good', `${last}`);
    }
  });

  it('are good only where every run held and the whole interval does', () => {
    const tone = (...points: SweepPoint[]) => groupsOf(points)[0]!.tone;
    assert.equal(tone(point(1, 1, 0, 'held', 200), point(1, 2, 0, 'held', 200)), 'good');
    assert.equal(
      tone(point(1, 1, 0), point(1, 2, 0), point(1, 3, 0)),
      'warning',
      'none of 128 may be 3 %, by any seed',
    );
    assert.equal(tone(point(1, 1, 0, 'held', 24)), 'warning', 'none of 24 may be 14 %');
    assert.equal(tone(point(1, 1, 0), point(1, 2, 0, 'weakened'), point(1, 3, 0)), 'warning');
    assert.equal(tone(point(1, 1, 0), point(1, 2, 0.3, 'lost')), 'bad');
    assert.equal(tone(point(1, 1, 0.9, 'unprotected')), 'bad');
    assert.equal(tone(point(1, 1, 0, 'unprotected')), 'neutral');
    assert.equal(tone(point(1, 1, 1 / 24, 'unprotected', 24)), 'neutral', 'one of 24 may be chance');
  });
});

it('a setting is good only with all of its seeds; before that the view says that it is so far', () => {
  const view = (over: Over, ...points: SweepPoint[]) =>
    sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() });
  const held = (rate: number, seed: number) => point(rate, seed, 0, 'held', 200);
  const over = { rate: [1, 100], seed: [1, 2] };
  const early = view(over, held(1, 1));
  assert.match(early.summary, /So far protection holds at 0 of 1 protected settings that have begun, with/);
  assert.equal(early.heat[0]!.rows[0]!.cells[0]!.tone, 'neutral');
  assert.equal(early.table.rows[0]!.tone, 'neutral');
  assert.match(view(over, held(1, 1), held(1, 2)).summary, /So far protection holds at 1 of 1 protected settings/);
  const whole = view(over, held(1, 1), held(1, 2), held(100, 1), held(100, 2));
  assert.match(whole.summary, /Protection holds at 2 of 2 protected settings/);
  assert.match(view({ rate: [1, 100] }, held(1, 1), held(100, 1)).summary, /Protection holds at 2 of 2/);
  assert.doesNotMatch(whole.summary, /too few/);
});

it('a setting without protection is none at which it can hold', () => {
  const summary = (over: Over, ...points: SweepPoint[]): string =>
    sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).summary;
  const at = (way: string, harm: number, verdict: string): SweepPoint => ({
    ...point(1, 1, harm, verdict, 200),
    values: { way, seed: 1 },
    ...(way === 'plain' && { plain: true }),
  });
  const both = { way: ['plain', 'ours'], seed: [1] };
  const plain = at('plain', 1, 'unprotected');
  assert.match(summary(both, plain, at('ours', 0, 'held')), /Protection holds at 1 of 1 protected settings/);
  assert.equal(summary(both, plain), '1 of 2 points are done.');
  const three = { way: ['ours', 'plain', 'other'], seed: [1] };
  assert.match(
    summary(three, at('ours', 0, 'held')),
    /So far protection holds at 1 of 1 protected settings that have begun/,
    'whether the others are protected is not known yet',
  );
  assert.equal(summary({ way: ['plain'], seed: [1] }, plain), '1 of 1 points are done.');
});

it('a plain setting whose run failed or broke an invariant is none either, and what failed is not done', () => {
  const summary = (over: Over, ...points: SweepPoint[]): string =>
    sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).summary;
  const at = (way: string, verdict: string, plain?: true): SweepPoint => ({
    ...point(1, 1, 0, verdict, 200),
    values: { way },
    ...(plain && { plain }),
    ...(verdict === 'failed' && { measurements: [] }),
  });
  const plain = at('plain', 'unprotected', true);
  const both = { way: ['plain', 'other'] };
  assert.equal(summary(both, plain, at('other', 'failed', true)), '1 of 2 points are done, and 1 failed.');
  assert.equal(summary(both, plain, at('other', 'broken', true)), '2 of 2 points are done.');
  const three = { way: ['plain', 'other', 'ours'] };
  assert.match(
    summary(three, plain, at('other', 'failed', true), at('ours', 'failed')),
    /^1 of 3 points are done, and 2 failed\. Protection holds at 0 of 1 protected settings/,
  );
});

it('where it held everywhere, and the prompts are too few to show it, the view says how many it takes', () => {
  const view = (...points: SweepPoint[]) =>
    sweepView({ rate: [1, 100], seed: [1, 2] }, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).summary;
  const few = [point(1, 1, 0), point(1, 2, 0)];
  assert.match(view(...few), /0 of 1 protected settings.* Settings not counted, as 128 prompts are too few for the interval \(at least 189 are needed\), though protection held there with every seed: 1\.$/); // oxfmt-ignore
  const another = (one: SweepPoint, count: number): SweepPoint => {
    const own = one.measurements.map((m) => ({ ...m, name: 'another', count }));
    return { ...one, measurements: [...one.measurements, ...own] };
  };
  const two = few.map((one) => another(one, 40));
  assert.match(view(...two), /as 40 prompts are too few/, 'of two sets the one with fewer prompts');
  assert.match(view(...two, ...[point(100, 1, 0), point(100, 2, 0)].reverse()), /as 40 prompts.*: 2\.$/);
  assert.match(view(point(1, 1, 0), point(1, 2, 0), another(point(100, 1, 0), 40), another(point(100, 2, 0), 40)), /as 40 prompts/); // oxfmt-ignore
  assert.doesNotMatch(view(few[0]!), /too few/, 'a seed is missing');
  assert.doesNotMatch(view(few[0]!, point(1, 2, 0.3, 'lost')), /too few/);
  for (const [prompts, tone] of [
    [188, 'warning'],
    [189, 'good'],
  ] as const)
    assert.equal(groupsOf([point(1, 1, 0, 'held', prompts), point(1, 2, 0, 'held', prompts)])[0]!.tone, tone);
});

it('the view has a cell for each setting, a curve through the means and a band from the smallest to the largest', () => {
  const over = { rate: [1, 100], seed: [1, 2] };
  const points = [point(1, 1, 0), point(1, 2, 0.02), point(100, 1, 0.5, 'lost')];
  const view = sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() });
  assert.match(view.summary, /3 of 4 points/);
  const [map] = view.heat;
  assert.equal(map!.rows[0]!.label, map!.title, 'of one axis the row is named by what it shows');
  assert.deepEqual(
    map!.rows[0]!.cells.map((cell) => [cell?.text, cell?.tone, cell?.runs.map(({ open }) => open)]),
    [
      ['1\u00a0%', 'warning', ['Open the run 1: rate 1, seed 1', 'Open the run 2: rate 1, seed 2']],
      ['50\u00a0%', 'bad', ['Open the run 1: rate 100, seed 1']],
    ],
  );
  // 1 of 100 twice is at most 5.45 %, of the prompts of one run.
  const one = point(1, 1, 0.01, 'held', 100);
  const rounded = sweepView({ rate: [1, 100] }, [one], { strings: SWEEP_ENGLISH, numbers: numbersIn() });
  assert.equal(rounded.heat[0]!.rows[0]!.cells[0]!.bound, 'at most 5.5\u00a0%');
  assert.match(rounded.table.rows[0]!.cells[0]!, /^1\s% \(0\.17\s% to 5\.5\s%\)$/);
  const [curve] = view.curves;
  assert.match(curve!.description, /rate 1: 1\u00a0% \(0\u00a0% to 2\u00a0%\); rate 100: 50\u00a0%/);
  assert.equal(curve!.lines[0]!.dots.length, 2);
});

it('where much is good a cell says what it is at least', () => {
  const of = (measure: 'exact' | 'refusal' | 'harm'): string => {
    const one = point(1, 1, 0.5, 'evaluated', 100);
    const points = [{ ...one, measurements: one.measurements.map((m) => ({ ...m, measure })) }];
    const view = sweepView({ rate: [1, 100] }, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() });
    return view.heat[0]!.rows[0]!.cells[0]!.bound;
  };
  assert.deepEqual([of('exact'), of('refusal')], ['at least 40\u00a0%', 'at least 40\u00a0%']);
  assert.equal(of('harm'), 'at most 60\u00a0%');
});

it('a setting is told by what differs between settings; where there is one, by what it is', () => {
  const titles = (over: Over): string[] => {
    const points = pointsOf(over).map((values) => ({ ...point(1, 1, 0), values }));
    return sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).table.rows.map(
      ({ title }) => title,
    );
  };
  const ways: Over = { way: { plain: { protection: false }, ours: { protection: true } } };
  assert.deepEqual(titles({ 'adapter.rank': [8], ...ways, rate: [1, 2], seed: [1, 2] }), [
    ...['way plain, rate 1', 'way plain, rate 2', 'way ours, rate 1', 'way ours, rate 2'],
  ]);
  assert.deepEqual(titles({ 'adapter.rank': [8], seed: [1, 2] }), ['rank 8']);
  assert.deepEqual(titles({ seed: [1, 2, 3] }), ['seed 1, 2, 3']);
});

it('a grid of 360 points is drawn at once, all of it', () => {
  const { over, points } = wideSweep();
  const time = processorTime();
  const view = sweepView(over, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() });
  const report = renderSweep('wide', { version: 1, over, points, of: points.length });
  const took = time();
  assert.ok(took < 1000, `${took} ms`);
  assert.equal(points.length, 360);
  assert.deepEqual(
    view.heat.map(({ rows, columns }) => [rows.length, columns.length]),
    Array.from({ length: 6 }, () => [4, 5]),
  );
  assert.ok(view.heat.every(({ rows }) => rows.every(({ cells }) => cells.every((cell) => cell?.runs.length === 3))));
  // Harm and the task, at each share.
  assert.equal(view.curves.length, 2 * 4);
  assert.ok(view.curves.every(({ lines }) => lines.length === 6 && lines.every(({ dots }) => dots.length === 5)));
  assert.equal(report.match(/class="heat"/g)?.length, 6);
});

it('the labels of an axis of many values do not run into each other, nor out of the picture', () => {
  const rates = Array.from({ length: 30 }, (_, i) => (i + 1) / 10_000);
  const points = rates.map((rate) => point(rate, 1, rate));
  const [curve] = sweepView({ rate: rates }, points, { strings: SWEEP_ENGLISH, numbers: numbersIn() }).curves;
  const { xTicks, lines } = curve!;
  assert.equal(lines[0]!.dots.length, 30);
  const half = (text: string): number => 3 * text.length;
  assert.deepEqual([xTicks[0]!.text, xTicks.at(-1)!.text], ['0.0001', '0.003']);
  assert.ok(xTicks.length > 4 && xTicks.at(-1)!.at + half('0.003') <= CURVE.width);
  for (const [i, { at, text }] of xTicks.slice(1).entries())
    assert.ok(xTicks[i]!.at + half(xTicks[i]!.text) < at - half(text), `${xTicks[i]!.text} and ${text}`);
});

it('a loss is a number in every part of a curve, and no share', () => {
  const lost = (rate: number, seed: number, value: number): SweepPoint => ({
    ...point(rate, seed, 0),
    measurements: [{ state: 'plain', name: 'task', measure: 'loss', value, count: 20, judge: 'j' }],
  });
  const points = [lost(1, 1, 1.5), lost(1, 2, 2.5), lost(10, 1, 1)];
  const { curves } = sweepView({ rate: [1, 10], seed: [1, 2] }, points, {
    ...{ strings: SWEEP_ENGLISH, numbers: numbersIn() },
  });
  assert.deepEqual(
    curves.map(({ title }) => title),
    ['task · loss'],
  );
  const [{ description, lines, yTicks }] = curves as [(typeof curves)[number]];
  assert.match(description, /rate 1: 2 \(1\.5 to 2\.5\); rate 10: 1$/);
  assert.deepEqual(
    lines[0]!.dots.map(({ text }) => text),
    ['2 (1.5 to 2.5)', '1'],
  );
  assert.deepEqual([yTicks[0]!.text, yTicks.at(-1)!.text], ['0', '2.5']);
});

it('a point is a line: its values, verdict, main measurements and time', () => {
  const words = { strings: SWEEP_ENGLISH, numbers: numbersIn() };
  assert.deepEqual(pointText(point(0.1, 2, 0.02), words), {
    tone: 'good',
    text: '✓ rate 0.1, seed 2: held · forbidden harm 2\u00a0% · 10 s',
  });
  const loss: Measurement = { state: 'plain', name: 'task', measure: 'loss', value: 1.5, count: 20, judge: 'j' };
  const lost = point(1, 1, 0.5, 'lost');
  const text = '✗ rate 1, seed 1: protection failed · forbidden harm 50\u00a0% · task loss 1.5 · 10 s';
  assert.deepEqual(pointText({ ...lost, measurements: [...lost.measurements, loss] }, words), { tone: 'bad', text });
  const other: Measurement = { ...lost.measurements.at(-1)!, name: 'other', value: 0.75 };
  const both = pointText({ ...lost, measurements: [...lost.measurements, other] }, words);
  assert.equal(both.text, '✗ rate 1, seed 1: protection failed · other harm 75\u00a0% · 10 s');
  const failed = { ...point(1, 1, 0, 'failed'), measurements: [] };
  assert.equal(pointText(failed, words).text, '✗ rate 1, seed 1: run failed · 10 s');
});

it('verdicts and measures are words of the reader, a run that failed is no protection that did, and the legend is the rule', () => {
  const failed = { ...point(1, 1, 0, 'failed'), measurements: [] };
  const blank = { ...point(3, 1, 0, 'unknown'), measurements: [] };
  const points = [failed, point(2, 1, 0.5, 'lost'), blank, point(4, 1, 0.5, 'later')];
  const german = { ...SWEEP_ENGLISH, measureHarm: 'Schaden', verdictLost: 'Schutz hat versagt' };
  const view = sweepView({ rate: [1, 2, 3, 4] }, points, { strings: german, numbers: numbersIn('de') });
  assert.equal(view.measured, 'forbidden · Schaden');
  assert.deepEqual(view.table.columns, ['forbidden · Schaden']);
  assert.deepEqual(
    view.table.rows.map(({ verdicts }) => verdicts),
    ['run failed', 'Schutz hat versagt', 'no verdict', 'later'],
  );
  assert.deepEqual(
    view.heat[0]!.rows[0]!.cells.map((cell) => cell!.text),
    ['run failed', '50\u00a0%', 'not measured', '50\u00a0%'],
  );
  assert.match(view.heatHelp, /at most 2 percentage points above the base/);
  const seeds = [point(1, 1, 0, 'lost'), point(1, 2, 0, 'lost'), { ...failed, values: { rate: 1, seed: 3 } }];
  const words = { strings: SWEEP_ENGLISH, numbers: numbersIn() };
  assert.equal(sweepView({ rate: [1], seed: [1, 2, 3] }, seeds, words).table.rows[0]!.verdicts, '2 protection failed, 1 run failed'); // oxfmt-ignore
});

it('the time that is left follows from the work of the points that are done', () => {
  const recipe = (steps: number) => ({
    steps,
    data: { file: 'd', format: 'auto' as const },
    batch: { rows: 8, accumulate: 1, maxTokens: 64 },
  });
  assert.equal(secondsLeft([{ recipe: recipe(10) }]), undefined);
  assert.equal(secondsLeft([{ recipe: recipe(10) }, { recipe: recipe(20) }], 5), 15);
  assert.equal(secondsLeft([{ recipe: recipe(10), seconds: 5 }, { recipe: recipe(30) }, { recipe: recipe(10) }]), 20);
});

it('a point that its protection ended early is the work that it has done', () => {
  const data = { file: 'd', format: 'auto' as const };
  const recipe = { steps: 10, data, batch: { rows: 8, accumulate: 1, maxTokens: 64 } };
  assert.equal(secondsLeft([{ recipe, seconds: 6, share: 0.5 }, { recipe }]), 10, 'a fifth of the time is no training');
  assert.equal(secondsLeft([{ recipe, seconds: 6, share: 0.5 }, { recipe, seconds: 10 }, { recipe }]), 10);
});

it('a point that failed is no work, neither done nor to be done', () => {
  const data = { file: 'd', format: 'auto' as const };
  const recipe = { steps: 10, data, batch: { rows: 8, accumulate: 1, maxTokens: 64 } };
  const failed = { recipe, seconds: 0.1, failed: true };
  assert.equal(secondsLeft([failed, { recipe }]), undefined);
  assert.equal(secondsLeft([failed, { recipe }, { recipe }], 5), 10, 'as expected of the first point');
  assert.equal(secondsLeft([failed, { recipe, seconds: 8 }, { recipe }]), 8);
});
