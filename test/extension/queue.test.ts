/** Runs wait for each other in an order that a person can change; who leaves the queue is told what that means. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { DoneEvent } from '../../runtime/contract/events.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { secretKey, type SecretName } from '../../runtime/contract/secrets.js';
import type { Engine, Listener } from '../../extension/engine/engine.js';
import { errorData } from '../../extension/host/errors.js';
import { canResume, canRunAgain } from '../../extension/runs/run.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import { runDescription, runIcon } from '../../extension/views/labels.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { recipe, runFolder, step, temporary, write } from './support.js';

/** A runner whose children end when `finish` is called, and the recipes a to d. */
async function queue(t: TestContext) {
  const root = await temporary(t);
  const begun: string[] = [];
  let finish: (folder?: string) => void = () => undefined;
  const store = new RunStore();
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (_name: string, { recipe: path }: { recipe: string }) => {
      const name = path.at(-6)!;
      begun.push(name);
      const folder = await new Promise<string | undefined>((resolve) => (finish = resolve));
      return { output: join(root, 'adapters', folder ?? name) } as DoneEvent;
    }) as unknown as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const start = async (name: string, more: object = {}) =>
    runner.start(await write(join(root, `recipes/${name}.json`), recipe({ output: `../adapters/${name}`, ...more })));
  /** Waits until so many have begun in all. */
  const settle = async (count: number): Promise<void> => {
    for (let i = 0; begun.length < count && i < 1500; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  const names = (): string[] => runner.queue().map((folder) => folder.at(-1)!);
  return {
    root,
    store,
    runner,
    start,
    settle,
    begun,
    names,
    next: (folder?: string) => (finish(folder), settle(begun.length + 1)),
    last: () => finish(),
  };
}

test('each that waits says its place, and moving one up changes who begins next', async (t) => {
  const { start, runner, store, begun, names, next, settle } = await queue(t);
  const [a, b, c, d] = [await start('a'), await start('b'), await start('c'), await start('d')];
  await settle(1);
  assert.deepEqual([begun, names()], [['a'], ['b', 'c', 'd']]);
  const waits = ({ run }: typeof a) => snapshot(run, [], { answers: false, report: false }, 0).waits;
  assert.deepEqual([a, b].map(waits), [undefined, true]);
  assert.deepEqual(
    [b, c, d].map(({ run }) => [runDescription(run), run.progress.message, runIcon(run).id]),
    [
      ['place 1 in the queue', 'Waiting for "a" to end.', 'clock'],
      ['place 2 in the queue', 'Place 2 of 3 in the queue.', 'clock'],
      ['place 3 in the queue', 'Place 3 of 3 in the queue.', 'clock'],
    ],
  );
  let told = 0;
  runner.onDidChangeQueue(() => told++);
  assert.equal(runner.move(d.run.folder, 'up'), true);
  assert.equal(runner.move(b.run.folder, 'up'), false);
  assert.equal(runner.move(a.run.folder, 'up'), false);
  assert.equal(runner.move(c.run.folder, 'down'), false);
  assert.equal(runner.move(a.run.folder, 'down'), false);
  assert.equal(runner.move(b.run.folder, 'down'), true);
  assert.deepEqual(names(), ['d', 'b', 'c']);
  assert.equal(runner.move(d.run.folder, 'down'), true);
  assert.equal(told, 3);
  assert.deepEqual(names(), ['b', 'd', 'c']);
  assert.deepEqual(
    store.list().map(({ name }) => name),
    ['a', 'b', 'd', 'c'],
  );
  await next();
  await next();
  assert.deepEqual([begun, names()], [['a', 'b', 'd'], ['c']]);
  assert.equal(d.run.place, undefined);
  assert.equal(c.run.progress.message, 'Waiting for "d" to end.');
});

test('a recipe that is changed while it waits is run as it is then, but not into another folder, nor as another kind', async (t) => {
  const { root, start, runner, begun, next, last, settle } = await queue(t);
  const edit = (name: string, more: object): Promise<string> => write(join(root, `recipes/${name}.json`), recipe(more));
  await runFolder(root, 'x', {});
  await start('a');
  const [b, c, d] = [await start('b'), await start('c'), await start('d')];
  await settle(1);
  await edit('b', { output: '../adapters/x' });
  await edit('c', { output: '../adapters/c', kind: 'evaluate' });
  await edit('d', { output: '../adapters/d', seed: 8 });
  await next();
  const [first, second] = await Promise.all([b.ended, c.ended]);
  assert.match(first.error!.message, /was changed while it waited: it is now "finetune" and writes to .*x\.$/);
  assert.match(second.error!.message, /it is now "evaluate" and writes to .*c\.$/);
  assert.deepEqual([begun, runner.queue()], [['a', 'd'], []]);
  last();
  assert.equal((await d.ended).error, undefined);
});

const RAY = 'http://head:8265';
const JUDGE = secretKey('http://localhost:8000/v1', 'JUDGE_KEY');

test('secrets of judges are asked for when a run is started, not when it is its turn, and again when they were refused', async (t) => {
  const root = await temporary(t);
  const sent: unknown[] = [];
  const said: string[] = [];
  let finish: () => void = () => undefined;
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (_name: string, { secrets }: { secrets?: object }, { onEvents }: Listener) => {
      sent.push(secrets);
      const message = 'local has left 4 of 4 answers open.';
      if (sent.length === 1) onEvents?.([{ kind: 'warning', message, place: 'judges.1.token' }]);
      await new Promise<void>((resolve) => (finish = resolve));
      return { output: '' } as DoneEvent;
    }) as unknown as Engine['request'],
    dispose: () => undefined,
  });
  const keys = (secrets: readonly SecretName[]) => secrets.map(({ address, name }) => secretKey(address, name));
  const judgeSecrets = {
    async get(wanted: readonly SecretName[]) {
      said.push(...keys(wanted).map((key) => `get ${key}`));
      return this.kept(wanted);
    },
    kept: async (wanted: readonly SecretName[]) => Object.fromEntries(keys(wanted).map((key) => [key, 'sesame'])),
    forget: async (refused: readonly SecretName[]) => void said.push(...keys(refused).map((key) => `forget ${key}`)),
  };
  const options = { store: new RunStore(), engine, assertTrusted: () => undefined, judgeSecrets };
  const runner = new Runner({ ...options, secrets: async () => ({ [secretKey(RAY, 'JUDGE_KEY')]: 'of the cluster' }) });
  t.after(() => runner.dispose());
  const judges = ['refusal-phrases', { endpoint: 'http://localhost:8000/v1', model: 'local', token: 'JUDGE_KEY' }];
  const start = async (name: string, more: object): Promise<unknown> =>
    runner.start(await write(join(root, `recipes/${name}.json`), recipe({ output: `../adapters/${name}`, ...more })));
  await start('a', { judges });
  await start('b', { judges });
  // A cluster has another secret of the same name.
  await start('c', { on: { ray: RAY, token: 'JUDGE_KEY', model: '/m', storage: '/s' }, judges });
  await start('e', {});
  // A sweep has the judges of its base.
  const sweep = { kind: 'sweep', base: 'a.json', over: { seed: [1, 2] }, output: '../sweeps/d' };
  await runner.start(await write(join(root, 'recipes/d.json'), sweep));
  assert.deepEqual(
    said.filter((one) => one.startsWith('get')),
    Array(4).fill(`get ${JUDGE}`),
  );
  for (let begun = 1; begun <= 5; begun++) {
    for (let i = 0; sent.length < begun && i < 1500; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    finish();
  }
  const given = { [JUDGE]: 'sesame' };
  // Where it takes none the engine is told so, too: it would look into its environment.
  assert.deepEqual(sent, [given, given, { ...given, [secretKey(RAY, 'JUDGE_KEY')]: 'of the cluster' }, {}, given]);
  assert.equal(said.filter((one) => one === `forget ${JUDGE}`).length, 1);
});

