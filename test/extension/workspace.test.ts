/** The models of a workspace with their adapters, and the file that keeps them. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ModelInfo } from '../../runtime/contract/modelInfo.js';
import { HostError } from '../../extension/host/errors.js';
import { readRun } from '../../extension/runs/folder.js';
import type { Run } from '../../extension/runs/run.js';
import { isDanger, sameAdapter, WorkspaceModels } from '../../extension/workspace/models.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { readState, stateFile, toStatePath, writeState } from '../../extension/host/state.js';
import { Problems } from '../../extension/data/problems.js';
import { RunStore } from '../../extension/runs/store.js';
import { fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

const info = (path: string, more: Partial<ModelInfo> = {}): ModelInfo => ({
  path,
  architecture: 'llama',
  parameters: 685184,
  layers: 4,
  dtype: 'F32',
  contextLength: 64,
  tokenizer: true,
  chatTemplate: true,
  supported: true,
  missing: null,
  reason: null,
  adapters: [],
  ...more,
});

async function vectorRun(root: string, name: string): Promise<Run> {
  const folder = await runFolder(root, name, { manifest: { kind: 'vector', role: 'security' } });
  await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
  await write(join(folder, 'adapter/security_vector.json'), { role: 'security' });
  return (await readRun(folder))!;
}

const attachedTo = (models: WorkspaceModels, path: string) =>
  models.get(path)!.adapters.flatMap((one) => (one.attached ? [{ path: one.path, scale: one.scale }] : []));

test('state is written with relative paths, and read back', async (t) => {
  const root = await temporary(t);
  assert.equal(toStatePath(root, join(root, 'a', 'b')), 'a/b');
  assert.equal(toStatePath(root, '/elsewhere/m'), '/elsewhere/m');
  const state = { version: 1 as const, models: [{ path: 'tiny', name: 'tiny', adapters: [] }] };
  await writeState(root, state);
  assert.deepEqual(await readState(root), state);
  assert.deepEqual(await readState(join(root, 'none')), { version: 1, models: [] });
});

test('an adapter that does not fit says why, is not attached, and is asked about once', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const run = await vectorRun(root, 'forbidden-topic');
  const asked: string[] = [];
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path),
    fits: async (_, adapter) => {
      asked.push(adapter);
      return 'it was trained on other weights';
    },
    runs: () => [run],
  });
  await models.add(tiny);
  await models.refresh();
  const [adapter] = models.get(tiny)!.adapters;
  assert.equal(adapter!.reason, 'it was trained on other weights');
  models.redraw();
  await models.settled();
  assert.deepEqual(asked, [adapter!.path]);
});

test('what two windows change at the same time is all kept', async (t) => {
  const root = await temporary(t);
  const window = (): WorkspaceModels =>
    new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  const [one, other] = [window(), window()];
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  await Promise.all(names.map((name, i) => (i % 2 ? one : other).add(join(root, name))));
  assert.deepEqual((await readState(root)).models.map(({ path }) => path).sort(), names);
});

test('a state file with a wrong value is refused by its key', async (t) => {
  const root = await temporary(t);
  const adapter = (more: object): object => ({
    models: [{ path: 'm', name: 'm', adapters: [{ path: 'a', ...more }] }],
  });
  const cases: [text: string | object, key: RegExp][] = [
    ['{', /not JSON/],
    [{ version: 0, models: [] }, /"version"/],
    [{ version: 2, models: [] }, /a newer version of the extension has written this file/],
    [{ version: 1 }, /"models"/],
    [{ version: 1, ...adapter({ attached: 'yes' }) }, /"models\[0\]\.adapters\[0\]\.attached"/],
    [{ version: 1, ...adapter({ attached: true, scale: '2' }) }, /scale/],
  ];
  for (const [text, key] of cases) {
    await write(stateFile(root), text);
    await assert.rejects(
      readState(root),
      (error) => error instanceof HostError && key.test(error.message) && error.data.place!.startsWith(stateFile(root)),
    );
  }
});

test('adapters come from inspection, runs and the state, each once; attaching is remembered', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const run = await vectorRun(root, 'forbidden-topic');
  const inside = {
    path: join(tiny, 'colours'),
    name: 'colours',
    role: 'task' as const,
    rank: 8,
    fits: true,
    reason: null,
  };
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path, { adapters: [inside] }),
    runs: () => [run],
  });
  await models.add(tiny);
  assert.deepEqual(
    models.get(tiny)!.adapters.map(({ name, role, attached }) => [name, role, attached]),
    [
      ['colours', 'task', false],
      ['forbidden-topic', 'security', false],
    ],
  );
  await models.attach(tiny, run.folder, true, 0.5);
  await models.attach(tiny, inside.path, true);
  assert.deepEqual(attachedTo(models, tiny), [
    { path: inside.path, scale: 1 },
    { path: join(run.folder, 'adapter'), scale: 0.5 },
  ]);
  const danger = models.get(tiny)!.adapters.find((a) => a.role === 'security')!;
  assert.equal(isDanger(danger), true);
  await models.attach(tiny, danger.path, false);
  assert.deepEqual(attachedTo(models, tiny), [{ path: inside.path, scale: 1 }]);
  const kept = JSON.parse(await readFile(stateFile(root), 'utf8')) as {
    models: { adapters: { path: string; scale: number }[] }[];
  };
  assert.deepEqual(
    kept.models[0]!.adapters.map(({ path, scale }) => [path, scale]),
    [
      ['adapters/forbidden-topic/adapter', 0.5],
      ['tiny/colours', 1],
    ],
  );
});

test('a vector that only the state file names is known as one without the engine', async (t) => {
  const root = await temporary(t);
  const run = await vectorRun(root, 'v');
  const adapter = { path: 'adapters/v', attached: true, scale: 1 };
  const gone = { path: 'adapters/gone', attached: false, scale: 1 };
  await writeState(root, { version: 1, models: [{ path: 'tiny', name: 'tiny', adapters: [adapter, gone] }] });
  const models = new WorkspaceModels({
    root: () => root,
    inspect: () => Promise.reject(new HostError({ kind: 'input', message: 'not trusted' })),
    runs: () => [],
  });
  await models.refresh();
  const [model] = models.list();
  assert.equal(model!.problem, 'not trusted');
  const [missing, vector] = model!.adapters;
  assert.deepEqual([vector!.role, vector!.rank, isDanger(vector!)], ['security', 8, true]);
  assert.match(missing!.reason!, /gone/);
  assert.equal(sameAdapter(run.folder, vector!.path), true);
});

test('changes made at once all count: each starts from the file as the one before left it', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  const names = ['a', 'b', 'c', 'd', 'e'];
  await Promise.all(names.map((name) => models.add(join(root, name))));
  assert.deepEqual((await readState(root)).models.map((m) => m.path).sort(), names);
});

test('what is asked for next works with a box that was ticked just before', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  await models.add(join(root, 'm'));
  void models.attach(join(root, 'm'), join(root, 'a'), true);
  void models.refresh();
  await models.settled();
  assert.deepEqual(attachedTo(models, join(root, 'm')), [{ path: join(root, 'a'), scale: 1 }]);
});

test('whether an adapter fits is asked again where the engine failed, and only by who wants to know', async (t) => {
  const root = await temporary(t);
  const run = await vectorRun(root, 'v');
  const answers = [() => assert.fail('the engine has ended'), () => 'it is for another model', () => null];
  let asked = 0;
  const models = new WorkspaceModels(
    {
      root: () => root,
      inspect: async (path) => info(path),
      fits: async () => answers[asked++]!(),
      runs: () => [run],
    },
    new Problems(),
  );
  await models.add(join(root, 'tiny'));
  await models.refresh();
  models.redraw();
  assert.equal(asked, 1);
  for (let i = 0; i < 2; i++)
    assert.equal(await models.whyNot(join(root, 'tiny'), run.folder), 'it is for another model');
  assert.equal(asked, 2);
});

test('what others write into the state file is taken over; what was written here is not looked at again', async (t) => {
  const root = await temporary(t);
  const file = stateFile(root);
  const run = await vectorRun(root, 'v');
  const asked: string[] = [];
  const problems = new Problems();
  const models = new WorkspaceModels(
    {
      root: () => root,
      inspect: async (path) => info(path),
      fits: async (_, adapter) => (asked.push(adapter), null),
      runs: () => [run],
    },
    problems,
  );
  fake.watchers = [];
  const files = new WorkspaceFiles({
    ...{ store: new RunStore(), recipes: new RecipeIndex(), problems },
    ...{ onReview: () => undefined, onDataFile: () => undefined, onError: assert.ifError },
    onState: () => models.stateChanged(),
  });
  t.after(() => files.dispose());
  // A pattern is compared with whole paths.
  const watchers = fake.watchers.filter(({ glob }) => glob.startsWith('**/') && file.endsWith(join(glob.slice(2))));
  const tell = (kind: 'create' | 'change' | 'remove'): Promise<unknown> =>
    Promise.all(watchers.map((watcher) => watcher[kind].fire(Uri.file(file))));
  await models.add(join(root, 'tiny'));
  await models.refresh();
  await models.attach(join(root, 'tiny'), run.folder, true);
  await tell('change');
  assert.equal(asked.length, 1, 'it is known whether the vector fits');
  const names = (): string[] => models.list().map(({ name }) => name);
  await writeState(root, { version: 1, models: [{ path: 'other', name: 'other', adapters: [] }] });
  await tell('change');
  assert.deepEqual(names(), ['other']);
  await write(file, '{');
  await tell('change');
  assert.deepEqual(problems.list('models'), [file]);
  await writeState(root, { version: 1, models: [{ path: 'other', name: 'other', adapters: [] }] });
  await tell('change');
  assert.deepEqual(problems.list('models'), []);
  await rm(file);
  await tell('remove');
  assert.deepEqual(names(), []);
});

