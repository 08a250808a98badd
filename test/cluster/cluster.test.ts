/** Runs on a cluster as the fake Jobs server plays it: the protocol, and every fault with what is said of it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, beforeEach, describe, it } from 'node:test';
import { runRecipe, type RunOptions } from '../../runtime/calls/run.js';
import { errorData } from '../../runtime/support/errors.js';
import { readAdapter } from '../../runtime/adapters/files.js';
import { zip } from '../../runtime/cluster/zip.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { sampleWorkspace, type Workspace } from '../calls/support.js';
import {
  faultless,
  messagesOf,
  noteLine,
  numbered,
  planOf,
  rayServer,
  type RayServer,
  type Script,
} from '../support/rayServer.js';
import { zipEntries } from '../support/zip.js';

const PATIENCE = { pollMs: 2, awayMs: 2000, stopMs: 2000 };
const STEPS = 4;

interface Ran {
  done?: DoneEvent;
  error?: ErrorData;
  events: RunEvent[];
}

describe('a run on a cluster', () => {
  let workspace: Workspace;
  let server: RayServer;
  let runs = 0;
  before(async () => {
    workspace = await sampleWorkspace();
    server = await rayServer(faultless);
  });
  after(async () => {
    await server.close();
    await workspace.remove();
  });
  beforeEach(() => {
    server.script = faultless;
    server.instead = () => undefined;
    server.version = '2.60.0';
    server.jobs.clear();
    server.calls.length = 0;
    runs += 1;
  });

  const recipe = (change: Record<string, unknown> = {}, on: Record<string, unknown> = {}): Promise<string> =>
    workspace.recipe('plain.json', {
      data: { file: '../data/train.jsonl', limit: 24 },
      evaluate: [],
      epochs: undefined,
      steps: STEPS,
      evaluateEvery: 2,
      output: `../out/${runs}`,
      on: { ray: server.address, model: '/models/tiny', workers: 2, gpu: 0, storage: '/shared', ...on },
      ...change,
    });

  async function run(
    file: string,
    options: Partial<RunOptions> = {},
    hear: (event: RunEvent) => void = () => undefined,
  ): Promise<Ran> {
    const events: RunEvent[] = [];
    const onEvent = (event: RunEvent): void => {
      events.push(event);
      hear(event);
    };
    const given = { signal: new AbortController().signal, patience: PATIENCE, ...options, onEvent };
    try {
      return { done: await runRecipe(file, given), events };
    } catch (error) {
      return { error: errorData(error), events };
    }
  }

  const stepsOf = (events: readonly RunEvent[]): number[] => events.flatMap((e) => (e.kind === 'step' ? [e.step] : []));
  const said = (events: readonly RunEvent[]): string =>
    events.map((e) => (e.kind === 'state' || e.kind === 'warning' ? e.message : '')).join('\n');
  const recorded = async (output: string): Promise<RunEvent[]> =>
    (await readFile(`${output}/events.jsonl`, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RunEvent);
  const withOutput = (): string => workspace.file('out', String(runs));

  it('trains, tells of it as any run, and delivers an adapter that is read back and evaluated here', async () => {
    const { done, events, error } = await run(await recipe());
    assert.equal(error, undefined, error?.message);
    assert.equal(done!.outcome, 'finished');
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
    assert.deepEqual(
      events.flatMap((e) => (e.kind === 'evaluation' && e.probes ? [[e.step, e.probes.benignLossWithout]] : [])),
      [
        [0, 1],
        [2, 1],
        [4, 1],
      ],
    );
    assert.deepEqual(done!.laws, { baseUnchanged: true, deliveredWithoutVector: true });
    assert.equal((await readAdapter(withOutput())).role, 'task');
    assert.match(await readFile(`${withOutput()}/report.html`, 'utf8'), / · on a Ray cluster · /);
    const [job] = [...server.jobs.values()];
    assert.deepEqual(planOf(job!).deliver, ['task']);
    const posted = server.calls.find(({ call }) => call === 'POST /api/jobs/')!;
    assert.match(posted.headers['user-agent']!, /^security-vectors/);
    assert.equal(posted.headers['sec-fetch-mode'], undefined, 'Ray takes no post of a browser');
  });

  it('the fake loses nothing of what the job was sent: rows as tokens, steps with their weights', async () => {
    await run(await recipe());
    const [job] = [...server.jobs.values()];
    const rows = job!.files.get('rows.jsonl')!()
      .toString()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    assert.ok(rows.length > 10 && rows.every((row) => 'ids' in row && 'labels' in row));
    const steps = job!.files.get('steps-0.jsonl')!().toString().trim().split('\n');
    assert.equal(steps.length, STEPS);
    const first = JSON.parse(steps[0]!) as { rows: [number, number, number, number, number][] };
    assert.equal(first.rows.length, 16);
    assert.ok(['train.py', 'adapters.py', 'losses.py', 'messages.py'].every((name) => job!.files.has(name)));
  });

  it('trains a vector: quality, calibration and prompts are made here', async () => {
    const file = await workspace.recipe('vector.json', {
      harmful: { file: '../data/harmful.jsonl', limit: 40 },
      benign: { file: '../data/benign.jsonl', limit: 40 },
      epochs: undefined,
      steps: 2,
      output: `../out/${runs}`,
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    const { done, error, events } = await run(file);
    assert.equal(error, undefined, error?.message);
    assert.ok(done!.vector?.auroc !== undefined);
    const probes = events.flatMap((e) => (e.kind === 'evaluation' && e.probes ? [e.probes] : []));
    assert.ok(probes.length >= 2 && probes.every((p) => p.harmfulLossWith === 1 && p.heldOutAuroc !== undefined));
    // With it, a protected fine-tuning: a job for the scan, and one for the training.
    const vector = withOutput();
    runs += 1;
    server.jobs.clear();
    const second = await run(await recipe({ vectors: [{ adapter: vector }], protection: true }));
    assert.equal(second.error, undefined, second.error?.message);
    assert.deepEqual(
      [...server.jobs.keys()].map((id) => id.split('-').at(-2)),
      ['scan', 'train'],
    );
    assert.equal(second.done!.laws?.vectorUnchanged, true);
  });

  it('evaluates: answers and losses come from there, and are judged here', async () => {
    const file = await workspace.recipe('evaluate.json', {
      states: [{ name: 'base', adapters: [] }],
      evaluate: [
        { name: 'harm', file: '../eval/forbidden.jsonl', limit: 8, measure: 'harm' },
        { name: 'loss', file: '../eval/old-tasks.jsonl', limit: 8, measure: 'loss' },
      ],
      output: `../out/${runs}`,
      on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
    });
    const { done, error } = await run(file);
    assert.equal(error, undefined, error?.message);
    const value = (measure: string): number => done!.measurements.find((m) => m.measure === measure)!.value;
    assert.deepEqual([value('loss'), value('harm'), value('refusal')], [1, 1, 0]);
    const sampled = await workspace.recipe('evaluate.json', {
      generation: { temperature: 1 },
      on: { ray: server.address, model: 'm', storage: '/s' },
    });
    assert.match((await run(sampled)).error!.message, /sampling runs only on this machine/);
  });

  it('secrets come from the environment by their names, and are written nowhere', async () => {
    const secrets = { RAY_KEY: 'sesame-token', ENTRY: 'sesame-header' };
    server.instead = (_, headers) => (headers.authorization === 'Bearer sesame-token' ? undefined : { status: 401 });
    const { done, error } = await run(await recipe({}, { token: 'RAY_KEY', headers: { 'X-Entry': 'ENTRY' } }), {
      secrets,
    });
    assert.equal(error, undefined, error?.message);
    assert.ok(server.calls.every(({ headers }) => headers['x-entry'] === 'sesame-header'));
    for (const name of ['recipe.json', 'events.jsonl', 'manifest.json', 'cluster.json', 'report.html'])
      assert.doesNotMatch(await readFile(`${done!.output}/${name}`, 'utf8'), /sesame/, name);
    for (const { files } of server.jobs.values())
      for (const [name, read] of files) assert.ok(!read().includes('sesame'), name);
  });

  it('a secret that is not there is asked for by its name', async () => {
    const { error } = await run(await recipe({}, { token: 'NOT_THERE' }));
    assert.match(error!.message, /no secret "NOT_THERE"/);
    assert.equal(server.calls.length, 0);
  });

  it('a cluster that cannot be reached is named before anything is computed', async () => {
    const { error } = await run(await recipe({}, { ray: 'http://127.0.0.1:9' }));
    assert.match(error!.message, /does not answer \(ECONNREFUSED\)/);
    assert.match(error!.remedy!, /on\.ray/);
  });

  it('an address that is no Ray, and a Ray that is too old', async () => {
    server.instead = (call) => (call.endsWith('/version') ? { status: 200, text: '<html>' } : undefined);
    assert.match((await run(await recipe())).error!.message, /not that of a Ray Jobs server/);
    server.instead = () => undefined;
    server.version = '2.9.3';
    assert.match((await run(await recipe())).error!.message, /Ray 2\.9\.3; 2\.60 or newer/);
  });

  it('a token that is wrong', async () => {
    server.instead = () => ({ status: 403 });
    const { error } = await run(await recipe({}, { token: 'RAY_KEY' }), { secrets: { RAY_KEY: 'x' } });
    assert.match(error!.message, /refuses the token "RAY_KEY" \(403\)/);
  });

  it('a token that expires: the job goes on, and a run that is resumed finds it and misses nothing', async () => {
    let looks = 0;
    server.instead = (call) => (/\/logs$/.test(call) && ++looks > 5 ? { status: 401 } : undefined);
    const file = await recipe({}, { token: 'RAY_KEY' });
    const first = await run(file, { secrets: { RAY_KEY: 'old' } });
    assert.match(first.error!.message, /does not accept the token "RAY_KEY" \(401\)/);
    const [id] = [...server.jobs.keys()];
    server.instead = () => undefined;
    const second = await run(file, { resume: true, secrets: { RAY_KEY: 'new' } });
    assert.equal(second.done?.outcome, 'finished', second.error?.message);
    assert.deepEqual([...server.jobs.keys()], [id], 'the same job');
    assert.deepEqual(stepsOf(await recorded(withOutput())), [1, 2, 3, 4]);
  });

  it('a network that is away for a while is said, and nothing is lost', async () => {
    let looks = 0;
    server.instead = (call) => (/GET .*train-/.test(call) && ++looks > 6 && looks < 12 ? 'broken' : undefined);
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.match(
      said(events),
      /the cluster does not answer .*It is tried again for 1 min\. A job that is there goes on/,
    );
    assert.match(said(events), /the cluster answers again/);
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
  });

  it('a network that stays away ends the run, not the job', async () => {
    let looks = 0;
    server.instead = (call) => (/GET .*train-/.test(call) && ++looks > 6 ? 'broken' : undefined);
    const { error } = await run(await recipe(), { patience: { ...PATIENCE, awayMs: 50 } });
    assert.match(error!.remedy!, /Resume the run: it finds its job again/);
    assert.equal([...server.jobs.values()][0]!.status, 'RUNNING');
  });

  it('a lost worker: what it says again is heard once', async () => {
    server.script = function* (job) {
      const groups = messagesOf(job);
      const say = numbered();
      const before = groups.slice(0, 4).map((group) => group.flatMap(say));
      yield* before;
      // From the checkpoint of step 2 on, with the same numbers.
      const known = before.slice(0, 3).flat();
      yield [...known, noteLine('restarted', { step: 2 })];
      const again = numbered(known.length + 1);
      for (const group of groups.slice(3)) yield group.flatMap(again);
      return 'SUCCEEDED';
    };
    const { done, error, events } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.deepEqual(stepsOf(events), [1, 2, 3, 4]);
    assert.match(said(events), /a worker was lost.*goes on from step 2/);
  });

  /** A job that ends like this after its second checkpoint. */
  const endsWith = (end: (job: Parameters<Script>[0]) => ReturnType<Script>): Script =>
    function* (job) {
      const say = numbered();
      for (const group of messagesOf(job).slice(0, 3)) yield group.flatMap(say);
      return yield* end(job);
    };

  it('a head that was restarted knows the job no longer: resuming sends another, from the checkpoint', async () => {
    server.script = endsWith(function* (job) {
      server.jobs.delete(job.id);
      yield [];
      return 'FAILED';
    });
    const file = await recipe();
    const { error } = await run(file);
    assert.match(error!.message, /no longer knows the job/);
    assert.match(error!.remedy!, /checkpoint of step 2/);
    server.script = faultless;
    const { done } = await run(file, { resume: true });
    assert.equal(done!.outcome, 'finished');
    assert.deepEqual(stepsOf(await recorded(withOutput())), [1, 2, 3, 4]);
  });

  for (const [what, log, expected] of [
    ['a full disk', 'OSError: [Errno 28] No space left on device', /the disk of the cluster is full/],
    ['another model there', 'RuntimeError: other-model 0123456789abcdef', /another one than the model here/],
    ['a package that is missing', "ModuleNotFoundError: No module named 'peft'", /lacks the package peft/],
    ['memory that ran out', 'torch.OutOfMemoryError: CUDA out of memory.', /ran out of memory/],
    ['a loss that is no number', 'RuntimeError: not-finite 3', /not a number .* at step 3/],
    ['what nobody knows', 'ValueError: strange', /failed on the cluster: ValueError: strange/],
  ] as const)
    it(`${what} on the cluster is said`, async () => {
      server.script = endsWith(function* () {
        yield [log];
        return 'FAILED';
      });
      const { error } = await run(await recipe());
      assert.match(error!.message, expected);
      assert.ok(error!.remedy);
    });

  it('a job that waits for GPUs says what is wanted and what is there', async () => {
    server.script = function* (job) {
      const wanted = { CPU: 2, GPU: 2 };
      yield [noteLine('waiting', { wanted, there: { CPU: 8 }, free: { CPU: 8 } })];
      yield [noteLine('waiting', { wanted, there: { CPU: 8, GPU: 4 }, free: { CPU: 8, GPU: 1 } })];
      return yield* faultless(job);
    };
    const { events, done } = await run(await recipe());
    assert.match(said(events), /2 CPU, 2 GPU wanted, the cluster has 8 CPU, 0 GPU\. .* lower on\.workers or on\.gpu/);
    assert.match(said(events), /2 CPU, 2 GPU wanted, 8 CPU, 1 GPU free of 8 CPU, 4 GPU/);
    assert.equal(done!.outcome, 'finished');
  });

  it('a job of the same name that is not ours is left alone', async () => {
    server.instead = (call) => (call === 'POST /api/jobs/' ? { status: 400, text: 'Job already exists.' } : undefined);
    const { error } = await run(await recipe());
    assert.match(error!.message, /another job of the name .* not of this run/);
  });

  it('an answer to a submission that is lost on its way: the job that is there is taken', async () => {
    let posted = 0;
    server.instead = (call) => (call === 'POST /api/jobs/' && ++posted === 1 ? 'unanswered' : undefined);
    const { done, error } = await run(await recipe());
    assert.equal(done?.outcome, 'finished', error?.message);
    assert.equal(posted, 1);
    assert.equal(server.jobs.size, 1);
  });

  it('Stop stops the job; resuming goes on from its last checkpoint under the same name of the run', async () => {
    const stop = new AbortController();
    const file = await recipe();
    const first = await run(file, { signal: stop.signal }, (event) => {
      if (event.kind === 'step' && event.step === 3) stop.abort();
    });
    assert.equal(first.done?.outcome, 'stopped', first.error?.message);
    const [job] = [...server.jobs.values()];
    assert.equal(job!.status, 'STOPPED');
    const second = await run(file, { resume: true });
    assert.equal(second.done?.outcome, 'finished', second.error?.message);
    const [, other] = [...server.jobs.values()];
    assert.equal(other!.metadata.run, job!.metadata.run);
    assert.deepEqual(stepsOf(await recorded(withOutput())), [1, 2, 3, 4]);
  });

  it('a damaged message, and an adapter that is not what was sent, are not taken', async () => {
    const changed = (change: (message: Record<string, unknown>) => void): Script =>
      function* (job) {
        const say = numbered();
        for (const group of messagesOf(job)) {
          group.forEach(change);
          yield group.flatMap(say);
        }
        return 'SUCCEEDED';
      };
    server.script = changed((message) => message.kind === 'step' && (message.tokens = 'many'));
    assert.match((await run(await recipe())).error!.message, /log of the job is damaged/);
    runs += 1;
    server.script = changed((message) => message.kind === 'adapter' && (message.sha256 = '0'.repeat(64)));
    assert.match((await run(await recipe())).error!.message, /its SHA-256 differs/);
  });

  it('what runs only here is refused by its key', async () => {
    assert.match(
      (await run(await recipe({ method: 'full' }))).error!.message,
      /full fine-tuning runs only on this machine/,
    );
    const address = (ray: string) => recipe({}, { ray });
    assert.match(
      (await run(await address('http://name:secret@head:8265'))).error!.message,
      /without a name and password/,
    );
  });

  it('the archive is one that others read, and the same for the same files', () => {
    const files = new Map([
      ['b/ü.txt', Buffer.from('two')],
      ['a.txt', Buffer.from('one'.repeat(1000))],
    ]);
    const bytes = zip(files);
    assert.deepEqual(bytes, zip(new Map([...files].reverse())));
    const read = zipEntries(bytes, 'test');
    assert.deepEqual([...read.keys()], ['a.txt', 'b/ü.txt']);
    for (const [name, data] of files) assert.deepEqual(read.get(name)!(), data);
  });
});