test('while the queue is paused the run at work goes on, and none begins', async (t) => {
  const { start, runner, begun, next, settle } = await queue(t);
  const a = await start('a');
  const b = await start('b');
  await settle(1);
  runner.pause(true);
  assert.match(b.run.progress.message, /Place 1 of 1 in the queue, which is paused/);
  void next();
  assert.equal((await a.ended).live, false);
  assert.deepEqual([runner.paused, begun], [true, ['a']]);
  runner.pause(false);
  await settle(2);
  assert.deepEqual(begun, ['a', 'b']);
});

test('a run that leaves the queue never begins, and says so', async (t) => {
  const { start, runner, store, begun, next, settle, names } = await queue(t);
  await start('a');
  const b = await start('b');
  const c = await start('c');
  await settle(1);
  const left: string[] = [];
  const ends: string[] = [];
  runner.onDidWithdraw(({ name }) => left.push(name));
  runner.onDidEnd(({ name }) => ends.push(name));
  assert.equal(runner.stop(b.run.folder), true);
  const ended = await b.ended;
  assert.deepEqual([left, ended.progress.state, ended.live], [['b'], 'stopped', false]);
  assert.match(ended.progress.message, /before it began: nothing was run or changed/);
  assert.equal(runDescription(ended), 'plain · removed from the queue');
  assert.equal(canRunAgain(ended), true);
  assert.deepEqual([names(), c.run.place], [['c'], 1]);
  await next();
  assert.deepEqual([begun, ends], [['a', 'c'], ['a']]);
  assert.equal(runner.stop(b.run.folder), false);
  // Its row is no run of a folder, and is gone when it is deleted.
  store.forget(b.run.folder);
  assert.equal(store.get(b.run.folder), undefined);
});

