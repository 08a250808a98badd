/** Any number of runs beside each other: whatever is said of a difference, its numbers bear it out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { byDisagreement, type AnswerRow } from '../../runtime/contract/answers.js';
import {
  clockAt,
  COMPARISON_STRINGS,
  differingKeys,
  linePoints,
  overlays,
  showRuns,
  type Basis,
  type ComparedRun,
} from '../../runtime/contract/comparedRuns.js';
import { comparedTable, comparisonCsv } from '../../runtime/contract/comparedTable.js';
import { smoothed } from '../../runtime/contract/smoothing.js';
import { numbersIn } from '../../runtime/contract/format.js';
import { differenceInterval, wilson } from '../../runtime/contract/intervals.js';
import type { Measurement } from '../../runtime/contract/events.js';

const wording = { strings: COMPARISON_STRINGS, numbers: numbersIn('en') };
const harm = (state: string, value: number, count = 48): Measurement => ({
  ...{ state, name: 'forbidden', measure: 'harm', value, count, judge: 'refusal-phrases' },
});

function run(id: string, more: Partial<ComparedRun> = {}, value = 0): ComparedRun {
  const steps = [1, 2, 3, 4];
  return {
    id,
    title: id,
    reading: {
      kind: 'finetune',
      vectors: ['v'],
      train: { step: steps, loss: [4, 2, 1, 0.5], gradNorm: [1, 1, 1, 1] },
      probes: { step: [0, 4], harmfulLossWithout: [0.5, 0.5], harmfulLossWith: [0.01, 0.01] },
      verdict: { kind: 'unknown', cause: 'notMeasured', pull: {} },
      laws: [],
      measurements: [harm('base', 0), harm('protected', value)],
    },
    clock: { step: steps, tokens: [10, 20, 40, 80], seconds: [1, 2, 3, 4] },
    recipe: { seed: '1', epochs: '3' },
    states: ['protected'],
    sets: { forbidden: { how: 'harm', from: 'a file' } },
    judges: {},
    agreements: [],
    ...more,
  };
}

test('the interval of Wilson has the values of the literature', () => {
  // 81 of 263 and 15 of 148 (Newcombe 1998, table I, method 3), and none of 29.
  const rounded = (interval: [number, number] | undefined): number[] => interval!.map((x) => Number(x.toFixed(4)));
  assert.deepEqual(rounded(wilson({ hits: 81, count: 263 })), [0.2553, 0.3662]);
  assert.deepEqual(rounded(wilson({ hits: 15, count: 148 })), [0.0624, 0.1605]);
  assert.deepEqual(rounded(wilson({ hits: 0, count: 29 })), [0, 0.117]);
  assert.deepEqual(rounded(wilson({ hits: 29, count: 29 })), [0.883, 1]);
  assert.equal(wilson({ hits: 0, count: 0 }), undefined);
});

test('the interval of a difference has the values of the literature', () => {
  // 56/70 − 48/80 and 10/10 − 0/10 (Newcombe 1998, Statistics in Medicine 17:873, table II, method 10).
  const rounded = (interval: [number, number] | undefined): number[] => interval!.map((x) => Number(x.toFixed(4)));
  assert.deepEqual(rounded(differenceInterval({ hits: 48, count: 80 }, { hits: 56, count: 70 })), [0.0524, 0.3339]);
  assert.deepEqual(rounded(differenceInterval({ hits: 0, count: 10 }, { hits: 10, count: 10 })), [0.6075, 1]);
});

test('none of 48 is told as a count with its interval, never as 0 %', () => {
  const shown = showRuns([run('a'), run('b', {}, 12 / 48)], wording);
  const { rows, columns } = comparedTable(shown, 'a', wording);
  assert.deepEqual(
    columns.map(({ title, subtitle, good }) => [title, subtitle, good]),
    [['harm', 'forbidden', 'low']],
  );
  const [[a], [b]] = rows.map(({ cells }) => cells) as [[(typeof rows)[0]['cells'][0]], [(typeof rows)[0]['cells'][0]]];
  assert.equal(a!.text, '0 of 48');
  assert.equal(a!.intervalText, '0\u00a0% to 7.5\u00a0%');
  assert.equal(a!.delta, undefined);
  assert.equal(b!.text, '12 of 48 · 25\u00a0%');
  assert.match(b!.delta!.text, /^\+25 percentage points \(\+12\.4 to \+38\.8\)$/);
  assert.equal(b!.delta!.isBeyondChance, true);
});

test('a difference within chance is not marked, and one of other prompts is none', () => {
  const close = comparedTable(showRuns([run('a'), run('b', {}, 1 / 48)], wording), 'a', wording).rows[1]!.cells[0]!;
  assert.equal(close.delta!.isBeyondChance, false);
  const [how, from] = ['harm', 'a file'];
  const beside = (a: Basis, b: Basis) => {
    const [first, second] = [run('a', { sets: { forbidden: a } }), run('b', { sets: { forbidden: b } }, 1)];
    return comparedTable(showRuns([first, second], wording), 'a', wording).rows[1]!.cells[0]!.delta!;
  };
  for (const [a, b] of [
    [
      { how, from },
      { how, from: 'another file' },
    ],
    [
      { how, from },
      { how: 'other phrases', from },
    ],
    // the file was edited between the runs
    [
      { how, from, sha256: '1' },
      { how, from, sha256: '2' },
    ],
  ] as const)
    assert.deepEqual([beside(a, b).text, beside(a, b).isBeyondChance], ['other prompts', undefined]);
  assert.equal(beside({ how, from, sha256: '1' }, { how, from: 'moved', sha256: '1' }).isBeyondChance, true);
  assert.equal(beside({ how, from }, { how, from, sha256: '1' }).isBeyondChance, true, 'by an earlier version');
  // Of these the file may have been edited, as their counts show.
  const few = run('b', {}, 1);
  const reading = { ...few.reading, measurements: [harm('protected', 1, 40)] };
  const delta = (other: ComparedRun) =>
    comparedTable(showRuns([run('a'), other], wording), 'a', wording).rows[1]!.cells[0]!.delta!;
  assert.deepEqual([delta(few).isBeyondChance, delta({ ...few, reading }).text], [true, 'other prompts']);
});

test('a number that people have corrected says so, and beside one that they have not it is not beyond chance', () => {
  const labelled = (id: string, value: number, count?: number): ComparedRun => {
    const one = run(id, {}, value);
    return { ...one, reading: { ...one.reading, measurements: [{ ...harm('protected', value), labelled: count }] } };
  };
  const cell = (a: ComparedRun, b: ComparedRun) =>
    comparedTable(showRuns([a, b], wording), 'a', wording).rows[1]!.cells[0]!;
  const one = cell(labelled('a', 12 / 48), labelled('b', 0, 6));
  assert.deepEqual([one.text, one.note], ['0 of 48', '6 labelled by a person']);
  assert.deepEqual(one.delta, { value: -0.25, text: '−25 percentage points, labelled differently' });
  assert.equal(cell(labelled('a', 12 / 48, 6), labelled('b', 0)).delta!.isBeyondChance, undefined);
  const both = cell(labelled('a', 12 / 48, 6), labelled('b', 0, 6));
  assert.deepEqual([both.note, both.delta!.isBeyondChance], ['6 labelled by a person', true]);
});

test('what was cut off widens the interval of a share, and of a difference', () => {
  const cut = run('a');
  cut.reading.measurements = cut.reading.measurements.map((m) => ({ ...m, cut: 48 }));
  const { rows } = comparedTable(showRuns([cut, run('b', {}, 12 / 48)], wording), 'a', wording);
  const [a, b] = rows.map(({ cells }) => cells[0]!);
  assert.deepEqual([a!.text, a!.interval], ['0 of 48', [0, 1]]);
  assert.equal(b!.delta!.isBeyondChance, false);
});

test('phrases that no known harmful answer has exclude nothing, nor does a difference by them', () => {
  const blind = run('a');
  blind.reading.measurements = blind.reading.measurements.map((m) => ({ ...m, unmatched: 5 }));
  const { rows } = comparedTable(showRuns([blind, run('b', {}, 12 / 48)], wording), 'a', wording);
  const [a, b] = rows.map(({ cells }) => cells[0]!);
  assert.deepEqual([a!.text, a!.interval], ['0 of 48', [0, 1]]);
  assert.equal(b!.delta!.isBeyondChance, false);
  const [, found] = comparedTable(showRuns([run('b'), { ...blind, reading: { ...blind.reading, measurements: blind.reading.measurements.map((m) => ({ ...m, value: 1 })) } }], wording), 'b', wording).rows; // oxfmt-ignore
  assert.deepEqual([found!.cells[0]!.interval, found!.cells[0]!.delta!.isBeyondChance], [[0, 1], false]);
});

test('what a vector finds has an interval, and a difference, by prompts: many answers to few are no further evidence', () => {
  const found = (id: string, recall: number, harmfulPrompts?: number): ComparedRun =>
    run(id, { quality: { harmful: 80, ordinary: 400, recall, harmfulPrompts, basis: { how: '' } } });
  const cells = (harmfulPrompts?: number) => {
    const shown = showRuns([found('a', 0.8, harmfulPrompts), found('b', 1, harmfulPrompts)], wording);
    return comparedTable(shown, 'a', wording).rows.map((row) => row.cells.at(-1)!);
  };
  const [[first, second], [each], [earlier]] = [cells(5), cells(80), cells()] as [
    ...[ReturnType<typeof cells>, ReturnType<typeof cells>, ReturnType<typeof cells>],
  ];
  assert.equal(first!.text, '64 of 80 · 80\u00a0%');
  assert.deepEqual(first!.interval, wilson({ hits: 4, count: 5 }));
  assert.equal(second!.delta!.isBeyondChance, false);
  assert.deepEqual(second!.delta!.interval, differenceInterval({ hits: 4, count: 5 }, { hits: 5, count: 5 }));
  for (const one of [each, earlier]) assert.deepEqual(one!.interval, wilson({ hits: 64, count: 80 }));
});

test('an evaluation has a row for each state, and a harmful loss its own interval', () => {
  const judged = run('e', { states: ['base', 'protected'] });
  const loss = { rows: 'heldOut' as const, of: 20, base: 2, delivered: 1.9, low: 0.9, high: 1, basis: { how: '' } };
  const { rows, columns } = comparedTable(showRuns([judged, run('f', { harmfulLoss: loss })], wording), 'f', wording);
  assert.deepEqual(
    rows.map(({ title }) => title),
    ['e · base', 'e · protected', 'f'],
  );
  const kept = columns.findIndex(({ id }) => id === 'kept');
  assert.deepEqual(
    rows.map(({ cells }) => [cells[kept]!.text, cells[kept]!.intervalText]),
    [
      ['not measured', undefined],
      ['not measured', undefined],
      ['95\u00a0%', '90\u00a0% to 100\u00a0%'],
    ],
  );
});

test('what a vector finds is about so much where the rate of false alarms is extrapolated, with the rows it is from', () => {
  const vector = (id: string, ordinary: number, ordinaryPrompts?: number): ComparedRun =>
    run(id, { quality: { harmful: 20, ordinary, ordinaryPrompts, auroc: 0.99, recall: 0.9, basis: { how: '' } } });
  const all = [vector('a', 40), vector('b', 400), vector('c', 250, 10), vector('d', 450, 450)];
  const { rows, columns } = comparedTable(showRuns(all, wording), 'a', wording);
  const recall = columns.findIndex(({ id }) => id === 'recall');
  assert.deepEqual(
    rows.map(({ cells }) => [cells[recall]!.text, cells[recall]!.note]),
    [
      ['about 18 of 20 · 90\u00a0%', 'extrapolated from 40 ordinary rows'],
      ['18 of 20 · 90\u00a0%', undefined],
      ['about 18 of 20 · 90\u00a0%', 'extrapolated from 250 ordinary rows of 10 prompts'],
      ['18 of 20 · 90\u00a0%', undefined],
    ],
  );
});

test('what a vector finds, and what is kept of a loss, compares on the same rows only', () => {
  const on = (id: string, how: string, ids?: string): ComparedRun => {
    const basis: Basis = { how, from: id, ...(ids && { sha256: ids }) };
    return run(id, {
      quality: { harmful: 80, ordinary: 400, auroc: 0.99, recall: 0.9, basis },
      harmfulLoss: { rows: 'heldOut', of: 20, base: 2, delivered: 2, low: 0.9, high: 1, basis },
    });
  };
  const deltas = (a: ComparedRun, b: ComparedRun) => {
    const { columns, rows } = comparedTable(showRuns([a, b], wording), a.id, wording);
    const at = (id: string) => columns.findIndex((column) => column.id === id);
    return ['kept', 'auroc', 'recall'].map((id) => rows[1]!.cells[at(id)]!.delta!.text);
  };
  for (const other of [on('b', 'rows'), on('b', 'other rows', '1'), on('b', 'rows', '2')])
    assert.deepEqual(deltas(on('a', 'rows', '1'), other), Array(3).fill('other prompts'));
  const same = deltas(on('a', 'rows', '1'), on('b', 'rows', '1'));
  assert.ok(
    same.every((text) => text.startsWith('±0 percentage points')),
    same.join(),
  );
});

test('only keys that differ are listed, also those that one recipe does not have', () => {
  const runs = [run('a'), run('b', { recipe: { seed: '1', epochs: '5', steps: '9' } })];
  assert.deepEqual(differingKeys(runs), [
    { key: 'epochs', values: ['3', '5'] },
    { key: 'steps', values: ['–', '9'] },
  ]);
  assert.deepEqual(differingKeys([run('a'), run('b')]), []);
});

test('each curve is one overlay of all runs that have it, charts of a kind apart', () => {
  const plain = run('plain');
  plain.reading = { ...plain.reading, vectors: [], probes: { step: [0, 4], harmfulLossWithout: [0.5, 0.1] } };
  const vector = run('vector');
  vector.reading = { ...vector.reading, kind: 'vector' };
  const found = overlays(showRuns([run('a'), plain, vector], wording), COMPARISON_STRINGS);
  const lines = Object.fromEntries(found.map(({ id, lines }) => [id, lines.map(({ run: of }) => of)]));
  assert.deepEqual(lines['finetune harmful delivered probes'], ['a', 'plain']);
  assert.deepEqual(lines['finetune harmful vector probes'], ['a']);
  assert.deepEqual(lines['vector harmful delivered probes'], ['vector']);
  const delivered = found.find(({ id }) => id === 'finetune harmful delivered probes')!;
  assert.equal(delivered.label, 'delivered model (vector off) / model');
  // What is measured at each step is there, too, once.
  assert.equal(found.filter(({ label }) => label === COMPARISON_STRINGS.seriesTrainLoss).length, 2);
  assert.ok(found.every(({ lines: some }) => some.length > 0));
});

test('a line is drawn along steps, tokens or time; what comes before the first step is at zero', () => {
  const { clock } = run('a');
  assert.deepEqual(
    [0, 1, 3, 9].map((step) => clockAt(clock, step, 'tokens')),
    [0, 10, 40, 80],
  );
  const series = {
    ...({ label: '', color: 'benign', dash: 'solid', marked: true } as const),
    steps: [0, 2, 4],
    values: [3, 2, 0],
  };
  const at = (x: 'step' | 'tokens' | 'seconds', logarithmic = false): unknown[] =>
    linePoints(series, clock, { x, smoothing: 0, logarithmic }).map((point) => [point.x, point.y]);
  assert.deepEqual(at('step'), [
    [0, 3],
    [2, 2],
    [4, 0],
  ]);
  assert.deepEqual(at('tokens'), [
    [0, 3],
    [20, 2],
    [80, 0],
  ]);
  assert.deepEqual(at('seconds', true), [
    [0, 3],
    [2, 2],
    [4, null],
  ]);
});

test('smoothing is a mean that does not begin at zero, and keeps gaps', () => {
  assert.deepEqual(smoothed([3, null, 5], 0), [3, null, 5]);
  assert.deepEqual(
    smoothed([7, 7, 7], 0.9).map((x) => Math.round(x! * 1e6) / 1e6),
    [7, 7, 7],
  );
  const [first, gap, last] = smoothed([2, null, 4], 0.5);
  assert.deepEqual([first, gap], [2, null]);
  assert.ok(Math.abs(last! - 10 / 3) < 1e-9, `${last}`);
});

test('the table of values has what differs and every number, and no formula', () => {
  const runs = [run('=evil, "a"', { recipe: { seed: '1' } }), run('b', { recipe: { seed: '2' } }, 1)];
  const lines = comparisonCsv(showRuns(runs, wording), '=evil, "a"', wording).split('\r\n');
  assert.equal(
    lines[0],
    'run,folder,verdict,seed,harm forbidden,harm forbidden low,harm forbidden high,harm forbidden delta,harm forbidden delta low,harm forbidden delta high',
  );
  assert.match(lines[1]!, /^"'=evil, ""a""","'=evil, ""a""",[^,]*,1,0,0,0\.07\d*,,,$/);
  assert.match(lines[2]!, /^b,b,[^,]*,2,1,0\.9\d*,1,1,0\.\d+,1$/);
});

test('answers that are judged differently come first, then those with other words', () => {
  const row = (n: number, ...answers: [string, 'refused' | 'complied'][]): AnswerRow => ({
    ...{ set: 's', measure: 'harm', row: n, prompt: String(n) },
    answers: answers.map(([answer, verdict], i) => ({ state: String(i), answer, verdict })),
  });
  const rows = [
    row(0, ['no', 'refused'], ['no', 'refused']),
    row(1, ['no', 'refused'], ['never', 'refused']),
    row(2, ['no', 'refused'], ['sure', 'complied']),
    row(3, ['sure', 'complied'], ['no', 'refused']),
  ];
  assert.deepEqual(
    byDisagreement(rows).map((one) => one.row),
    [2, 3, 1, 0],
  );
});
