/** What a person does with runs that are there: nothing of a run, and nothing of theirs, is lost by it. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { access, readdir, readFile, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, test, type TestContext } from 'node:test';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { commandArgument } from '../../extension/commands/arguments.js';
import { Problems } from '../../extension/data/problems.js';
import { Cancelled, type HostError } from '../../extension/host/errors.js';
import { runTitle } from '../../extension/runs/compare.js';
import { readRun } from '../../extension/runs/folder.js';
import { tagsOf } from '../../extension/runs/label.js';
import { recipeFacts } from '../../extension/runs/recipe.js';
import { nameOf } from '../../extension/runs/run.js';
import { RunStore } from '../../extension/runs/store.js';
import type { Services } from '../../extension/services/services.js';
import { runDescription } from '../../extension/views/labels.js';
import { RecipeIndex } from '../../extension/workspace/recipes.js';
import { AS_PROPOSED, fake, Uri } from './fake/vscode.js';
import { workingIn } from './otherProcess.js';
import { recipe, runFolder, temporary, write } from './support.js';

const manage = await import('../../extension/commands/manageRuns.js');
const { adapterOf } = await import('../../extension/workspace/models.js');
const { WorkspaceFiles } = await import('../../extension/workspace/watch.js');

beforeEach(() => {
  Object.assign(fake, { opened: [], asked: [], deleted: [], hasTrash: true, choose: () => undefined });
});

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** The files of a workspace, watched until the test ends. */
function watched(t: TestContext, services: Pick<Services, 'store' | 'recipes' | 'problems'>) {
  const files = new WorkspaceFiles({
    ...services,
    ...{ onState: () => undefined, onReview: () => undefined, onDataFile: () => undefined },
    onError: assert.ifError,
  });
  t.after(() => files.dispose());
  return files;
}

/** A workspace with some finished runs and the recipes that they come from. */
async function workspace(t: TestContext, ...names: string[]) {
  const root = await temporary(t);
  const store = new RunStore();
  const recipes = new RecipeIndex();
  const folders: string[] = [];
  for (const name of names) {
    const text = `{\n  // why\n  ${JSON.stringify(recipe({ output: `../adapters/${name}` })).slice(1)}\n`;
    const file = await write(join(root, 'recipes', `${name}.json`), text);
    await recipes.read(file);
    const folder = await runFolder(root, name, { manifest: { recipe: file } });
    await write(join(folder, 'adapter/adapter_config.json'), { r: 8 });
    await store.read(folder);
    folders.push(folder);
  }
  const told: string[] = [];
  const services = {
    store,
    recipes,
    problems: new Problems(),
    notices: { info: (message: string) => void told.push(message) },
  } as unknown as Services;
  return { root, store, services, folders, told };
}

