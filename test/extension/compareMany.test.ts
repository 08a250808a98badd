/** Runs as the page that compares them is sent them, and what is read of a long run before anybody draws it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  COMPARISON_STRINGS,
  differingKeys,
  linePoints,
  overlays,
  showRuns,
  type ComparedRun,
} from '../../runtime/contract/comparedRuns.js';
import { fill, numbersIn } from '../../runtime/contract/format.js';
import { smoothed } from '../../runtime/contract/smoothing.js';
import { comparedTable } from '../../runtime/contract/comparedTable.js';
import type { DoneEvent, Measurement, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import {
  comparedAnswers,
  comparedRun,
  mayHaveSeveralJudges,
  thinned,
  titlesOf,
} from '../../extension/runs/compareMany.js';
import { useTranslations } from '../../extension/host/text.js';
import { readRun } from '../../extension/runs/folder.js';
import { RunStore } from '../../extension/runs/store.js';
import { runDescription, runTooltip } from '../../extension/views/labels.js';
import { harm, recipe, runFolder, sample, step, temporary, write } from './support.js';

const same = (path: string): string => path;

test('recipes differ in their keys and in what their inputs held, not in where they lie or write', async (t) => {
  const root = await temporary(t);
  const at = (name: string): string => join(root, name);
  const sets = { forbidden: { rows: 2, sha256: 'ee' } };
  const nested = { recipe: join(root, 'recipes/deep/r.json'), sets };
  const a = await runFolder(root, 'a', { manifest: { recipe: join(root, 'recipes/r.json'), sets } });
  // The same files, named from another folder, and all defaults written down.
  const deep = recipe({
    ...{ model: '../../tiny', data: { file: '../../train.jsonl', format: 'auto' }, seed: 1, method: 'lora' },
    evaluate: [{ name: 'forbidden', file: '../../eval/forbidden.jsonl', measure: 'harm' }],
  });
  const b = await runFolder(root, 'b', { manifest: nested, recipe: deep });
  const changed = {
    recipe: join(root, 'recipes/r.json'),
    data: [{ path: at('train.jsonl'), rows: 600, sha256: 'other' }],
    sets: { forbidden: { rows: 2, sha256: 'edited' } },
  };
  const c = await runFolder(root, 'c', { manifest: changed, recipe: { optimizer: { learningRate: 0.01 } } });
  const runs = await Promise.all([a, b, c].map(async (folder) => comparedRun((await readRun(folder))!, folder, same)));
  assert.deepEqual(differingKeys(runs.slice(0, 2)), []);
  assert.deepEqual(differingKeys(runs), [
    { key: 'optimizer.learningRate', values: ['0.001', '0.001', '0.01'] },
    { key: 'data 1 · content', values: ['bb', 'bb', 'other'] },
    { key: 'forbidden · content', values: ['ee', 'ee', 'edited'] },
  ]);
  assert.deepEqual(
    runs.map((one) => one.sets['forbidden']!.sha256),
    ['ee', 'ee', 'edited'],
  );
  assert.equal(runs[0]!.recipe['evaluate.forbidden.file'], at('eval/forbidden.jsonl'));
});

test('what is said of the content of inputs is in the reader’s language', async (t) => {
  const root = await temporary(t);
  const read = (await readRun(await runFolder(root, 'a', {})))!;
  t.after(() => useTranslations({ t: fill }, 'en'));
  useTranslations({ t: (text, ...values) => `<${fill(text, ...values)}>`, bundle: {} }, 'de');
  const keys = Object.keys(comparedRun(read, read.folder, same).recipe).filter((key) => key.includes('content'));
  assert.deepEqual(keys, ['<<model> · content>', '<<data 1> · content>']);
});

const wording = { strings: COMPARISON_STRINGS, numbers: numbersIn('en') };
const beside = (runs: readonly ComparedRun[]) => {
  const { columns, rows } = comparedTable(showRuns(runs, wording), runs[0]!.id, wording);
  return columns.map(({ id }, i) => [id, rows[1]!.cells[i]!.delta?.text]);
};

test('a further judge changes nothing of what others say; one of the same name that is another does', async (t) => {
  const root = await temporary(t);
  const right: Measurement = { ...harm('plain', 0.5, 'task'), measure: 'exact', judge: 'exact match' };
  const read = async (name: string, judges: Manifest['judges'], ...more: Measurement[]) => {
    const measurements = [harm('plain', 0.5), right, ...more];
    const evaluate = [
      { name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' },
      { name: 'task', file: '../eval/task.jsonl', measure: 'exact' },
    ];
    const events = [{ kind: 'evaluation' as const, step: 0, measurements }];
    const folder = await runFolder(root, name, { events, recipe: { evaluate }, manifest: { judges } });
    return comparedRun((await readRun(folder))!, name, same);
  };
  const guard = { ...harm('plain', 0.5), judge: 'guard' };
  const [alone, judged, other] = [
    await read('alone', undefined),
    await read('judged', [{ name: 'guard', sha256: 'one' }], guard),
    await read('other', [{ name: 'guard', sha256: 'two' }], guard),
  ];
  const none = /^±0 percentage points/;
  const [phrases, task] = beside([alone, judged]);
  assert.deepEqual([phrases![0], task![0]], ['forbidden · harm · refusal-phrases', 'task · exact · exact match']);
  for (const [, text] of [phrases!, task!]) assert.match(text!, none);
  const byName = Object.fromEntries(beside([judged, other]));
  assert.equal(byName['forbidden · harm · guard'], 'other prompts');
  assert.match(byName['forbidden · harm · refusal-phrases']!, none);
});

test('vectors compare on rows of the same data, and kept losses on rows of the same vector', async (t) => {
  const root = await temporary(t);
  const read = async (name: string, done: Partial<DoneEvent>, manifest: Partial<Manifest>, recipe_: object = {}) => {
    const ended = { kind: 'done' as const, outcome: 'finished' as const, output: '', step: 9, seconds: 1 };
    const parts = { manifest: { ...manifest, done: { ...ended, measurements: [], ...done } }, recipe: recipe_ };
    return comparedRun((await readRun(await runFolder(root, name, parts)))!, name, same);
  };
  const recipe_ = { kind: 'vector', harmful: { file: 'h' }, data: undefined, evaluate: undefined };
  const vector = (name: string, sha256: string, more: object = {}) =>
    read(
      name,
      { vector: { harmful: 80, ordinary: 400, auroc: 0.9, recall: 0.9 } },
      { kind: 'vector', data: [{ path: '/d', rows: 100, sha256 }] },
      { ...recipe_, ...more },
    );
  const told = (runs: readonly ComparedRun[]) => beside(runs).map(([id, text]) => [id, text === 'other prompts']);
  const first = await vector('first', 'a');
  for (const [other, isOther] of [
    [await vector('same', 'a', { seed: 1, heldOut: 0.2 }), false],
    [await vector('data', 'b'), true],
    [await vector('seed', 'a', { seed: 2 }), true],
    [await vector('share', 'a', { heldOut: 0.3 }), true],
  ] as const)
    assert.deepEqual(told([first, other]), [['auroc', isOther], ['recall', isOther]], other.id); // oxfmt-ignore

  const kept = (name: string, sha256: string, of = 20) =>
    read(
      name,
      { harmfulLoss: { rows: 'heldOut', of, base: 2, delivered: 2, low: 0.9, high: 1 } },
      { vectors: [{ path: '/v', sha256, scale: 1 }] },
    );
  const guarded = await kept('guarded', 'v');
  for (const [other, isOther] of [
    [await kept('again', 'v'), false],
    [await kept('vector', 'w'), true],
    [await kept('fewer', 'v', 10), true],
  ] as const)
    assert.deepEqual(told([guarded, other]), [['kept', isOther]], other.id);
});

test('runs with the same name are told apart by their folders', async (t) => {
  const root = await temporary(t);
  const folders = [
    await runFolder(root, 'a', { manifest: { name: 'x' } }),
    await runFolder(root, 'b', { manifest: { name: 'x' } }),
  ];
  const runs = await Promise.all(folders.map(async (folder) => (await readRun(folder))!));
  assert.deepEqual([...titlesOf(runs).values()], ['x, plain (a)', 'x, plain (b)']);
});

test('a run of several judges says how far they agree', async (t) => {
  const folder = await runFolder(await temporary(t), 'a', {
    manifest: { judges: [{ name: 'local', added: undefined }] },
  });
  const run = (await readRun(folder))!;
  assert.equal(mayHaveSeveralJudges(run), true);
  const said = (row: number, verdict: 'refused' | 'complied') => ({
    ...sample('plain', row, verdict),
    ...{ judge: 'refusal-phrases', verdicts: { local: 'refused' as const } },
  });
  const samples = [said(1, 'refused'), said(2, 'refused'), said(3, 'complied')];
  const [agreement] = comparedRun(run, 'a', same, samples).agreements;
  assert.deepEqual([agreement!.judges, agreement!.count, agreement!.differ], [['refusal-phrases', 'local'], 3, 1]);
  assert.deepEqual(comparedRun(run, 'a', same).agreements, []);
});

test('answers to the same prompt stand beside each other, whatever their rows', async (t) => {
  const root = await temporary(t);
  const folders = [await runFolder(root, 'a', {}), await runFolder(root, 'b', {})];
  const runs = await Promise.all(folders.map(async (folder) => (await readRun(folder))!));
  const answers = {
    [folders[0]!]: [sample('base', 1, 'refused'), sample('plain', 1, 'refused'), sample('plain', 2, 'refused')],
    // Its set has one row less.
    [folders[1]!]: [{ ...sample('plain', 2, 'complied'), row: 0 }],
  };
  const titles = titlesOf(runs);
  const { rows, total } = await comparedAnswers(runs, titles, async (folder) => answers[folder]!);
  assert.equal(total, 2);
  assert.deepEqual(
    rows.map(({ prompt, answers: given }) => [prompt.at(-2), given.map(({ state, verdict }) => `${state} ${verdict}`)]),
    [
      ['2', ['a, plain refused', 'b, plain complied']],
      ['1', ['a, plain refused']],
    ],
  );
});

test('answers to the same question behind several system messages stand by themselves, whatever their order', async (t) => {
  const folder = await runFolder(await temporary(t), 'a', {});
  const other = await runFolder(await temporary(t), 'b', {});
  const runs = [(await readRun(folder))!, (await readRun(other))!];
  const said = (row: number, verdict: 'refused' | 'complied') => ({ ...sample('plain', 1, verdict), row });
  const answers = {
    [folder]: [said(0, 'refused'), said(1, 'complied')],
    // Its set begins with another row.
    [other]: [said(2, 'complied'), said(1, 'refused')],
  };
  const { rows, total } = await comparedAnswers(runs, titlesOf(runs), async (of) => answers[of]!);
  assert.equal(total, 2);
  assert.deepEqual(
    rows.map((row) => row.answers.map(({ verdict }) => verdict)),
    [
      ['refused', 'refused'],
      ['complied', 'complied'],
    ],
  );
});

test('a long training is thinned: no spike, no gap and no step with a measurement is lost', () => {
  const steps = Array.from({ length: 20_000 }, (_, i) => i + 1);
  const loss = steps.map((s) => (s === 7777 ? 100 : s === 5000 ? null : 1 / s));
  const kept = thinned({ step: steps, loss, gradNorm: steps.map(() => 1) }, new Set([1234]));
  assert.ok(kept.length < 4000, `${kept.length}`);
  for (const s of [1, 1234, 5000, 7777, 20_000]) assert.ok(kept.includes(s - 1), `step ${s}`);
  assert.deepEqual(
    kept,
    [...kept].sort((a, b) => a - b),
  );
});

test('a smoothed line of a long training is that of all its steps, and not of its extremes', async (t) => {
  const steps = 6000;
  // Most steps are near 1, and one in ten is far above it.
  const norm = (n: number): number => (n % 10 === 3 ? 8 : 1 + (n % 7) / 10);
  const events = Array.from({ length: steps }, (_, i) => step(i + 1, { steps, gradNorm: i === 2999 ? NaN : norm(i + 1) })); // oxfmt-ignore
  const folder = await runFolder(await temporary(t), 'long', { events });
  const run = (await readRun(folder))!;
  const compared = comparedRun(run, 'long', same);
  const of = overlays(showRuns([compared], wording), COMPARISON_STRINGS).find(({ label }) => label === COMPARISON_STRINGS.seriesGradNorm)!; // oxfmt-ignore
  const [line] = of.lines;
  assert.ok(line!.series.steps.length < steps);
  const options = { x: 'step', smoothing: 0.98, logarithmic: true } as const;
  const whole = smoothed(run.train.gradNorm, 0.98);
  for (const { x, y } of linePoints(line!.series, compared.clock, options)) {
    const truth = whole[x - 1]!;
    if (x > 200 && y !== null) assert.ok(Math.abs(y - truth) < 0.1 * truth, `step ${x}: ${y} instead of ${truth}`);
  }
  // Without smoothing the extremes are drawn.
  const drawn = linePoints(line!.series, compared.clock, { ...options, smoothing: 0 });
  assert.equal(Math.max(...drawn.map(({ y }) => y ?? 0)), 8);
  assert.ok(drawn.some(({ x, y }) => x === 3000 && y === null));
});

/** A finished run with more events than are read at its ends. */
async function longRun(root: string, more: Partial<DoneEvent> = {}, steps = 400) {
  const events: RunEvent[] = [];
  const probes = (n: number) => ({
    harmfulLossWith: 0.01,
    harmfulLossWithout: 0.5 + n / 1000,
    benignLossWithout: 1 / (n + 1),
  });
  for (let n = 0; n <= steps; n++) {
    if (n > 0) events.push(step(n, { steps }));
    if (n % 20 === 0) events.push({ kind: 'evaluation', step: n, probes: probes(n) });
  }
  const done: DoneEvent = {
    ...{ kind: 'done', outcome: 'finished', output: '', step: steps, seconds: 60, laws: { baseUnchanged: true } },
    measurements: [harm('base', 0), harm('protected', 0)],
    ...more,
  };
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  return runFolder(root, 'long', { events: [...events, done], manifest: { done, vectors } });
}

