/** A run on a cluster whose window went away: the next window hears its job again. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SecretStorage } from 'vscode';
import { CancellationTokenSource } from 'vscode-jsonrpc/node';
import type { Engine } from '../../extension/engine/engine.js';
import { Cancelled, HostError } from '../../extension/host/errors.js';
import { Follower } from '../../extension/runs/follower.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import { Runner } from '../../extension/runs/runner.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { RunStore } from '../../extension/runs/store.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { OWNER } from '../../runtime/contract/owner.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { secretKey, type SecretName } from '../../runtime/contract/secrets.js';
import { keeping } from './fake/memory.js';
import { fake } from './fake/vscode.js';
import { workingIn } from './otherProcess.js';
import { recipe, runFolder, step, temporary, until, write } from './support.js';

const { clusterSecrets, findJobs } = await import('../../extension/commands/cluster.js');

const ON = { ray: 'http://head:8265', model: '/models/8b', storage: '/shared' };

/**
 * A window that opens on a run which the engine of the window before still works on, and what it asks its own engine
 * for.
 */
async function reopened(t: TestContext, more: object = { on: ON }, isKnown = true) {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe(more));
  await write(join(root, 'recipes/base.json'), recipe({ on: ON }));
  const { kind } = JSON.parse(await readFile(file, 'utf8')) as Pick<Manifest, 'kind'>;
  const running = { kind, outcome: 'running' as const, ended: undefined, result: undefined, recipe: file };
  const folder = await runFolder(root, 'colours', { events: [step(1), step(2)], manifest: running, recipe: more });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  const { end } = await workingIn(t, folder);
  const store = new RunStore();
  const asked: object[] = [];
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: ((_: string, params: object) => {
      asked.push(params);
      return Promise.reject(new Error('the cluster does not answer'));
    }) as Engine['request'],
    dispose: () => undefined,
  });
  // Who is asked when the window opens may be away.
  const judgeSecrets = { get: () => assert.fail('it asks'), kept: async () => ({}), forget: async () => undefined };
  const runner = new Runner({ store, engine, assertTrusted: () => undefined, judgeSecrets });
  const follower = new Follower(store, 10);
  await store.read(folder);
  const kept = new Map<string, unknown>();
  const found = findJobs({ store, runner }, keeping(kept), (error) => assert.fail(String(error)));
  if (isKnown) await found.take([folder]);
  t.after(() => [found, follower, runner].forEach((part) => part.dispose()));
  return { folder, file, store, asked, end, kept };
}

test('it goes on when the engine of the window before has ended, once', async (t) => {
  const { folder, file, store, asked, end } = await reopened(t);
  await sleep(50);
  assert.deepEqual(asked, [], 'another process works on it');
  await end();
  await until(() => asked.length === 1, 'the run is resumed');
  assert.deepEqual(asked, [{ recipe: file, output: folder, force: false, resume: true, secrets: {} }]);
  const run = store.get(folder)!;
  assert.equal(snapshot(run, [run], { answers: false, report: false }, 0).cluster, ON.ray);
  // It fails at once, and its folder says that it was cut off: nobody is asked again and again.
  await until(() => store.get(folder)!.progress.state === 'failed', 'it has failed');
  await rm(join(folder, OWNER.file));
  await store.read(folder);
  await sleep(50);
  assert.equal(store.get(folder)!.progress.state, 'interrupted');
  assert.equal(asked.length, 1);
});

test('a sweep whose base computes there is one of them', async (t) => {
  const { folder, asked, end } = await reopened(t, { kind: 'sweep', base: 'base.json', over: { seed: [1, 2] } });
  await end();
  await until(() => asked.length === 1, 'the sweep is resumed');
  assert.deepEqual(
    asked.map((params) => Object.entries(params)[1]),
    [['output', folder]],
  );
});

