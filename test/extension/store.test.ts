import assert from 'node:assert/strict';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import type { Engine, Listener } from '../../extension/engine/engine.js';
import { Cancelled, HostError } from '../../extension/host/errors.js';
import { canResume } from '../../extension/runs/run.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore, type RunChange } from '../../extension/runs/store.js';
import { harm, manifest, recipe, runFolder, sample, step, temporary, write } from './support.js';

type Work = (recipe: string, listener: Listener, resume: boolean) => Promise<DoneEvent>;

/** A runner whose children do `work`; counts the children it lets go. */
function runner(
  store: RunStore,
  work: Work,
  assertTrusted: () => void = () => undefined,
): { runner: Runner; disposed: () => number } {
  let disposed = 0;
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: ((_name: string, params: { recipe: string; resume?: boolean }, listener: Listener) =>
      work(params.recipe, listener, params.resume === true)) as Engine['request'],
    dispose: () => void disposed++,
  });
  return { runner: new Runner({ store, engine, assertTrusted }), disposed: () => disposed };
}

const done = (output: string): DoneEvent => ({
  kind: 'done',
  outcome: 'finished',
  output,
  step: 2,
  seconds: 1,
  measurements: [],
});

test('a live run is sent as appends, its end as a whole, and is then what its folder has', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const store = new RunStore();
  const changes: [RunChange['kind'], number][] = [];
  store.onDidChange(({ kind, from }) => changes.push([kind, from.train]));
  const { runner: r, disposed } = runner(store, async (_recipe, { onEvents }) => {
    onEvents!([step(1)]);
    onEvents!([step(2), { kind: 'evaluation', step: 2, probes: { harmfulLossWith: 0.1 } }]);
    onEvents!([{ kind: 'evaluation', step: 2, measurements: [harm('plain', 1)] }]);
    await runFolder(root, 'colours', { events: [step(1), step(2)], manifest: { started: new Date().toISOString() } });
    return done(join(root, 'adapters/colours'));
  });
  const { run, ended } = await r.start(file);
  assert.equal(run.live, true);
  const after = await ended;
  assert.equal(after.live, false);
  assert.equal(after.progress.state, 'finished');
  assert.equal(store.get(run.folder), after);
  assert.deepEqual(changes, [
    ['whole', 0],
    ['append', 0],
    ['append', 1],
    ['whole', 2],
    ['whole', 2],
  ]);
  assert.equal(disposed(), 1);
});

test('a run that fails before it has a folder keeps its error', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const store = new RunStore();
  const { runner: r } = runner(store, () =>
    Promise.reject(new HostError({ kind: 'failed', message: 'the engine ended (signal SIGKILL).' })),
  );
  const ends: string[] = [];
  r.onDidEnd((run) => ends.push(run.progress.state));
  const after = await (await r.start(file)).ended;
  assert.equal(after.progress.state, 'failed');
  assert.match(after.error!.message, /SIGKILL/);
  assert.deepEqual(ends, ['failed']);
  assert.equal((await (await r.start(file, { quiet: true })).ended).progress.state, 'failed');
  assert.deepEqual(ends, ['failed']);
  assert.equal(store.list().length, 1);
});

test('what an older run left in the folder does not hide the failure', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const folder = await runFolder(root, 'colours', {});
  const store = new RunStore();
  assert.equal((await store.read(folder))!.progress.state, 'finished');
  const { runner: r } = runner(store, () => Promise.reject(new HostError({ kind: 'input', message: 'no tokenizer' })));
  assert.equal((await (await r.start(file)).ended).error!.message, 'no tokenizer');
});

