/** The clock on the wall may be set by hours while something runs: how long it takes is told by another. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { mock, test } from 'node:test';
import { RestartLimit } from '../../extension/engine/engine.js';
import { HostError } from '../../extension/host/errors.js';
import { applyEvent, createRun } from '../../extension/runs/run.js';
import { progressNow } from '../../extension/runs/snapshot.js';
import { Runner } from '../../extension/runs/runner.js';
import { RunStore } from '../../extension/runs/store.js';
import { duration } from '../../extension/host/text.js';
import { now } from '../../extension/host/clock.js';
import { runTooltip } from '../../extension/views/labels.js';
import { RUN_STRINGS } from '../../webview/protocol/run.js';
import { formatDuration as onThePage } from '../../runtime/contract/format.js';
import { recipe, runFolder, step, temporary, write } from './support.js';

const HOUR = 3_600_000;

/** Sets the clock on the wall forth or back, for the rest of the test. */
function setClock(hours: number): () => void {
  const at = Date.now.bind(Date);
  const mocked = mock.method(Date, 'now', () => at() + hours * HOUR);
  return () => mocked.mock.restore();
}

for (const hours of [-5, 20_000])
  test(`a clock that is set by ${hours} h changes neither what a run took nor what it has left`, async (t) => {
    const root = await temporary(t);
    const file = await write(join(root, 'recipes/r.json'), recipe());
    const store = new RunStore();
    let finish: () => void = () => undefined;
    const request = (_name: string, _params: unknown, { onEvents }: { onEvents(events: unknown[]): void }) => {
      onEvents([step(1, { secondsLeft: 9 })]);
      return new Promise<void>((resolve) => (finish = resolve));
    };
    const engine = () => ({ request: request as never, dispose: () => undefined });
    const { run, ended } = await new Runner({ store, engine, assertTrusted: () => undefined }).start(file);
    while (progressNow(run, now()).secondsLeft === null) await new Promise((resolve) => setImmediate(resolve));
    t.after(setClock(hours));
    const { secondsElapsed, secondsLeft } = progressNow(run, now());
    assert.ok(secondsElapsed >= 0 && secondsElapsed < 5, `${secondsElapsed} s`);
    assert.equal(secondsLeft, 9);
    finish();
    const after = await ended;
    assert.ok(after.progress.secondsElapsed >= 0 && after.progress.secondsElapsed < 5);
  });

test('impossible times in a manifest are shown in words', async (t) => {
  const root = await temporary(t);
  const times = (started: string, ended: string) => ({
    manifest: { started, ended, done: undefined, kind: 'vector' as const },
  });
  const back = await runFolder(root, 'back', times('2026-01-01T10:00:00.000Z', '2026-01-01T05:00:00.000Z'));
  const forth = await runFolder(root, 'forth', times('2026-01-01T10:00:00.000Z', '2046-01-01T10:00:00.000Z'));
  const store = new RunStore();
  assert.equal(duration((await store.read(back))!.progress.secondsElapsed), 'an unknown time');
  assert.equal(duration((await store.read(forth))!.progress.secondsElapsed), '100 days or more');
});

test('a time left that is below zero, or none, is not shown', () => {
  for (const secondsLeft of [-5, NaN, Infinity, 1e300]) {
    const run = createRun('/w/a', 'a');
    run.live = true;
    applyEvent(run, step(1, { secondsLeft }));
    const left = /about .* left to train/.exec(runTooltip(run))?.[0];
    assert.equal(left, secondsLeft === 1e300 ? 'about 100 days or more left to train' : undefined);
  }
});

test('durations have a bound on either side, in the tree and on the page', () => {
  const page = (seconds: number): string => onThePage(seconds, RUN_STRINGS);
  for (const how of [duration, page]) {
    assert.equal(how(-3600), 'an unknown time');
    assert.equal(how(NaN), 'an unknown time');
    assert.equal(how(20_000 * 3600), '100 days or more');
    assert.equal(how(7260), '2 h 1 min');
  }
});

test('a failed start is distinguished from what an earlier run left, whatever the clock shows', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  await runFolder(root, 'colours', { manifest: { started: '2999-01-01T10:00:00.000Z' } });
  const engine = () => ({
    request: (() => Promise.reject(new HostError({ kind: 'input', message: 'no tokenizer' }))) as never,
    dispose: () => undefined,
  });
  const store = new RunStore();
  const { ended } = await new Runner({ store, engine, assertTrusted: () => undefined }).start(file);
  const run = await ended;
  assert.equal(run.error!.message, 'no tokenizer');
  assert.deepEqual(run.train.step, []);
});

test('crashes are counted by a clock that nobody sets', (t) => {
  const limit = new RestartLimit(2, 1000);
  limit.crashed();
  t.after(setClock(5));
  limit.crashed();
  assert.equal(limit.reached, true);
});