test('a run that no window of the workspace began is left alone, and those that they begin are noted', async (t) => {
  const { folder, file, store, asked, end, kept } = await reopened(t, { on: ON }, false);
  await end();
  await until(() => store.get(folder)!.progress.state === 'interrupted', 'interrupted');
  await sleep(50);
  assert.deepEqual(asked, []);
  const run = store.begin(await recipeToRun(file), 'colours', true);
  assert.deepEqual(kept.get('cluster.runs'), [folder]);
  await store.end(run, { kind: 'failed', message: 'the cluster does not answer' });
  assert.deepEqual(kept.get('cluster.runs'), undefined);
});

test('a run that is edited while it waits is noted as long as it is to compute on a cluster', async (t) => {
  const { folder, file, store, end, kept } = await reopened(t, { on: ON }, false);
  await end();
  await until(() => store.get(folder)!.progress.state === 'interrupted', 'interrupted');
  const there = await recipeToRun(file);
  const run = store.begin(there, 'colours', false);
  store.queued(run, 1, 'waits');
  assert.deepEqual(kept.get('cluster.runs'), [folder]);
  for (const [cluster, noted] of [
    [undefined, undefined],
    [there.cluster, [folder]],
    [undefined, undefined],
  ] as const) {
    store.rewritten(run, { ...there, cluster });
    assert.deepEqual(kept.get('cluster.runs'), noted);
  }
  await store.end(run, { kind: 'failed', message: 'too little memory' });
  assert.deepEqual(kept.get('cluster.runs'), undefined);
});

test('a run on this machine is left as it was cut off', async (t) => {
  const { folder, store, asked, end } = await reopened(t, {});
  await end();
  await until(() => store.get(folder)!.progress.state === 'interrupted', 'interrupted');
  await sleep(50);
  assert.deepEqual(asked, []);
});

test('secrets are asked for once by their names and the address, and again when they were refused', async () => {
  const kept = new Map<string, string>();
  const { secrets, forgetSecrets } = clusterSecrets({
    get: (key: string) => Promise.resolve(kept.get(key)),
    store: (key: string, value: string) => Promise.resolve(void kept.set(key, value)),
    delete: (key: string) => Promise.resolve(void kept.delete(key)),
  } as unknown as SecretStorage);
  const asked: string[] = [];
  fake.answer = (question) => {
    asked.push(/"(\w+)"/.exec(question)![1]!);
    return `value of ${asked.at(-1)}`;
  };
  const token = new CancellationTokenSource();
  const address = 'http://head:8265';
  const both = ['RAY_TOKEN', 'ENTRY'].map((name) => ({ address, name }));
  const values = {
    [secretKey(address, 'RAY_TOKEN')]: 'value of RAY_TOKEN',
    [secretKey(address, 'ENTRY')]: 'value of ENTRY',
  };
  assert.deepEqual(await secrets(both, token.token), values);
  assert.deepEqual(await secrets(both, token.token), values);
  assert.deepEqual(asked, ['RAY_TOKEN', 'ENTRY']);
  await forgetSecrets(both.slice(0, 1));
  await secrets(both, token.token);
  assert.deepEqual(asked, ['RAY_TOKEN', 'ENTRY', 'RAY_TOKEN']);
  await secrets([{ address: 'http://other:8265', name: 'ENTRY' }], token.token);
  assert.deepEqual(asked.slice(3), ['ENTRY'], 'a secret of one address is not for another');
  const other = [{ address, name: 'OTHER' }];
  fake.answer = () => '';
  await assert.rejects(secrets(other, token.token), /"OTHER" was not given/);
  fake.answer = () => (token.cancel(), '');
  await assert.rejects(secrets(other, token.token), Cancelled, 'the run was stopped meanwhile');
  assert.equal(kept.size, 3);
});