test('runs wait for each other, and a waiting one can be stopped', async (t) => {
  const root = await temporary(t);
  const a = await write(join(root, 'recipes/a.json'), recipe({ output: '../adapters/a' }));
  const b = await write(join(root, 'recipes/b.json'), recipe({ output: '../adapters/b' }));
  const store = new RunStore();
  const order: string[] = [];
  let finish: () => void = () => undefined;
  const { runner: r } = runner(store, async (path, { token }) => {
    order.push(path);
    if (token!.isCancellationRequested) throw new Cancelled();
    await new Promise<void>((resolve) => (finish = resolve));
    return done('');
  });
  const first = await r.start(a);
  const second = await r.start(b);
  assert.match(second.run.progress.message, /Waiting for "a"/);
  await assert.rejects(r.start(a), /going on already/);
  assert.equal(r.stop(second.run.folder), true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(order, [a]);
  finish();
  await first.ended;
  assert.equal((await second.ended).progress.state, 'stopped');
  assert.equal(r.stop(second.run.folder), false);
});

test('a resumed run keeps its curve and goes on in it', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const folder = await runFolder(root, 'colours', {
    manifest: { outcome: 'running', ended: undefined, recipe: file },
    events: [step(1), step(2), step(3)],
  });
  const store = new RunStore();
  let seen: unknown[] = [];
  const { runner: r } = runner(store, async (path, { onEvents }, resume) => {
    seen = [path, resume];
    onEvents!([step(3, { lossNatsPerToken: 0.5 }), step(4)]);
    return done(folder);
  });
  const { run, ended } = await r.resume(folder);
  assert.equal(run.live, true);
  await ended;
  assert.deepEqual(seen, [file, true]);
  assert.deepEqual(run.train.step, [1, 2, 3, 4]);
  assert.equal(run.train.loss[2], 0.5);
});

test('a run that fails when it was resumed is what its folder says; one that was refused first is what it was', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const before = { outcome: 'stopped', recipe: file, done: undefined } as const;
  const failure = { kind: 'failed', message: 'the disk is full.' } as const;
  for (const writes of [true, false]) {
    const folder = await runFolder(root, 'colours', { manifest: before, events: [step(1)] });
    const store = new RunStore();
    await store.read(folder);
    const { runner: r } = runner(store, async () => {
      const resumed = '2030-01-01T00:00:00Z';
      if (writes)
        await runFolder(root, 'colours', { manifest: { ...before, outcome: 'failed', resumed, error: failure } });
      throw new HostError(failure);
    });
    await (
      await r.resume(folder)
    ).ended;
    const { manifest, error } = store.get(folder)!;
    assert.deepEqual([manifest!.outcome, error!.message], [writes ? 'failed' : 'stopped', failure.message]);
  }
});

test('nothing runs where it is not allowed', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const { runner: r } = runner(
    new RunStore(),
    () => assert.fail('it ran'),
    () => {
      throw new HostError({ kind: 'input', message: 'not trusted' });
    },
  );
  await assert.rejects(r.start(file), /not trusted/);
  await assert.rejects(r.resume(root), /not trusted/);
});

test('answers of a live run are those that were sent, of an old one those of its file', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'colours', { answers: [sample('base', 1, 'refused')] });
  const store = new RunStore();
  await store.read(folder);
  assert.equal((await store.answersOf(folder)).length, 1);
  await appendFile(join(folder, 'answers.jsonl'), `${JSON.stringify(sample('base', 2, 'refused'))}\n{"kind":"sam`);
  await store.read(folder);
  assert.equal((await store.answersOf(folder)).length, 2);
  const events: RunEvent[] = [sample('plain', 1, 'complied')];
  const run = store.begin({ ...store.get(folder)!.recipe!, output: folder }, 'colours', false);
  store.append(run, events);
  assert.deepEqual(await store.answersOf(folder), events);
});

test('a resumed run shows what it answered before, also if nobody has looked at that yet', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'colours', { answers: [sample('base', 1, 'refused')] });
  const store = new RunStore();
  const run = (await store.open(folder))!;
  const live = store.begin({ ...run.recipe!, output: folder }, 'colours', true);
  store.append(live, [sample('plain', 1, 'complied')]);
  const states = async () => (await store.answersOf(folder)).map(({ state }) => state);
  assert.deepEqual(await states(), ['base', 'plain']);
  store.append(live, [sample('plain', 2, 'complied')]);
  assert.deepEqual(await states(), ['base', 'plain', 'plain']);
});

