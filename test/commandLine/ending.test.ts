/** What is said of a run that was stopped is of this run, and not of one that stands in its folder. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { reportEnd } from '../../runtime/commandLine/ending.js';
import { EXIT } from '../../runtime/contract/errors.js';
import type { DoneEvent } from '../../runtime/contract/events.js';
import { cli } from '../calls/support.js';
import { writeKeptRun } from '../support/keptRun.js';

let root: string;
before(async () => void (root = await mkdtemp(join(tmpdir(), 'ending-'))));
after(() => rm(root, { recursive: true }));

const stopped = (output: string, seconds: number, step = 0): DoneEvent => ({
  ...{ kind: 'done', outcome: 'stopped', output, step, seconds, measurements: [] },
});
async function said(done: DoneEvent): Promise<string[]> {
  const lines: string[] = [];
  assert.equal(await reportEnd(done, { width: 100, log: (text) => void lines.push(text) }), EXIT.stopped);
  return lines;
}

test('stopped before it had begun, it says so, whatever stands there', async () => {
  const before = ['Stopped before anything was changed.'];
  const folder = join(root, 'stands');
  assert.deepEqual(await said(stopped(folder, 1)), before);
  const done = stopped(folder, 60, 7);
  await writeKeptRun(folder, 1, { manifest: { kind: 'finetune', outcome: 'stopped', done } });
  await mkdir(join(folder, 'checkpoint'));
  await writeFile(join(folder, 'checkpoint/state.safetensors'), '');
  assert.deepEqual(await said(stopped(folder, 1)), before);
  assert.match(
    (await said(done)).join(),
    /^Stopped after step 7; everything up to there is saved in .*stands\. Continue/,
  );
  await writeKeptRun(folder, 1, { manifest: { kind: 'sweep', outcome: 'stopped', done } });
  await writeFile(join(folder, 'sweep.json'), JSON.stringify({ version: 1, over: {}, of: 1, points: [] }));
  assert.deepEqual(await said(stopped(folder, 1)), before);
});

test('an evaluation that was stopped is run again, and a training without a checkpoint has nothing to resume', async () => {
  for (const [kind, wanted] of [
    ['evaluate', 'Stopped; an evaluation is not resumed. Run it again.'],
    ['finetune', 'Stopped before the first checkpoint; there is nothing to resume.'],
  ] as const) {
    const folder = join(root, kind);
    const done = stopped(folder, 60);
    await writeKeptRun(folder, 1, { manifest: { kind, outcome: 'stopped', done } });
    assert.deepEqual(await said(done), [wanted]);
  }
});

test('a sweep of which a point failed has failed; a lost protection at a point is a result of it', async () => {
  const output = join(root, 'sweep');
  const done: DoneEvent = { ...stopped(output, 60), outcome: 'finished' };
  await writeKeptRun(output, 1, { manifest: { kind: 'sweep', done } });
  await writeKeptRun(join(output, 'points/1'), 1);
  const over = { seed: [1, 2] };
  await writeFile(join(output, 'recipe.json'), JSON.stringify({ kind: 'sweep', over }));
  const point = { values: { seed: 1 }, folder: 'points/1', seconds: 1, measurements: [] };
  const endWith = async (...points: object[]): Promise<number> => {
    await writeFile(join(output, 'sweep.json'), JSON.stringify({ version: 1, over, of: 2, points }));
    return reportEnd(done, { width: 100, log: () => undefined });
  };
  assert.equal(await endWith({ ...point, verdict: 'held' }, { ...point, verdict: 'lost' }), EXIT.done);
  const error = { kind: 'failed', message: 'the disk is full.' };
  assert.equal(await endWith({ ...point, verdict: 'held' }, { ...point, verdict: 'failed', error }), EXIT.failed);
  assert.equal(
    await reportEnd(done, { width: 100, log: () => undefined }, true),
    EXIT.done,
    'judged anew, it has not failed again',
  );
});

test('tables are as wide as the terminal', async () => {
  const output = join(root, 'wide');
  const measurements = ['forbidden topic', 'violent requests'].map((name) => ({
    ...{ state: 'base', name, measure: 'harm' as const, value: 0.5, count: 20, judge: 'compliance-phrases' },
  }));
  const done: DoneEvent = { ...stopped(output, 60), outcome: 'finished', measurements };
  await writeKeptRun(output, 1, { manifest: { kind: 'sweep', done } });
  await writeKeptRun(join(output, 'points/1'), 1);
  const point = { values: { seed: 1 }, folder: 'points/1', seconds: 1, verdict: 'held' };
  const delivered = measurements.map((one) => ({ ...one, state: 'plain' }));
  const table = { version: 1, over: { seed: [1] }, of: 1, points: [{ ...point, measurements: delivered }] };
  await writeFile(join(output, 'recipe.json'), JSON.stringify({ kind: 'sweep', over: table.over }));
  await writeFile(join(output, 'sweep.json'), JSON.stringify(table));
  const lines: string[] = [];
  await reportEnd(done, { width: 40, log: (text) => void lines.push(text) });
  const [sweep, results] = lines.map((text) => text.split('\n'));
  assert.match(sweep.join('\n'), /violent requests/);
  assert.match(results.join('\n'), /violent requests/);
  for (const line of [...sweep.slice(1), ...results]) assert.ok(line.length <= 40, line);
});

test('no line begins with the place of a mark that is not there, or has nothing but blanks', async () => {
  const folder = join(root, 'unmarked');
  const alone = join(folder, 'alone');
  const compared = join(folder, 'compared');
  await writeKeptRun(alone, 1);
  await writeKeptRun(compared, 40, { states: ['base', 'plain', 'protected'] });
  const lines: string[] = [];
  const log = (text: string): void => void lines.push(text);
  for (const output of [alone, compared])
    await reportEnd({ ...stopped(output, 1), outcome: 'finished' }, { width: 100, log });
  assert.equal(lines.length, 3, 'of states alone nothing is said');
  for (const line of lines) assert.match(line, /^\S/);
  const { stdout } = await cli(['runs', folder]);
  assert.match(stdout, /^alone {2}evaluate, finished, \S+$/m);
  assert.match(stdout, /^compared {2}evaluate, finished, \S+\n {2}\S/m);
  assert.doesNotMatch(stdout, /^[^\S\n]*\n/m);
});