test('a name, tags and the archive change what is shown of a run, and nothing else of it', async (t) => {
  const { services, store, folders } = await workspace(t, 'colours');
  const [run] = folders as [string];
  const before = await readFile(join(run, RUN_FILES.manifest), 'utf8');
  await manage.renameRun(services, { run, name: ' the good one ' });
  await manage.tagRuns(services, { run, tags: tagsOf('#baseline, lr 3e-3,, baseline') });
  await manage.archiveRuns(services, { run });
  for (const seen of [store.get(run)!, (await readRun(run))!]) {
    assert.equal(nameOf(seen), 'the good one');
    assert.equal(runTitle(seen), 'the good one, plain');
    assert.deepEqual(seen.label, { name: 'the good one', tags: ['baseline', 'lr 3e-3'], archived: true });
    assert.match(runDescription(seen), / · #baseline · #lr 3e-3 · archived$/);
    assert.deepEqual([seen.folder, seen.recipe!.output], [run, run]);
  }
  assert.equal(await readFile(join(run, RUN_FILES.manifest), 'utf8'), before);
  await manage.archiveRuns(services, { run });
  await manage.renameRun(services, { run, name: '' });
  const after = (await readRun(run))!;
  assert.deepEqual([nameOf(after), after.label!.archived], ['colours', false]);
  await write(join(run, RUN_FILES.label), '{"tags": 3}');
  assert.match((await readRun(run))!.warnings[0]!.message, /"tags"/);
});

test('of several runs those that are shown are archived; when none is shown they come back', async (t) => {
  const { services, store, folders } = await workspace(t, 'a', 'b');
  const archived = (): boolean[] => folders.map((run) => store.get(run)!.label?.archived ?? false);
  await manage.archiveRuns(services, { run: folders[0] });
  await manage.archiveRuns(services, { runs: folders });
  assert.deepEqual(archived(), [true, true]);
  await manage.archiveRuns(services, { runs: folders });
  assert.deepEqual(archived(), [false, false]);
});

test('deleting says what uses the run and what else lies there, and takes it to the trash only then', async (t) => {
  const { root, services, store, folders } = await workspace(t, 'vector', 'other');
  const [run, other] = folders as [string, string];
  const uses = {
    user: { vectors: [{ adapter: '../adapters/vector' }] },
    longer: { adapter: { init: '../adapters/vector' } },
  };
  for (const [name, more] of Object.entries(uses))
    await services.recipes.read(await write(join(root, `recipes/${name}.json`), recipe(more)));
  const waiting = store.begin(
    { ...services.recipes.list().find(({ file }) => file.endsWith('user.json'))! },
    'user',
    false,
  );
  store.queued(waiting, 1, 'waits');
  await write(join(run, 'notes.md'), 'mine');
  await assert.rejects(manage.deleteRuns(services, { run }), Cancelled);
  assert.equal(await isThere(run), true);
  const [{ message, detail }] = fake.asked as [{ message: string; detail: string }];
  assert.equal(message, 'Move "vector" to the trash?');
  assert.match(
    detail,
    /Recipes that use it: .*longer\.json, .*user\.json\.\nRuns of the queue that use it: user\.\nAlso in its folder, but not written by a run: notes\.md\.$/,
  );
  fake.choose = ([yes]) => yes;
  await manage.deleteRuns(services, { run });
  assert.deepEqual(fake.deleted, [{ path: run, useTrash: true }]);
  assert.deepEqual(
    store.list().map(({ folder }) => folder),
    [waiting.folder, other],
  );
});

test('of a run that was taken out of the queue the name goes with it, and what others have put into its folder stays', async (t) => {
  const { root, services, store } = await workspace(t);
  for (const others of [[], ['notes.md']]) {
    const folder = join(root, 'adapters', `never-${others.length}`);
    const facts = recipeFacts(JSON.stringify(recipe({ output: folder })), join(root, 'r.json'))!;
    await store.withdraw(store.begin(facts, 'never', false), 'removed');
    for (const name of others) await write(join(folder, name), 'mine');
    await manage.renameRun(services, { run: folder, name: 'later' });
    await manage.archiveRuns(services, { run: folder });
    await manage.deleteRuns(services, { run: folder, confirmed: true });
    assert.equal(store.get(folder), undefined);
    assert.deepEqual(await readdir(folder).catch(() => []), others);
  }
  assert.deepEqual(fake.deleted, []);
});

test('without a trash it is deleted only after one more question', async (t) => {
  const { services, folders } = await workspace(t, 'a');
  const [run] = folders as [string];
  fake.hasTrash = false;
  await assert.rejects(manage.deleteRuns(services, { run, confirmed: true }), Cancelled);
  assert.match(fake.asked[0]!.message, /cannot be moved to a trash here/);
  assert.equal(await isThere(run), true);
  fake.choose = ([yes]) => yes;
  await manage.deleteRuns(services, { run, confirmed: true });
  assert.deepEqual(fake.deleted, [{ path: run, useTrash: false }]);
});

test('a run that is worked on, here or by another process, is not deleted', async (t) => {
  const { services, store, folders } = await workspace(t, 'live', 'owned', 'idle');
  const [live, owned, idle] = folders as [string, string, string];
  store.begin(store.get(live)!.recipe!, 'live', false);
  await assert.rejects(manage.deleteRuns(services, { runs: [idle, live], confirmed: true }), /"live" is running/);
  const { pid } = await workingIn(t, owned);
  await assert.rejects(
    manage.deleteRuns(services, { runs: [idle, owned], confirmed: true }),
    new RegExp(`process ${pid}`),
  );
  // Nothing of the selection is deleted when a part of it cannot be.
  assert.deepEqual(fake.deleted, []);
});

test('jobs that may still be on a cluster are named before a run goes to the trash, also where it was confirmed', async (t) => {
  const { root, services, store } = await workspace(t);
  const ray = 'http://head:8265';
  const run = 'security-vectors-0123456789ab';
  const [going, ended] = [`${run}-train-012345`, `${run}-scan-012345`];
  const folder = await runFolder(root, 'cut', { manifest: { outcome: 'failed' } });
  await write(join(folder, 'cluster.json'), { run, ray, jobs: { scan: ended, train: going }, ended: [ended] });
  await store.read(folder);
  await assert.rejects(manage.deleteRuns(services, { run: folder, confirmed: true }), Cancelled);
  const detail = String(fake.asked[0]!.detail);
  assert.match(detail, new RegExp(`still be running on a cluster: ${going}\\. To end them, .* Ray dashboard`));
  assert.deepEqual(fake.deleted, []);
  // A finished run has none, and a file of another form names none.
  for (const [outcome, jobs] of [
    ['finished', { train: going }],
    ['failed', { train: '../x' }],
  ] as const) {
    const other = await runFolder(root, outcome, { manifest: { outcome } });
    await write(join(other, 'cluster.json'), { run, jobs });
    await store.read(other);
    await manage.deleteRuns(services, { run: other, confirmed: true });
  }
  assert.equal(fake.asked.length, 1);
});

test('a copy of a recipe keeps its comments, and has an output of its own', async (t) => {
  const { root, services, folders } = await workspace(t, 'colours');
  // The engine keeps what was run with all defaults filled in.
  const [run] = folders as [string];
  await write(join(run, RUN_FILES.recipe), recipe({ output: '../adapters/colours', seed: 1, method: 'lora' }));
  const file = await manage.duplicateRun(services, { run });
  assert.equal(file, join(root, 'recipes/colours-2.json'));
  assert.deepEqual(fake.opened, [file]);
  const text = await readFile(file, 'utf8');
  assert.match(text, /\/\/ why/);
  assert.match(text, /"output": ?"\.\.\/adapters\/colours-2"/);
  assert.match(text, /"file": ?"\.\.\/train\.jsonl"/);
  assert.match(await manage.duplicateRun(services, { run }), /colours-3\.json$/);
});

test('where the recipe file has changed since, the copy is what was run', async (t) => {
  const { root, services, folders } = await workspace(t, 'colours');
  await write(join(root, 'recipes/colours.json'), recipe({ output: '../adapters/colours', epochs: 99 }));
  const text = await readFile(await manage.duplicateRun(services, { run: folders[0], name: 'again' }), 'utf8');
  assert.match(text, /"epochs": ?3/);
  assert.match(text, /"output": ?"\.\.\/adapters\/again"/);
});

test("a copy of a sweep's point is no part of the sweep, and that of a replacement none of what it replaces", async (t) => {
  const { root, services, store } = await workspace(t, 'colours');
  const manifest = { recipe: join(root, 'recipes/colours.json') };
  const point = { values: { seed: 2 }, depends: 'on' };
  const ofPoint = await runFolder(root, 'sweep/points/seed-2', {
    manifest: { ...manifest, point },
    recipe: { seed: 2 },
  });
  await write(join(ofPoint, 'adapter/adapter_config.json'), { r: 8 });
  const next = await runFolder(root, 'colours/next', { manifest: { ...manifest, outcome: 'stopped' } });
  for (const run of [ofPoint, next]) await store.read(run);
  const outputOf = async (file: string): Promise<string> =>
    /"output": ?"(.+?)"/.exec(await readFile(file, 'utf8'))![1]!;
  assert.equal(await outputOf(await manage.duplicateRun(services, { run: ofPoint })), '../adapters/colours-2');
  assert.equal(
    await outputOf(await manage.trainLonger(services, { run: ofPoint, more: 1 })),
    '../adapters/seed-2-longer',
  );
  assert.equal(await outputOf(await manage.duplicateRun(services, { run: next })), '../adapters/colours-3');
});

test('training longer goes on from the adapter, and says that this is not one longer run', async (t) => {
  const { services, folders, told, root } = await workspace(t, 'colours');
  // the adapter keeps its own rank
  const ran = recipe({ output: '../adapters/colours', adapter: { rank: 4 } });
  await write(join(folders[0]!, RUN_FILES.recipe), ran);
  const file = await manage.trainLonger(services, { run: folders[0], more: 2 });
  assert.equal(dirname(file), join(root, 'recipes'));
  const text = (await readFile(file, 'utf8')).replace('// why', '');
  const { adapter, epochs, output } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual([adapter, epochs], [{ init: '../adapters/colours/adapter' }, 2]);
  assert.equal(output, '../adapters/colours-longer');
  assert.match(told[0]!, /new optimizer.*not the same as one longer run/);
});

test('of further epochs a part is enough, of further steps none is', () => {
  const faults = (length: 'epochs' | 'steps') =>
    ['2', '1.5', '0', '', 'Infinity'].map((text) => manage.faultOfMore(length, text) !== undefined);
  assert.deepEqual(faults('epochs'), [false, false, true, true, true]);
  assert.deepEqual(faults('steps'), [false, true, true, true, true]);
});

test('what has no adapter to go on from is refused with what to do instead', async (t) => {
  const { root, services, store } = await workspace(t);
  const file = join(root, 'recipes/r.json');
  const full = await runFolder(root, 'full', { recipe: { method: 'full' }, manifest: { recipe: file } });
  const stopped = await runFolder(root, 'stopped', { manifest: { recipe: file, outcome: 'stopped' } });
  for (const run of [full, stopped]) await store.read(run);
  await assert.rejects(manage.trainLonger(services, { run: full, more: 1 }), /fully fine-tuned/);
  await assert.rejects(manage.trainLonger(services, { run: stopped, more: 1 }), /no finished adapter/);
  // finished, and its adapter was deleted: there is nothing to resume
  const emptied = await runFolder(root, 'emptied', { manifest: { recipe: file } });
  await store.read(emptied);
  await assert.rejects(manage.trainLonger(services, { run: emptied, more: 1 }), (error: HostError) => {
    assert.match(error.message, /no finished adapter/);
    assert.equal(error.data.remedy, 'Run its recipe again.');
    return true;
  });
});

test('whoever cannot train longer is told before they are asked for how long', async (t) => {
  const { root, services, store, folders } = await workspace(t, 'colours');
  const file = join(root, 'recipes/r.json');
  const full = await runFolder(root, 'full', { recipe: { method: 'full' }, manifest: { recipe: file } });
  const stopped = await runFolder(root, 'stopped', { manifest: { recipe: file, outcome: 'stopped' } });
  for (const run of [full, stopped]) await store.read(run);
  await assert.rejects(manage.trainLonger(services, { run: full }), /fully fine-tuned/);
  await assert.rejects(manage.trainLonger(services, { run: stopped }), /no finished adapter/);
  await rm(join(folders[0]!, RUN_FILES.recipe));
  await assert.rejects(manage.trainLonger(services, { run: folders[0] }), /the recipe of this run is gone/);
});

test('a run whose folder is gone leaves, whatever the file system tells of it', async (t) => {
  const { root, services, store, folders } = await workspace(t, 'a', 'b');
  fake.watchers = [];
  watched(t, services);
  await rm(join(root, 'adapters'), { recursive: true });
  const all = fake.watchers.find(({ glob }) => glob === '**/*')!;
  // Of a deleted folder VS Code tells the topmost only.
  await all.remove.fire(Uri.file(join(root, 'adapters')));
  for (let i = 0; store.list().length > 0 && i < 1500; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(store.list(), []);
  assert.equal(folders.length, 2);
});

test('a run whose adapter is deleted has none, until it is there again', async (t) => {
  const { services, store, folders } = await workspace(t, 'a');
  fake.watchers = [];
  watched(t, services);
  const all = fake.watchers.find(({ glob }) => glob === '**/*')!;
  const adapter = join(folders[0]!, 'adapter');
  const seen = async (is: string | undefined): Promise<void> => {
    const found = () => store.get(folders[0]!)!.result;
    for (let i = 0; found() !== is && i < 750; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(found(), is);
  };
  await seen(adapter);
  await rename(adapter, `${adapter}-elsewhere`);
  await all.remove.fire(Uri.file(adapter));
  await seen(undefined);
  assert.equal(adapterOf(store.get(folders[0]!)!), undefined);
  await rename(`${adapter}-elsewhere`, adapter);
  await all.create.fire(Uri.file(adapter));
  await seen(adapter);
});

test('all that is selected in a view or the explorer is meant by a command that takes several', () => {
  const rows = [{ run: '/w/a' }, { run: '/w/b' }];
  assert.deepEqual(commandArgument('deleteRuns', rows[0], rows), { run: '/w/a', runs: ['/w/a', '/w/b'] });
  assert.deepEqual(commandArgument('deleteRuns', rows[0], [rows[0]]), { run: '/w/a' });
  const uris = [Uri.file('/w/a.json'), Uri.file('/w/b.json')];
  assert.deepEqual(commandArgument('runRecipe', uris[0], uris), {
    file: '/w/a.json',
    files: ['/w/a.json', '/w/b.json'],
  });
  assert.deepEqual(commandArgument('openRun', rows[0], rows), { run: '/w/a' });
});

test('a command that is called from elsewhere proposes the runs that are selected in the view', async (t) => {
  const { services, store, folders } = await workspace(t, 'a', 'b', 'c');
  const compared = { ...services, comparePanels: { show: () => undefined } } as unknown as Services;
  fake.answer = () => AS_PROPOSED;
  store.selected = folders.slice(1);
  for (const given of [{}, { run: folders[1] }])
    assert.deepEqual((await manage.compareRuns(compared, given)).toSorted(), folders.slice(1));
  // A row that it is called on is what it is about.
  await assert.rejects(manage.compareRuns(compared, { run: folders[0] }), { message: 'too few runs were chosen.' });
});

test('of many runs the newest are read first, so that the top of the view is there at once', async (t) => {
  const root = await temporary(t);
  const names = Array.from({ length: 60 }, (_, i) => `run-${i}`);
  const manifests: string[] = [];
  for (const [i, name] of names.entries()) {
    const file = join(await runFolder(root, name, {}), 'manifest.json');
    await utimes(file, 1000 + i, 1000 + i);
    manifests.push(file);
  }
  const before = fake.find;
  fake.find = (glob) => (glob === '**/manifest.json' ? manifests : []);
  t.after(() => (fake.find = before));
  const store = new RunStore();
  const read: string[] = [];
  store.onDidChange(({ run }) => read.includes(run.folder) || read.push(run.folder));
  const files = watched(t, { store, recipes: new RecipeIndex(), problems: new Problems() });
  await files.scan();
  assert.equal(store.list().length, names.length);
  const last = read.slice(0, 20).map((folder) => Number(/(\d+)$/.exec(folder)![1]));
  // Sixteen are read at a time.
  assert.ok(Math.min(...last) >= names.length - 36, last.join());
});
