/** The jobs that cluster.json names: those of a run are ended with it, and nobody else's are touched. */
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openCluster } from '../../runtime/cluster/cluster.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { FakeJob, Instead } from '../support/rayServer.js';
import { interruptible } from '../support/interruptible.js';
import { faultless, messagesOf, numbered, rayServer } from '../support/rayServer.js';
import { PATIENCE, said, useCluster } from './support.js';

const { workspace, server, recipe, run, output, outputFolder } = await useCluster();

const OURS = 'security-vectors-0123456789ab';

/** A job of somebody else that goes on. */
function othersJob(id: string, of: string): FakeJob {
  const job = { id, status: 'RUNNING', message: '', log: '', metadata: { run: of } } as unknown as FakeJob;
  server.jobs.set(id, job);
  return job;
}

/** The cluster as a run in this folder has it. */
async function opened(record: object | string, storage = '/shared') {
  const folder = workspace.file('foreign');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'cluster.json'), typeof record === 'string' ? record : JSON.stringify(record));
  const cluster = await openCluster({
    target: {
      ...{ ray: server.address, model: '/m', workers: 1, gpu: 0, storage, install: false, tokens: 64 },
      ...({ precision: 'fp32', strategy: 'ddp' } as const),
    },
    path: (written) => written,
    folder,
    secrets: () => undefined,
    signal: new AbortController().signal,
    emit: () => Promise.resolve(),
    patience: PATIENCE,
  });
  return { cluster, folder };
}

const record = async (): Promise<{ jobs: Record<string, string> }> =>
  JSON.parse(await readFile(join(outputFolder(), 'cluster.json'), 'utf8')) as never;
/** A run whose job is left alone: the network goes away. It goes on when it is looked at again. */
async function leftRun(file: string): Promise<FakeJob> {
  server.script = function* (job) {
    const say = numbered();
    for (const [i, group] of messagesOf(job).entries()) {
      while (i >= 3 && server.script !== faultless) yield [];
      yield group.flatMap(say);
    }
    return 'SUCCEEDED';
  };
  server.instead = (call) =>
    /logs$/.test(call) && [...server.jobs.values()][0]!.log.length > 0 ? 'broken' : undefined;
  const { error } = await run(file, { patience: { ...PATIENCE, awayMs: 20 } });
  assert.match(error!.message, /does not answer/);
  server.instead = () => undefined;
  server.script = faultless;
  const [job] = [...server.jobs.values()];
  assert.equal(job!.status, 'RUNNING');
  return job!;
}

/** Stops a run whose job does not end by itself, after its first step. */
async function stoppedRun(file: string, answersToStop: (n: number) => Instead | undefined, stopMs: number) {
  server.script = function* (job) {
    const say = numbered();
    for (const group of messagesOf(job).slice(0, 3)) yield group.flatMap(say);
    for (;;) yield [];
  };
  let asked = 0;
  server.instead = (call) => (/\/stop$/.test(call) ? answersToStop(++asked) : undefined);
  const stop = new AbortController();
  const patience = { ...PATIENCE, stopMs };
  const ran = await run(file, { signal: stop.signal, patience }, ({ kind }) => kind === 'step' && stop.abort());
  assert.equal(ran.done?.outcome, 'stopped', ran.error?.message);
  const [job] = [...server.jobs.values()];
  return { job: job!, events: ran.events };
}

