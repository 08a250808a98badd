/** Two windows of one workspace, each with runs that wait: nothing is begun twice, and nothing is lost with a window. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostError } from '../../extension/host/errors.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { itemOf } from '../../extension/views/runs.js';
import { runDescription, runIcon, runTooltip } from '../../extension/views/labels.js';
import { runFolder, until } from './support.js';
import { settled, windows } from './windows.js';

/** So many windows have kept something. */
async function untilKept(root: string, count: number): Promise<void> {
  while ((await readdir(join(root, 'windows'))).length !== count) await sleep(10);
}

test('what waits in one window is shown by the other, which neither begins it nor takes it for its own', async (t) => {
  const { root, file, open } = await windows(t);
  await runFolder(root, 'c', {});
  const first = await open();
  await first.runner.start(await file('a'));
  await first.runner.start(await file('b'));
  await first.runner.start(await file('c'), { replace: true });
  const second = await open();
  assert.deepEqual([second.begun, second.names()], [[], []]);
  const run = second.store.get(join(root, 'adapters/b'))!;
  assert.equal(runDescription(run), 'waits in another window');
  assert.equal(runIcon(run).id, 'clock');
  assert.equal(itemOf(run), 'run.elsewhere');
  assert.match(runTooltip(run), new RegExp(`It waits in another window: process ${process.pid} on `));
  const page = snapshot(run, [run], { answers: false, report: false }, 0);
  assert.deepEqual([page.waits, page.canStop, page.canResume, page.canRunAgain], [true, false, false, false]);
  assert.match(page.progress.message, /^It waits in another window/);
  assert.equal(runDescription(second.store.get(join(root, 'adapters/c/next'))!), 'waits in another window');
  assert.match(runDescription(second.store.get(join(root, 'adapters/c'))!), /^plain/, 'the old one is as it was');
  for (const [name, more] of [
    ['b', {}],
    ['c', {}],
    ['c', { replace: true }],
  ] as const)
    // oxfmt-ignore
    await assert.rejects(
      second.runner.start(join(root, `recipes/${name}.json`), more),
      (error) => error instanceof HostError && /waits in another window \(process \d+ on /.test(error.message),
    );
  // What uses it waits for it.
  await second.runner.start(await file('d', { vectors: [{ adapter: '../adapters/b' }] }));
  await settled(second.begun);
  assert.deepEqual([second.begun, second.names()], [[], ['adapters/d']]);
  first.runner.stop(join(root, 'adapters/b'));
  await until(() => !second.store.get(join(root, 'adapters/b')), 'removed there, it is gone here');
  await second.runner.start(join(root, 'recipes/b.json'));
  await settled(second.begun);
  assert.equal(second.begun.length, 1);
});

test('of runs in two windows that would wait for each other the last is refused', async (t) => {
  const { root, file, open } = await windows(t);
  for (const name of ['x', 'y']) await runFolder(root, name, {});
  const first = await open();
  first.runner.pause(true);
  await first.runner.start(await file('x', { vectors: [{ adapter: '../adapters/y' }] }), { replace: true });
  const second = await open();
  const y = await file('y', { vectors: [{ adapter: '../adapters/x' }] });
  await assert.rejects(second.runner.start(y, { replace: true }), {
    message: 'this run would wait for "x", and that one for this run.',
  });
  assert.deepEqual(second.names(), []);
  first.runner.stop(join(root, 'adapters/x/next'));
  await until(() => !second.store.get(join(root, 'adapters/x/next')), 'removed there, it is gone here');
  await second.runner.start(y, { replace: true });
});

test('a window takes the runs of one that has ended behind its own, in their order, and says so', async (t) => {
  const { root, file, open } = await windows(t);
  const first = await open();
  first.runner.pause(true);
  for (const name of ['a', 'b', 'c']) await first.runner.start(await file(name));
  first.runner.move(join(root, 'adapters/c'), 'up');
  const second = await open({ isOld: true });
  await second.runner.start(await file('x'));
  await second.runner.start(await file('y'));
  await first.close();
  await until(() => second.said.length > 0, 'they are taken');
  assert.deepEqual(second.names(), ['adapters/y', 'adapters/a', 'adapters/c', 'adapters/b']);
  assert.deepEqual(second.said, ['Runs that waited in a window that has ended wait in this one now: a, c, b.']);
  await untilKept(root, 1);
  assert.equal(second.begun.length, 1);
  await second.close();
  const third = await open();
  assert.deepEqual([third.runner.paused, third.names().slice(-3)], [true, ['adapters/a', 'adapters/c', 'adapters/b']]);
});

test('a paused queue in which nothing waits pauses no other window', async (t) => {
  const { root, open } = await windows(t);
  const first = await open();
  first.runner.pause(true);
  const second = await open({ isOld: true });
  await first.close();
  await untilKept(root, 0);
  assert.equal(second.runner.paused, false);
});

test('what two windows have kept of one run, as one was killed in between, is begun once', async (t) => {
  const { root, memory, file, open } = await windows(t);
  const waiting = [{ recipe: await file('a'), folder: join(root, 'adapters/a') }];
  for (const window of [memory(), memory()]) {
    await window.keep('queue', { paused: false, waiting });
    await window.dispose();
  }
  const { begun, said, names } = await open();
  assert.deepEqual([begun.length, names(), said], [1, [], []]);
});
