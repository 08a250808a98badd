/** The runs that wait are there again in the next window of the workspace, and nothing is begun twice. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { goOnText, waitsFor } from '../../extension/runs/awaited.js';
import { fake, workspace } from './fake/vscode.js';
import { workingIn } from './otherProcess.js';
import { runFolder, step, write } from './support.js';
import { settled, windows } from './windows.js';

/** What the engine of a run that has begun, or goes on, leaves in its folder when it is cut off. */
async function begins(root: string, name: string, from?: string, goesOn = false): Promise<void> {
  const now = new Date().toISOString();
  const times = goesOn ? { started: '2026-01-01T00:00:00.000Z', resumed: now } : { started: now };
  const manifest = { name: name.split('/')[0], recipe: from, ...times, outcome: 'running' as const, result: undefined };
  const folder = await runFolder(root, name, { manifest, events: [step(1)] });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
}

test('runs that wait are there again in their order, each as it was asked for; the one at work is not begun again', async (t) => {
  const { root, file, open } = await windows(t);
  await runFolder(root, 'c', {});
  const old = await file('old');
  await runFolder(root, 'old', { manifest: { outcome: 'stopped', recipe: old }, events: [step(1)] });
  await write(join(root, 'adapters/old/checkpoint', CHECKPOINT_FILE), '');
  const first = await open();
  await first.runner.start(await file('a'));
  await first.runner.start(await file('b'), { output: join(root, 'adapters/b-2') });
  await first.runner.start(await file('c'), { replace: true });
  await first.runner.resume(join(root, 'adapters/old'));
  await first.runner.start(await file('test'), { quiet: true });
  first.runner.move(join(root, 'adapters/old'), 'up');
  await settled(first.begun);
  assert.equal(first.begun.length, 1);
  await begins(root, 'a');
  await first.close();
  const second = await open();
  assert.deepEqual(second.begun, [
    {
      recipe: join(root, 'recipes/b.json'),
      output: join(root, 'adapters/b-2'),
      force: false,
      resume: false,
      secrets: {},
    },
  ]);
  assert.deepEqual(second.names(), ['adapters/old', 'adapters/c/next']);
  await begins(root, 'b-2');
  await second.close();
  const third = await open({ isSeen: true });
  assert.deepEqual(third.begun, [
    { recipe: old, output: join(root, 'adapters/old'), force: false, resume: true, secrets: {} },
  ]);
  assert.deepEqual([third.names(), third.said], [['adapters/c/next'], []]);
});

test('a recipe that writes elsewhere after the reload is not run: what stands there was not asked about', async (t) => {
  const { root, file, open } = await windows(t);
  for (const name of ['c', 'd']) await runFolder(root, name, {});
  const first = await open();
  first.runner.pause(true);
  await first.runner.start(await file('c'), { replace: true });
  await first.close();
  await file('c', { output: '../adapters/d' });
  const second = await open();
  assert.deepEqual([second.names(), second.begun], [[], []]);
  assert.match(second.said[0]!, /c\.json: the recipe was changed while it waited: .* writes to .*adapters.d\./);
});

test('a queue that was paused stays so, and recipes that are gone are left out with one message', async (t) => {
  const { file, open } = await windows(t);
  const first = await open();
  first.runner.pause(true);
  const gone = [await file('a'), await file('c')];
  await first.runner.start(gone[0]!);
  await first.runner.start(await file('b'));
  await first.runner.start(gone[1]!);
  await first.close();
  for (const path of gone) await rm(path);
  const second = await open();
  assert.deepEqual([second.runner.paused, second.begun, second.names()], [true, [], ['adapters/b']]);
  assert.equal(second.said.length, 1);
  for (const path of gone) assert.match(second.said[0]!, new RegExp(`${path}: there is no such file`));
  await second.close();
  assert.deepEqual((await open()).said, []);
});

test('without trust nothing begins and nothing is forgotten; with it the queue is there', async (t) => {
  const { root, file, open } = await windows(t);
  const first = await open();
  await first.runner.start(await file('a'));
  await first.runner.start(await file('b'));
  await first.close();
  const [folder] = await readdir(join(root, 'windows'));
  const kept = (): Promise<string> => readFile(join(root, 'windows', folder!, 'kept.json'), 'utf8');
  const before = await kept();
  workspace.isTrusted = false;
  t.after(() => (workspace.isTrusted = true));
  const second = await open();
  second.runner.pause(true);
  second.runner.pause(false);
  assert.deepEqual([second.begun, await kept()], [[], before]);
  workspace.isTrusted = true;
  await fake.trust.fire();
  await settled(second.begun);
  assert.equal(second.begun.length, 1);
});

test('a memory that is no queue is none', async (t) => {
  const { memory, open } = await windows(t);
  const before = memory();
  await before.keep('queue', { waiting: 'all' });
  await before.dispose();
  const { runner, begun } = await open();
  assert.deepEqual([runner.queue(), begun], [[], []]);
});

test('what waits for the run that the reload cut off does not begin, and what does not wait for it does', async (t) => {
  const { root, file, open } = await windows(t);
  const first = await open();
  await first.runner.start(await file('x'));
  await first.runner.start(await file('b', { vectors: [{ adapter: '../adapters/x' }] }));
  await first.runner.start(await file('c'));
  await first.close();
  await begins(root, 'x', join(root, 'recipes/x.json'));
  const second = await open();
  assert.deepEqual(
    second.begun.map((params) => (params as { recipe: string }).recipe),
    [join(root, 'recipes/c.json')],
  );
  assert.deepEqual(second.names(), ['adapters/b']);
  assert.equal(goOnText(second.runner.awaited(join(root, 'adapters/b'))!), 'Resume x', 'its person resumes it');
});

