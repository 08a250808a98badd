/** What a further judge has said is kept when it is stopped or killed: only what is open is asked the next time. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import type { Reporter } from '../../runtime/calls/reporter.js';
import { measurementsOf } from '../../runtime/contract/facts.js';
import { isLeftOpen } from '../../runtime/contract/measures.js';
import type { JudgeChoice } from '../../runtime/contract/recipeJudges.js';
import { readRun } from '../../runtime/evaluation/report/runReport.js';
import { claim } from '../../runtime/runs/owner.js';
import { finishReplacement } from '../../runtime/runs/output.js';
import { runFiles } from '../../runtime/runs/ownFiles.js';
import { Cancelled } from '../../runtime/support/errors.js';
import { bury } from '../support/bury.js';
import { watch } from '../support/faults.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
import { manifestOf, samplesOf, writeKeptRun } from '../support/keptRun.js';
import { silent } from '../support/silent.js';
import { CLI } from './support.js';

const ROWS = 60;
const OF = 2 * ROWS;
const CONCURRENCY = 4;

let root: string;
let run: string;
let server: JudgeServer;
let made = 0;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'judge-kept-'));
  server = await judgeServer(() => 'COMPLIED');
});
beforeEach(async () => {
  run = join(root, String(made++));
  await writeKeptRun(run, ROWS);
  server.asked.length = 0;
  server.says = () => 'COMPLIED';
});
after(async () => {
  await server.close();
  await rm(root, { recursive: true });
});

const model = (name = 'local'): JudgeChoice => ({
  ...{ endpoint: server.address, model: name, name: 'paid', concurrency: CONCURRENCY, timeoutSeconds: 60 },
});
const saidBy = async (name: string): Promise<number> =>
  (await samplesOf(run)).filter(({ verdicts }) => verdicts?.[name] !== undefined).length;
/** Judges until the server was asked so often. */
async function stoppedAt(asks: number, judge: JudgeChoice): Promise<void> {
  const stop = new AbortController();
  server.asked.length = 0;
  server.says = (_, n) => {
    if (n === asks) stop.abort();
    return 'COMPLIED';
  };
  await assert.rejects(calls.judge({ run, judges: [judge] }, { ...silent, signal: stop.signal }), Cancelled);
  server.says = () => 'COMPLIED';
}

test('stopped, all replies are kept, and the others are asked about next', async () => {
  await stoppedAt(45, model());
  const said = await saidBy('paid');
  assert.ok(said > 45 - 2 * CONCURRENCY && said <= 45, String(said));
  const { judges, done } = await manifestOf(run);
  assert.ok(judges![0]!.usage!.requests >= said);
  assert.ok(
    done!.measurements.every((m) => m.judge !== 'paid' || isLeftOpen(m)),
    'too many answers are open',
  );
  assert.ok(existsSync(join(run, 'report.html')));
  assert.ok(!existsSync(join(run, 'owner.json')));

  server.asked.length = 0;
  const { measurements } = await calls.judge({ run, judges: [model()] }, silent);
  assert.equal(server.asked.length, OF - said);
  assert.deepEqual(
    measurements.filter(({ judge, measure }) => judge === 'paid' && measure === 'harm').map(({ value, count }) => [value, count]), // oxfmt-ignore
    [[1, ROWS], [1, ROWS]], // oxfmt-ignore
  );
});

test('what a killed process left of the files that it was about to replace is removed', async () => {
  for (const name of ['answers.jsonl', 'manifest.json', 'report.html'])
    await writeFile(join(run, `${name}.00000001.part`), 'half');
  await calls.judge({ run }, silent);
  assert.deepEqual(
    (await readdir(run)).filter((name) => name.includes('.part')),
    [],
  );
});

test('killed, it loses less than the last fifty', async () => {
  const asks = 2 * 50 + 10;
  const judge = JSON.stringify({ ...(model() as object), concurrency: 1 });
  const child = spawn(process.execPath, [CLI, 'evaluate', '--answers', run, '--judge', judge], {
    stdio: 'ignore',
  });
  server.says = (_, n) => (n < asks ? 'COMPLIED' : (child.kill('SIGKILL'), 'hang'));
  await new Promise((resolve) => child.once('close', resolve));
  const said = await saidBy('paid');
  assert.ok(said >= asks - 60 && said < asks, String(said));
  server.asked.length = 0;
  server.says = () => 'COMPLIED';
  await calls.judge({ run, judges: [model()] }, silent);
  assert.equal(server.asked.length, OF - said);
});

