/** A run whose engine hangs does not stop when it is asked to: asked again, it is ended, and the queue goes on. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { basename, join } from 'node:path';
import { afterEach, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { commandArgument } from '../../extension/commands/arguments.js';
import { Engine, RestartLimit, type Listener } from '../../extension/engine/engine.js';
import { Cancelled } from '../../extension/host/errors.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import { fake } from './fake/vscode.js';
import { recipe, temporary, write } from './support.js';

const { stop } = await import('../../extension/commands/runs.js');

const entry = fileURLToPath(new URL('./fixtures/child.mjs', import.meta.url));

afterEach(() => {
  fake.asked.length = 0;
  fake.choose = () => undefined;
});

/** A run whose engine hangs, and one that waits for it. */
async function hanging(t: TestContext, more: object = {}) {
  const root = await temporary(t);
  const store = new RunStore();
  const restarts = new RestartLimit(1);
  const log: string[] = [];
  const runner = new Runner({
    store,
    engine() {
      const engine = new Engine({
        ...{ entry, idleMs: 60_000, environment: () => ({}), restarts },
        log: (_level, line) => log.push(line),
      });
      t.after(() => engine.dispose());
      // The child is told by the name of the recipe what to do.
      const request = (_: string, params: { recipe: string }, listener: Listener) =>
        engine.request('run', { recipe: basename(params.recipe, '.json') }, listener);
      return { request: request as Engine['request'], dispose: () => engine.dispose() };
    },
    assertTrusted: () => undefined,
  });
  t.after(() => runner.dispose());
  const start = async (name: string) =>
    runner.start(await write(join(root, `recipes/${name}.json`), recipe({ output: `../out/${name}`, ...more })));
  const [hang, next] = [await start('hang'), await start('next')];
  for (let i = 0; !log.includes('hanging') && i < 1500; i++) await sleep(10);
  return { services: { store, runner }, run: hang.run.folder, hang, next, restarts };
}

test('a run that hangs is ended when it is stopped once more and the person says so; the next one begins', async (t) => {
  const { services, run, hang, next, restarts } = await hanging(t);
  assert.equal(await stop(services, { run }), true);
  assert.equal(fake.asked.length, 0);
  assert.match(hang.run.progress.message, /^Stopping after this step/);
  assert.equal(hang.run.progress.isStopping, true);
  await assert.rejects(stop(services, { run }), Cancelled, 'the person does not want it');
  assert.ok(hang.run.live);
  fake.choose = ([yes]) => yes;
  assert.equal(await stop(services, { run }), true);
  assert.match(fake.asked.at(-1)!.message, /"hang" is stopping\. End it now\?/);
  assert.match(fake.asked.at(-1)!.detail!, /since the last checkpoint is lost/);
  const ended = await hang.ended;
  assert.deepEqual([ended.live, ended.progress.state, ended.error], [false, 'stopped', undefined]);
  assert.match(ended.progress.message, /Ended before its step was done/);
  assert.equal(ended.progress.isStopping, undefined);
  assert.equal((await next.ended).live, false);
  assert.equal(restarts.reached, false, 'it is no crash');
});

test('of several runs that are stopped those that wait leave the queue, and none begins', async (t) => {
  const { services, hang, next } = await hanging(t);
  const rows = [{ run: hang.run.folder }, { run: next.run.folder }];
  assert.equal(await stop(services, commandArgument('stop', rows[0], rows)), true);
  assert.match(hang.run.progress.message, /^Stopping after this step/);
  assert.deepEqual([next.run.live, next.run.place], [false, undefined]);
  assert.equal(fake.asked.length, 0);
});

test('of a run on a cluster it is said that its job may go on, and when it has ended which', async (t) => {
  const { services, run, hang } = await hanging(t, { on: { ray: 'http://head:8265', model: '/m', storage: '/s' } });
  await stop(services, { run });
  await assert.rejects(stop(services, { run }), Cancelled);
  assert.match(fake.asked[0]!.detail!, /Its job on http:\/\/head:8265 may go on\./);
  const ours = 'security-vectors-0123456789ab';
  const jobs = { train: `${ours}-train-012345`, evaluate: `${ours}-evaluate-012345` };
  await write(join(run, 'cluster.json'), JSON.stringify({ run: ours, jobs, ended: [jobs.evaluate] }));
  fake.choose = ([yes]) => yes;
  await stop(services, { run });
  const { message } = (await hang.ended).progress;
  assert.ok(message.includes(`http://head:8265: ${jobs.train}.`), message);
});