test('what waits for a replacement that the reload cut off does not begin with the old result', async (t) => {
  const { root, file, open } = await windows(t);
  const x = await file('x');
  const folder = await runFolder(root, 'x', { manifest: { recipe: x } });
  const first = await open();
  await first.runner.start(x, { replace: true });
  await first.runner.start(await file('b', { vectors: [{ adapter: '../adapters/x' }] }));
  await first.close();
  await begins(root, 'x/next', x);
  const second = await open();
  assert.deepEqual([second.begun, second.names()], [[], ['adapters/b']]);
  const by = second.runner.awaited(join(root, 'adapters/b'))!;
  assert.equal(by.folder, join(folder, 'next'));
  assert.equal(waitsFor(by), 'Waits for "x", whose run was cut off. Resume it first.');
  assert.equal(goOnText(by), 'Resume x');
});

/** What was begun in a window: the recipe's name, and how. */
const names = (begun: readonly object[]): string[] =>
  (begun as { recipe: string; force: boolean; resume: boolean }[]).map(
    ({ recipe, force, resume }) => `${basename(recipe, '.json')}${force ? ' replaces' : ''}${resume ? ' resumes' : ''}`,
  );

test('a run that a reload cuts off while it is made ready begins once more, before what waits for it', async (t) => {
  const { root, file, open } = await windows(t);
  const x = await file('x');
  await runFolder(root, 'x', { manifest: { recipe: x } });
  const first = await open();
  await first.runner.start(x, { replace: true });
  await first.runner.start(await file('c'));
  await first.runner.start(await file('b', { vectors: [{ adapter: '../adapters/x' }] }));
  await settled(first.begun);
  for (let reload = 0; reload < 2; reload++) {
    const { runner, begun, said, names: waiting, close } = reload === 0 ? first : await open();
    await settled(begun);
    assert.deepEqual([names(begun), waiting(), said], [['x replaces'], ['adapters/c', 'adapters/b'], []]);
    assert.equal(runner.awaited(join(root, 'adapters/b'))!.folder, join(root, 'adapters/x/next'));
    await close();
  }
});

test('one that was to go on from its checkpoint is asked to do so again', async (t) => {
  const { root, file, open } = await windows(t);
  const old = await file('old');
  await runFolder(root, 'old', { manifest: { outcome: 'stopped', recipe: old }, events: [step(1)] });
  await write(join(root, 'adapters/old/checkpoint', CHECKPOINT_FILE), '');
  const first = await open();
  await first.runner.resume(join(root, 'adapters/old'));
  await settled(first.begun);
  await first.close();
  const second = await open();
  assert.deepEqual(names(second.begun), ['old resumes']);
  await begins(root, 'old', old, true);
  await second.close();
  assert.deepEqual(names((await open()).begun), []);
});

test('one that its person has stopped, and one that ended while its window was closed, do not begin again', async (t) => {
  const { root, file, open } = await windows(t);
  const first = await open();
  await first.runner.start(await file('a'));
  await settled(first.begun);
  first.runner.stop(join(root, 'adapters/a'));
  await first.close();
  const second = await open();
  assert.deepEqual([second.begun, second.names()], [[], []]);
  const x = await file('x');
  await runFolder(root, 'x', { manifest: { recipe: x } });
  await second.runner.start(x, { replace: true });
  await settled(second.begun);
  await second.close();
  await runFolder(root, 'x', { manifest: { recipe: x, started: new Date().toISOString() } });
  const third = await open();
  assert.deepEqual([third.begun, third.names()], [[], []]);
});

test('nobody is asked for secrets when the queue is there again: those that are kept are used', async (t) => {
  const { root, memory, file, open } = await windows(t);
  const judges = [{ endpoint: 'https://api.example.org/v1', model: 'm', token: 'JUDGE_KEY' }];
  const waiting = [{ recipe: await file('a', { judges }) }, { recipe: await file('b') }];
  const before = memory();
  const of = ['a', 'b'].map((name, i) => ({ ...waiting[i], folder: join(root, 'adapters', name) }));
  await before.keep('queue', { paused: false, waiting: of });
  await before.dispose();
  const opened = await open({ asks: true });
  await settled(opened.begun);
  assert.deepEqual([opened.runner.paused, opened.names()], [false, ['adapters/b']]);
  assert.deepEqual((opened.begun[0] as { secrets: object }).secrets, { key: 'sesame' });
});

test('a run that ended with its window is told of, when its process has ended and its page is not in view', async (t) => {
  const { root, file, open } = await windows(t);
  const first = await open();
  await first.runner.start(await file('e', { kind: 'evaluate' }));
  await settled(first.begun);
  const now = new Date().toISOString();
  const manifest = { kind: 'evaluate', started: now, outcome: 'running', result: undefined } as const;
  const folder = await runFolder(root, 'e', { manifest, recipe: { kind: 'evaluate' } });
  const engine = await workingIn(t, folder);
  await first.close();
  const second = await open();
  assert.deepEqual([second.begun, second.said], [[], []]);
  await engine.end();
  for (let i = 0; i < 2; i++) await second.store.read(folder);
  assert.deepEqual(second.said, [
    'e: The window or the engine ended while tiny was evaluated: forbidden. Choose "Run again" to do it from its beginning. [Run again]',
  ]);
});
