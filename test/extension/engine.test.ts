import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import { Engine, environmentWith, RestartLimit } from '../../extension/engine/engine.js';
import { Cancelled, HostError } from '../../extension/host/errors.js';
import type { RunEvent } from '../../runtime/contract/events.js';

const entry = fileURLToPath(new URL('./fixtures/child.mjs', import.meta.url));
const engines: Engine[] = [];
const start = (
  more: { idleMs?: number; restarts?: RestartLimit; log?: (line: string) => void; oomKills?: () => number } = {},
): Engine => {
  const engine = new Engine({
    entry,
    idleMs: more.idleMs ?? 60_000,
    environment: () => ({ OF_THE_WINDOW: 'too' }),
    restarts: more.restarts ?? new RestartLimit(),
    log: (_level, message) => more.log?.(message),
    oomKills: more.oomKills,
  });
  engines.push(engine);
  return engine;
};
afterEach(() => engines.splice(0).forEach((engine) => engine.dispose()));

const failure = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('it should have failed'),
    (error: unknown) => error,
  );

test('a request ends with its result, and its events arrive before that, in order', async () => {
  const log: string[] = [];
  const engine = start({ log: (line) => log.push(line) });
  const events: RunEvent[] = [];
  const progress: unknown[] = [];
  const done = await engine.request(
    'run',
    { recipe: '/r.json' },
    { onEvents: (e) => events.push(...e), onProgress: (message, fraction) => progress.push([message, fraction]) },
  );
  assert.equal(done.output, '/r.json');
  assert.deepEqual(
    events.map((e) => e.kind === 'step' && e.step),
    [1, 2, 3],
  );
  assert.deepEqual(progress, [['saving', 0.5]]);
  assert.ok(log.includes('ran /r.json'));
  assert.equal(log.filter((line) => line.includes('unknown form')).length, 3);
});

test('the child asks its host for a language model, and hears that there is none', async () => {
  const nobody = { fault: 'nobody can be asked here.', over: true };
  const asked: unknown[] = [];
  const reply = { text: 'REFUSED', model: 'stub/one', inputTokens: 9, outputTokens: 1 };
  const ask = { onAsk: async (question: unknown) => (asked.push(question), reply) };
  const { output } = await start().request('run', { recipe: 'ask' }, ask);
  assert.deepEqual(JSON.parse(output), [nobody, reply]);
  assert.deepEqual(asked, [{ judge: 'editor', model: { family: 'stub' }, most: 9, system: 'Judge.', user: '{}' }]);
  const alone = await start().request('run', { recipe: 'ask' });
  assert.deepEqual(JSON.parse(alone.output), [nobody, nobody]);
});

test('the child is started as Node, also by Electron and without io_uring, with what the window adds to its environment', async () => {
  assert.equal((await start().request('inspect', { path: '/m' })).architecture, '1 0 too');
});

test('on Windows, which knows no case in names of variables, what the window adds replaces any spelling', () => {
  const own = { Path: 'p', HTTP_PROXY: 'old', https_proxy: 'old' };
  const given = { http_proxy: 'new', https_proxy: 'new' };
  assert.deepEqual(environmentWith(given, own, 'win32'), { Path: 'p', ...given });
  assert.deepEqual(environmentWith(given, own, 'linux'), { Path: 'p', HTTP_PROXY: 'old', ...given });
});

test('an error of the engine keeps its place and remedy', async () => {
  const error = await failure(start().request('run', { recipe: 'bad' }));
  assert.ok(error instanceof HostError);
  assert.deepEqual(error.data, {
    kind: 'input',
    message: 'this is not JSON.',
    place: 'train.jsonl:42',
    remedy: 'Correct it.',
  });
});

test('a bug in the engine is marked as internal', async () => {
  const error = await failure(start().request('run', { recipe: 'bug' }));
  assert.ok(error instanceof HostError);
  assert.equal(error.data.kind, 'internal');
  assert.match(error.data.message, /^internal: .*undefined is not a function/);
});

test('a killed child fails its pending requests with its last lines, and the next request starts another', async () => {
  const engine = start();
  const other = start();
  await other.request('inspect', { path: '/m' });
  const [first, second] = await Promise.all([
    failure(engine.request('run', { recipe: 'die' })),
    failure(engine.request('run', { recipe: 'wait' })),
  ]);
  for (const error of [first, second]) {
    assert.ok(error instanceof HostError);
    assert.equal(error.data.kind, 'failed');
    assert.match(error.data.message, /SIGKILL[^]*almost\nout of memory/);
  }
  assert.equal((await engine.request('inspect', { path: '/m' })).path, '/m');
  assert.equal((await other.request('inspect', { path: '/n' })).path, '/n');
});

