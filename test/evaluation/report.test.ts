import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderReport } from '../../runtime/evaluation/report/report.js';
import { chartFigure } from '../../runtime/evaluation/report/chart.js';
import { escape, html } from '../../runtime/evaluation/report/html.js';
import { formatNumber, formatSeconds } from '../../runtime/evaluation/report/numbers.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { ChartSpec } from '../../runtime/contract/series.js';
import { plainRun, protectedRun, vectorRun } from './reportRuns.js';

const scan = {
  ...{ flagged: 171, rows: 600, threshold: 0.01, limit: { falseAlarms: 0.01 }, auroc: 0.99987, precision: 1 },
  ...{ recall: 0.995, blind: 2, short: 3, calibration: { ordinary: 120, harmful: 30, recall: 0.9 } },
};
const story = () => renderReport({ title: 'The sample', runs: [vectorRun(), plainRun(), protectedRun()], scan });

/** Text of the page as a reader sees it, without style. */
const textOf = (page: string) =>
  page
    .replace(/<style>[^]*?<\/style>/g, '')
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ');

/** Every opened element is closed in order. */
function wellFormed(page: string): void {
  const open: string[] = [];
  for (const [, slash, tag, own] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b(?:"[^"]*"|[^>"])*?(\/?)>/g)) {
    if (own || ['meta'].includes(tag)) continue;
    if (slash) assert.equal(open.pop(), tag, `</${tag}> after ${open.slice(-3).join(' > ')}`);
    else open.push(tag);
  }
  assert.deepEqual(open, []);
}

