/** In a workspace of several folders, what is made of files goes to the folder that they lie in. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { scanFile, Scans } from '../../extension/data/scans.js';
import { Cancelled } from '../../extension/host/errors.js';
import { fake, Uri, window, workspace } from './fake/vscode.js';
import { temporary, write } from './support.js';
import { scanResult } from '../support/scanResult.js';
import { keeping } from './fake/memory.js';
import { WorkAtHand } from '../../extension/host/workAtHand.js';

const { rootFor } = await import('../../extension/commands/root.js');
const { combine } = await import('../../extension/commands/combine.js');
const { evaluate } = await import('../../extension/commands/evaluate.js');
const { trainVector } = await import('../../extension/commands/training.js');

/** A workspace of these folders. @returns them, and how often the person was asked for one */
async function workspaceOf(t: TestContext, names: readonly string[], pick?: string) {
  const root = await temporary(t);
  const roots = names.map((name) => join(root, name));
  const asked: unknown[] = [];
  Object.assign(workspace, { workspaceFolders: roots.map((path) => ({ uri: Uri.file(path) })) });
  Object.assign(window, {
    showWorkspaceFolderPick: async (options: unknown) => {
      asked.push(options);
      return pick === undefined ? undefined : { uri: Uri.file(join(root, pick)) };
    },
  });
  t.after(() => {
    Object.assign(workspace, { workspaceFolders: undefined });
    Object.assign(window, { activeTextEditor: undefined });
  });
  return { root, roots, asked };
}

test('the first file that lies in a folder says which one, then the editor, then the person', async (t) => {
  const { root, asked } = await workspaceOf(t, ['a', 'ab', 'ab/inner'], 'ab');
  const at = (path: string): string => join(root, path);
  assert.equal(await rootFor(undefined, at('elsewhere/x.jsonl'), at('ab/x.jsonl'), at('a/m')), at('ab'));
  assert.equal(await rootFor(at('ab/inner/x.jsonl')), at('ab/inner'));
  assert.equal(asked.length, 0);
  assert.equal(await rootFor(at('elsewhere/x.jsonl')), at('ab'));
  assert.equal(asked.length, 1);
  Object.assign(window, { activeTextEditor: { document: { uri: Uri.file(at('a/notes.md')) } } });
  assert.equal(await rootFor(at('elsewhere/x.jsonl')), at('a'));
  assert.equal(asked.length, 1);
});

test('who chooses none writes nothing; of one folder nobody is asked', async (t) => {
  await workspaceOf(t, ['a', 'b']);
  await assert.rejects(rootFor(), Cancelled);
  const { roots, asked } = await workspaceOf(t, ['a']);
  assert.equal(await rootFor('/elsewhere'), roots[0]);
  assert.equal(asked.length, 0);
});

test('recipes, results and combined adapters', async (t) => {
  const { roots, asked } = await workspaceOf(t, ['a', 'b']);
  const [a, b] = roots as [string, string];
  fake.settings.set('device', 'cpu').set('threads', 1);
  const written: string[] = [];
  const ended = { folder: b, progress: { state: 'finished' }, measurements: [] };
  const requests: Record<string, unknown> = {
    ...{ inspectData: { rows: 3 }, defaults: { batch: { rows: 8 }, learningRate: 1e-3, epochs: 1 } },
    combine: { path: '', rank: 1, exactRank: 1, from: [] },
  };
  const sent: { out?: string }[] = [];
  const services = {
    ...{
      assertTrusted: () => undefined,
      workAtHand: new WorkAtHand(keeping()),
      inspector: { get: () => undefined },
      notices: { info: () => undefined },
    },
    engine: { request: async (name: string, params: object) => (sent.push(params), requests[name]) },
    models: {
      list: () => [a, b].map((folder) => ({ path: join(folder, 'tiny'), name: 'tiny', adapters: [] })),
      ...{ attach: async () => undefined, inspectAgain: async () => undefined },
    },
    recipes: { list: () => [], measuring: () => [], read: async () => undefined },
    ...{ runPanels: { show: () => undefined }, store: { open: async () => undefined, list: () => [] } },
    runner: {
      ...{ standing: async () => undefined, has: () => false },
      start: async (file: string) => (written.push(file), { run: ended, ended: Promise.resolve(ended) }),
    },
  };
  const data = await write(join(b, 'data/harm.jsonl'), '{"text":"x"}\n');
  const columns = { text: 'text' };
  await trainVector(services as never, { model: join(a, 'tiny'), harmful: data, harmfulColumns: columns, benign: '', rows: 'all', name: 'v' }); // oxfmt-ignore
  await evaluate(services as never, { file: data, model: join(b, 'tiny'), measure: 'harm' });
  await combine(services as never, { model: join(b, 'tiny'), adapters: [{ path: '/x' }, { path: '/y' }] });
  assert.deepEqual(written, [join(b, 'recipes/v.json'), join(b, 'recipes/evaluate-harm.json')]);
  assert.equal(dirname(sent.at(-1)!.out!), join(b, 'adapters'));
  assert.equal(asked.length, 0);
});

test('a scan is kept where its file lies; one that another folder keeps is found, and moves', async (t) => {
  const { roots } = await workspaceOf(t, ['a', 'b']);
  const [a, b] = roots as [string, string];
  const data = await write(join(b, 'train.jsonl'), 'a\nb\n');
  const result = scanResult({ rows: 2 });
  const loaded = async (): Promise<Scans> => {
    const scans = new Scans(() => roots);
    await scans.load();
    return scans;
  };
  const isKept = (): boolean[] => [a, b].map((root) => existsSync(scanFile(root, data)));
  await new Scans(() => [a]).add(data, 'v', 'earlier', result);
  assert.deepEqual(isKept(), [true, false]);
  const scans = await loaded();
  assert.equal(scans.get(data)!.vectorName, 'earlier');
  await rename(data, `${data}.away`);
  await scans.look(data);
  await rename(`${data}.away`, data);
  await scans.look(data);
  assert.equal(scans.get(data)!.vectorName, 'earlier');

  await scans.add(data, 'v', 'later', result);
  assert.deepEqual(isKept(), [false, true]);
  assert.equal((await loaded()).get(data)!.vectorName, 'later');
  await scans.drop(data);
  assert.deepEqual(isKept(), [false, false]);

  // What another folder keeps of it stands back behind its own, whichever is read first.
  const inA = await write(join(a, 'train.jsonl'), 'a\nb\n');
  await new Scans(() => [b]).add(inA, 'v', 'kept by another folder', result);
  await new Scans(() => [a]).add(inA, 'v', 'its own', result);
  assert.equal((await loaded()).get(inA)!.vectorName, 'its own');

  await scans.add(await write(join(dirname(a), 'elsewhere.jsonl'), 'a\n'), 'v', 'v', { ...result, rows: 1 });
  assert.equal(existsSync(scanFile(a, join(dirname(a), 'elsewhere.jsonl'))), true);
});
