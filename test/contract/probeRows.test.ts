/** Which rows the lines of a run are of: it is said, and what other rows gave is not drawn beside it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { columnsOf } from '../../runtime/contract/columns.js';
import { COMPARISON_STRINGS, overlays, showRuns, type ComparedRun } from '../../runtime/contract/comparedRuns.js';
import type { DoneEvent, ProbeRows, Probes, RunEvent } from '../../runtime/contract/events.js';
import { numbersIn } from '../../runtime/contract/format.js';
import { sharedRows } from '../../runtime/contract/probeRows.js';
import { recipeSchemas } from '../../runtime/contract/recipe.js';
import { readingOf, runView, type RunFolderRecord } from '../../runtime/contract/runView.js';
import { ENDED } from './runs.js';

const held = (id = 'h1'): ProbeRows['harmful'] => ({ rows: 'heldOut', of: 8, id });
const named = (id = 'n1') => ({ rows: 'probes', of: 8, id }) as const;

/** The run as if it had told its rows, or as one of an earlier version; with a recipe that names its own. */
function run(
  name: string,
  probeRows?: ProbeRows,
  { probes, folder = '/w/' }: { probes?: object; folder?: string } = {},
): RunFolderRecord {
  const { manifest, events } = ENDED[name]!;
  return {
    manifest: { ...manifest, recipe: `${folder}run.json` },
    events: events.map((event) => (event.kind === 'evaluation' && probeRows ? { ...event, probeRows } : event)),
    recipe: recipeSchemas.finetune.parse({
      ...{ kind: 'finetune', model: 'tiny', output: 'out', data: { file: 'd.jsonl' }, steps: 1, ...(probes && { probes }) },
    }), // oxfmt-ignore
  };
}
const PROTECTED = 'protected, held';
const PLAIN = 'plain, harm learned';
const drawn = (one: RunFolderRecord, plain?: RunFolderRecord) => {
  const [harmful, benign, gradients] = runView(readingOf(one, plain)).charts;
  return { harmful: harmful!, benign: benign!, gradients: gradients! };
};

test('the charts and the sentence say which harmful rows they are of', () => {
  const said = (rows: NonNullable<ProbeRows['harmful']>['rows']): string[] => {
    const view = runView(readingOf(run(PROTECTED, { harmful: { rows, of: 8, id: 'x' } })));
    return [view.charts[0]!.caption, view.charts[2]!.caption, view.explanation!];
  };
  for (const [rows, words] of [
    ['heldOut', '8 harmful rows that the vector was not trained on'],
    ['probes', '8 harmful rows of the recipe'],
    ['trained', '8 of the harmful rows that the vector was made from'],
    ['anchored', '8 of the harmful rows that the vector was made from, which the anchor holds'],
  ] as const) {
    for (const text of said(rows)) {
      assert.ok(text.includes(words), `${rows}: ${text}`);
      assert.equal(
        text.includes('Rows that the anchor holds say nothing about other rows.'),
        rows === 'anchored',
        text,
      );
    }
  }
  assert.equal(
    said('heldOut')[2],
    'In training, the gradient was 0.4\u00a0% of that without the vector, measured on 8 harmful rows that the vector was not trained on. This explains the result and does not decide it.',
  );
  // A run of an earlier version did not tell, and nobody guesses.
  const earlier = runView(readingOf(run(PROTECTED)));
  for (const { caption } of earlier.charts) assert.doesNotMatch(caption, /Measured on/);
  assert.match(earlier.explanation!, /^In training, harmful rows gave 0\.4\u00a0% of the gradient/);
});

test('the sentence says the largest that harmful rows gave on the way, not only what they gave at the end', () => {
  const { manifest, events } = run(PROTECTED);
  const measured = events.flatMap((event) => (event.kind === 'evaluation' && event.probes ? [event.probes] : []));
  const of = (step: number, change: Probes): RunEvent => ({
    kind: 'evaluation',
    step,
    probes: { ...measured[0], ...change },
  });
  const said = (way: RunEvent[], done: Partial<DoneEvent> = {}): string =>
    runView(readingOf({ manifest: { ...manifest, done: { ...manifest.done!, ...done } }, events: [...way, ...events.slice(-1)] })).explanation!; // oxfmt-ignore
  const way = [of(0, {}), of(10, { harmfulGradNormWith: 2.56 }), of(20, { harmfulGradNormWith: 2.68 })];
  assert.match(said(way), /^In training, harmful rows gave up to 67\u00a0% \(at the end 0\.4\u00a0%\) of the gradient/);
  assert.match(said([of(0, {}), of(20, {})]), /gave 0\.4\u00a0% of the gradient/);
  // What followed the step that is delivered did not train it.
  const back = { watch: { action: 'restore', step: 20, delivered: 10 } } as const;
  assert.match(said(way, back), /gave 64\u00a0% of the gradient/);
  const losses = [0.002, 0.25].map((harmfulLossWith, i) =>
    of(10 * i, { harmfulLossWith, harmfulGradNormWith: undefined, harmfulGradNormWithout: undefined }),
  );
  const byLoss = readingOf({ manifest, events: [...losses, { ...losses[0]!, step: 108 } as RunEvent] });
  assert.match(runView(byLoss).explanation!, /had up to 50\u00a0% \(at the end 0\.4\u00a0%\) of the loss/);
});