test('the story in one file: verdict, table, charts of both runs, scan, laws, answers, hashes, threat model', () => {
  const page = story();
  const text = textOf(page);
  wellFormed(page);
  assert.match(text, /The sample finished · 108 steps · 1 min 1 s · on CPU · started 2025-01-02 03:04 UTC/);
  assert.match(
    text,
    /Protection holds: the delivered model complies with 0 of 128 harmful prompts \(at most 2\.4 %, .* On &quot;forbidden topic&quot; the plain run complies with 128 of 128 \(at least 97\.6 %, /,
  );
  assert.match(
    text,
    /In training, the gradient was 0\.4 % of that without the vector, measured on 8 harmful rows that the vector was not trained on\./,
  );
  // Of the data the plain run measured other rows: its line stands beside the harmful ones alone, in picture and
  // legend.
  const figures = page.match(/<figure>[^]*?<\/figure>/g)!.filter((figure) => figure.includes('plain run, no vector'));
  assert.equal(figures.length, 1);
  assert.match(textOf(figures[0]!), /Harmful rows .* Measured on 8 harmful rows that the vector was not trained on\. /);
  assert.match(text, /≤ and ≥: bounds by the number of prompts, with 95 % confidence/);
  const shares = text.replaceAll(/ \([≤≥] [^)]*\)/g, '');
  assert.match(shares, / base 0 % 100 % 0 % plain 100 % 0 % 92 % protected 0 % 90 % 86 % /);
  assert.match(
    text,
    /171 of 600 rows look harmful \(as at most 1\s% of ordinary rows would\); compared with 120 ordinary rows/,
  );
  assert.match(text, /AUROC 0\.99987, precision 100\s%, recall 99\.5\s%/);
  assert.match(text, /2 rows cannot be judged.*3 rows are too short/);
  assert.equal(page.match(/<figure>/g)?.length, 6);
  assert.equal(page.match(/class="held"/g)?.length, 3);
  for (const hash of ['ab', 'cd', 'ef', '01']) assert.ok(page.includes(hash.repeat(32)), hash);
  assert.match(text, /8 of 12 prompts/);
  assert.match(text, /empty answer/);
  assert.match(text, /bad data in the hands of an honest trainer/);
  assert.match(text, /"learningRate": 0\.001|&quot;learningRate&quot;: 0\.001/);
});

test('nothing is loaded and nothing runs: no scripts, no addresses, and a policy that forbids both', () => {
  const page = story();
  assert.match(page, /content="default-src 'none'; style-src 'unsafe-inline'"/);
  assert.doesNotMatch(page, /<script|<img|<link|<iframe|@import|url\(|https?:|javascript:| on\w+="/i);
});

test('the same input gives the same bytes', () => {
  assert.equal(story(), story());
});

test('text of files, models and people is escaped wherever it appears', () => {
  const evil = `</style></td><script>alert("1")</script>'"&\0`;
  const run = protectedRun();
  run.manifest.name = evil;
  run.manifest.model = { path: evil, architecture: evil, sha256: evil };
  run.manifest.vectors[0].path = evil;
  run.manifest.error = { kind: 'failed', message: evil, place: evil, remedy: evil, stack: evil };
  run.manifest.done!.protectionWeakened = evil;
  run.manifest.done!.measurements[0].name = evil;
  run.manifest.done!.measurements[0].judge = evil;
  run.manifest.done!.measurements[0].state = evil;
  Object.assign(run.recipe, { model: evil });
  run.events.push(
    { kind: 'warning', message: evil, place: evil, remedy: evil },
    { kind: 'sample', state: evil, set: evil, row: 0, line: 1, prompt: evil, answer: evil, verdict: 'refused' },
  );
  const page = renderReport({ title: evil, runs: [run] });
  assert.doesNotMatch(page, /<script|alert\("|\0/);
  assert.ok(
    page.includes('&lt;/style&gt;&lt;/td&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&quot;&amp;\\u0000'),
  );
  wellFormed(page);
  assert.equal(
    html`<p title="${'"><b>'}">${['<', '>'].map((c) => html`${c}`)}</p>`.markup,
    '<p title="&quot;&gt;&lt;b&gt;">&lt;\n&gt;</p>',
  );
  assert.equal(escape('a\nb\tc'), 'a\nb\tc');
});

const chart = (values: (number | null)[], logarithmic = false): ChartSpec => ({
  id: 'harmful',
  topic: 'harmful-loss',
  title: 'T',
  unit: 'u',
  caption: 'c',
  logarithmic,
  series: [{ label: 'one', color: 'vector', dash: 'dashed', steps: values.map((_, i) => i), values, marked: true }],
});

/** The figure without the white space that only its source needs; the swatches of the legend are left out. */
const draw = (chart: ChartSpec) =>
  chartFigure(chart)
    .markup.replace(/<ul class="legend">[^]*?<\/ul>/, '')
    .replace(/\s+/g, ' ')
    .replace(/ ?(\/?>)/g, '$1');

test('a line stops at a number that is none and goes on after it; the gap is named', () => {
  const markup = draw(chart([1, 0.5, NaN, 0.5, null, 1]));
  const [, path] = /<path class="vector dashed" d="([^"]*)"\/>/.exec(markup) ?? [];
  assert.equal(path?.match(/M/g)?.length, 1);
  assert.equal(path?.match(/L/g)?.length, 1);
  assert.equal(markup.match(/<circle/g)?.length, 2);
  assert.match(markup, /one: nothing that can be drawn at step 2, 4; the line has a gap there\./);
  assert.match(markup, /aria-label="T, u\. one: from 1 at step 0 to 1 at step 5\."/);
  assert.doesNotMatch(markup, /NaN|Infinity|undefined|null/);
});

test('the picture is to scale: values and steps sit where the axes put them', () => {
  const markup = draw(chart([0, 1, 0.5]));
  const tick = (label: string) =>
    Number(new RegExp(`y="([\\d.]+)" text-anchor="end">${label}<`).exec(markup)?.[1]) - 3.5;
  const path = /<path class="vector dashed" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/.exec(markup);
  const [x0, y0, x1, y1, x2, y2] = path!.slice(1).map(Number);
  assert.ok(Math.abs(y0 - tick('0')) < 0.11 && Math.abs(y1 - tick('1')) < 0.11);
  assert.ok(Math.abs(y2 - (y0 + y1) / 2) < 0.11 && Math.abs(x1 - (x0 + x2) / 2) < 0.11);
});

test('a logarithmic axis has a tick at each power of ten, and zero is a gap', () => {
  const markup = draw(chart([4, 0.04, 0], true));
  const ticks = [...markup.matchAll(/text-anchor="end">([^<]+)</g)].map(([, tick]) => tick);
  assert.deepEqual(ticks, ['0.01', '0.1', '1', '10']);
  assert.match(markup, /at step 2;/);
});

test('a chart without measurements has a text instead', () => {
  for (const nothing of [chart([]), chart([NaN, null]), chart([0, -1], true)])
    assert.match(chartFigure(nothing).markup, /Nothing was measured\./);
});

test('a scan with several vectors says of each what it finds, and of none what another does', () => {
  const part = (vector: string, recall: number) => ({
    ...{ vector, flagged: 90, threshold: 0.005, auroc: null, precision: null, recall: null },
    calibration: { ordinary: 120, harmful: 30, recall },
  });
  // With the calibration of the first vector, as earlier versions wrote it.
  const both = { ...scan, byVector: [part('topic', 0.9), part('lies', 0.4)] };
  const text = textOf(renderReport({ runs: [protectedRun()], scan: both }));
  assert.match(
    text,
    /the vector &quot;topic&quot;: compared .* 90 % would be found .*; the vector &quot;lies&quot;: compared .* 40 % would/,
  );
  assert.equal(text.match(/would be found/g)!.length, 2);
});

test('missing and broken measurements are words, never empty cells or NaN', () => {
  const run = plainRun();
  run.manifest.done!.measurements = [
    { state: 'base', name: 'forbidden topic', measure: 'harm', value: NaN, count: 128, judge: 'refusal-phrases' },
    { state: 'mine', name: 'forbidden topic', measure: 'harm', value: 0.25, count: 64, judge: 'classifier' },
    { state: 'mine', name: 'other', measure: 'loss', value: null as unknown as number, count: 1, judge: '' },
  ] satisfies Measurement[];
  const text = textOf(renderReport({ runs: [run] }));
  assert.match(text, /base no number not measured not measured mine not measured 25 % \(≤ 36 %\) no number/);
  assert.match(text, /128 prompts refusal-phrases harm forbidden topic 64 prompts classifier/);
  assert.doesNotMatch(text, /NaN|undefined|null (?!,)/);
});

test('a run that failed before it measured anything still has a report', () => {
  const run = protectedRun();
  run.events = [];
  run.manifest = {
    ...run.manifest,
    outcome: 'failed',
    done: undefined,
    result: undefined,
    ended: undefined,
    device: undefined,
  };
  run.manifest.error = {
    kind: 'failed',
    message: 'the loss is not a number at step 3.',
    place: 'train.jsonl',
    remedy: 'Lower it.',
  };
  const page = renderReport({ runs: [run] });
  wellFormed(page);
  assert.match(
    textOf(page),
    /The run failed: what it measured until then is not a result\. orders-protected failed train\.jsonl the loss is not a number at step 3\. Lower it\./,
  );
  assert.match(textOf(page), /Nothing was evaluated\./);
  assert.doesNotMatch(page, /Laws checked/);
});

test('an invariant broken in any run is broken for the story, in words', () => {
  const run = plainRun();
  run.manifest.done!.laws = { baseUnchanged: false, deliveredWithoutVector: true };
  const page = renderReport({ runs: [vectorRun(), run, protectedRun()] });
  assert.match(page, /class="broken">BROKEN: the base model is unchanged by training/);
  assert.equal(page.match(/class="held"/g)?.length, 2);
});

test('a story that does not hold is reported as it is', () => {
  const run = protectedRun();
  run.manifest.done!.protectionWeakened = 'harm 12 %, base 0 %.';
  assert.match(renderReport({ runs: [run] }), /class="verdict warning">Protection is weak: harm 12 %, base 0 %\./);
  assert.match(
    renderReport({ runs: [plainRun()] }),
    /class="verdict bad">No vector, no protection: on &quot;forbidden topic&quot; the delivered model complies with 128 of 128 prompts /,
  );
  const vector = vectorRun();
  const ready = 'The vector is ready: of 20 harmful rows that it was not trained on it finds 100\\s% ';
  assert.match(renderReport({ runs: [vector] }), new RegExp(`class="verdict neutral">${ready}`), 'not tried');
  Object.assign(vector.manifest.done!.vector!, { trial: 1, trialInterval: [0.97, 1.02], trialMeasured: 8 });
  assert.match(renderReport({ runs: [vector] }), new RegExp(`class="verdict good">${ready}`));
});

test('numbers', () => {
  assert.equal(formatNumber(1.23456), '1.23');
  assert.equal(formatNumber(0.00042), '4.2E-4');
  assert.equal(formatSeconds(185), '3 min 5 s');
  for (const format of [formatNumber, formatSeconds])
    for (const nothing of [NaN, Infinity, undefined, null]) assert.equal(format(nothing), 'no number');
});

test('a report needs a run', () => {
  assert.throws(() => renderReport({ runs: [] }), /at least one run/);
});

test('the report shows what a run measured, and nothing that belongs to another kind of run', () => {
  const text = (run: ReturnType<typeof plainRun>) => textOf(renderReport({ runs: [run] }));
  const plain = plainRun();
  for (const event of plain.events) if (event.kind === 'evaluation') event.probes!.harmfulGradNormWithout = 4;
  assert.doesNotMatch(text(plain), /With the vector/);
  assert.match(text(plain), /Without a vector, harmful rows pull at full strength/);
  // What a caption says is how to read a chart, not what the run found.
  const leaking = protectedRun();
  leaking.manifest.done!.protectionWeakened = 'harm rose';
  assert.doesNotMatch(text(leaking), /rows hardly pull|already explains/);
  assert.doesNotMatch(text(protectedRun()), /checked by SHA-256/);
});

test('a story whose vector is not ready is reported as such, whatever its protected run measured', () => {
  const vector = vectorRun();
  vector.manifest.done!.vector!.auroc = 0.8;
  const page = renderReport({ runs: [vector, plainRun(), protectedRun()] });
  assert.match(page, /class="verdict warning">forbidden-topic: The vector is not ready: .* \(AUROC 0\.8, /);
  assert.equal(page.match(/class="verdict /g)?.length, 2);
  assert.equal(story().match(/class="verdict /g)?.length, 1);
  const leaking = vectorRun();
  Object.assign(leaking.manifest.done!.vector!, { trial: 0.4, trialInterval: [0.3, 0.5], trialMeasured: 8 });
  const told = renderReport({ runs: [leaking, plainRun(), protectedRun()] });
  assert.match(told, /class="verdict warning">forbidden-topic: The vector is ready: .* the vector does not protect/);
});

test('a law that was not checked has no tick', () => {
  const run = protectedRun();
  run.manifest.done!.laws = { vectorUnchanged: true, baseUnchanged: true };
  const page = renderReport({ runs: [run] });
  assert.match(page, /class="unchecked">Not checked: the delivered model holds no trace of the vector/);
  assert.equal(page.match(/class="held"/g)?.length, 2);
  assert.match(page, /class="verdict neutral">No verdict: it was not checked that the delivered model/);
});

test('a run that failed stands alone, and a plain run that was trained otherwise is marked', () => {
  const failed = protectedRun();
  failed.manifest = { ...failed.manifest, outcome: 'failed', done: undefined };
  failed.events = failed.events.filter(({ kind }) => kind !== 'done');
  assert.doesNotMatch(textOf(renderReport({ runs: [plainRun(), failed] })), / plain 100 %/);
  const plain = plainRun();
  assert.ok(plain.recipe.kind === 'finetune');
  plain.recipe.optimizer.learningRate = 0.003;
  plain.manifest.data = [{ path: 'other.jsonl', rows: 1, sha256: 'ff' }];
  assert.match(
    textOf(renderReport({ runs: [plain, protectedRun()] })),
    /orders-plain differs from orders-protected: other data, optimizer\.learningRate 0\.003 instead of 0\.001\./,
  );
  assert.doesNotMatch(textOf(story()), /differs from/);
});

test('a set that asks something else in the plain run does not stand beside that of the protected one', () => {
  const asking = (run: ReturnType<typeof plainRun>, sha256: string, rows = 128) => ({
    ...run,
    manifest: { ...run.manifest, sets: { 'forbidden topic': { rows, sha256 } } },
  });
  const of = (...runs: Parameters<typeof asking>[0][]) => textOf(renderReport({ runs }));
  const alike = of(asking(plainRun(), 'a'), asking(protectedRun(), 'a'));
  assert.match(alike, /the plain run complies with 128 of 128/);
  assert.doesNotMatch(alike, /prompts of &quot;/);
  assert.match(alike, /prompt base plain protected/);
  const other = of(asking(plainRun(), 'b', 200), asking(protectedRun(), 'a'));
  assert.doesNotMatch(other, /the plain run complies/);
  assert.doesNotMatch(other, /prompt (base )?plain/);
  assert.match(other, /differs from orders-protected: prompts of &quot;forbidden topic&quot; 200 instead of 128\./);
  assert.match(
    other.replaceAll(/ \([≤≥] [^)]*\)/g, ''),
    / plain 92 % not measured not measured protected 86 % 0 % 90 % /,
  );
});

test('one row and one step are no rows and steps', () => {
  const run = plainRun();
  const review = { path: 'r.json', sha256: 'ff', excluded: 1, fine: 2 };
  run.manifest.data = [{ path: 'one.jsonl', rows: 1, sha256: 'ff', review }];
  run.manifest.done = { ...run.manifest.done!, step: 1 };
  run.events = run.events.map((event) => (event.kind === 'done' ? { ...event, step: 1 } : event));
  const text = textOf(renderReport({ runs: [run] }));
  for (const said of [/ 1 step · /, /data, 1 row one\.jsonl/, /review, 1 row left out, 2 fine/])
    assert.match(text, said);
});

test('steps that a run repeated after a crash are drawn once', () => {
  const run = vectorRun();
  const again = run.events.filter((event) => event.kind === 'step' && event.step > 100);
  run.events.splice(-1, 0, ...again);
  const drawn = (of: typeof run) => renderReport({ runs: [of] }).match(/<path class="vector solid" d="[^"]*"/)![0];
  assert.equal(drawn(run), drawn(vectorRun()));
});

test('a long chart is thinned as on the run page: a small file, and no spike is lost', () => {
  const steps = Array.from({ length: 100_000 }, (_, i) => i);
  const chart: ChartSpec = {
    id: 'gradients',
    topic: 'gradients',
    title: 'Gradient',
    unit: 'norm',
    caption: '',
    logarithmic: false,
    series: [
      {
        label: 'each step',
        steps,
        values: steps.map((step) => (step === 77_777 ? 500 : 1 + (step % 7))),
        color: 'vector',
        dash: 'solid',
        marked: false,
      },
    ],
  };
  const { markup } = chartFigure(chart);
  assert.ok(markup.length < 50_000, `${markup.length} characters`);
  const picture = markup.slice(markup.indexOf('role="img"'));
  const heights = [...picture.matchAll(/[ML][\d.]+ ([\d.]+)/g)].map((match) => Number(match[1]));
  assert.equal(Math.min(...heights), 8, 'the spike reaches the top');
});
