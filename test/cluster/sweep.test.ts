/** A sweep on a cluster: several points compute there at once. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Patience } from '../../runtime/cluster/follow.js';
import { runSweep } from '../../runtime/calls/sweep.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import type { JobRecord } from '../../runtime/contract/jobRecord.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { SweepRecipe } from '../../runtime/contract/recipeSweep.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { HumanError } from '../../runtime/support/errors.js';
import { readRecipe } from '../../runtime/recipes/readRecipe.js';
import { sampleWorkspace, type Workspace } from '../calls/support.js';
import { interruptible } from '../support/interruptible.js';
import { faultless, rayServer, type RayServer, type Script } from '../support/rayServer.js';

const AT_ONCE = 4;
const SEEDS = [1, 2, 3, 4, 5, 6];

let workspace: Workspace;
let server: RayServer;
let active = 0;
let most = 0;
before(async () => {
  workspace = await sampleWorkspace();
  server = await rayServer(waiting(faultless));
  await workspace.recipe('plain.json', {
    data: { file: '../data/train.jsonl', limit: 24 },
    evaluate: [],
    epochs: undefined,
    steps: 2,
    on: { ray: server.address, model: '/models/tiny', gpu: 0, storage: '/shared' },
  });
});
after(async () => {
  await server.close();
  await workspace.remove();
});

/** Begins when as many jobs are there as may be, or nothing else comes. */
function waiting(script: Script): Script {
  return function* (job) {
    active += 1;
    most = Math.max(most, active);
    for (let looks = 0; most < AT_ONCE && looks < 500; looks++) yield [];
    const end = yield* script(job);
    active -= 1;
    return end;
  };
}

async function sweep(
  name: string,
  options: {
    base?: string;
    over?: object;
    resume?: boolean;
    secrets?: Record<string, string>;
    patience?: Partial<Patience>;
    hear?: (event: RunEvent, stop: () => void) => void;
  } = {},
): Promise<DoneEvent> {
  const { base = 'plain.json', over = { seed: SEEDS } } = options;
  const written = { kind: 'sweep', base, over, output: `../sweeps/${name}` };
  const file = workspace.file('recipes', 'sweep.json');
  await writeFile(file, JSON.stringify(written));
  const { recipe, ...given } = await readRecipe(file);
  const stop = new AbortController();
  return runSweep(
    { ...given, recipe: recipe as SweepRecipe },
    {
      signal: stop.signal,
      patience: { pollMs: 2, awayMs: 2000, stopMs: 2000, ...options.patience },
      resume: options.resume,
      secrets: options.secrets,
      onEvent: (event) => options.hear?.(event, () => stop.abort()),
    },
  );
}

const table = (name: string): Promise<SweepFile> => workspace.json('sweeps', name, 'sweep.json');

test('four at once, and each is a run of its own with a line in the table', async () => {
  const shares: number[] = [];
  const done = await sweep('all', {
    hear: (event) => event.kind === 'state' && event.progress !== undefined && shares.push(event.progress),
  });
  assert.equal(done.outcome, 'finished');
  assert.equal(most, AT_ONCE);
  assert.equal(server.jobs.size, SEEDS.length);
  assert.equal(new Set([...server.jobs.values()].map(({ metadata }) => metadata.run)).size, SEEDS.length);
  const { points } = await table('all');
  assert.deepEqual(points.map(({ values }) => values.seed).sort(), SEEDS);
  assert.ok(points.every(({ error }) => error === undefined));
  assert.ok(shares.every((share) => share >= 0 && share <= 1));
});

test('Stop stops all of its jobs; resuming runs what is left', async () => {
  server.jobs.clear();
  [active, most] = [0, 0];
  const first = await sweep('stopped', { hear: (event, stop) => event.kind === 'point' && stop() });
  assert.equal(first.outcome, 'stopped');
  assert.ok([...server.jobs.values()].every(({ status }) => status === 'STOPPED' || status === 'SUCCEEDED'));
  const kept = (await table('stopped')).points.length;
  assert.ok(kept >= 1 && kept < SEEDS.length, `${kept} points`);
  [active, most] = [0, AT_ONCE];
  const second = await sweep('stopped', { resume: true });
  assert.equal(second.outcome, 'finished');
  assert.equal((await table('stopped')).points.length, SEEDS.length);
});