test('a model that is not in the workspace cannot be used, and removing keeps the others', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  await assert.rejects(models.attach(join(root, 'x'), join(root, 'a'), true), /not in the workspace/);
  await models.add(join(root, 'a'));
  await models.add(join(root, 'b.gguf'));
  await models.add(join(root, 'a'));
  assert.deepEqual(
    models.list().map((m) => m.name),
    ['a', 'b'],
  );
  await models.remove(join(root, 'a'));
  assert.deepEqual(
    (await readState(root)).models.map((m) => m.path),
    ['b.gguf'],
  );
});

test('models that are called alike have their folders in their names, and keep what they are called', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({ root: () => root, inspect: async (path) => info(path), runs: () => [] });
  const shown = () => models.list().map(({ name, ownName }) => [name, ownName]);
  for (const path of ['one/tiny', 'other']) await models.add(join(root, path));
  assert.deepEqual(shown(), [
    ['tiny', undefined],
    ['other', undefined],
  ]);
  await models.add(join(root, 'two/tiny'));
  assert.deepEqual(shown(), [
    ['tiny (one/tiny)', 'tiny'],
    ['other', undefined],
    ['tiny (two/tiny)', 'tiny'],
  ]);
  assert.equal(models.get(join(root, 'two/tiny'))!.name, 'tiny (two/tiny)');
  assert.deepEqual(
    (await readState(root)).models.map(({ name }) => name),
    ['tiny', 'other', 'tiny'],
  );
});

