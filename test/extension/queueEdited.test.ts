/** A recipe may be edited while its run waits: the run is shown, waits and begins as its recipe is then. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { DoneEvent } from '../../runtime/contract/events.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { secretKey, type SecretName } from '../../runtime/contract/secrets.js';
import type { Engine, Listener } from '../../extension/engine/engine.js';
import { Runner } from '../../extension/runs/runner.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { RunStore } from '../../extension/runs/store.js';
import { recipe, runFolder, step, temporary, until, write } from './support.js';

const RAY = 'http://head:8265';
const JUDGE = { endpoint: 'http://localhost:8000/v1', model: 'local', token: 'JUDGE_KEY' };
const KEY = secretKey(JUDGE.endpoint, JUDGE.token);

/** A runner whose children wait for `finish` or `refuse`, and what each was asked for. */
async function queue(t: TestContext) {
  const root = await temporary(t);
  const store = new RunStore();
  const begun: string[] = [];
  const sent: unknown[] = [];
  /** What is shown of the run that begins, at that moment. */
  const shown: (string[] | undefined)[] = [];
  const asked: string[] = [];
  let finish: () => void = () => undefined;
  let refuse: (reason: Error) => void = () => undefined;
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (
      _: string,
      { recipe: file, secrets }: { recipe: string; secrets: object },
      _listener: Listener,
    ) => {
      const name = file.at(-6)!;
      begun.push(name);
      sent.push(secrets);
      shown.push(store.get(at(name))?.recipe?.vectors);
      await new Promise<void>((resolve, reject) => ([finish, refuse] = [resolve, reject]));
      return { output: at(name) } as DoneEvent;
    }) as unknown as Engine['request'],
    dispose: () => undefined,
  });
  const at = (name: string): string => join(root, 'adapters', name);
  const given = (wanted: readonly SecretName[]) =>
    Object.fromEntries(wanted.map(({ address, name }) => [secretKey(address, name), 'sesame']));
  const runner = new Runner({
    ...{ store, engine, assertTrusted: () => undefined },
    secrets: async (wanted) => (asked.push(...wanted.map(({ address }) => address)), given(wanted)),
    judgeSecrets: {
      get: async (wanted) => (asked.push(...wanted.map(({ name }) => name)), given(wanted)),
      kept: async (wanted) => given(wanted),
      forget: async () => undefined,
    },
  });
  t.after(() => runner.dispose());
  const edit = (name: string, more: object = {}): Promise<string> =>
    write(join(root, `recipes/${name}.json`), recipe({ output: `../adapters/${name}`, ...more }));
  const start = async (name: string, more?: object) => runner.start(await edit(name, more));
  const begins = (count: number): Promise<void> => until(() => begun.length >= count, `${count} have not begun`);
  const next = async (): Promise<void> => (finish(), begins(begun.length + 1));
  const names = (): string[] => runner.queue().map((folder) => folder.at(-1)!);
  return { root, store, runner, begun, sent, shown, asked, at, edit, start, begins, next, names, refuse: (reason: string) => refuse(new Error(reason)) }; // oxfmt-ignore
}

const protectedBy = (name: string): object => ({
  vectors: [{ adapter: `../adapters/${name}`, scale: 1 }],
  protection: true,
});

test('what is shown of a run that begins is its recipe as it is then, and views are told before the engine is asked', async (t) => {
  const { store, at, edit, start, begins, next, shown } = await queue(t);
  await start('a');
  const { run } = await start('b', protectedBy('v'));
  await begins(1);
  await edit('b');
  const told: unknown[] = [];
  store.onDidChange(({ run: of, kind }) => of === run && kind === 'whole' && told.push(of.recipe?.vectors.length));
  await next();
  assert.deepEqual([shown[1], told.at(-1), run.recipe?.output], [[], 0, at('b')]);
  const { vectors } = snapshot(run, store.list(), { answers: false, report: false }, 0);
  assert.deepEqual(vectors, []);
});

test('the same is shown of a run that is resumed; where the engine refuses it, what it was trained with', async (t) => {
  const { root, store, runner, at, edit, start, begins, next, shown, refuse } = await queue(t);
  await start('a');
  await begins(1);
  const manifest = { outcome: 'stopped' as const, recipe: await edit('b'), result: undefined };
  const folder = await runFolder(root, 'b', { manifest, events: [step(1)] });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  await store.read(folder);
  const { ended } = await runner.resume(folder);
  await edit('b', protectedBy('v'));
  await next();
  assert.deepEqual(shown[1], [at('v')]);
  refuse('the run cannot be resumed');
  const run = await ended;
  assert.deepEqual([run.recipe?.vectors, run.progress.state, run.train.step], [[], 'failed', [1]]);
});

test('a run that has come to use what another one is to make waits again, in its place, until that is made', async (t) => {
  const { root, runner, begun, at, edit, start, begins, next, names, shown } = await queue(t);
  await start('a');
  const b = await start('b');
  await start('c');
  await start('d');
  await begins(1);
  await edit('b', protectedBy('d'));
  await runFolder(root, 'a', {});
  await next();
  assert.deepEqual(
    [begun, names()],
    [
      ['a', 'c'],
      ['b', 'd'],
    ],
  );
  assert.equal(b.run.progress.message, 'Waiting for "d" to end.');
  await runFolder(root, 'c', {});
  await next();
  await runFolder(root, 'd', {});
  await next();
  assert.deepEqual([begun, shown[3], runner.queue()], [['a', 'c', 'd', 'b'], [at('d')], []]);
});

test('one that would then wait for a run that waits for it does not begin, and says so', async (t) => {
  const { begun, edit, start, begins, next, names } = await queue(t);
  await start('a');
  const b = await start('b');
  await start('c', protectedBy('b'));
  await begins(1);
  await edit('b', protectedBy('c'));
  void next().catch(() => undefined);
  assert.match((await b.ended).error!.message, /would wait for "c", and that one for this run/);
  assert.deepEqual([begun, names()], [['a'], ['c']]);
});

test('a run no longer waits for what its recipe does not use any more; what waits is shown as it is written', async (t) => {
  const { root, store, runner, begun, edit, start, begins, names } = await queue(t);
  await store.read(await runFolder(root, 'v', { manifest: { outcome: 'failed', result: undefined } }));
  const b = await start('b', protectedBy('v'));
  assert.match(b.run.progress.message, /^Waits for "v", whose run failed/);
  await edit('b', { kind: 'evaluate' });
  await runner.recipesChanged();
  assert.deepEqual([names(), b.run.recipe?.kind], [['b'], 'finetune'], 'another kind was not asked for');
  await edit('b');
  await runner.recipesChanged();
  await begins(1);
  assert.deepEqual([begun, b.run.recipe?.vectors], [['b'], []]);
});

test('secrets are those of the recipe as it is when its run begins, and only a cluster asks for them then', async (t) => {
  const { asked, edit, start, begins, next, sent } = await queue(t);
  await start('a');
  const b = await start('b');
  await begins(1);
  await edit('b', { on: { ray: RAY, token: 'TOKEN', model: '/m', storage: '/s' }, judges: ['refusal-phrases', JUDGE] });
  assert.deepEqual(asked, []);
  await next();
  assert.deepEqual([sent[1], asked], [{ [KEY]: 'sesame', [secretKey(RAY, 'TOKEN')]: 'sesame' }, [RAY]]);
  assert.match(b.run.progress.message, /Waiting for secrets of the cluster: TOKEN/);
});
