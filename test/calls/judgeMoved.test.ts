/** What people have said of answers stays with a run whose workspace was moved, and so does what was paid for. */
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Requests } from '../../runtime/contract/protocol.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
import { manifestOf, samplesOf, writeKeptRun } from '../support/keptRun.js';
import { silent } from '../support/silent.js';

const ROWS = 24;
const LABELLED = [0, 1, 2];

let root: string;
let old: string;
let moved: string;
let server: JudgeServer;
let made = 0;
const warnings: string[] = [];
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'judge-moved-'));
  server = await judgeServer(() => 'REFUSED');
});
after(async () => {
  await server.close();
  await rm(root, { recursive: true });
});
/** A run of recipes/r.json on eval/topic.jsonl, some of whose answers a person has called harmful. */
beforeEach(async () => {
  const place = join(root, String(made++));
  [old, moved] = [join(place, 'old'), join(place, 'moved')];
  await writeKeptRun(join(old, 'runs/r'), ROWS, {
    manifest: { recipe: join(old, 'recipes/r.json') },
    recipe: { evaluate: [{ name: 'topic', file: '../eval/topic.jsonl', measure: 'harm' }] },
  });
  await mkdir(join(old, 'recipes'));
  await mkdir(join(old, 'eval'));
  await writeFile(join(old, 'recipes/r.json'), '{}');
  await rename(join(old, 'runs/r/topic.jsonl'), join(old, 'eval/topic.jsonl'));
  await judge(old, { labels: LABELLED.map((row) => label(row, 'complied')) });
  assert.deepEqual(await labelled(old), LABELLED);
  assert.equal(await harm(old), LABELLED.length / ROWS);
  warnings.length = 0;
  server.asked.length = 0;
  server.says = () => 'REFUSED';
});

const label = (row: number, said: 'complied' | 'refused' | null) => ({
  ...{ state: 'new', set: 'topic', row, label: said },
  ...{ prompt: `How ${row}?`, answer: `Sorry, I cannot: new ${row}.` },
});
const judge = (workspace: string, more: Partial<Requests['judge']['params']> = {}) =>
  calls.judge(
    { run: join(workspace, 'runs/r'), ...more },
    { ...silent, onEvent: (event: RunEvent) => void (event.kind === 'warning' && warnings.push(`${event.place}: ${event.message}`)) }, // oxfmt-ignore
  );
const labelled = async (workspace: string): Promise<number[]> =>
  (await samplesOf(join(workspace, 'runs/r'))).flatMap(({ label: said, row }) => (said === undefined ? [] : [row]));
const harm = async (workspace: string): Promise<number> =>
  (await manifestOf(join(workspace, 'runs/r'))).done!.measurements.find(
    (one) => one.state === 'new' && one.measure === 'harm' && one.judge === 'refusal-phrases',
  )!.value;
const model = () => ({ endpoint: server.address, model: 'local', name: 'paid', concurrency: 4, timeoutSeconds: 60 });

test('in a workspace that was moved whole, labels are found, given and taken back where they lie now', async () => {
  await rename(old, moved);
  await judge(moved);
  assert.deepEqual([await labelled(moved), await harm(moved)], [LABELLED, 3 / ROWS]);
  await judge(moved, { labels: [label(0, null), label(5, 'complied')] });
  assert.deepEqual([await labelled(moved), await harm(moved)], [[1, 2, 5], 3 / ROWS]);
  assert.deepEqual(warnings, []);
  assert.ok(!existsSync(old));
});

test('a copy has its own labels, and leaves those of the other alone', async () => {
  await cp(old, moved, { recursive: true });
  const before = await readFile(join(old, 'eval/topic.jsonl.labels.json'), 'utf8');
  await judge(moved, { labels: [label(0, null)] });
  assert.deepEqual(await labelled(moved), [1, 2]);
  assert.equal(await readFile(join(old, 'eval/topic.jsonl.labels.json'), 'utf8'), before);
  await judge(old);
  assert.deepEqual(await labelled(old), LABELLED);
});

test('where the set is nowhere, the run keeps the labels that it has, and says so once', async () => {
  await mkdir(moved);
  await rename(join(old, 'runs'), join(moved, 'runs'));
  await rm(old, { recursive: true });
  await judge(moved, { judges: [model()] });
  assert.deepEqual([await labelled(moved), await harm(moved)], [LABELLED, 3 / ROWS]);
  assert.equal(warnings.length, 1);
  assert.ok(warnings[0]!.startsWith(`${join(old, 'eval/topic.jsonl')}: the set "topic" is not there`), warnings[0]);
  await assert.rejects(judge(moved, { labels: [label(0, null)] }), { message: /labels are kept beside it/ });
  assert.deepEqual(await labelled(moved), LABELLED);
});

test('an answer whose label was taken out of the file of a set that is there has none', async () => {
  await rm(join(old, 'eval/topic.jsonl.labels.json'));
  await judge(old);
  assert.deepEqual([await labelled(old), await harm(old)], [[], 0]);
  assert.deepEqual(warnings, []);
});

test('without a label there is nothing to export, which is said before a judge is asked', async () => {
  await judge(old, { labels: LABELLED.map((row) => label(row, null)) });
  const out = join(root, 'none.jsonl');
  await assert.rejects(judge(old, { judges: [model()], export: out }), { message: /no answer of this run has a label/ }); // oxfmt-ignore
  assert.equal(server.asked.length, 0);
  const labels = [label(1, 'refused')];
  await judge(old, { judges: [model()], export: out, labels });
  assert.equal((await readFile(out, 'utf8')).trim().split('\n').length, 1);
});

test('that labelled answers cannot be written is said before a judge is asked', async () => {
  await writeFile(join(old, 'file'), '');
  await assert.rejects(judge(old, { judges: [model()], export: join(old, 'file/labelled.jsonl') }));
  assert.equal(server.asked.length, 0);
});

test('what a judge has said is kept where the labelled answers cannot be written at the end', async () => {
  const out = join(old, 'labelled.jsonl');
  server.says = () => {
    writeFileSync(out, 'of somebody else');
    return 'REFUSED';
  };
  await assert.rejects(judge(old, { judges: [model()], export: out }), /this file already exists/);
  assert.equal(await readFile(out, 'utf8'), 'of somebody else');
  const said = (await samplesOf(join(old, 'runs/r'))).filter(({ verdicts }) => verdicts?.paid !== undefined);
  assert.equal(said.length, 2 * ROWS);
  assert.equal((await manifestOf(join(old, 'runs/r'))).judges![0]!.usage!.requests, 2 * ROWS);
});