test('another judge in its place begins anew, and what the first one said does not count as its own', async () => {
  await calls.judge({ run, judges: [model('first')] }, silent);
  assert.equal(await saidBy('paid'), OF);
  // As if the recipe had named the first: its numbers stand among the events, too.
  const measured = { kind: 'evaluation', step: 0, measurements: (await manifestOf(run)).done!.measurements };
  const ended = await readFile(join(run, 'events.jsonl'), 'utf8');
  await writeFile(join(run, 'events.jsonl'), `${JSON.stringify(measured)}\n${ended}`);
  const columns = async (): Promise<string[]> =>
    measurementsOf(await readRun(run))
      .filter((m) => !isLeftOpen(m))
      .map(({ judge }) => judge);
  assert.ok((await columns()).includes('paid'));
  await stoppedAt(20, model('second'));
  assert.deepEqual([...new Set(await columns())], ['refusal-phrases'], 'the second has said too little for a column');
  const said = await saidBy('paid');
  assert.ok(said <= 20, String(said));
  assert.equal((await manifestOf(run)).judges![0]!.model, 'second');
  server.asked.length = 0;
  await calls.judge({ run, judges: [model('second')] }, silent);
  assert.equal(server.asked.length, OF - said);
});

test('stopped before its first reply, nothing is changed', async () => {
  await calls.judge({ run, judges: [model('first')] }, silent);
  const [was, who] = [await samplesOf(run), await manifestOf(run)];
  await assert.rejects(
    calls.judge({ run, judges: [model('second')] }, { ...silent, signal: AbortSignal.abort() }),
    Cancelled,
  );
  assert.deepEqual([await samplesOf(run), await manifestOf(run)], [was, who]);
});

test('a language model of the editor is asked only about what it has left open, until another one replies', async () => {
  const choice: JudgeChoice = { vscode: true, name: 'editor' };
  let asked = 0;
  const by = (name: string, open: number): Reporter => ({
    ...silent,
    askEditor: async () => ({ text: ++asked > open ? 'REFUSED' : 'UNSURE', model: name, inputTokens: 1, outputTokens: 1 }), // oxfmt-ignore
  });
  const count = async (name: string, open = 0): Promise<number> => {
    asked = 0;
    await calls.judge({ run, judges: [choice] }, by(name, open));
    return asked;
  };
  assert.equal(await count('stub/one', 3), OF);
  assert.equal(await count('stub/one', 1), 3);
  assert.equal(await count('stub/two'), OF, 'another model judges everything itself');
  const [facts] = (await manifestOf(run)).judges!;
  assert.deepEqual([facts!.model, facts!.usage!.requests], ['stub/two', OF]);
  assert.equal(await count('stub/two'), 0);
  assert.equal((await manifestOf(run)).judges![0]!.model, 'stub/two');
});

/** A finished run, and in it another one that is to take its place. */
async function replaced(): Promise<void> {
  for (const [folder, started] of [
    [run, 'OLD'],
    [join(run, 'next'), 'NEW'],
  ] as const) {
    await writeKeptRun(folder, ROWS, { manifest: { started }, answers: (state, row) => `${started} ${state} ${row}` });
    await mkdir(join(folder, 'adapter'));
    await writeFile(join(folder, 'adapter/adapter_model.safetensors'), started);
    const manifest = { ...(await manifestOf(folder)), files: await runFiles(folder) };
    await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest));
  }
  // no file of a run, but of the fixture
  await rm(join(run, 'next/topic.jsonl'));
}
/** Whose manifest, answers and adapter stand there, and who has judged them. */
const standing = async (): Promise<object> => ({
  started: (await manifestOf(run)).started,
  answer: (await samplesOf(run))[0]!.answer,
  adapter: await readFile(join(run, 'adapter/adapter_model.safetensors'), 'utf8'),
  judges: (await manifestOf(run)).judges?.map(({ name }) => name),
  isReplaced: !existsSync(join(run, 'next')),
});
const NEW = { started: 'NEW', answer: 'NEW base 0', adapter: 'NEW', judges: undefined, isReplaced: true };

test('a run that ends while the one that it replaces is judged takes its place behind that, with its own verdict', async () => {
  await replaced();
  // While it is judged: before that a replacement is completed at once.
  await writeFile(join(run, 'next/manifest.json'), (await readFile(join(run, 'next/manifest.json'), 'utf8')).replace('finished', 'running')); // oxfmt-ignore
  let ended: Promise<void> | undefined;
  server.says = (_, n) => {
    if (n === 20) ended = endNext().then(() => finishReplacement(run));
    return 'REFUSED';
  };
  const endNext = async (): Promise<void> => {
    const text = await readFile(join(run, 'next/manifest.json'), 'utf8');
    await writeFile(join(run, 'next/manifest.json'), text.replace('running', 'finished'));
  };
  const { judges } = await calls.judge({ run, judges: [model()] }, silent);
  assert.equal(judges.length, 1);
  await ended;
  assert.deepEqual(await standing(), NEW);
});