test('an error explains the signal that ended the process', { skip: process.platform === 'win32' }, async () => {
  for (const [signal, meaning] of [
    ['SIGKILL', /SIGKILL\).*most often because memory ran out/],
    ['SIGBUS', /SIGBUS\).*model's file was changed or cut off while in use/],
    ['SIGSEGV', /SIGSEGV\).*crashed/],
    ['SIGABRT', /SIGABRT\).*crashed/],
  ] as const) {
    const error = await failure(start({ oomKills: () => 3 }).request('run', { recipe: signal }));
    assert.ok(error instanceof HostError);
    assert.match(error.data.message, meaning);
    assert.match(
      error.data.remedy!,
      signal === 'SIGKILL'
        ? /^If it ran out of memory: Close .*halve "batch\.rows", double "batch\.accumulate"/
        : /read the log/,
    );
  }
});

test(
  'where the system has counted it, a killed child was out of memory',
  { skip: process.platform === 'win32' },
  async () => {
    let kills = 3;
    const killed = failure(start({ oomKills: () => kills++ }).request('run', { recipe: 'SIGKILL' }));
    const error = (await killed) as HostError;
    assert.match(error.data.message, /SIGKILL\): out of memory/);
    assert.match(
      error.data.remedy!,
      /^Close other programs or set "recompute": true, then resume\. Or halve "batch\.rows", double "batch\.accumulate"/,
    );
    const looking = failure(start({ oomKills: () => kills++ }).request('inspect', { path: 'SIGKILL' }));
    assert.equal(((await looking) as HostError).data.remedy, 'Close other programs, or use a smaller model.');
  },
);

test(
  'advice about recipes and resuming is for a run alone, not for what is asked beside it or after it',
  { skip: process.platform === 'win32' },
  async () => {
    for (const [signal, run, other] of [
      ['SIGKILL', /batch\.rows/, /^If it ran out of memory: Close other programs, or use a smaller model\.$/],
      ['SIGABRT', /resume the run/, /^Try it again/],
    ] as const) {
      const remedy = async (request: Promise<unknown>): Promise<string> =>
        ((await failure(request)) as HostError).data.remedy!;
      const engine = start({ oomKills: () => 3 });
      const [ofRun, ofOther] = [
        remedy(engine.request('run', { recipe: 'wait' })),
        remedy(engine.request('inspect', { path: signal })),
      ];
      assert.match(await ofRun, run);
      assert.match(await ofOther, other);
      const after = start({ oomKills: () => 3 });
      await after.request('run', { recipe: '/r' });
      assert.match(await remedy(after.request('inspect', { path: signal })), other);
    }
  },
);

test('control characters of the child are shown, not sent on', async () => {
  const log: string[] = [];
  await failure(start({ log: (line) => log.push(line) }).request('run', { recipe: 'escape' }));
  assert.ok(log.some((line) => line.includes('\\u001b[2J\\u202e')));
});

test('cancelling ends the request as cancelled', async () => {
  const engine = start();
  const source = new CancellationTokenSource();
  const request = failure(engine.request('run', { recipe: 'wait' }, { token: source.token }));
  setTimeout(() => source.cancel(), 100);
  assert.ok((await request) instanceof Cancelled);
});

test('cancelling while the child is still starting is not lost', async () => {
  const source = new CancellationTokenSource();
  const request = failure(start().request('run', { recipe: 'wait' }, { token: source.token }));
  source.cancel();
  assert.ok((await request) instanceof Cancelled);
});

test('a request that is cancelled beforehand starts no child', async () => {
  const engine = start();
  const source = new CancellationTokenSource();
  source.cancel();
  assert.ok((await failure(engine.request('inspect', { path: '/m' }, { token: source.token }))) instanceof Cancelled);
  assert.equal(engine.pid, undefined);
});

test('an idle child is let go and is no crash', async () => {
  const restarts = new RestartLimit(1);
  const engine = start({ idleMs: 20, restarts });
  await engine.request('inspect', { path: '/m' });
  for (let i = 0; engine.pid !== undefined && i < 1500; i++) await new Promise((r) => setTimeout(r, 20));
  assert.equal(engine.pid, undefined);
  assert.equal(restarts.reached, false);
  assert.equal((await engine.request('inspect', { path: '/n' })).path, '/n');
});

test('a child that keeps dying is not started again until a person asks for it', async () => {
  const restarts = new RestartLimit(2);
  const engine = start({ restarts });
  for (let i = 0; i < 2; i++) await failure(engine.request('run', { recipe: 'die' }));
  const error = await failure(engine.request('inspect', { path: '/m' }));
  assert.ok(error instanceof HostError);
  assert.match(error.data.message, /ended 2 times/);
  assert.equal(error.data.code, 'crashed');
  restarts.reset();
  assert.equal((await engine.request('inspect', { path: '/m' })).path, '/m');
});

test('crashes long ago do not count', () => {
  let now = 0;
  const restarts = new RestartLimit(2, 1000, () => now);
  restarts.crashed();
  now = 900;
  restarts.crashed();
  assert.equal(restarts.reached, true);
  now = 1500;
  assert.equal(restarts.reached, false);
});

test('dispose ends the child', async () => {
  const ended: string[] = [];
  const engine = start({ log: (line) => line.includes('ended') && ended.push(line) });
  await engine.request('inspect', { path: '/m' });
  engine.dispose();
  for (let i = 0; ended.length === 0 && i < 1500; i++) await new Promise((r) => setTimeout(r, 20));
  assert.equal(ended.length, 1);
});
