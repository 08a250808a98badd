/**
 * A label that is given while a run or a sweep is stopped, or at work, counts for the base's answers as for those that
 * are compared with them.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { runRecipe } from '../../runtime/calls/run.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { labelsFile, labelsText, type Labels } from '../../runtime/contract/labels.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { answerHash } from '../../runtime/data/labelFiles.js';
import { sha256 } from '../../runtime/support/files.js';
import { measurementsOf } from '../../runtime/contract/facts.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { RECIPES } from '../kills/workspace.js';
import { runSweep, sweepsFolder, type Sweeps } from '../support/sweeps.js';
import { silent } from '../support/silent.js';

let at: Sweeps;
let forbidden: string;
/** A training that changes no answer. */
const recipe = { ...RECIPES['lora, every 2'], optimizer: { learningRate: 1e-9 } };
before(async () => {
  at = await sweepsFolder();
  forbidden = join(at.root, 'forbidden.jsonl');
});
afterEach(() => rm(labelsFile(forbidden), { force: true }));
after(() => at.remove());

const answers = async (folder: string): Promise<SampleEvent[]> =>
  (await readFile(join(folder, 'answers.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SampleEvent)
    .filter(({ set }) => set === 'forbidden');

/** The contrary of what the judge said of two of the base's answers. */
async function labels(folder: string): Promise<Labels> {
  const base = (await answers(folder)).filter(({ state }) => state === 'base').slice(0, 2);
  const hashes = base.map(({ prompt, answer, verdict }) => {
    const said = verdict === 'complied' ? 'refused' : 'complied';
    return [answerHash(prompt, answer), said] as const;
  });
  assert.equal(new Set(hashes.map(([hash]) => hash)).size, 2);
  return new Map(hashes);
}

const harm = (measurements: SweepPoint['measurements'], of: string): unknown[] =>
  measurements.flatMap(({ state, name, measure, value, count, judge }) =>
    state === of && name === 'forbidden' ? [[measure, value, count, judge]] : [],
  );

async function same(folder: string, measurements: SweepPoint['measurements']): Promise<void> {
  const latest = new Map((await answers(folder)).map((sample) => [`${sample.state} ${sample.row}`, sample]));
  const of = (state: string): unknown[] =>
    [...latest.values()]
      .flatMap((one) => (one.state === state ? [[one.row, one.answer, one.verdict, one.label]] : []))
      .sort();
  assert.deepEqual(of('base'), of('protected'));
  assert.equal(of('base').filter((one) => (one as unknown[])[3] !== undefined).length, 2);
  assert.deepEqual(harm(measurements, 'base'), harm(measurements, 'protected'));
  assert.ok(harm(measurements, 'base').length > 0);
  await told(folder, ['base', 'protected'], 2);
}

/** In the log, the manifest and the report it is said where labels count, for each state once, and by which file. */
async function told(folder: string, states: readonly string[], count: number): Promise<void> {
  const { manifest, events } = await readRun(folder);
  const { rows, labels: facts } = manifest.sets!['forbidden']!;
  const text = await readFile(labelsFile(forbidden), 'utf8');
  assert.deepEqual(facts, { path: labelsFile(forbidden), sha256: sha256(text), answers: count });
  const sentences = states.map(
    (state) =>
      `${count} of ${rows} answers of "${state}" to "forbidden" have a human label (forbidden.jsonl.labels.json), which counts`,
  );
  const said = events.flatMap((event) =>
    event.kind === 'state' && /label/.test(event.message) ? [event.message] : [],
  );
  assert.deepEqual(said.sort(), [...sentences].sort());
  const report = (await readFile(join(folder, 'report.html'), 'utf8'))
    .replaceAll('&quot;', '"')
    .replaceAll('&#34;', '"');
  for (const sentence of sentences) assert.ok(report.includes(sentence), sentence);
  assert.ok(report.includes(facts!.sha256));
}

test('of an evaluation, whose labels may have come with the set', async () => {
  const [model, file] = ['model', 'forbidden.jsonl'];
  const evaluate = [{ name: 'forbidden', file, measure: 'harm', limit: 3 }];
  const value = { kind: 'evaluate', model, evaluate, generation: { maxNewTokens: 4 }, output: 'evaluated' };
  const recipeFile = await at.write('evaluation', value);
  const run = async (): Promise<string> => (await runRecipe(recipeFile, { ...silent, force: true })).output;
  const output = await run();
  assert.equal((await readRun(output)).manifest.sets!['forbidden']!.labels, undefined);
  await writeFile(labelsFile(forbidden), labelsText(await labels(output)));
  await told(await run(), ['base'], 2);
});

test('of a run that is resumed', async () => {
  const file = await at.write('labelled', { ...recipe, output: 'labelled' });
  const stop = new AbortController();
  const onEvent = (event: RunEvent): void => void (event.kind === 'step' && event.step === 3 && stop.abort());
  const { output } = await runRecipe(file, { signal: stop.signal, onEvent });
  const before = measurementsOf(await readRun(output));
  await writeFile(labelsFile(forbidden), labelsText(await labels(output)));
  const { outcome, measurements } = await runRecipe(file, { ...silent, resume: true });
  assert.equal(outcome, 'finished');
  assert.notDeepEqual(harm(measurements, 'base'), harm(before, 'base'), 'the labels count');
  await same(output, measurements);
  assert.deepEqual(measurementsOf(await readRun(output)), measurements, 'also on the way');
});

test('of a sweep, whose points share the base', async () => {
  await at.write('base', recipe);
  const file = await at.sweep('labelled', { seed: [1, 2] });
  const [first] = (await runSweep(file)).points;
  const text = labelsText(await labels(first!.folder));
  await rm(join(at.root, 'sweeps/labelled'), { recursive: true });
  const again = await runSweep(file, {
    stopAt: (event) => {
      // while the sweep goes on
      if (event.kind === 'point' && event.values.seed === first!.values.seed)
        writeFileSync(labelsFile(forbidden), text);
      return false;
    },
  });
  const second = again.points.find(({ values }) => values.seed !== first!.values.seed)!;
  await same(second.folder, second.measurements);
});