for (const [what, fault, code] of [
  ['a token that expires', { status: 401 }, 'secret'],
  ['a cluster that stays away', { status: 503 }, 'away'],
  ['a proxy that leads to its login', { status: 302, text: '<html>' }, 'away'],
  ['the login of a proxy', { status: 200, text: '<html>Sign in' }, 'away'],
] as const)
  test(`${what} fails no point: the sweep ends, and its jobs are found when it is resumed`, async () => {
    const secret = secretKey(server.address, 'RAY_KEY');
    const given = JSON.parse(await readFile(workspace.file('recipes', 'plain.json'), 'utf8')) as { on: object };
    const base = 'token.json';
    const name = what.replaceAll(' ', '-');
    const withToken = { ...given, on: { ...given.on, token: 'RAY_KEY' } };
    await writeFile(workspace.file('recipes', base), JSON.stringify(withToken));
    server.jobs.clear();
    // From the end of the first point on, which the others wait for.
    let isFaulty = false;
    server.script = function* (job) {
      while (server.jobs.size < AT_ONCE) yield [];
      const [first] = server.jobs.keys();
      while (job.id !== first && !isFaulty) yield [];
      return yield* faultless(job);
    };
    server.instead = () => (isFaulty ? fault : undefined);
    const said: RunEvent[] = [];
    const hear = (event: RunEvent): void => {
      said.push(event);
      isFaulty ||= event.kind === 'point';
    };
    const ended = sweep(name, { base, hear, secrets: { [secret]: 'old' }, patience: { awayMs: 100 } });
    await assert.rejects(ended, (error) => error instanceof HumanError && error.code === code);
    const { points } = await table(name);
    assert.deepEqual(
      points.map(({ verdict, error }) => [verdict === 'failed', error]),
      [[false, undefined]],
    );
    assert.equal(((await workspace.json('sweeps', name, 'manifest.json')) as Manifest).error?.code, code);
    const left = said.flatMap((event) =>
      event.kind === 'warning' && /a point was interrupted/.test(event.message) ? event : [],
    );
    assert.ok(left.length >= AT_ONCE - 1 && left.length <= AT_ONCE, `${left.length} points at work`);
    const sent = [...server.jobs.keys()];
    assert.ok(sent.length < SEEDS.length);
    assert.ok([...server.jobs.values()].every(({ status }) => status !== 'STOPPED'));
    [server.script, server.instead] = [faultless, () => undefined];
    const untold = sweep(name, { base, resume: true, secrets: {} });
    await assert.rejects(untold, (error) => error instanceof HumanError && error.code === 'secret');
    assert.equal((await table(name)).points.length, 1, 'none failed without a secret');
    const done = await sweep(name, { base, resume: true, secrets: { [secret]: 'new' } });
    assert.equal(done.outcome, 'finished');
    assert.equal((await table(name)).points.filter(({ error }) => error === undefined).length, SEEDS.length);
    assert.equal(server.jobs.size, SEEDS.length, 'one for each point');
    assert.ok(sent.every((id) => server.jobs.get(id)!.status === 'SUCCEEDED'));
  });

test('a network that is away for a while as points begin is waited for', async (t) => {
  server.jobs.clear();
  [server.script, server.instead] = [faultless, () => undefined];
  const way = await interruptible(server.address);
  t.after(() => way.interrupt());
  const base = 'gap.json';
  const given = JSON.parse(await readFile(workspace.file('recipes', 'plain.json'), 'utf8')) as { on: object };
  await writeFile(workspace.file('recipes', base), JSON.stringify({ ...given, on: { ...given.on, ray: way.address } }));
  let points = 0;
  const said: string[] = [];
  const gap = async (): Promise<void> => {
    await way.interrupt();
    await delay(500);
    await way.restore();
  };
  const done = await sweep('gap', {
    base,
    patience: { awayMs: 60_000 },
    hear: (event) => {
      if (event.kind === 'warning') said.push(event.message);
      if (event.kind === 'point' && ++points === 1) void gap();
    },
  });
  assert.deepEqual([done.outcome, points, said], ['finished', SEEDS.length, []]);
});

test('of several clusters the points of one that is away fail, the others go on, and the sweep can be resumed', async (t) => {
  const other = await rayServer(faultless);
  t.after(() => other.close());
  server.jobs.clear();
  [server.script, server.instead] = [faultless, () => undefined];
  let asked = 0;
  other.instead = () => {
    asked += 1;
    return { status: 401 };
  };
  const over = { 'on.ray': [other.address, server.address], seed: SEEDS };
  const said: RunEvent[] = [];
  const ended = sweep('clusters', { over, hear: (event) => said.push(event) });
  await assert.rejects(ended, (error) => error instanceof HumanError && error.place === other.address);
  const { outcome, error: fault } = await workspace.json<Manifest>('sweeps', 'clusters', 'manifest.json');
  assert.deepEqual([outcome, fault?.code], ['failed', 'secret']);
  assert.ok(asked >= 1 && asked <= AT_ONCE, `${asked}: what begins later does not ask again`);
  const byCluster = async (): Promise<unknown[]> => {
    const { points } = await table('clusters');
    return [other, server].map(({ address }) => {
      const own = points.filter(({ values }) => values['on.ray'] === address);
      return [
        own.length,
        ...new Set(own.map(({ verdict, error }) => (error ? `${verdict}: ${error.message}` : 'done'))),
      ];
    });
  };
  const why = 'failed: the cluster wants a token (401).';
  assert.deepEqual(await byCluster(), [[SEEDS.length, why], [SEEDS.length, 'done']]); // oxfmt-ignore
  assert.equal(said.filter((event) => event.kind === 'warning' && /^a point failed: /.test(event.message)).length, SEEDS.length); // oxfmt-ignore
  const sent = server.jobs.size;
  other.instead = () => undefined;
  assert.equal((await sweep('clusters', { over, resume: true })).outcome, 'finished');
  assert.deepEqual(await byCluster(), [[SEEDS.length, 'done'], [SEEDS.length, 'done']]); // oxfmt-ignore
  assert.deepEqual([server.jobs.size, other.jobs.size], [sent, SEEDS.length]);
});

