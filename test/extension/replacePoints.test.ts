/** A sweep whose finished points would be others now is run once more where the person agrees to it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Engine } from '../../extension/engine/engine.js';
import { Runner } from '../../extension/runs/runner.js';
import type { Run } from '../../extension/runs/run.js';
import { RunStore } from '../../extension/runs/store.js';
import { HostError } from '../../extension/host/errors.js';
import type { DoneEvent, RunEvent } from '../../runtime/contract/events.js';
import './fake/vscode.js';
import { recipe, runFolder, step, temporary, until, write } from './support.js';

const { runRecipe } = await import('../../extension/commands/runs.js');
const { replacePoints } = await import('../../extension/commands/replacePoints.js');

test('it works in its own folder, keeps the points that would be the same, and replaces the others', async (t) => {
  const root = await temporary(t);
  await write(join(root, 'recipes/plain.json'), recipe({ output: '../adapters/plain' }));
  const raw = { kind: 'sweep', base: 'plain.json', over: { seed: [1] }, output: '../adapters/seeds' };
  const file = await write(join(root, 'recipes/seeds.json'), raw);
  const folder = await runFolder(root, 'seeds', { manifest: { kind: 'sweep', recipe: file } });
  const store = new RunStore();
  const asked: unknown[] = [];
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (async (_name: string, params: unknown) => {
      asked.push(params, runner.has(folder));
      return { output: folder } as DoneEvent;
    }) as unknown as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const ended = new Promise((resolve) => runner.onDidEnd(resolve));
  const services = { store, runner, assertTrusted: () => undefined, recipes: { list: () => [] } };
  await replacePoints(services as unknown as Parameters<typeof replacePoints>[0], (await store.read(folder))!);
  await ended;
  assert.deepEqual(asked, [{ recipe: file, output: folder, force: true, resume: true, secrets: {} }, true]);
});

test('a sweep that the engine refuses to begin is what it was, with its points', async (t) => {
  const root = await temporary(t);
  await write(join(root, 'recipes/plain.json'), recipe({ output: '../adapters/plain' }));
  const raw = { kind: 'sweep', base: 'plain.json', over: { seed: [1, 2] }, output: '../adapters/seeds' };
  const file = await write(join(root, 'recipes/seeds.json'), raw);
  const point = (seed: number): Extract<RunEvent, { kind: 'point' }> => ({
    kind: 'point',
    values: { seed },
    folder: `points/seed-${seed}`,
    verdict: 'held',
    headline: 'Protection holds.',
    measurements: [],
    seconds: 1,
  });
  const folder = await runFolder(root, 'seeds', {
    manifest: { kind: 'sweep', recipe: file },
    recipe: raw,
    events: [point(1), point(2)],
  });
  for (const seed of [1, 2]) await runFolder(root, `seeds/points/seed-${seed}`, {});
  const store = new RunStore();
  const before = (await store.read(folder))!;
  assert.deepEqual([before.progress.state, before.points.length], ['finished', 2]);
  const refusal = { kind: 'input', code: 'exists', message: '2 finished points would be replaced.' } as const;
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (() => Promise.reject(new HostError(refusal))) as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const after = await (await runner.start(file, { resume: true })).ended;
  assert.deepEqual([after.progress.state, after.points.length, after.error], ['finished', 2, undefined]);
  assert.equal(after.refused?.message, refusal.message);
  assert.equal(store.get(folder), after);
  const { refused } = store.begin(after.recipe!, after.name, true);
  assert.equal(refused, undefined, 'what is said next is about the next beginning');
});

test('a run whose place was taken while it waited leaves the result of another as it is, also for who is told of it', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/colours.json'), recipe());
  const store = new RunStore();
  const message = 'the output folder holds the finished run "colours" of 2026.';
  const remedy = '--force replaces it when the new run is done.';
  const refusal = new HostError({ kind: 'input', code: 'exists', message, remedy });
  const engine = (): Pick<Engine, 'request' | 'dispose'> => ({
    request: (() => Promise.reject(refusal)) as Engine['request'],
    dispose: () => undefined,
  });
  const runner = new Runner({ store, engine, assertTrusted: () => undefined });
  t.after(() => runner.dispose());
  const services = { runner, store, assertTrusted: () => undefined, runPanels: { show: async () => undefined } };
  runner.pause(true);
  const told = runRecipe(services as unknown as Parameters<typeof runRecipe>[0], { file });
  await until(() => runner.queue().length === 1);
  await runFolder(root, 'colours', { events: [step(1)] });
  const ended = new Promise<Run>((resolve) => runner.onDidEnd(resolve));
  runner.pause(false);
  const { progress, error, refused } = await ended;
  assert.deepEqual([progress.state, error, refused?.message], ['finished', undefined, message]);
  assert.equal((await told).error, message);
});
