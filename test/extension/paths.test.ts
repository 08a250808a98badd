/** Paths are compared as text, so the same place is written in the same way, also on Windows. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, posix, win32 } from 'node:path';
import { test } from 'node:test';
import { editorPath, isWithin } from '../../extension/host/paths.js';
import { withEditorPaths } from '../../extension/runs/folder.js';
import { pathsFrom } from '../../extension/runs/recipe.js';
import { readState, stateFile, writeState } from '../../extension/host/state.js';
import { fake, Uri, window, workspace } from './fake/vscode.js';
import { manifest, temporary } from './support.js';

const { openSample } = await import('../../extension/commands/sample.js');
const { WorkspaceModels } = await import('../../extension/workspace/models.js');

test('on Windows a path is as the editor has it, whoever wrote it', () => {
  for (const path of ['c:\\w\\a.json', 'C:\\w\\a.json', 'C:/w/a.json', 'C:/w//x/../a.json', 'c:\\w\\a.json\\'])
    assert.equal(editorPath(path, win32), 'c:\\w\\a.json');
  assert.equal(editorPath('//nas/share/m/', win32), '\\\\nas\\share\\m');
  // relative ones, and those that a run brings from another system
  for (const path of ['w/a', '/home/me/a', 'C:a', '']) assert.equal(editorPath(path, win32), path);
  for (const path of ['/w/../a', 'C:/w', 'w']) assert.equal(editorPath(path, posix), path);
});

test('what recipes and manifests name is found among the files of the editor', () => {
  const at = pathsFrom('c:\\w\\recipes', win32);
  assert.equal(at('C:/models/tiny'), 'c:\\models\\tiny');
  assert.equal(at('../data/a.jsonl'), 'c:\\w\\data\\a.jsonl');
  assert.equal(at('hub:owner/name'), 'hub:owner/name');
  const path = 'C:\\w\\a';
  const run = manifest('/w', {
    recipe: path,
    model: { path, architecture: 'llama', sha256: 'f' },
    data: [{ path, rows: 1, sha256: 'f' }],
    vectors: [{ path, sha256: 'f', scale: 1 }],
  });
  const { recipe, model, data, vectors } = withEditorPaths(run, win32);
  assert.deepEqual(
    [recipe, model.path, data[0]!.path, vectors[0]!.path],
    Array.from({ length: 4 }, () => 'c:\\w\\a'),
  );
  assert.deepEqual(withEditorPaths(run, posix), run);
});

test('a place on another drive is in no folder of this one', () => {
  assert.equal(isWithin('d:\\sample', 'c:\\w', win32), false);
  assert.equal(isWithin('c:\\w\\sample', 'c:\\w', win32), true);
  assert.equal(isWithin('c:\\w2', 'c:\\w', win32), false);
  assert.equal(isWithin('d:\\sample', 'd:\\', win32), true);
});

test('the sample is opened as a workspace, unless it was copied into the one that is open', async (t) => {
  const root = await temporary(t);
  const before = { fs: workspace.fs, workspaceFolders: workspace.workspaceFolders };
  t.after(() => Object.assign(workspace, before));
  Object.assign(workspace, {
    fs: { copy: async () => undefined },
    workspaceFolders: [{ uri: Uri.file(join(root, 'w')) }],
  });
  const calls: string[] = [];
  const inspect = (path: string) => Promise.reject(new Error(`${path} is not there`));
  const models = new WorkspaceModels({ root: () => join(root, 'w'), inspect, runs: () => [] });
  const services = {
    extension: Uri.file(join(import.meta.dirname, '../..')),
    files: { scan: async () => void calls.push('scan') },
    models,
  };
  const inIt = ['w', 'w/..sample'].map((name) => join(root, name));
  for (const [i, folder] of inIt.entries()) {
    await openSample(services as never, { folder });
    assert.deepEqual([calls.splice(0), fake.opened.splice(0)], [['scan'], [join(folder, 'README.md')]]);
    // Also that of a folder in it: the workspace that is open says which models there are.
    assert.deepEqual(
      models.list().map(({ path }) => path),
      inIt.slice(0, i + 1).map((each) => join(each, 'tiny-assistant')),
    );
  }
  Object.assign(workspace, { workspaceFolders: ['w', 'b'].map((name) => ({ uri: Uri.file(join(root, name)) })) });
  await openSample(services as never, { folder: join(root, 'b') });
  assert.deepEqual([calls.splice(0), fake.opened.splice(0)], [['scan'], [join(root, 'b', 'README.md')]]);
  assert.ok(models.get(join(root, 'b', 'tiny-assistant')));
  assert.equal(existsSync(stateFile(join(root, 'b'))), false, 'what another folder says of models is read by nobody');
  const beside = join(root, 'w-sample');
  await openSample(services as never, { folder: beside });
  assert.deepEqual([calls, fake.opened.splice(0), models.list().length], [[], [beside], 3]);
  assert.deepEqual(
    (await readState(beside)).models.map(({ path }) => path),
    ['tiny-assistant'],
  );
});

test('where the window works with models of elsewhere its folder is not empty: a place for the sample is asked for', async (t) => {
  const root = await temporary(t);
  const before = { fs: workspace.fs, workspaceFolders: workspace.workspaceFolders };
  t.after(() => Object.assign(workspace, before));
  const [open, chosen] = [join(root, 'w'), join(root, 'chosen')];
  Object.assign(workspace, { fs: { copy: async () => undefined }, workspaceFolders: [{ uri: Uri.file(open) }] });
  const services = {
    extension: Uri.file(join(import.meta.dirname, '../..')),
    ...{ files: { scan: async () => undefined }, models: { add: async () => undefined } },
  };
  Object.assign(window, { showOpenDialog: async () => [Uri.file(chosen)] });
  await mkdir(join(open, '.git'), { recursive: true });
  assert.equal(await openSample(services as never, {}), open, 'no file of a person is there');
  await writeState(open, { version: 1, models: [{ path: '/models/a', name: 'a', adapters: [] }] });
  assert.equal(await openSample(services as never, {}), chosen);
  fake.opened.splice(0);
});