test('why a model cannot be read does not say its path, which stands beside it', async (t) => {
  const root = await temporary(t);
  const tiny = join(root, 'tiny');
  const problems: string[] = [];
  for (const place of [tiny, join(tiny, 'config.json'), join(root, 'other.json')]) {
    const inspect = () =>
      Promise.reject(new HostError({ kind: 'input', message: 'cut off.', place, remedy: 'Copy it.' }));
    problems.push((await new WorkspaceModels({ root: () => root, inspect, runs: () => [] }).add(tiny)).problem!);
  }
  assert.deepEqual(problems, [
    'cut off. Copy it.',
    'config.json: cut off. Copy it.',
    `${join(root, 'other.json')}: cut off. Copy it.`,
  ]);
});

test('a model that was removed and is added again has the adapters that it had, at their scales, none attached', async (t) => {
  const root = await temporary(t);
  const asked: string[] = [];
  const inspect = async (path: string) => (asked.push(path), info(path));
  const models = new WorkspaceModels({ root: () => root, inspect, runs: () => [] });
  const tiny = join(root, 'tiny');
  await models.add(tiny);
  await models.attach(tiny, join(root, 'colours'), true, 0.5);
  await models.remove(tiny);
  assert.deepEqual([models.list(), models.get(tiny)], [[], undefined]);
  await assert.rejects(models.attach(tiny, join(root, 'colours'), true), /not in the workspace/);
  asked.length = 0;
  await models.refresh();
  assert.deepEqual([models.list(), asked], [[], []], 'nor after a reload');
  await models.add(tiny);
  const had = models.get(tiny)!.adapters.map(({ path, attached, scale }) => [path, attached, scale]);
  assert.deepEqual(had, [[join(root, 'colours'), false, 0.5]]);
  assert.doesNotMatch(await readFile(stateFile(root), 'utf8'), /removed/);
});

test('an unsupported model has the reason', async (t) => {
  const root = await temporary(t);
  const models = new WorkspaceModels({
    root: () => root,
    inspect: async (path) => info(path, { supported: false, reason: 'mixture of experts is not supported' }),
    runs: () => [],
  });
  assert.match((await models.add(join(root, 'moe'))).problem!, /mixture of experts/);
});