for (const [what, later, isReached] of [
  ['stops the job of a cluster that was away for a while', undefined, true],
  ['names the job of a cluster that is away', { status: 401 }, false],
] as const)
  test(`Stop ${what}, while points on another are at work`, async (t) => {
    const endless: Script = function* () {
      for (;;) yield [];
    };
    const other = await rayServer(endless);
    t.after(() => other.close());
    server.jobs.clear();
    [server.script, server.instead] = [endless, () => undefined];
    let isStopped = false;
    const areAtWork = (): boolean => server.jobs.size > 0 && other.jobs.size > 0;
    other.instead = () => (isStopped ? later : areAtWork() ? { status: 401 } : undefined);
    const said: string[] = [];
    const done = await sweep(`lost-${isReached}`, {
      over: { 'on.ray': [other.address, server.address], seed: [1] },
      hear: (event, stop) => {
        if (event.kind !== 'warning') return;
        said.push(event.message);
        isStopped ||= event.message.startsWith('a point failed: ');
        if (isStopped) stop();
      },
    });
    assert.equal(done.outcome, 'stopped');
    const [id] = [...other.jobs.keys()];
    const areStopped = [server, other].map(({ jobs }) => [...jobs.values()].map(({ status }) => status === 'STOPPED'));
    assert.deepEqual(areStopped, [[true], [isReached]]);
    assert.equal(
      said.some((line) => line.includes(`the job ${id} may go on`)),
      !isReached,
    );
  });

test('Stop is no failure where a point failed that no cluster can run', async () => {
  server.jobs.clear();
  [server.script, server.instead] = [faultless, () => undefined];
  const said: string[] = [];
  const done = await sweep('unsupported', {
    over: { method: ['full', 'lora'] },
    hear: (event, stop) => {
      if (event.kind !== 'warning') return;
      said.push(event.message);
      stop();
    },
  });
  assert.equal(done.outcome, 'stopped');
  assert.match(said.join('\n'), /^a point failed: full fine-tuning runs only on this machine/);
});

test('Stop stops the job of a point that failed while it went on', async () => {
  server.jobs.clear();
  server.script = function* (job) {
    const [first] = server.jobs.keys();
    for (;;) yield job.id === first ? ['@security-vectors {"seq":2,"kind":"done"}'] : [];
  };
  server.instead = () => undefined;
  const said: string[] = [];
  const done = await sweep('failed', {
    hear: (event, stop) => {
      if (event.kind !== 'warning') return;
      said.push(event.message);
      stop();
    },
  });
  assert.equal(done.outcome, 'stopped');
  assert.match(said[0]!, /^a point failed: the log of the job is damaged/);
  assert.deepEqual([...server.jobs.values()].map(({ status }) => status), [...server.jobs].map(() => 'STOPPED')); // oxfmt-ignore
});

test('Stop names the jobs that may go on', async () => {
  server.jobs.clear();
  let stopAll = (): void => undefined;
  server.script = function* () {
    for (;;) {
      if (server.jobs.size === AT_ONCE) stopAll();
      yield [];
    }
  };
  server.instead = (call) => (/\/stop$/.test(call) ? { status: 503 } : undefined);
  const said: string[] = [];
  const done = await sweep('left', {
    patience: { stopMs: 100 },
    hear: (event, stop) => {
      if (event.kind === 'warning') said.push(`${event.place}: ${event.message}`);
      stopAll = stop;
    },
  });
  assert.equal(done.outcome, 'stopped');
  for (const id of server.jobs.keys())
    assert.ok(
      said.some((line) => line.startsWith('seed') && line.includes(`the job ${id} may go on`)),
      said.join('\n'),
    );
});