test('a run that was to be resumed is afterwards what its folder holds', async (t) => {
  const { root, start, runner, store, settle, begun } = await queue(t);
  await start('a');
  const file = await write(join(root, 'recipes/old.json'), recipe({ output: '../adapters/old' }));
  const manifest = { outcome: 'stopped' as const, recipe: file, result: undefined };
  const folder = await runFolder(root, 'old', { manifest, events: [step(1), step(2)] });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  await store.read(folder);
  const { run, ended } = await runner.resume(folder);
  await settle(1);
  assert.equal(run.place, 1);
  runner.stop(folder);
  const left = await ended;
  assert.deepEqual([left.progress.step, left.progress.state, canResume(left)], [2, 'stopped', true]);
  assert.deepEqual(begun, ['a']);
});

test('a run does not begin before what it uses is made: it says by which run, and others begin', async (t) => {
  const { root, start, runner, store, begun, names, next, settle } = await queue(t);
  const file = await write(join(root, 'recipes/x.json'), recipe({ output: '../adapters/x' }));
  const parts = { manifest: { outcome: 'running' as const, recipe: file, result: undefined }, events: [step(3)] };
  const x = await runFolder(root, 'x', parts);
  await write(join(x, 'checkpoint', CHECKPOINT_FILE), '');
  await store.read(x);
  const held: [run: string, by: string][] = [];
  runner.onDidHold(({ run, by }) => held.push([run.name, by.name]));
  const uses = { vectors: [{ adapter: '../adapters/x/adapter' }] };
  const b = await start('b', uses);
  const d = await start('d', { model: '../adapters/x/model' });
  assert.deepEqual([begun, names(), held], [[], ['b', 'd'], [['b', 'x']]]);
  const words = 'Waits for "x", whose run was cut off. Resume it first.';
  assert.deepEqual([b.run.progress.message, d.run.progress.message], [words, words]);
  assert.equal(runDescription(b.run), 'waits for x');
  assert.equal(runner.awaited(b.run.folder), store.get(x));
  await start('c');
  await settle(1);
  assert.deepEqual(begun, ['c']);
  // Behind those that wait for it, and before them in turn.
  await runner.resume(x);
  assert.equal(b.run.progress.message, 'Waiting for "x" to end.');
  assert.deepEqual(names(), ['b', 'd', 'x']);
  await next();
  assert.deepEqual(begun, ['c', 'x']);
  await runFolder(root, 'x', { manifest: { recipe: file } });
  await next();
  assert.deepEqual([begun, names(), held.length], [['c', 'x', 'b'], ['d'], 1]);
});

