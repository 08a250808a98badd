/** The way to a cluster: certificates, and packages of every size. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { rayClient } from '../../runtime/cluster/client.js';
import { openCluster, type ClusterOptions } from '../../runtime/cluster/cluster.js';
import { Unanswered } from '../../runtime/cluster/faults.js';
import { whileAway } from '../../runtime/cluster/follow.js';
import type { JobPlan } from '../../runtime/cluster/package.js';
import { zip } from '../../runtime/cluster/zip.js';
import { Cancelled, HumanError } from '../../runtime/support/errors.js';
import { interruptible } from '../support/interruptible.js';
import { faultless, rayServer } from '../support/rayServer.js';
import { zipEntries } from '../support/zip.js';
import { temporary } from '../support/temporary.js';

const TLS = new URL('../fixtures/tls/', import.meta.url);
const CERTIFICATE = new URL('cert.pem', TLS).pathname;
const PLAN: JobPlan = {
  adapters: [],
  scales: [],
  files: new Map([['rows.jsonl', Buffer.from('{"ids":[1],"labels":[1]}\n')]]),
};

/** A run in a folder of its own. */
async function optionsOf(
  t: TestContext,
  target: { ray: string; ca?: string; storage?: string },
  more: Partial<ClusterOptions> = {},
): Promise<ClusterOptions> {
  return {
    target: {
      ...{ model: '/m', workers: 1, gpu: 0, storage: '/shared', install: false, tokens: 64, ...target },
      ...({ precision: 'fp32', strategy: 'ddp' } as const),
    },
    path: (written) => written,
    folder: await temporary(t),
    secrets: () => undefined,
    signal: new AbortController().signal,
    emit: () => Promise.resolve(),
    patience: { pollMs: 2, awayMs: 30_000, stopMs: 30_000 },
    ...more,
  };
}

/** Sends one job, and hears it to its end. */
async function send(...of: Parameters<typeof optionsOf>): Promise<void> {
  const cluster = await openCluster(await optionsOf(...of));
  await cluster.run('evaluate', PLAN, { after: 0, step: () => 0, onMessage: () => Promise.resolve() });
}

test('a cluster that nobody has reached is named at once where nothing listens, and one that has answered is waited for', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  const way = await interruptible(server.address);
  t.after(() => way.interrupt());
  const said: string[] = [];
  const answered = new Set<string>();
  const options = await optionsOf(
    t,
    { ray: way.address },
    {
      answered,
      async emit(event) {
        if (event.kind !== 'warning') return;
        if (said.push(event.message) === 1) await way.restore();
      },
    },
  );
  await way.interrupt();
  await assert.rejects(openCluster(options), refusal(/ECONNREFUSED/, /Check on\.ray/));
  await way.restore();
  await openCluster(options);
  await way.interrupt();
  assert.deepEqual([said, answered.size], [[], 1]);
  await openCluster(options);
  assert.match(
    said.join('\n'),
    /^the cluster does not answer \(ECONNREFUSED\)\. Trying again .* A running job goes on: .*\nthe cluster answers again$/,
  );
  await way.interrupt();
  const soon = { ...options, emit: () => Promise.resolve(), patience: { ...options.patience!, awayMs: 10 } };
  await assert.rejects(openCluster(soon), refusal(/ECONNREFUSED/, /Check on\.ray.* Resume the run: it finds its job/));
});

test('that a cluster answers with a status of what stands before it is said once, also where nobody has reached it', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  let asked = 0;
  server.instead = () => (++asked < 3 ? { status: 503 } : undefined);
  const said: string[] = [];
  const emit: ClusterOptions['emit'] = async (event) => void (event.kind === 'warning' && said.push(event.message));
  await openCluster(await optionsOf(t, { ray: server.address }, { emit }));
  assert.match(
    said.join('\n'),
    /^the cluster does not answer \(503\)\. Trying again for 1 min\. If it has never answered, check on\.ray\. A job that runs there goes on\.\nthe cluster answers again$/,
  );
});

