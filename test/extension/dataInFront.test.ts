/** Commands about a data file take the one in front of the person, and nothing else that is open. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fake, window } from './fake/vscode.js';

const { previewData } = await import('../../extension/commands/previewData.js');
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
