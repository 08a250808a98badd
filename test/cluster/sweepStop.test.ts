/** A sweep on a cluster is stopped: what becomes of its jobs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { JobRecord } from '../../runtime/contract/jobRecord.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { faultless, rayServer, type Script } from '../support/rayServer.js';
import { AT_ONCE, useSweeps } from './sweeps.js';

const { workspace, server, sweep } = await useSweeps(faultless);

const endless: Script = function* () {
  for (;;) yield [];
};

/** A sweep that its cluster refuses once all its points are at work: their jobs go on. */
async function leftBehind(...[name, choice]: Parameters<typeof sweep>): Promise<void> {
  server.jobs.clear();
  server.script = endless;
  server.instead = () => (server.jobs.size === AT_ONCE ? { status: 401 } : undefined);
  await assert.rejects(sweep(name, choice));
}

/**
 * Resumes a sweep, or begins it, and stops it when `answer` does: nothing gives up before that, however busy the machine
 * is. @returns its end, and its warnings
 */
async function stopped(
  name: string,
  answer: (asked: number, stop: () => void) => ReturnType<NonNullable<typeof server.instead>>,
  resume = true,
): Promise<{ outcome: string; said: string[] }> {
  let stopAll = (): void => undefined;
  let asked = 0;
  server.instead = () => answer(++asked, () => stopAll());
  const said: string[] = [];
  const { outcome } = await sweep(name, {
    resume,
    patience: { awayMs: 60_000 },
    hear: (event, stop) => {
      stopAll = stop;
      if (event.kind === 'warning') said.push(event.message);
    },
  });
  return { outcome, said };
}

for (const [what, later, isReached] of [
  ['stops the job of a cluster that was away for a while', undefined, true],
  ['names the job of a cluster that is away', { status: 401 }, false],
] as const)
  test(`Stop ${what}, while points on another are at work`, async (t) => {
    const other = await rayServer(endless);
    t.after(() => other.close());
    server.jobs.clear();
    [server.script, server.instead] = [endless, () => undefined];
    let isStopped = false;
    const areAtWork = (): boolean => server.jobs.size > 0 && other.jobs.size > 0;
    other.instead = () => (isStopped ? later : areAtWork() ? { status: 401 } : undefined);
    const said: string[] = [];
    const refused: (string | undefined)[] = [];
    const done = await sweep(`lost-${isReached}`, {
      over: { 'on.ray': [other.address, server.address], seed: [1] },
      hear: (event, stop) => {
        if (event.kind !== 'warning') return;
        said.push(event.message);
        if (event.code === 'secret') refused.push(event.place);
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
    assert.equal(refused.length, isReached ? 1 : 2, 'a host hears that it has to ask for its token again');
    assert.ok(refused.every((place) => place!.endsWith(other.address)));
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

test('so does stopping it while its points wait for a cluster, which says no more that it answers again', async () => {
  await leftBehind('again');
  const open = [...server.jobs.values()];
  const { outcome, said } = await stopped('again', (asked, stop) => {
    if (asked === 3 * AT_ONCE) stop();
    return asked > 1 && asked < 3 * AT_ONCE ? { status: 503 } : undefined;
  });
  assert.equal(outcome, 'stopped');
  assert.match(said.shift()!, /^the cluster does not answer .*Trying again/);
  assert.ok(said.every((message) => message.includes('may go on')), said.join('\n')); // oxfmt-ignore
  for (const { id, status } of open)
    assert.ok(status === 'STOPPED' || said.some((message) => message.includes(id)), `${id}: ${status}`);
});

for (const [what, answer] of [
  ['are stopped', undefined],
  ['are named where that is not possible', { status: 401 }],
] as const)
  test(`jobs of points that are not in the grid any more ${what}`, async () => {
    const name = `left-out-${answer?.status}`;
    await leftBehind(name, { over: { seed: [1, 2, 3, 4] } });
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
  await leftBehind('left-ended', { over: { seed: [1, 2, 3, 4] } });
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

for (const [what, isAway] of [
  ['that is away', () => true],
  ['whose jobs nobody can look at', (call) => call.includes('/api/jobs')],
] as [string, (call: string) => boolean][])
  test(`a cluster ${what} is waited for once, not for each job of such points there`, async (t) => {
    const name = `left-away-${what.length}`;
    const other = await rayServer(endless);
    t.after(() => other.close());
    server.jobs.clear();
    server.script = endless;
    const areAtWork = (): boolean => server.jobs.size + other.jobs.size === AT_ONCE;
    server.instead = other.instead = () => (areAtWork() ? { status: 401 } : undefined);
    await assert.rejects(sweep(name, { over: { 'on.ray': [other.address, server.address], seed: [1, 2] } }));
    server.instead = () => undefined;
    other.instead = (call) => (isAway(call) ? { status: 503 } : undefined);
    const said: string[] = [];
    const hear = (event: RunEvent, stop: () => void): void => {
      if (event.kind === 'warning') said.push(event.message);
      if (event.kind === 'state' && /^point/.test(event.message ?? '')) stop();
    };
    const over = { 'on.ray': [server.address], seed: [1, 2] };
    await sweep(name, { over, resume: true, patience: { stopMs: 50 }, hear });
    assert.equal(said.filter((message) => message.includes('Trying again')).length, 1);
    const ids = [...other.jobs.keys()];
    assert.equal(ids.length, 2);
    for (const id of ids) assert.ok(said.some((message) => message.includes(`the job ${id} may go on`)));
  });

test('one that is away is asked once more, not for each job of a sweep that is stopped while it waits for it', async () => {
  await leftBehind('asked');
  let count = 0;
  const { outcome, said } = await stopped('asked', (asked, stop) => {
    count = asked;
    if (asked === 3) stop();
    return { status: 503 };
  });
  assert.equal(outcome, 'stopped');
  assert.equal(count, 3 + 1);
  for (const id of server.jobs.keys()) assert.ok(said.some((message) => message.includes(`the job ${id} may go on`)));
});

test('a cluster that its first points wait for is waited for once, and Stop is no failure then', async () => {
  server.jobs.clear();
  const answer = (asked: number, stop: () => void) => {
    if (asked === 3) stop();
    return { status: 503 };
  };
  const { outcome, said } = await stopped('waiting', answer, false);
  assert.equal(outcome, 'stopped');
  assert.equal(((await workspace.json('sweeps', 'waiting', 'manifest.json')) as Manifest).outcome, 'stopped');
  assert.equal(said.length, 1);
  assert.match(said[0]!, /^the cluster does not answer \(503\)\. Trying again /);
});