const refusal =
  (message: RegExp, remedy: RegExp) =>
  (error: unknown): boolean =>
    error instanceof HumanError && message.test(error.message) && remedy.test(error.remedy ?? '');

test('a certificate that nobody knows is refused by its key, and taken when it is named there', async (t) => {
  const [key, cert] = [await readFile(new URL('key.pem', TLS)), await readFile(CERTIFICATE)];
  const server = await rayServer(faultless, { key, cert });
  t.after(() => server.close());
  await assert.rejects(send(t, { ray: server.address }), refusal(/certificate .* not trusted/, /on\.ca/));
  assert.equal(server.jobs.size, 0);
  await send(t, { ray: server.address, ca: CERTIFICATE });
  assert.equal(server.jobs.size, 1);
});

test('that a model here cannot be compared with the one there is said once, when a job is sent', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  const warnings: string[] = [];
  const emit: ClusterOptions['emit'] = async (event) => void (event.kind === 'warning' && warnings.push(event.message));
  const cluster = await openCluster(await optionsOf(t, { ray: server.address }, { emit }));
  assert.deepEqual(warnings, []);
  for (const name of ['scan', 'train'])
    await cluster.run(name, PLAN, { after: 0, step: () => 0, onMessage: () => Promise.resolve() });
  assert.deepEqual(warnings, [
    'the model here is a GGUF file, with which the model on the cluster cannot be compared.',
  ]);
});

test('a package that is too large for Ray goes to on.storage where that is here, and else is refused', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  const large = { mostBytes: 100 };
  await assert.rejects(
    send(t, { ray: server.address, storage: 's3://bucket' }, large),
    refusal(/too large for Ray's package store: 1 MiB; it takes 100 MiB/, /Mount the folder of on\.storage/),
  );
  const storage = `${await temporary(t)}/50% #1`;
  await mkdir(storage);
  let during: string[] = [];
  server.script = function* (job) {
    during = readdirSync(storage);
    return yield* faultless(job);
  };
  await send(t, { ray: server.address, storage }, large);
  const [job] = server.jobs.values();
  assert.deepEqual(during, [`${job!.id}.zip`]);
  assert.equal(job!.environment.working_dir, pathToFileURL(`${storage}/${during[0]}`).href);
  assert.ok(job!.files.has('train.py') && job!.files.has('rows.jsonl'));
  assert.equal(server.packages.size, 0);
  assert.deepEqual(await readdir(storage), [], 'it is removed when the job has ended');
});

test('a large package stays for a job that goes on unheard, and is removed with a job that failed', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  const [storage, folder] = [await temporary(t), await temporary(t)];
  const run = () => send(t, { ray: server.address, storage }, { mostBytes: 100, folder });
  server.instead = (call) => (/\/logs$/.test(call) ? { status: 401 } : undefined);
  await assert.rejects(run(), refusal(/\(401\)/, /resume/));
  assert.equal((await readdir(storage)).length, 1);
  server.instead = () => undefined;
  server.jobs.clear();
  server.script = function* () {
    yield [];
    return 'FAILED';
  };
  await assert.rejects(run(), refusal(/failed on the cluster/, /dashboard/));
  assert.deepEqual(await readdir(storage), []);
});

test('a large package goes with its job when that is stopped', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  const [storage, folder] = [await temporary(t), await temporary(t)];
  const options = [t, { ray: server.address, storage }, { mostBytes: 100, folder }] as const;
  server.instead = (call) => (/\/logs$/.test(call) ? { status: 401 } : undefined);
  await assert.rejects(send(...options));
  const cluster = await openCluster(await optionsOf(...options));
  assert.deepEqual([await cluster.end('evaluate'), await readdir(storage)], [true, []]);
});

