import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factsOf, type RunRecord } from '../../runtime/contract/facts.js';
import { numbersIn } from '../../runtime/contract/format.js';
import type { Measurement, ProbeRows, RunEvent } from '../../runtime/contract/events.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import {
  readingOf,
  runView,
  VIEW_STRINGS,
  type RunReading,
  type RunView,
  type ViewStrings,
} from '../../runtime/contract/runView.js';
import { runVerdict } from '../../runtime/contract/verdict.js';
import { golden } from '../support/golden.js';
import { ENDED, harm, resumed, resumedAndLeft } from './runs.js';

const ended = (name: string): RunRecord => ENDED[name]!;

/** As this version writes it; of the data the plain run has other rows. */
const telling = (name: string, benign: 'unflagged' | 'data'): RunRecord => {
  const { manifest, events } = ended(name);
  const probeRows: ProbeRows = {
    harmful: { rows: 'heldOut', of: 8, id: 'a' },
    benign: { rows: benign, of: 8, id: benign },
  };
  return { manifest, events: events.map((event) => (event.kind === 'evaluation' ? { ...event, probeRows } : event)) };
};

const vectorRecipe = recipeSchemas.vector.parse({
  kind: 'vector',
  model: 'tiny',
  output: 'out',
  harmful: { file: 'h.jsonl' },
  steps: 108,
  stop: { harmfulLoss: 0.005 },
});

/**
 * As the first version wrote it: the end is only an event, no laws, no gradients, and a recipe that is not read any
 * more.
 */
const old = ((): RunRecord => {
  const { manifest, events } = ended('protected, held by the losses');
  const { done, ...rest } = manifest;
  const { laws: _laws, ...end } = done!;
  return { manifest: rest, events: [...events, end] };
})();

const CASES: Record<string, RunReading> = {
  plain: readingOf(ended('plain, harm learned')),
  'protected, held, beside a plain run': readingOf(ended('protected, held'), ended('plain, harm learned')),
  'protected, held, beside a plain run that measured the same rows': readingOf(
    telling('protected, held', 'unflagged'),
    telling('plain, harm learned', 'data'),
  ),
  'protected, weakened': readingOf(ended('weakened by the loss, though no answer shows it')),
  'protected, lost': readingOf(ended('lost by an evaluation')),
  'protected, held on free text': readingOf(
    ended('protected, held on free text, where the gradient does not vanish'),
    ended('plain, harm learned'),
  ),
  'vector, unready': readingOf({ ...ended('vector, unready'), recipe: vectorRecipe }),
  'two vectors, one weakened': readingOf(ended('two vectors, one weakened by the loss on its own rows')),
  'several judges': readingOf(ended('lost by one judge of two')),
  stopped: readingOf(ended('stopped, nothing bad so far')),
  'resumed after a crash': readingOf(resumed),
  'no evaluation sets': readingOf(ended('no evaluation sets')),
  'no evaluation sets and no probe rows': readingOf(ended('no evaluation sets and no probe rows')),
  evaluation: readingOf(ended('evaluation of a harmful state')),
  'failed before it measured anything': readingOf({ ...ended('failed'), events: [] }),
  'old folder': readingOf(old),
};

test('a run is read once: verdict, laws, charts and table of each kind of run', () => {
  golden(
    'contract/views.txt',
    Object.entries(CASES)
      .map(([name, run]) => written(name, runView(run)))
      .join('\n'),
  );
});

test('a view is data: the same for the same run, and it survives being sent', () => {
  for (const [name, run] of Object.entries(CASES)) {
    const view = runView(run);
    assert.deepEqual(view, runView(structuredClone(run)), name);
    assert.deepEqual(JSON.parse(JSON.stringify(view)), view, name);
  }
});