test('a sweep waits for what one of its points alone uses', async (t) => {
  const { root, start, runner, store, begun, names } = await queue(t);
  const file = await write(join(root, 'recipes/x.json'), recipe({ output: '../adapters/x' }));
  await store.read(await runFolder(root, 'x', { manifest: { outcome: 'running', recipe: file, result: undefined } }));
  await write(join(root, 'recipes/base.json'), recipe());
  const over = { vectors: [[], [{ adapter: '../adapters/x' }]], seed: [1, 2] };
  const { run, ended } = await start('s', { kind: 'sweep', base: 'base.json', over });
  assert.deepEqual([begun, names()], [[], ['s']]);
  assert.equal(runner.awaited(run.folder)?.name, 'x');
  // Taken out of the queue it has no points to go on from.
  runner.stop(run.folder);
  assert.equal(runDescription(await ended), 'sweep · removed from the queue');
  assert.deepEqual([canResume(run), canRunAgain(run)], [false, true]);
});

test('how the run ended that others wait for is in their words, and so is what is to be done first', async (t) => {
  const { root, start, runner, store, begun, next, settle } = await queue(t);
  const x = await start('x');
  const b = await start('b', { vectors: [{ adapter: '../adapters/x' }] });
  await settle(1);
  const manifest = { outcome: 'failed' as const, result: undefined, recipe: join(root, 'recipes/x.json') };
  const folder = await runFolder(root, 'x', { manifest });
  void next();
  await x.ended;
  assert.equal(b.run.progress.message, 'Waits for "x", whose run failed. Run it again first.');
  await runFolder(root, 'x', { manifest: { ...manifest, outcome: 'stopped' } });
  await store.read(folder);
  assert.equal(b.run.progress.message, 'Waits for "x", whose run was stopped. Run it again first.');
  // Made elsewhere, by another window or the command line.
  await runFolder(root, 'x', { manifest: { outcome: 'finished' } });
  await store.read(folder);
  await settle(2);
  assert.deepEqual([begun, runner.queue()], [['x', 'b'], []]);
});

test('a run waits for what replaces what it uses, however that ends, and goes on with the old one where it was given up', async (t) => {
  const { root, start, runner, store, begun, names, next, settle } = await queue(t);
  const x = await write(join(root, 'recipes/x.json'), recipe({ output: '../adapters/x' }));
  const folder = await runFolder(root, 'x', { manifest: { recipe: x } });
  await store.read(folder);
  runner.pause(true);
  const b = await start('b', { vectors: [{ adapter: '../adapters/x/adapter' }] });
  const replacement = await runner.start(x, { replace: true });
  assert.equal(b.run.progress.message, 'Waiting for "x" to end.');
  // Taken out before it began: the old result is as it was.
  runner.stop(replacement.run.folder);
  await replacement.ended;
  assert.equal(b.run.progress.message, 'Place 1 of 1 in the queue, which is paused.');
  const again = await runner.start(x, { replace: true });
  const held: string[] = [];
  runner.onDidHold(({ run, by }) => held.push(`${run.name} by ${by.name}`));
  runner.pause(false);
  await settle(1);
  assert.deepEqual([begun, names()], [['x'], ['b']]);
  // What it has made so far is not where others look for it.
  await runFolder(root, 'x/next', { manifest: { name: 'x', outcome: 'stopped', recipe: x } });
  void next('x/next');
  await again.ended;
  assert.equal(b.run.progress.message, 'Waits for "x", whose run was stopped. Run it again first.');
  assert.deepEqual([begun, held], [['x'], ['b by x']]);
  store.forget(join(folder, 'next'));
  await settle(2);
  assert.deepEqual([begun, names()], [['x', 'b'], []]);
});