test('a sweep over several clusters asks for the secrets of each, and again for those that were refused', async (t) => {
  const root = await temporary(t);
  const at = (ray: string, token: string): object => ({ on: { ...ON, ray, token } });
  const over = { place: { a: at('http://a:8265/', 'A'), b: at('http://b:8265', 'B'), here: {} }, seed: [1, 2] };
  await write(join(root, 'recipes/base.json'), recipe());
  const file = await write(join(root, 'recipes/s.json'), { kind: 'sweep', base: 'base.json', over, output: '../s' });
  const secretA = { address: 'http://a:8265/', name: 'A' };
  const secretB = { address: 'http://b:8265', name: 'B' };
  const { cluster } = await recipeToRun(file);
  assert.deepEqual(cluster, { address: 'http://a:8265/, http://b:8265', secrets: [secretA, secretB] });
  const forgotten: unknown[] = [];
  for (const [place, refused] of [
    ['http://a:8265', [secretA]],
    ['http://b:8265', [secretB]],
    ['on.token', [secretA, secretB]],
  ] as const) {
    const asked: unknown[] = [];
    const thrown = new HostError({ kind: 'failed', message: 'no', place, code: 'secret' });
    const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
      request: () => Promise.reject(thrown),
      dispose: () => undefined,
    });
    const runner = new Runner({
      store: new RunStore(),
      engine,
      assertTrusted: () => undefined,
      secrets: async (wanted) => (asked.push(...wanted), {}),
      forgetSecrets: async (those) => void forgotten.push(those),
    });
    t.after(() => runner.dispose());
    await (
      await runner.start(file)
    ).ended;
    assert.deepEqual([asked, forgotten.pop()], [[secretA, secretB], refused]);
  }
});

test('a run ends also where its secrets cannot be forgotten, and that is said', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe({ on: { ...ON, token: 'KEY' } }));
  const refused = new HostError({ kind: 'failed', message: 'no', code: 'secret' });
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: () => Promise.reject(refused),
    dispose: () => undefined,
  });
  const said: string[] = [];
  const runner = new Runner({
    store: new RunStore(),
    engine,
    assertTrusted: () => undefined,
    secrets: async () => ({}),
    forgetSecrets: () => Promise.reject(new Error('the keyring is locked')),
    onError: (error) => said.push((error as Error).message),
  });
  t.after(() => runner.dispose());
  const ended = await (await runner.start(file)).ended;
  assert.deepEqual([ended.live, ended.progress.state, said], [false, 'failed', ['the keyring is locked']]);
});

test('a token that was refused is asked for again also after a stop', async (t) => {
  const root = await temporary(t);
  const over = { 'on.ray': ['http://a:8265/', 'http://b:8265'], seed: [1, 2] };
  await write(join(root, 'recipes/base.json'), recipe({ on: { ...ON, token: 'KEY' } }));
  const file = await write(join(root, 'recipes/s.json'), { kind: 'sweep', base: 'base.json', over, output: '../s' });
  const forgotten: (readonly SecretName[])[] = [];
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (_name: string, _params: object, { onEvents }: { onEvents(events: RunEvent[]): void }) => {
      onEvents([
        { kind: 'warning', message: 'a point failed: no', place: 'seed 1 → http://a:8265', code: 'secret' },
        { kind: 'warning', message: 'a point failed: too little memory', place: 'seed 2 → http://b:8265' },
        // Of a point that is not in the grid any more.
        { kind: 'warning', message: 'the job x may go on: no', place: 'seed 3 → http://c:8265', code: 'secret' },
      ]);
      return { output: join(root, 's'), outcome: 'stopped' };
    }) as unknown as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({
    store: new RunStore(),
    engine,
    assertTrusted: () => undefined,
    secrets: async () => ({}),
    forgetSecrets: async (those) => void forgotten.push(those),
  });
  t.after(() => runner.dispose());
  await (
    await runner.start(file)
  ).ended;
  assert.deepEqual(forgotten, [[{ address: 'http://a:8265/', name: 'KEY' }]]);
});