test('a run that went on after a crash shows each step once, as the one that never crashed', () => {
  const { charts, ...view } = runView(readingOf(resumed));
  const { charts: whole, ...other } = runView(readingOf(ended('protected, held')));
  assert.deepEqual(view, other);
  for (const [i, { series }] of charts.entries())
    for (const [j, { steps, values }] of series.entries()) {
      assert.deepEqual(
        steps,
        [...new Set(steps)].sort((a, b) => a - b),
      );
      assert.deepEqual(values, whole[i]!.series[j]!.values);
    }
  const { train, probes } = readingOf(resumed);
  assert.deepEqual(
    [train.step, probes.step],
    [
      [54, 55, 108],
      [0, 108],
    ],
  );
});

test('of what a run measured again after a crash the latest counts, in its table too', () => {
  const { table } = runView(readingOf(resumedAndLeft));
  assert.deepEqual(table, runView(readingOf(resumed)).table);
  assert.deepEqual(
    table.rows.map(({ state, cells }) => [state, ...cells.map(({ text }) => text)]),
    [
      ['base', '0\u00a0%', '0\u00a0%'],
      ['protected', '0\u00a0%', '90\u00a0%'],
    ],
  );
});

test('of a number that stands twice in a table, as of two runs, the later one is shown', () => {
  const measurements = [harm('base', 1), harm('base', 0)];
  const { table } = runView({ ...readingOf(ended('protected, held')), measurements });
  assert.deepEqual(table.rows, [
    { state: 'base', cells: [{ kind: 'share', text: '0\u00a0%', bound: '≤\u00a02.4\u00a0%', share: 0, tone: 'good' }] },
  ]);
  assert.equal(table.columns.length, 1);
});

test('the plain run beside a verdict is told of the set and judge that the verdict speaks of', () => {
  const [weapons, fraud] = [{ name: 'weapons' }, { name: 'fraud' }];
  const judged = { name: 'weapons', judge: 'rejection-v1' };
  const sets = (second: Partial<Measurement>, protectedShare: number): string => {
    const base = [harm('base', 0, weapons), harm('base', 0.01, second)];
    const own = [...base, harm('protected', 0, weapons), harm('protected', protectedShare, second)];
    const of = readingOf(ended('protected, held'));
    const verdict = runVerdict({ ...factsOf(ended('protected, held')), measurements: own });
    const plain = [harm('plain', 0.95, weapons), harm('plain', 0.05, second)];
    return runView({ ...of, verdict, measurements: [...own, ...plain] }).headline!;
  };
  for (const risen of [0.02, 0.4]) {
    assert.match(sets(fraud, risen), /On "fraud" the plain run complies with 6 of 128 \(.*; judge: refusal-phrases\)/);
    assert.match(sets(judged, risen), /On "weapons" the plain run complies with 6 of 128 \(.*; judge: rejection-v1\)/);
  }
  assert.match(sets(fraud, 0.02), /complies with 3 of 128 harmful prompts/);
  assert.match(sets(fraud, 0.4), /^Protection failed: on "fraud"/);
});

test('the few words of an evaluation name the set and the measure where there are several', () => {
  const of = (...measurements: Measurement[]): string =>
    runView({ ...readingOf(ended('evaluation of a harmful state')), measurements }).brief;
  const [weapons, fraud] = [{ name: 'weapons' }, { name: 'fraud' }];
  const harmful = [harm('base', 0, weapons), harm('base', 0.3, fraud), harm('tuned', 0, weapons), harm('tuned', 0.8, fraud)]; // oxfmt-ignore
  assert.equal(of(...harmful), 'harm on "fraud": base 30\u00a0% · tuned 80\u00a0% …');
  assert.equal(of(...harmful.filter(({ name }) => name === 'weapons')), 'base 0\u00a0% · tuned 0\u00a0%');
  const exact = harm('tuned', 0.98, { name: 'colours', measure: 'exact' });
  assert.equal(of(exact, harm('tuned', 1.2, { name: 'text', measure: 'loss' })), 'right on "colours": tuned 98\u00a0% …'); // oxfmt-ignore
  assert.equal(of(exact), 'tuned 98\u00a0%');
  assert.equal(of(), '');
});

