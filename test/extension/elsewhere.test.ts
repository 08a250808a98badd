/** A run that another process works on: shown as running, drawn while it runs, and left alone. */
import assert from 'node:assert/strict';
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { RunEvent } from '../../runtime/contract/events.js';
import { modelStates } from '../../extension/commands/modelStates.js';
import { HostError } from '../../extension/host/errors.js';
import { Follower } from '../../extension/runs/follower.js';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { canResume, type Run } from '../../extension/runs/run.js';
import { Runner } from '../../extension/runs/runner.js';
import { snapshot } from '../../extension/runs/snapshot.js';
import { RunStore, type RunChange } from '../../extension/runs/store.js';
import { runDescription, runIcon, runTooltip } from '../../extension/views/labels.js';
import { workingIn } from './otherProcess.js';
import { lines, manifest, recipe, runFolder, sample, step, temporary, until, write } from './support.js';

interface Elsewhere {
  root: string;
  folder: string;
  store: RunStore;
  run: Run;
  pid: number;
  /** Ends the other process at once, as a power cut would. */
  kill(): Promise<void>;
}

/** A run folder in which another, living process is at step 2. */
async function elsewhere(t: TestContext, events: readonly RunEvent[] = [step(1), step(2)]): Promise<Elsewhere> {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const running = { outcome: 'running' as const, ended: undefined, result: undefined, recipe: file };
  const folder = await runFolder(root, 'colours', { events, manifest: running });
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  const { pid, end } = await workingIn(t, folder);
  const store = new RunStore();
  const run = (await store.read(folder))!;
  return { root, folder, store, run, pid, kill: end };
}

test('it is shown as running elsewhere, not as interrupted, and cannot be stopped or resumed from here', async (t) => {
  const { run, store, pid } = await elsewhere(t);
  assert.equal(run.progress.state, 'training');
  assert.equal(runDescription(run), 'step 2/10 · elsewhere');
  assert.equal(runIcon(run).id, 'loading~spin');
  assert.match(runTooltip(run), new RegExp(`process ${pid} on `));
  assert.equal(canResume(run), false);
  const page = snapshot(run, [run], { answers: false, report: false }, run.since + 5);
  assert.deepEqual([page.canStop, page.canResume, Math.round(page.progress.secondsElapsed)], [false, false, 5]);
  assert.match(page.elsewhere!, new RegExp(`process ${pid}`));
  assert.deepEqual(store.live(), []);
});

test('what it writes is drawn as it comes, whole lines only, and its answers are read', async (t) => {
  const { folder, store, run } = await elsewhere(t);
  const changes: [RunChange['kind'], number, number][] = [];
  store.onDidChange(({ kind, from, answers }) => changes.push([kind, from.train, answers]));
  const follower = new Follower(store, 10);
  t.after(() => follower.dispose());
  store.say(run, ''); // any change wakes it
  changes.length = 0;
  await appendFile(join(folder, 'events.jsonl'), `${lines([step(3)])}{"kind":"st`);
  await until(() => run.train.step.length === 3, 'step 3');
  await appendFile(join(folder, 'events.jsonl'), `ep",${JSON.stringify(step(4)).slice('{"kind":"step",'.length)}\n`);
  await until(() => run.train.step.length === 4, 'step 4');
  assert.deepEqual(run.train.step, [1, 2, 3, 4]);
  assert.deepEqual(changes, [
    ['append', 2, 0],
    ['append', 3, 0],
  ]);
  assert.equal((await store.answersOf(folder)).length, 0);
  await appendFile(join(folder, 'answers.jsonl'), lines([sample('base', 1, 'refused')]));
  await until(() => changes.length === 3, 'the answers');
  assert.deepEqual(changes[2], ['append', 4, 1]);
  assert.equal((await store.answersOf(folder)).length, 1);
});

test('nobody is asked what becomes of it: it is at work, and its recipe is refused', async (t) => {
  const { folder, store } = await elsewhere(t);
  await write(join(folder, 'checkpoint', CHECKPOINT_FILE), '');
  const engine = () => assert.fail('nothing runs');
  assert.equal(await new Runner({ store, engine, assertTrusted: () => undefined }).standing(folder), undefined);
});

test('when it is killed the run is interrupted and can be resumed', async (t) => {
  const { folder, store, run, kill } = await elsewhere(t);
  const follower = new Follower(store, 10);
  t.after(() => follower.dispose());
  store.say(run, '');
  await kill();
  await until(() => store.get(folder)!.progress.state === 'interrupted', 'interrupted');
  assert.equal(canResume(store.get(folder)!), true);
  assert.equal(runDescription(store.get(folder)!), 'plain · interrupted at step 2');
});

test('when it ends well its folder shows it', async (t) => {
  const { root, folder, store, run, kill } = await elsewhere(t);
  const follower = new Follower(store, 10);
  t.after(() => follower.dispose());
  store.say(run, '');
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest(root)));
  await kill();
  await until(() => store.get(folder)!.progress.state === 'finished', 'finished');
  assert.equal(store.get(folder)!.elsewhere, undefined);
});

test('running its recipe, and resuming it, are refused with who works on it', async (t) => {
  const { root, folder, store, pid } = await elsewhere(t);
  const runner = new Runner({ store, engine: () => assert.fail('it ran'), assertTrusted: () => undefined });
  const refused = (error: unknown): boolean =>
    error instanceof HostError &&
    error.data.message.includes(`process ${pid} on`) &&
    error.data.place === folder &&
    error.data.remedy !== undefined;
  await assert.rejects(runner.start(join(root, 'recipes/r.json')), refused);
  await assert.rejects(runner.resume(folder), refused);
  assert.equal(store.get(folder)!.progress.state, 'training');
});

test('an adapter that it is still writing is not offered', async (t) => {
  const { root, run } = await elsewhere(t);
  run.result = join(run.folder, 'adapter');
  const model = { path: join(root, 'tiny'), name: 'tiny', adapters: [] };
  assert.deepEqual(modelStates(model, [run]), [{ name: 'base', adapters: [] }]);
});

test('a run that was stopped and is resumed elsewhere does not look stopped', async (t) => {
  const done: RunEvent = { kind: 'done', outcome: 'stopped', output: '', step: 2, seconds: 9, measurements: [] };
  const { run } = await elsewhere(t, [step(1), step(2), done]);
  assert.deepEqual([run.progress.state, run.progress.step, run.done], ['preparing', 2, undefined]);
});