test('a run that replaces what it goes on from itself waits for nothing', async (t) => {
  const { root, runner, store, begun, settle } = await queue(t);
  const text = recipe({ output: '../adapters/x', adapter: { init: '../adapters/x/adapter' } });
  const x = await write(join(root, 'recipes/x.json'), text);
  await store.read(await runFolder(root, 'x', { manifest: { recipe: x } }));
  await runner.start(x, { replace: true });
  await settle(1);
  assert.deepEqual(begun, ['x']);
});

test('of runs that would wait for each other the last is refused, and the others begin', async (t) => {
  const { root, runner, store, begun, settle, next } = await queue(t);
  // All are there from earlier, and each is to be replaced.
  const finished = async (name: string, used: string): Promise<string> => {
    const text = recipe({ output: `../adapters/${name}`, vectors: [{ adapter: `../adapters/${used}/adapter` }] });
    const file = await write(join(root, `recipes/${name}.json`), text);
    await store.read(await runFolder(root, name, { manifest: { recipe: file } }));
    return file;
  };
  const [x, y, z] = [await finished('x', 'y'), await finished('y', 'z'), await finished('z', 'x')];
  runner.pause(true);
  await runner.start(x, { replace: true });
  await runner.start(y, { replace: true });
  await assert.rejects(runner.start(z, { replace: true }), {
    message: 'this run would wait for "x", and that one for this run.',
  });
  assert.deepEqual([runner.queue().length, store.get(join(root, 'adapters/z/next'))], [2, undefined]);
  runner.pause(false);
  await settle(1);
  void next();
  await settle(2);
  assert.deepEqual(begun, ['y', 'x']);
  // x is at work and waits for nothing any more.
  await runner.start(z, { replace: true });
});

test('a run goes on with its recipe as it is called now; where that is gone none begins', async (t) => {
  const { root, store, begun, settle } = await queue(t);
  const folder = await runFolder(root, 'x', { manifest: { outcome: 'stopped', recipe: join(root, 'recipes/a.json') } });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  const recipes = new RecipeIndex();
  const asked: string[] = [];
  const request = async (_: string, { recipe }: { recipe: string }) => void (begun.push(''), asked.push(recipe));
  const engine = () => ({ request, dispose: () => undefined }) as unknown as Engine;
  const runner = new Runner({ store, engine, assertTrusted: () => undefined, recipes: () => recipes.list() });
  t.after(() => runner.dispose());
  const renamed = async (name: string, more = {}): Promise<string> => {
    const file = await write(join(root, `recipes/${name}.json`), recipe({ output: '../adapters/x', ...more }));
    await recipes.read(file);
    return file;
  };
  await renamed('other', { output: '../adapters/y' });
  await assert.rejects(runner.resume(folder), (error) => {
    const { message, remedy } = errorData(error);
    assert.match(message, /the recipe of this run is gone/);
    assert.equal(
      remedy,
      'Run "Copy the recipe of a run" from the command palette: it writes a recipe that runs from the original folder.',
    );
    return true;
  });
  assert.equal(store.get(folder)?.progress.state, 'stopped');
  const b = await renamed('b');
  await (
    await runner.resume(folder)
  ).ended;
  const [c] = [await renamed('c'), await renamed('d')];
  await rm(b);
  recipes.forget(b);
  // Of two it is not known which one it is, unless somebody says so.
  await assert.rejects(runner.resume(folder), /the recipe of this run is gone/);
  await (
    await runner.resume(folder, c)
  ).ended;
  await settle(2);
  assert.deepEqual(asked, [b, c]);
});