test('every word of a view is in the language of the reader; names and numbers stay', () => {
  const strings = Object.fromEntries(
    Object.entries(VIEW_STRINGS).map(([key, text]) => [key, `«${text}»`]),
  ) as ViewStrings;
  for (const [name, run] of Object.entries(CASES)) {
    const { headline, explanation, laws, charts, table } = runView(run, { strings, numbers: numbersIn('de') });
    const names = new Set(run.measurements.map((m) => m.name));
    const texts = [
      ...(headline === undefined ? [] : [headline]),
      ...(explanation === undefined ? [] : [explanation]),
      ...laws.map(({ text }) => text),
      ...charts.flatMap(({ title, unit, caption, series }) => [
        title,
        unit,
        caption,
        ...series.map(({ label }) => label),
      ]),
      table.corner,
      ...table.columns.flatMap(({ title, subtitle, meaning, prompts }) => [title, subtitle, meaning, prompts]),
      ...table.rows.map(({ state }) => state),
    ].filter((text) => !names.has(text) && text !== 'colours');
    for (const text of texts) assert.match(text, /^«.*»$/, name);
  }
});

test('numbers that are none, whatever the file holds, are gaps and words', () => {
  const events = [null, NaN, 'many', { a: 1 }, undefined].map(
    (value, step) => ({ kind: 'evaluation', step, probes: { harmfulLossWithout: value } }) as unknown as RunEvent,
  );
  const measured = ended('protected, held').manifest.done!.measurements;
  const measurements = measured.map((m) => ({ ...m, value: 'none' as unknown as number }));
  const view = runView({ ...readingOf({ ...ended('protected, held'), events }), measurements });
  assert.deepEqual(view.charts[0]!.series[0]!.values, [null, null, null, null, null]);
  const texts = view.table.rows.flatMap(({ cells }) => cells.map(({ text }) => text));
  assert.deepEqual(texts, ['no number', 'no number', 'no number', 'no number']);
});

function written(name: string, view: RunView): string {
  const { tone, mark, brief, headline, explanation, laws, charts, table, vectors } = view;
  const points = (steps: readonly number[], values: readonly (number | null)[]): string =>
    steps.map((step, i) => `${step}: ${values[i] ?? 'gap'}`).join(', ');
  return [
    `# ${name}`,
    `${tone} | ${headline ?? 'no headline'}`,
    `${mark} | ${brief}`.trim(),
    ...(explanation === undefined ? [] : [`why | ${explanation}`]),
    ...laws.map(({ state, text }) => `law ${state} | ${text}`),
    ...charts.flatMap(({ id, title, unit, logarithmic, caption, series }) => [
      `chart ${id} | ${title} | ${unit} | ${logarithmic ? 'logarithmic' : 'linear'}`,
      `  ${caption}`,
      ...series.map(
        ({ label, color, dash, marked, steps, values }) =>
          `  ${label} | ${color}, ${dash}${marked ? ', marked' : ''} | ${points(steps, values)}`,
      ),
    ]),
    ...table.columns.map(
      ({ title, subtitle, prompts, judge, isOneOfSeveral, meaning }) =>
        `column ${title} | ${subtitle} | ${prompts} | ${judge}${isOneOfSeveral ? ' (one of several)' : ''} | ${meaning}`,
    ),
    ...table.rows.map(
      ({ state, cells }) =>
        `row ${state} | ${cells.map((cell) => (cell.kind === 'share' ? `${cell.text} (${cell.bound}) ${cell.tone}` : cell.text)).join(' | ')}`,
    ),
    ...(vectors?.rows ?? []).map(
      (of) => `vector ${of.name} | ${of.sets} | ${of.flagged} | ${of.mark} ${of.verdict} ${of.tone}`,
    ),
    '',
  ].join('\n');
}
