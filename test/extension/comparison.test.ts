/** The runs that a run is compared with. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { comparison, measureOf, runTitle } from '../../extension/runs/compare.js';
import { readRun } from '../../extension/runs/folder.js';
import { useTranslations } from '../../extension/host/text.js';
import { viewWording } from '../../extension/runs/reading.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { chartSpecs } from '../../runtime/contract/charts.js';
import type { Run } from '../../extension/runs/run.js';
import type { DoneEvent, Measurement, ProbeRows } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { fill } from '../../runtime/contract/format.js';
import { mergeMeasurements } from '../../runtime/contract/measures.js';
import { harm, runFolder, temporary } from './support.js';

test('a later number of the same set, state and judge replaces the earlier one', () => {
  const merged = mergeMeasurements([harm('base', 0), harm('plain', 0.5)], [harm('plain', 0.9)]);
  assert.deepEqual(merged, [harm('base', 0), harm('plain', 0.9)]);
});

test('the table of a protected run has the plain numbers of its sibling, and its curve in grey', async (t) => {
  const root = await temporary(t);
  const probes = { kind: 'evaluation' as const, step: 0, probes: { harmfulLossWithout: 4 } };
  const vectors = [{ path: join(root, 'vectors/forbidden-topic/adapter'), sha256: 'dd', scale: 1 }];
  const own = { kind: 'evaluation' as const, step: 9, measurements: [harm('protected', 0), harm('base', 0)] };
  const theirs = { kind: 'evaluation' as const, step: 9, measurements: [harm('plain', 0.92), harm('base', 0.5)] };
  const read = async (name: string, parts: Parameters<typeof runFolder>[2]) =>
    (await readRun(await runFolder(root, name, parts)))!;
  const run = await read('protected', { events: [own], manifest: { vectors, started: '2026-01-02T00:00:00Z' } });
  const plain = await read('plain', { events: [probes, theirs] });
  const older = await read('older', {
    events: [{ ...theirs, measurements: [harm('plain', 0.1)] }],
    manifest: { started: '2025-01-01T00:00:00Z' },
  });
  const other = await read('other', { events: [theirs], manifest: { data: [{ path: '/x', rows: 1, sha256: 'xx' }] } });
  const all = [older, other, plain, run];
  const compared = { title: 'plain, plain', states: ['plain'], differences: [] };
  assert.deepEqual(comparison(run, all), {
    plain,
    measurements: [harm('base', 0), harm('plain', 0.92), harm('protected', 0)],
    compared: [compared],
  });
  assert.equal(comparison(plain, all).plain, undefined);
  assert.equal(runTitle(run), 'protected, protected by forbidden-topic');
  assert.deepEqual(snapshot(run, all, { answers: true, report: true }, 0).plain!.probes.harmfulLossWithout, [4]);
  assert.equal(measureOf(run, 'forbidden'), 'harm');
});

test('the loss beside the plain numbers is of the run that has these, whichever run is drawn in grey', async (t) => {
  const root = await temporary(t);
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const read = async (name: string, month: number, share: number, measurements: Measurement[], more: object = {}) => {
    const harmfulLoss = { rows: 'heldOut' as const, of: 20, base: 2, delivered: 2 * share, low: share, high: share };
    const ended = { kind: 'done' as const, outcome: 'finished' as const, output: '', step: 9, seconds: 1 };
    const done: DoneEvent = { ...ended, measurements, harmfulLoss };
    const probes = { kind: 'evaluation' as const, step: 0, probes: { harmfulLossWithout: month } };
    const started = `2026-0${month}-01T00:00:00Z`;
    return (await readRun(await runFolder(root, name, { events: [probes], manifest: { started, done, ...more } })))!;
  };
  const run = await read('guarded', 3, 1, [harm('base', 0), harm('protected', 0)], { vectors });
  const measured = await read('older', 1, 0.2, [harm('base', 0), harm('plain', 0.9)]);
  const newer = await read('newer', 2, 0.95, []);
  const beside = (...all: Run[]) => snapshot(run, [run, ...all], { answers: false, report: false }, 0).plain!;
  const drawn = beside(measured, newer);
  assert.deepEqual([drawn.probes.harmfulLossWithout, drawn.harmfulLoss!.delivered], [[2], 0.4]);
  assert.equal(beside(newer).harmfulLoss, undefined);
});

test('a grey line is told of where it is drawn: beside one of the same rows', async (t) => {
  const root = await temporary(t);
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const read = async (name: string, harmful: string, benign: string, more: object = {}) => {
    const probeRows: ProbeRows = {
      harmful: { rows: 'probes', of: 8, id: harmful },
      benign: { rows: 'probes', of: 8, id: benign },
    };
    const probes = { harmfulLossWithout: 4, benignLossWithout: 2 };
    const events = [{ kind: 'evaluation' as const, step: 0, probes, probeRows }];
    return (await readRun(await runFolder(root, name, { events, manifest: more })))!;
  };
  const run = await read('protected', 'h', 'b', { vectors });
  const told = async (name: string, harmful: string, benign: string) => {
    const plain = await read(name, harmful, benign);
    const sent = snapshot(run, [run, plain], { answers: false, report: false }, 0);
    const drawn = chartSpecs(sent, viewWording()).flatMap(({ id, series }) =>
      series.some(({ color }) => color === 'plain') ? [id] : [],
    );
    return [drawn, sent.compared.map(({ title }) => title)];
  };
  assert.deepEqual(await told('same', 'h', 'b'), [['harmful', 'benign'], ['same, plain']]);
  assert.deepEqual(await told('half', 'x', 'b'), [['benign'], ['half, plain']]);
  assert.deepEqual(await told('other', 'x', 'y'), [[], []]);
});

test('beside a run that people have corrected more of it is said', async (t) => {
  const root = await temporary(t);
  const read = async (name: string, vectors: Manifest['vectors'], measurements: Measurement[]) =>
    (await readRun(
      await runFolder(root, name, { events: [{ kind: 'evaluation', step: 0, measurements }], manifest: { vectors } }),
    ))!;
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const corrected = await read('own', vectors, [harm('base', 0), { ...harm('protected', 0), labelled: 6 }]);
  const plain = await read('plain', [], [harm('base', 0), harm('plain', 0.25)]);
  const both = await read('both', [], [harm('base', 0), { ...harm('plain', 0.25), labelled: 6 }]);
  const differences = (other: Run) => comparison(corrected, [corrected, other]).compared[0]!.differences;
  assert.deepEqual(differences(plain), [{ key: 'labelled answers to "forbidden"', theirs: '0', ours: '6' }]);
  assert.deepEqual(differences(both), []);
  t.after(() => useTranslations({ t: fill }, 'en'));
  useTranslations({ t: (text, ...values) => `<${fill(text, ...values)}>`, bundle: {} }, 'de');
  assert.equal(differences(plain)[0]?.key, '<labelled answers to "forbidden">');
  useTranslations({ t: fill }, 'en');
  // What is labelled of the base says nothing of the models that stand beside each other.
  const base = { ...harm('base', 0), labelled: 6 };
  const ofBase = await read('base', vectors, [base, harm('protected', 0)]);
  const beside = (other: Run) => comparison(ofBase, [ofBase, other]).compared[0]!.differences;
  assert.deepEqual(beside(plain), []);
  assert.deepEqual(beside(both), [{ key: 'labelled answers to "forbidden"', theirs: '6', ours: '0' }]);
});

test('a run that failed, and one that was not trained to its end, stand alone', async (t) => {
  const root = await temporary(t);
  const measured = (...measurements: ReturnType<typeof harm>[]) => [
    { kind: 'evaluation' as const, step: 0, measurements },
  ];
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const read = async (name: string, parts: Parameters<typeof runFolder>[2]) =>
    (await readRun(await runFolder(root, name, parts)))!;
  const failed = await read('failed', {
    events: measured(harm('base', 0)),
    manifest: { vectors, outcome: 'failed', error: { kind: 'failed', message: 'the loss is not a number.' } },
  });
  const plain = await read('plain', { events: measured(harm('base', 0), harm('plain', 1)) });
  const cut = await read('cut', { events: measured(harm('plain', 0.3)), manifest: { outcome: 'stopped' } });
  assert.deepEqual(comparison(failed, [failed, plain]).measurements, [harm('base', 0)]);
  assert.deepEqual(comparison(failed, [failed, plain]).compared, []);
  const held = await read('held', { events: measured(harm('base', 0), harm('protected', 0)), manifest: { vectors } });
  assert.deepEqual(
    comparison(held, [cut, failed, held]).measurements.map(({ state }) => state),
    ['base', 'protected'],
  );
});

test('runs that were trained otherwise, or measured otherwise, are not passed off as alike', async (t) => {
  const root = await temporary(t);
  const measured = (state: string, value: number) => [
    { kind: 'evaluation' as const, step: 0, measurements: [harm('base', 0), harm(state, value)] },
  ];
  const rate = (learningRate: number) => ({ optimizer: { learningRate } });
  const read = async (name: string, started: string, recipe: object, more: object = {}) =>
    (await readRun(
      await runFolder(root, name, { events: measured('plain', 0.9), recipe, manifest: { started, ...more } }),
    ))!;
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const own = await runFolder(root, 'own', {
    events: measured('protected', 0),
    recipe: rate(3e-3),
    manifest: { vectors },
  });
  const run = (await readRun(own))!;
  const newer = await read('newer', '2026-03-01T00:00:00Z', {});
  const alike = await read('alike', '2026-01-01T00:00:00Z', rate(3e-3));
  const plainOf = (all: (typeof run)[]) => comparison(run, all).compared.find(({ states }) => states.includes('plain'));
  // What was trained alike is taken before what is newer; where there is nothing else, it is said what differs.
  assert.deepEqual(plainOf([run, newer, alike]), { title: 'alike, plain', states: ['plain'], differences: [] });
  assert.deepEqual(plainOf([run, newer]), {
    title: 'newer, plain',
    states: ['plain'],
    differences: [{ key: 'optimizer.learningRate', theirs: '0.001', ours: '0.003' }],
  });
  const limited = await read('limited', '2026-03-01T00:00:00Z', {
    ...rate(3e-3),
    data: { file: '../train.jsonl', limit: 9 },
  });
  assert.deepEqual(plainOf([limited])!.differences, [{ key: 'data.limit', theirs: '9', ours: '–' }]);
  // With other rows beside them, they are not trained on the same; with another review it is said.
  const { data } = run.manifest!;
  const mixed = await read('mixed', '2026-03-01T00:00:00Z', rate(3e-3), {
    data: [...data, { path: '/mix', rows: 1, sha256: 'mm' }],
  });
  assert.equal(plainOf([mixed]), undefined);
  const reviewed = (sha256: string) => ({
    data: [{ ...data[0]!, review: { path: '/r', sha256, excluded: 1, fine: 0 } }],
  });
  const theirs = await read('reviewed', '2026-03-01T00:00:00Z', rate(3e-3), reviewed('b'.repeat(64)));
  const ours = { ...run, manifest: { ...run.manifest!, ...reviewed('a'.repeat(64)) } };
  assert.deepEqual(comparison(ours, [theirs]).compared[0]!.differences, [
    { key: 'data.exclude', theirs: 'reviewed (bbbbbbbb)', ours: 'reviewed (aaaaaaaa)' },
  ]);
  // The same name on another file, other rows of the file, or another judge of the same name: not the same measurement.
  const set = { name: 'forbidden', file: '../eval/forbidden.jsonl', measure: 'harm' };
  for (const evaluate of [
    [{ ...set, file: '../eval/other.jsonl' }],
    [{ ...set, limit: 5 }],
    [{ ...set, phrases: ['x'] }],
  ]) {
    const other = await read('other', '2026-03-01T00:00:00Z', { ...rate(3e-3), evaluate });
    assert.equal(plainOf([other]), undefined, JSON.stringify(evaluate));
  }
  const judges = [{ name: 'refusal-phrases', path: '/j', sha256: 'j1' }];
  assert.equal(plainOf([await read('judged', '2026-03-01T00:00:00Z', rate(3e-3), { judges })]), undefined);
});

test('sets are the same where their rows are, wherever their file lies', async (t) => {
  const root = await temporary(t);
  const vectors = [{ path: join(root, 'vectors/v'), sha256: 'dd', scale: 1 }];
  const read = async (name: string, state: string, sha256: string, file: string, manifest: object = {}) => {
    const events = [{ kind: 'evaluation' as const, step: 0, measurements: [harm('base', 0), harm(state, 0.5)] }];
    const evaluate = [{ name: 'forbidden', file, measure: 'harm' }];
    const sets = { forbidden: { rows: 48, sha256 } };
    const folder = await runFolder(root, name, { events, recipe: { evaluate }, manifest: { sets, ...manifest } });
    return (await readRun(folder))!;
  };
  const run = await read('guarded', 'protected', 'a1', '../eval/f.jsonl', { vectors });
  const states = (plain: typeof run) => comparison(run, [run, plain]).measurements.map(({ state }) => state);
  assert.deepEqual(states(await read('same', 'plain', 'a1', '../eval/f.jsonl')), ['base', 'plain', 'protected']);
  assert.deepEqual(states(await read('moved', 'plain', 'a1', '../other/f.jsonl')), ['base', 'plain', 'protected']);
  assert.deepEqual(states(await read('edited', 'plain', 'b2', '../eval/f.jsonl')), ['base', 'protected']);
});
