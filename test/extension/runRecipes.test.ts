/** Recipes that are run: which of them, what of them is saved before, and what becomes of a run that stands there. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHECKPOINT_FILE } from '../../runtime/contract/runFiles.js';
import { errorData } from '../../extension/host/errors.js';
import { readRun } from '../../extension/runs/folder.js';
import { recipeToRun } from '../../extension/runs/recipe.js';
import type { Services } from '../../extension/services/services.js';
import { fake, workspace as fakeWorkspace } from './fake/vscode.js';
import { recipe, runFolder, temporary, write } from './support.js';

const { runRecipe } = await import('../../extension/commands/runs.js');

test('several recipes are all read before one is run, and two may not write to the same folder', async (t) => {
  const root = await temporary(t);
  const file = (name: string, output: string): Promise<string> =>
    write(join(root, 'recipes', name), recipe({ output: `../adapters/${output}` }));
  const files = [await file('r10.json', 'ten'), await file('r2.json', 'two')];
  const started: string[] = [];
  const services = {
    assertTrusted: () => undefined,
    runPanels: { show: () => undefined },
    runner: {
      standing: async () => undefined,
      start: async (path: string) => {
        started.push(path);
        const run = { folder: path, progress: { state: 'finished' }, measurements: [] };
        return { run, ended: Promise.resolve(run) };
      },
    },
  } as unknown as Services;
  const ended = await runRecipe(services, { file: files[0], files });
  assert.deepEqual(started, [files[1], files[0]]);
  assert.equal(ended.folder, files[0]);
  started.length = 0;
  const clash = await file('r3.json', 'two');
  await assert.rejects(runRecipe(services, { files: [...files, clash] }), /same folder: r2\.json and r3\.json/);
  const broken = await write(join(root, 'recipes/r9.json'), '{');
  await assert.rejects(runRecipe(services, { files: [...files, broken] }), /not JSON/);
  assert.deepEqual(started, []);
});

test('what is saved before a run is the file, and no older version of it that is open', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const saved: string[] = [];
  const opened = (scheme: string, isDirty: boolean) => ({
    ...{ uri: { scheme, fsPath: file }, isClosed: false, isDirty },
    save: async () => (saved.push(scheme), true),
  });
  fakeWorkspace.textDocuments = [opened('git', false), opened('file', true)];
  t.after(() => (fakeWorkspace.textDocuments = []));
  const ended = { folder: file, progress: { state: 'finished' }, measurements: [] };
  const services = {
    assertTrusted: () => undefined,
    runPanels: { show: () => undefined },
    runner: { standing: async () => undefined, start: async () => ({ run: ended, ended: Promise.resolve(ended) }) },
  } as unknown as Services;
  await runRecipe(services, { file });
  assert.deepEqual(saved, ['file']);
});

test('where a run stands that can be resumed, the person decides whether it is', async (t) => {
  const root = await temporary(t);
  const file = await write(join(root, 'recipes/r.json'), recipe());
  const output = await runFolder(root, 'colours', { manifest: { outcome: 'stopped', done: undefined } });
  await write(join(output, 'checkpoint', CHECKPOINT_FILE), '');
  const run = (await readRun(output))!;
  const done: unknown[] = [];
  const awaited: string[] = [];
  const begun = (what: unknown) => {
    done.push(what);
    return Promise.resolve({ run, ended: Promise.resolve(run) });
  };
  const services = {
    assertTrusted: () => undefined,
    runPanels: { show: () => undefined },
    runner: {
      standing: () => Promise.resolve(run),
      start: (_: string, options: object) => begun(options),
      resume: (folder: string, of: string) => begun([folder, of]),
      has: (folder: string) => awaited.includes(folder),
    },
  } as unknown as Services;
  for (const label of ['Resume it', 'Start over', 'Keep both']) {
    fake.answer = (question) => {
      assert.match(question, /^What should happen to the existing run in /);
      return label;
    };
    await runRecipe(services, { file });
  }
  awaited.push(`${output}-2`);
  await runRecipe(services, { file });
  assert.deepEqual(done, [[output, file], { replace: true }, { output: `${output}-2` }, { output: `${output}-3` }]);
});

test('the copy of a recipe in a run folder is not run: its paths are those of another folder', async (t) => {
  const root = await temporary(t);
  const services = {
    assertTrusted: () => undefined,
    runner: { start: () => assert.fail('it ran'), standing: () => assert.fail('it was looked for a run') },
  } as unknown as Services;
  const copy = join(await runFolder(root, 'colours', {}), 'recipe.json');
  await assert.rejects(runRecipe(services, { file: copy }), (error) => {
    const { message, place, remedy } = errorData(error);
    assert.match(message, /a run's copy of its recipe: its paths are relative to the folder of the original/);
    assert.equal(place, copy);
    assert.match(remedy!, /^Run "Copy the recipe of a run"/);
    return true;
  });
  // A manifest of other people makes no run folder.
  const own = await write(join(root, 'site/recipe.json'), recipe({ output: '../adapters/site' }));
  await write(join(root, 'site/manifest.json'), { name: 'site', icons: [] });
  assert.equal((await recipeToRun(own)).output, join(root, 'adapters/site'));
});