test('a finished run that may not take its place yet says so, and does when the folder is used next', async () => {
  await replaced();
  const release = await claim(run);
  await assert.rejects(finishReplacement(run, 0), (error: Error & { place?: string }) => {
    assert.match(error.message, /^the run is finished and cannot take the place .*another process is working/);
    assert.equal(error.place, join(run, 'next'));
    return true;
  });
  const was = { started: 'OLD', answer: 'OLD base 0', adapter: 'OLD', judges: undefined, isReplaced: false };
  assert.deepEqual(await standing(), was);
  await release();
  await calls.judge({ run }, silent);
  assert.deepEqual(await standing(), NEW);
});

test('what is said of the answers of a run is not written where another one stands meanwhile', async () => {
  const other = join(root, 'other');
  await writeKeptRun(other, ROWS, { manifest: { started: 'NEW' }, answers: (state, row) => `NEW ${state} ${row}` });
  const files = ['manifest.json', 'answers.jsonl'] as const;
  const texts = await Promise.all(files.map((name) => readFile(join(other, name), 'utf8')));
  let moved: Promise<unknown> | undefined;
  server.says = (_, n) => {
    if (n === 20) moved = Promise.all(files.map((name, i) => writeFile(join(run, name), texts[i]!)));
    return 'REFUSED';
  };
  await assert.rejects(calls.judge({ run, judges: [model()] }, silent), /was changed meanwhile/);
  await moved;
  assert.deepEqual(await Promise.all(files.map((name) => readFile(join(run, name), 'utf8'))), texts);
});

test('a label of an answer that is not there any more, as another run has answered, is refused', async () => {
  const [sample] = await samplesOf(run);
  const { state, set, row, prompt, answer } = sample!;
  const read = { state, set, row, prompt, answer, label: 'refused' as const };
  for (const other of [{ answer: 'Sure.' }, { prompt: 'Why?' }])
    await assert.rejects(calls.judge({ run, labels: [{ ...read, ...other }] }, silent), /could be labelled/);
  assert.equal((await samplesOf(run))[0]!.label, undefined);
  await writeFile(join(run, 'topic.jsonl'), '');
  assert.equal((await calls.judge({ run, labels: [read] }, silent)).labelled, 1);
});

test('a run of which answers are gone, as after a power failure, is not judged by the others: it stays as it is', async () => {
  const lines = (await readFile(join(run, 'answers.jsonl'), 'utf8')).split('\n');
  await writeFile(join(run, 'answers.jsonl'), lines.slice(0, -11).join('\n'));
  const was = await readFile(join(run, 'manifest.json'), 'utf8');
  await assert.rejects(calls.judge({ run }, silent), {
    message: `the answers of this run are not all there: ${ROWS - 10} of the ${ROWS} of "new" to "topic".`,
    place: join(run, 'answers.jsonl'),
  });
  assert.equal(await readFile(join(run, 'manifest.json'), 'utf8'), was);
});

test('killed while it takes the place of another of its name, nothing that it has said counts as said by that one', async () => {
  const judge = (name: string): Promise<unknown> => calls.judge({ run, judges: [model(name)] }, silent);
  /** The second one is killed before that call. @returns the calls */
  const cutOff = async (at?: number): Promise<string[]> => {
    await judge('first');
    server.says = () => 'REFUSED';
    const made: string[] = [];
    const onCall = ({ name, file }: { name: string; file: string }): void => void made.push(`${name} ${file}`);
    const end = watch({ root: run, onCall, ...(at !== undefined && { fault: `kill:${at}` }) });
    await judge('second').catch(() => undefined);
    end();
    return made;
  };
  const whole = await cutOff();
  const answers = whole.findIndex((call) => /^rename .*answers\.jsonl/.test(call));
  const next = whole.findIndex((call, i) => i > answers && /^open .*manifest\.json/.test(call));
  assert.ok(answers >= 0 && next > answers, whole.join('\n'));
  run = join(root, String(made++));
  await writeKeptRun(run, ROWS);
  server.says = () => 'COMPLIED';
  await cutOff(next + 1);
  assert.ok(
    (await samplesOf(run)).some(({ verdicts }) => verdicts?.paid === 'refused'),
    'answers were written',
  );
  await bury(run);
  server.says = () => 'COMPLIED';
  await judge('first');
  assert.ok((await samplesOf(run)).every(({ verdicts }) => verdicts?.paid === 'complied'));
});
