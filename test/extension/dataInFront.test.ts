/** Commands about a data file take the one in front of the person, and nothing else that is open. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostError } from '../../extension/host/errors.js';
import { fake, TabInputText, TabInputWebview, Uri, window } from './fake/vscode.js';

const { previewData } = await import('../../extension/commands/previewData.js');
const { saveCleaned } = await import('../../extension/commands/saveCleaned.js');
const { scan } = await import('../../extension/commands/scan.js');

const COMMANDS = { previewData, scan };
const vector = { role: 'security', path: '/w/v', name: 'v', reason: null };

for (const name of ['previewData', 'scan'] as const)
  test(`${name}: a data file in front is taken, anything else is not`, async (t) => {
    const before = fake.answer;
    t.after(() => {
      fake.answer = before;
      window.activeTextEditor = undefined;
    });
    /** What it asks, or the file that it reads at once. */
    const taken = async (scheme: string, fsPath: string): Promise<string> => {
      window.activeTextEditor = { document: { uri: { scheme, fsPath } } } as never;
      const left = (what: string): never => {
        throw new Error(what);
      };
      fake.answer = left;
      const services = {
        assertTrusted: () => undefined,
        engine: { request: async (_: string, { path }: { path: string }) => left(path) },
        files: { dataFiles: () => ['/w/data/list.json', '/w/train.csv'] },
        inspector: { get: () => undefined },
        mappings: { get: () => undefined },
        models: { list: () => [{ name: 'm', path: '/w/m', adapters: [vector] }] },
        recipes: { list: () => [], isEvaluationSet: () => false },
        scans: { get: () => undefined },
      };
      return COMMANDS[name](services as never, {}).then(
        () => 'done',
        (error: unknown) => (error as Error).message,
      );
    };
    assert.equal(await taken('file', '/w/train.csv'), '/w/train.csv');
    assert.equal(await taken('file', '/w/data/list.json'), '/w/data/list.json');
    // Of another folder, where nothing is looked for.
    assert.equal(await taken('file', '/elsewhere/x.JSONL'), '/elsewhere/x.JSONL');
    for (const [scheme, file] of [
      ['file', '/w/recipes/x.json'],
      ['file', '/w/README.md'],
      ['git', '/w/train.csv'],
      ['untitled', 'Untitled-1.jsonl'],
    ] as const)
      assert.equal(await taken(scheme, file), 'Which data?', file);
  });

test('a file that has only a tab, as it is very large, is in front as well', async (t) => {
  const { activeTabGroup } = window.tabGroups;
  t.after(() => {
    activeTabGroup.activeTab = undefined;
  });
  const services = {
    assertTrusted: () => undefined,
    engine: { request: (_: string, { path }: { path: string }) => Promise.reject(new Error(path)) },
    files: { dataFiles: () => [] },
    inspector: { get: () => undefined },
    mappings: { get: () => undefined },
    models: { list: () => [{ name: 'm', path: '/w/m', adapters: [vector] }] },
    recipes: { list: () => [], isEvaluationSet: () => false },
    scans: { get: () => undefined, look: async () => undefined },
  };
  const asked = async (input: unknown): Promise<unknown[]> => {
    activeTabGroup.activeTab = { input };
    const left = (what: string): never => {
      throw new Error(what);
    };
    t.mock.method(fake, 'answer', left);
    const message = (error: unknown): string => (error as Error).message;
    const read = await previewData(services as never, {}).then(() => 'done', message);
    const saved = await saveCleaned(services as never, {}).catch((error: unknown) => (error as HostError).data.place);
    return [read, saved];
  };
  const file = '/w/train.csv';
  assert.deepEqual(await asked(new TabInputText(Uri.file(file))), [file, file]);
  for (const other of [new TabInputText(Uri.from({ scheme: 'git', path: file })), new TabInputWebview('x')])
    assert.deepEqual(await asked(other), ['Which data?', undefined]);
});