/** A cluster that takes a package, and says nothing. @param onSent hears that one comes */
async function silent(t: TestContext, onSent: () => void = () => undefined): Promise<string> {
  const server = createServer((request, response) => {
    if (request.url === '/api/version') return void response.end('{ "ray_version": "2.60.0" }');
    if (request.method === 'GET') return void response.writeHead(404).end('Package gcs://p.zip does not exist');
    request.resume();
    onSent();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return `http://127.0.0.1:${port}`;
}

test('while a machine sleeps, no patience is used up', async (t) => {
  let slept = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + slept);
  const away = (): Unanswered => new Unanswered(new HumanError('away', { kind: 'failed' }), false);
  const patience = { pollMs: 1, awayMs: 10 * 60_000, stopMs: 0 };
  let asked = 0;
  const attempt = async (): Promise<string> => {
    asked += 1;
    slept += 3_600_000;
    if (asked < 4) throw away();
    return 'there';
  };
  assert.equal(await whileAway(attempt, { patience, onAway: () => Promise.resolve() }), 'there');
  asked = -1000;
  await assert.rejects(
    whileAway(attempt, { patience: { ...patience, awayMs: 5 * 60_000 }, onAway: () => Promise.resolve() }),
    /away/,
  );
  assert.equal(asked, -995, 'attempts that take long count with a minute');
});

test('a package that is sent into silence uses up the patience that its size takes', async (t) => {
  const client = rayClient({ address: await silent(t), answerMs: 50 });
  const error = await client.upload('gcs://p.zip', Buffer.alloc(100_000)).catch((thrown: unknown) => thrown);
  assert.ok(error instanceof Unanswered, String(error));
  assert.equal(error.sendingMs, 2000);
  let slept = 0;
  const now = performance.now.bind(performance);
  t.mock.method(performance, 'now', () => now() + slept);
  const of = new Unanswered(error.final, false, 35 * 60_000);
  let asked = 0;
  const attempt = (): Promise<never> => {
    asked += 1;
    slept += 10 * 60_000;
    return Promise.reject(of);
  };
  const patience = { pollMs: 1, awayMs: 15 * 60_000, stopMs: 0 };
  await assert.rejects(whileAway(attempt, { patience, onAway: () => Promise.resolve() }), /does not answer/);
  assert.equal(asked, 2);
});

test('Stop does not wait for a package that is on its way', async (t) => {
  const stop = new AbortController();
  const ray = await silent(t, () => stop.abort());
  await assert.rejects(send(t, { ray }, { signal: stop.signal }), Cancelled);
});

test('a package whose way takes longer than an answer may arrives, and is sent once', async (t) => {
  let sent = 0;
  const server = createServer((request, response) => {
    if (request.method === 'GET') return void response.writeHead(404).end('Package gcs://p.zip does not exist');
    sent += 1;
    // Longer than undici's clock is coarse.
    setTimeout(() => request.resume().on('end', () => response.end('ok')), 2500);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const client = rayClient({ address: `http://127.0.0.1:${port}`, answerMs: 50 });
  await client.upload('gcs://p.zip', Buffer.alloc(4 * 2 ** 20));
  assert.equal(sent, 1);
});

test('what stands before the cluster may take less, or be away', async (t) => {
  const server = await rayServer(faultless);
  t.after(() => server.close());
  server.instead = (call) => (call.startsWith('PUT') ? { status: 413 } : undefined);
  await assert.rejects(send(t, { ray: server.address }), refusal(/too large/, /data\.limit/));
  let asked = 0;
  server.instead = (call) => (call === 'POST /api/jobs/' && ++asked < 3 ? { status: 503 } : undefined);
  await send(t, { ray: server.address });
  assert.equal(asked, 3);
  asked = 0;
  const early = 'No available agent to submit job, please try again later.';
  server.instead = (call) => (call === 'POST /api/jobs/' && ++asked < 3 ? { status: 500, text: early } : undefined);
  const said: string[] = [];
  const emit: ClusterOptions['emit'] = async (event) => void (event.kind === 'warning' && said.push(event.message));
  await send(t, { ray: server.address }, { emit });
  assert.equal(asked, 3, 'a head that has just started');
  assert.match(said.join(), /takes no jobs yet: No available agent.*Trying again/);
});

test('the archive is one that others read, and the same for the same files', () => {
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
