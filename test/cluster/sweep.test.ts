/** A sweep on a cluster: several points compute there at once. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { secretKey } from '../../runtime/contract/secrets.js';
import type { SweepFile } from '../../runtime/contract/sweep.js';
import { HumanError } from '../../runtime/support/errors.js';
import { interruptible } from '../support/interruptible.js';
import { faultless, rayServer, type Script } from '../support/rayServer.js';
import { AT_ONCE, SEEDS, useSweeps } from './sweeps.js';

let active = 0;
let most = 0;
const { workspace, server, sweep } = await useSweeps(waiting(faultless));

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

for (const [what, message, code, { version = '2.60.0', status = 0, ...over }] of [
  ['a Ray that is too old', /runs Ray 2\.50\.0/, 'away', { version: '2.50.0' }],
  ['a file of certificates that is not there', /of on\.ca cannot be read/, 'away', { 'on.ca': ['none.pem'] }],
  ['a token that is refused', /\(401\)/, 'secret', { status: 401 }],
] as const)
  test(`${what} is one error of the sweep: no point begins`, async () => {
    [server.script, server.instead] = [faultless, () => (status ? { status } : undefined)];
    server.version = version;
    server.calls.length = 0;
    const name = what.replaceAll(' ', '-');
    const said: RunEvent[] = [];
    const ended = sweep(name, { over: { ...over, seed: SEEDS }, hear: (event) => said.push(event) });
    await assert.rejects(ended, (error) => error instanceof HumanError && message.test(error.message));
    server.version = '2.60.0';
    assert.equal(((await workspace.json('sweeps', name, 'manifest.json')) as Manifest).error?.code, code);
    assert.deepEqual((await table(name)).points, []);
    assert.deepEqual(said.filter(({ kind }) => kind !== 'state'), []); // oxfmt-ignore
    assert.ok(server.calls.length <= 1, 'it is asked once');
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
  assert.deepEqual([done.outcome, points], ['finished', SEEDS.length]);
  const others = said.filter(
    (message) => !/^the (cluster (does not answer|answers again)|delivered adapter)/.test(message),
  );
  assert.deepEqual(others, []);
});

test('that it is away, and is back, is said once for all points that wait', async () => {
  server.jobs.clear();
  [server.script, server.instead] = [faultless, () => undefined];
  let refused = 0;
  const said: string[] = [];
  const done = await sweep('told', {
    patience: { awayMs: 60_000 },
    hear: (event) => {
      if (event.kind === 'warning' && /^the cluster/.test(event.message)) said.push(event.message);
      if (event.kind === 'point') server.instead = () => (refused++ < 3 * AT_ONCE ? { status: 503 } : undefined);
    },
  });
  assert.equal(done.outcome, 'finished');
  assert.ok(refused > 3 * AT_ONCE);
  assert.equal(said.length, 2, said.join('\n'));
  assert.match(said[0]!, /^the cluster does not answer .*Trying again for 1 min\. A running job goes on/);
  assert.equal(said[1], 'the cluster answers again');
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

test('of several clusters one whose Ray is too old is asked by no point that begins later', async (t) => {
  const other = await rayServer(faultless);
  t.after(() => other.close());
  other.version = '2.50.0';
  [server.script, server.instead] = [faultless, () => undefined];
  const ended = sweep('old-one', { over: { 'on.ray': [other.address, server.address], seed: SEEDS } });
  await assert.rejects(ended, (error) => error instanceof HumanError && /runs Ray 2\.50\.0/.test(error.message));
  assert.ok(other.calls.length >= 1 && other.calls.length <= AT_ONCE, `${other.calls.length} calls`);
  const { points } = await table('old-one');
  assert.deepEqual(
    [true, false].map((isFailed) => points.filter(({ error }) => (error !== undefined) === isFailed).length),
    [SEEDS.length, SEEDS.length],
  );
});