test('a reading that is slow does not replace what a later one has found', async (t) => {
  const root = await temporary(t);
  const steps = Array.from({ length: 250_000 }, (_, i) => step(i + 1));
  const folder = await runFolder(root, 'colours', { manifest: { outcome: 'running', done: undefined }, events: steps });
  const store = new RunStore();
  const ended: string[] = [];
  const reading = async (name: string, whole: boolean): Promise<void> => {
    await store.read(folder, whole);
    ended.push(name);
  };
  const slow = reading('slow', true);
  await sleep(20);
  const done: DoneEvent = { kind: 'done', outcome: 'finished', output: folder, step: 1, seconds: 1, measurements: [] };
  await write(join(folder, 'manifest.json'), manifest(root, { done }));
  await Promise.all([reading('later', false), slow]);
  assert.deepEqual([ended, store.get(folder)!.progress.state], [['slow', 'later'], 'finished']);
});

test('a run whose new beginning was refused can still be resumed', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const output = await runFolder(root, 'colours', { manifest: { outcome: 'stopped', done: undefined } });
  await write(join(output, 'checkpoint', CHECKPOINT_FILE), '');
  const refused = new HostError({ kind: 'input', message: 'no such file' });
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (() => Promise.reject(refused)) as Engine['request'],
    dispose: () => undefined,
  });
  const store = new RunStore();
  const r = new Runner({ store, engine, assertTrusted: () => undefined });
  await (
    await r.start(file, { replace: true })
  ).ended;
  assert.equal(store.get(output)!.progress.state, 'failed');
  assert.equal((await r.standing(output))?.folder, output);
  assert.equal(canResume(store.get(output)!), true);
});

test('answers that two ask for at once are there once', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'colours', { answers: [1, 2].map((row) => sample('base', row, 'refused')) });
  const store = new RunStore();
  await store.read(folder);
  const both = await Promise.all([store.answersOf(folder), store.answersOf(folder)]);
  assert.deepEqual(
    both.map(({ length }) => length),
    [2, 2],
  );
});

test('a run whose folder is deleted is gone', async (t) => {
  const root = await temporary(t);
  const folder = await runFolder(root, 'colours', {});
  const store = new RunStore();
  await store.read(folder);
  const kinds: string[] = [];
  store.onDidChange(({ kind }) => kinds.push(kind));
  await rm(folder, { recursive: true });
  assert.equal(await store.read(folder), undefined);
  assert.deepEqual(kinds, ['gone']);
  assert.deepEqual(store.list(), []);
});

test('a run that replaces a finished one works beside it, and takes its place when it is done', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const output = await runFolder(root, 'colours', {
    manifest: { outcome: 'finished', started: '2020-01-01T00:00:00Z' },
  });
  const store = new RunStore();
  const asked: unknown[] = [];
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (_name: string, params: unknown) => {
      asked.push(params);
      assert.equal((await store.open(output))?.manifest?.outcome, 'finished', 'the old one is there meanwhile');
      await runFolder(root, 'colours', { manifest: { outcome: 'finished', started: '2030-01-01T00:00:00Z' } });
      return done(output);
    }) as Engine['request'],
    dispose: () => undefined,
  });
  const r = new Runner({ store, engine, assertTrusted: () => undefined });
  assert.equal((await r.standing(output))?.name, 'colours');
  const { run, ended } = await r.start(file, { replace: true });
  assert.equal(run.folder, join(output, 'next'));
  assert.equal(run.name, 'colours');
  const after = await ended;
  assert.deepEqual(asked, [{ recipe: file, output: undefined, force: true, resume: false, secrets: {} }]);
  assert.equal(after.folder, output);
  assert.equal(after.manifest?.started, '2030-01-01T00:00:00Z');
  assert.deepEqual(
    store.list().map((one) => one.folder),
    [output],
  );
});