test('the rows to be learned are named as what they are, and only those of the recipe are called harmless', () => {
  const of = (rows: NonNullable<ProbeRows['benign']>['rows']) =>
    drawn(run(PLAIN, { benign: { rows, of: 8, id: 'x' } })).benign;
  assert.equal(of('data').title, 'Rows to be learned');
  assert.match(of('data').caption, /Measured on the first 8 rows of the training data, whether harmful or not\.$/);
  assert.match(of('unflagged').caption, /Measured on the first 8 rows of the training data that are not flagged\.$/);
  assert.equal(of('probes').title, 'Harmless rows');
  assert.match(of('probes').caption, /^Harmless rows .* Measured on 8 harmless rows of the recipe\.$/);
  for (const rows of ['data', 'unflagged'] as const)
    assert.doesNotMatch(`${of(rows).title} ${of(rows).caption}`, /[Hh]armless/);
  const earlier = drawn(run(PLAIN)).benign;
  assert.deepEqual([earlier.title, /[Hh]armless|Measured/.test(earlier.caption)], ['Rows to be learned', false]);
  assert.equal(drawn(run(PLAIN, undefined, { probes: { benign: { file: 'b.jsonl' } } })).benign.title, 'Harmless rows');
  const { events, ...rest } = run(PLAIN, { benign: { rows: 'data', of: 8, id: 'x' } });
  const gradients = drawn({
    ...rest,
    events: events.map((event) =>
      event.kind === 'evaluation' ? { ...event, probes: { ...event.probes, benignGradNormWithout: 1 } } : event,
    ),
  }).gradients;
  assert.deepEqual(
    gradients.series.map(({ label }) => label),
    ['rows to be learned'],
  );
});

test('a line of the plain run stands beside one of the same rows only, each chart by itself', () => {
  const both: ProbeRows = { harmful: held(), benign: named() };
  const grey = (one: RunFolderRecord, plain: RunFolderRecord): boolean[] => {
    const { harmful, benign } = drawn(one, plain);
    const found = [harmful, benign].map(({ series }) => series.some(({ color }) => color === 'plain'));
    const { probes, named: own, plain: beside } = readingOf(one, plain);
    const shared = sharedRows({ probes, named: own }, beside!);
    assert.deepEqual(
      [shared.includes('harmful'), shared.includes('benign')],
      found,
      'what is said to be drawn is drawn',
    );
    return found;
  };
  assert.deepEqual(grey(run(PROTECTED, both), run(PLAIN, both)), [true, true]);
  assert.deepEqual(grey(run(PROTECTED, both), run(PLAIN, { ...both, benign: named('n2') })), [true, false]);
  assert.deepEqual(grey(run(PROTECTED, both), run(PLAIN, { ...both, harmful: named('h2') })), [false, true]);
  // Of earlier versions it is known where their recipes name the same rows.
  const files = { harmful: { file: 'h.jsonl' }, benign: { file: 'b.jsonl', limit: 9 } };
  const old = (name: string, probes?: object, folder?: string) => run(name, undefined, { probes, folder });
  assert.deepEqual(grey(old(PROTECTED), old(PLAIN)), [false, false]);
  assert.deepEqual(grey(old(PROTECTED, files), old(PLAIN, files)), [true, true]);
  assert.deepEqual(grey(old(PROTECTED, files), old(PLAIN)), [false, false]);
  const other = { ...files, benign: { file: 'b.jsonl', limit: 8 } };
  assert.deepEqual(grey(old(PROTECTED, files), old(PLAIN, other)), [true, false]);
  assert.deepEqual(grey(old(PROTECTED, files), old(PLAIN, files, '/v/')), [false, false]);
  const absolute = { harmful: { file: '/d/h.jsonl' } };
  assert.deepEqual(grey(old(PROTECTED, absolute), old(PLAIN, absolute, '/v/')), [true, false]);
  // Beside one that tells, the other measured what its recipe names.
  assert.deepEqual(grey(run(PROTECTED, { harmful: named(), benign: named() }, { probes: files }), old(PLAIN, files)), [
    true,
    true,
  ]);
  assert.deepEqual(grey(run(PROTECTED, { harmful: held(), benign: named() }, { probes: files }), old(PLAIN, files)), [
    false,
    true,
  ]);
});

test('what an event says wrongly of its rows says nothing', () => {
  const wrong = { harmful: { rows: 'constructor', of: 8, id: 'x' }, benign: 7 } as unknown as ProbeRows;
  const events: RunEvent[] = [{ kind: 'evaluation', step: 0, probes: { harmfulLossWithout: 5 }, probeRows: wrong }];
  assert.equal(columnsOf(events).probes.rows, undefined);
});

test('runs beside each other have one curve for the same rows, and another for others', () => {
  const compared = (id: string, probeRows?: ProbeRows): ComparedRun => ({
    ...{ id, title: id, recipe: {}, states: ['protected'], sets: {}, judges: {}, agreements: [] },
    reading: readingOf(run(PROTECTED, probeRows)),
    clock: { step: [], tokens: [], seconds: [] },
  });
  const runs = [compared('a', { harmful: held() }), compared('b', { harmful: held() }), compared('c', { harmful: named('h2') })]; // oxfmt-ignore
  const found = overlays(showRuns(runs, { strings: COMPARISON_STRINGS, numbers: numbersIn('en') }), COMPARISON_STRINGS);
  const delivered = found.filter(({ id }) => id.startsWith('finetune harmful delivered probes'));
  assert.deepEqual(
    delivered.map(({ label, rows, lines }) => [label, rows, lines.map(({ run: of }) => of)]),
    [
      ['delivered model (vector off)', 'measured on 8 harmful rows that the vector was not trained on', ['a', 'b']],
      ['delivered model (vector off)', 'measured on 8 harmful rows of the recipe', ['c']],
    ],
  );
});