describe('Stop', () => {
  it('says as many steps as its last checkpoint has: no other is made there', async () => {
    server.script = function* (job) {
      const say = numbered();
      for (const group of messagesOf(job).slice(0, 4)) yield group.flatMap(say);
      for (;;) yield [];
    };
    const stop = new AbortController();
    const isThird = (event: RunEvent): boolean => event.kind === 'step' && event.step === 3;
    const { done } = await run(await recipe(), { signal: stop.signal }, (event) => isThird(event) && stop.abort());
    assert.deepEqual([done!.outcome, done!.step], ['stopped', 2]);
  });

  for (const [what, answer] of [
    ['the cluster does not answer', { status: 503 }],
    ['the token has expired', { status: 401 }],
    ['the job does not end', { status: 200, text: '{}' }],
  ] as const)
    it(`names the job that may go on where ${what}; resuming finds it, and stopping once more stops it`, async () => {
      const file = await recipe();
      const { job, events } = await stoppedRun(file, () => answer, 100);
      assert.equal(job.status, 'RUNNING');
      assert.match(said(events), new RegExp(`the job ${job.id} may go on on the cluster: `));
      const stop = new AbortController();
      server.instead = () => undefined;
      // Before the run has got to its job.
      const again = await run(file, { resume: true, signal: stop.signal }, () => stop.abort());
      assert.equal(again.done?.outcome, 'stopped', again.error?.message);
      assert.equal(job.status, 'STOPPED');
      assert.doesNotMatch(said(again.events), /may go on/);
      assert.equal(server.jobs.size, 1);
    });

  it('while a run that is resumed waits for its cluster names the job, and is no failure', async () => {
    const file = await recipe();
    const { job } = await stoppedRun(file, () => ({ status: 503 }), 20);
    const stop = new AbortController();
    let asked = 0;
    server.instead = () => {
      if (++asked === 2) stop.abort();
      return { status: 503 };
    };
    const { done, error, events } = await run(file, { resume: true, signal: stop.signal });
    assert.equal(done?.outcome, 'stopped', error?.message);
    assert.match(said(events), new RegExp(`the job ${job.id} may go on on the cluster: `));
  });

  it('says of a run without a checkpoint what can be done with it: it is run again', async () => {
    const file = await workspace.recipe('evaluate.json', {
      output: output(),
      states: [{ name: 'base', adapters: [] }],
      evaluate: [{ name: 'harm', file: '../eval/forbidden.jsonl', limit: 2, measure: 'harm' }],
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    server.script = function* () {
      for (;;) yield [];
    };
    const stop = new AbortController();
    const patience = { ...PATIENCE, stopMs: 20 };
    server.instead = (call) => {
      if (/logs$/.test(call)) stop.abort();
      return /\/stop$/.test(call) ? { status: 503 } : undefined;
    };
    const { done, error, events } = await run(file, { signal: stop.signal, patience });
    assert.equal(done?.outcome, 'stopped', error?.message);
    const [job] = [...server.jobs.values()];
    const left = events.find((event) => event.kind === 'warning' && event.message.includes(job!.id));
    assert.ok(left?.kind === 'warning', said(events));
    assert.doesNotMatch(left.remedy!, /Resume/);
    assert.match(left.remedy!, /^Run the recipe again/);
    server.instead = () => undefined;
    server.script = function* (next) {
      assert.equal(job!.status, 'STOPPED');
      return yield* faultless(next);
    };
    const again = await run(file);
    assert.equal(again.done?.outcome, 'finished', again.error?.message);
    assert.equal(server.jobs.size, 2);
  });

  it('is tried again while the cluster does not answer', async () => {
    const { job, events } = await stoppedRun(await recipe(), (n) => (n < 4 ? { status: 503 } : undefined), 2000);
    assert.equal(job.status, 'STOPPED');
    assert.doesNotMatch(said(events), /may go on/);
  });
});

describe('cluster.json', () => {
  it('a record with names that no run gives removes no file and stops no job', async () => {
    const storage = workspace.file('storage');
    await mkdir(storage, { recursive: true });
    await writeFile(workspace.file('thesis.zip'), 'mine');
    const plan = {
      adapters: [],
      scales: [],
      files: new Map([['rows.jsonl', Buffer.from('{"ids":[1],"labels":[1]}\n')]]),
    };
    for (const bad of [
      { run: 'r', jobs: { train: '../thesis' } },
      { run: OURS, jobs: { train: '../thesis' } },
      { run: '../r', jobs: { train: '../r-train-012345' } },
      { run: OURS, jobs: { train: `${OURS}-/../../thesis` } },
      { run: OURS, jobs: { train: 'security-vectors-ba9876543210-train-012345' } },
    ]) {
      server.jobs.clear();
      const others = othersJob(bad.jobs.train, bad.run);
      const { cluster } = await opened(bad, storage);
      await cluster.end('train');
      assert.equal(others.status, 'RUNNING', 'it is left alone');
      others.status = 'FAILED';
      await cluster.run('train', plan, { after: 0, step: () => 0, onMessage: () => Promise.resolve() });
      assert.equal(await readFile(workspace.file('thesis.zip'), 'utf8'), 'mine');
    }
    assert.deepEqual(await readdir(storage), []);
  });

  it('one that is cut off is an error that names it: its jobs are not forgotten', async () => {
    const { cluster, folder } = await opened(`{ "run": "${OURS}", "jobs": { "tra`);
    await assert.rejects(cluster.end('train'), {
      name: 'HumanError',
      place: join(folder, 'cluster.json'),
      remedy: /Ray dashboard/,
    });
  });

  it('a job is stopped only when it says that it is of this run', async () => {
    const id = `${OURS}-train-012345`;
    const { cluster } = await opened({ run: OURS, jobs: { train: id } });
    const others = othersJob(id, 'security-vectors-ba9876543210');
    await cluster.end('train');
    assert.equal(others.status, 'RUNNING');
    const own = othersJob(id, OURS);
    await cluster.end('train');
    assert.equal(own.status, 'STOPPED');
  });

  it('a run that is started over ends the jobs of the one before', async () => {
    const file = await recipe();
    const left = await leftRun(file);
    const { done, error } = await run(file, { force: true });
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.equal(left.status, 'STOPPED');
    assert.equal(server.jobs.size, 2);
  });

  it('a run that is resumed on another cluster does not forget its job on the first one', async (t) => {
    const left = await leftRun(await recipe());
    const other = await rayServer(faultless);
    t.after(() => other.close());
    const before = await record();
    const moved = await recipe({}, { ray: other.address });
    const { error } = await run(moved, { resume: true });
    assert.ok(
      error!.message.includes(`the job ${left.id} was sent to ${server.address}, and may go on there`),
      error!.message,
    );
    assert.match(error!.remedy!, /on\.ray again.*remove cluster\.json/);
    assert.deepEqual([await record(), other.jobs.size, left.status], [before, 0, 'RUNNING']);
    // Nor does one that is stopped there.
    const stop = new AbortController();
    const stopped = await run(moved, { resume: true, signal: stop.signal }, () => stop.abort());
    assert.equal(stopped.done?.outcome, 'stopped', stopped.error?.message);
    assert.match(said(stopped.events), new RegExp(`the job ${left.id} may go on on the cluster: `));
    assert.deepEqual((await record()).jobs, before.jobs);
    // The first one under another name.
    const way = await interruptible(server.address);
    t.after(() => way.interrupt());
    const { done, error: fault } = await run(await recipe({}, { ray: way.address }), { resume: true });
    assert.equal(done?.outcome, 'finished', fault?.message);
    assert.deepEqual([...server.jobs.keys()], [left.id]);
  });

  it('it is refused with their ids where they cannot be ended, and nothing is lost', async () => {
    const file = await recipe();
    const left = await leftRun(file);
    const ids = new RegExp(left.id);
    server.instead = (call) => (/stop$/.test(call) ? 'broken' : undefined);
    const away = await run(file, { force: true, patience: { ...PATIENCE, awayMs: 20 } });
    assert.match(away.error!.message, ids);
    assert.match(away.error!.remedy!, /dashboard and remove .*cluster\.json, or choose another output/);
    server.instead = (call) => (/stop$/.test(call) ? { status: 401 } : undefined);
    const refused = await run(file, { force: true });
    assert.deepEqual(
      [refused.error!.code, refused.error!.place],
      ['secret', server.address],
      'whose token is asked for',
    );
    assert.match(refused.error!.message, ids);
    assert.ok(refused.error!.remedy!.includes(outputFolder()), refused.error!.remedy);
    server.instead = () => undefined;
    // The recipe runs here now, or on another cluster.
    const here = await run(await recipe({ on: undefined }), { force: true });
    assert.match(here.error!.message, ids);
    assert.ok(here.error!.message.includes(server.address));
    assert.deepEqual((await record()).jobs, { train: left.id });
    assert.equal(left.status, 'RUNNING');
    await rm(join(outputFolder(), 'cluster.json'));
    const { done } = await run(await recipe({ on: undefined }), { force: true });
    assert.equal(done?.outcome, 'finished');
  });
});