test('resuming and stopping once more stops them, also before its points begin', async () => {
  server.instead = () => undefined;
  const open = [...server.jobs.values()];
  assert.ok(open.length === AT_ONCE && open.every(({ status }) => status === 'RUNNING'));
  const done = await sweep('left', { resume: true, hear: (_, stop) => stop() });
  assert.equal(done.outcome, 'stopped');
  assert.deepEqual(
    open.map(({ status }) => status),
    open.map(() => 'STOPPED'),
  );
});

for (const [what, answer] of [
  ['are stopped', undefined],
  ['are named where that is not possible', { status: 401 }],
] as const)
  test(`jobs of points that are not in the grid any more ${what}`, async () => {
    const name = `left-out-${answer?.status}`;
    server.jobs.clear();
    server.script = function* () {
      for (;;) yield [];
    };
    server.instead = () => (server.jobs.size === AT_ONCE ? { status: 401 } : undefined);
    await assert.rejects(sweep(name, { over: { seed: [1, 2, 3, 4] } }));
    const open = [...server.jobs.values()];
    const others = async (seed: number): Promise<string[]> =>
      Object.values(
        (await workspace.json<{ jobs: object }>('sweeps', name, 'points', `seed-${seed}`, 'cluster.json')).jobs,
      ) as string[];
    const gone = [...(await others(3)), ...(await others(4))];
    assert.deepEqual([open.length, gone.length], [AT_ONCE, 2]);
    server.script = faultless;
    server.instead = (call) => (gone.some((id) => call === `POST /api/jobs/${id}/stop`) ? answer : undefined);
    const said: string[] = [];
    const hear = (event: RunEvent, stop: () => void): void => {
      if (event.kind === 'warning') said.push(`${event.place}: ${event.message}`);
      if (event.kind === 'state' && /^point/.test(event.message ?? '')) stop();
    };
    assert.equal((await sweep(name, { over: { seed: [1, 2] }, resume: true, hear })).outcome, 'stopped');
    for (const [i, id] of gone.entries()) {
      const line = answer
        ? ` → .*: the job ${id} may go on on the cluster: `
        : `: the job ${id} was stopped: no point of the sweep needs it any more`;
      assert.match(said.join('\n'), new RegExp(`^seed ${i + 3}${line}`, 'm'));
    }
    for (const { id, status } of open)
      assert.equal(status === 'STOPPED', !gone.includes(id) || answer === undefined, id);
  });

test('nothing is said to be stopped of jobs of such points that have ended or are not known, and they are asked for once', async () => {
  server.jobs.clear();
  server.script = function* () {
    for (;;) yield [];
  };
  server.instead = () => (server.jobs.size === AT_ONCE ? { status: 401 } : undefined);
  await assert.rejects(sweep('left-ended', { over: { seed: [1, 2, 3, 4] } }));
  server.instead = () => undefined;
  const record = (seed: number): Promise<JobRecord> =>
    workspace.json('sweeps', 'left-ended', 'points', `seed-${seed}`, 'cluster.json');
  const [ended, unknown] = [(await record(3)).jobs.train!, (await record(4)).jobs.train!];
  server.jobs.get(ended)!.status = 'SUCCEEDED';
  server.jobs.delete(unknown);
  const said: string[] = [];
  const noted: string[] = [];
  const hear = (event: RunEvent, stop: () => void): void => {
    if (event.kind === 'warning') said.push(event.message);
    if (event.kind === 'state' && event.message?.includes('does not know the job')) noted.push(event.message);
    if (event.kind === 'state' && /^point/.test(event.message ?? '')) stop();
  };
  for (const asked of [2, 0]) {
    server.calls.length = 0;
    await sweep('left-ended', { over: { seed: [1, 2] }, resume: true, hear });
    const calls = server.calls.filter(({ call }) => call.includes(ended) || call.includes(unknown));
    assert.equal(calls.length, asked);
  }
  assert.deepEqual(said, []);
  assert.equal(noted.length, 1);
  assert.ok(noted[0]!.includes(unknown), 'its address may lead to another cluster');
  assert.deepEqual([(await record(3)).ended, (await record(4)).ended], [[ended], [unknown]]);
});

test('Stop while its first points still wait for the cluster is no failure', async () => {
  server.jobs.clear();
  let stopAll = (): void => undefined;
  let asked = 0;
  server.instead = () => {
    if (++asked === 2 * AT_ONCE) stopAll();
    return { status: 503 };
  };
  const said: RunEvent[] = [];
  const done = await sweep('waiting', {
    hear: (event, stop) => {
      stopAll = stop;
      said.push(event);
    },
  });
  assert.equal(done.outcome, 'stopped');
  assert.equal(((await workspace.json('sweeps', 'waiting', 'manifest.json')) as Manifest).outcome, 'stopped');
  assert.deepEqual(
    said.filter(({ kind }) => kind === 'warning'),
    [],
  );
});