test('of a long finished run its ends are read: they say of it what the whole says', async (t) => {
  const root = await temporary(t);
  const folder = await longRun(root);
  const store = new RunStore();
  const light = (await store.read(folder))!;
  assert.equal(light.partial, true);
  assert.ok(light.train.step.length < 10, `${light.train.step.length} steps`);
  const whole = (await readRun(folder))!;
  assert.equal(whole.train.step.length, 400);
  for (const say of [runDescription, runTooltip]) assert.equal(say(light), say(whole));
  assert.deepEqual(light.measurements, whole.measurements);
  assert.equal((await store.whole(folder))!.train.step.length, 400);
  // From then on it stays whole, also when something in its folder changes.
  assert.equal((await store.read(folder))!.partial, false);
});

test('what its ends do not tell is read whole', async (t) => {
  const root = await temporary(t);
  const watch = { action: 'restore', step: 300, delivered: 200 } as const;
  assert.equal((await readRun(await longRun(root, { watch }), { whole: false }))!.train.step.length, 400);
  const stopped = await longRun(root);
  const manifest = { ...(await readRun(stopped))!.manifest, outcome: 'stopped' };
  await write(join(stopped, 'manifest.json'), manifest);
  assert.equal((await readRun(stopped, { whole: false }))!.train.step.length, 400);
  const short = await longRun(root, {}, 20);
  assert.equal((await readRun(short, { whole: false }))!.train.step.length, 20);
});
