/** Judges of a sweep: what a person is told of all of its points together. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import type { Reporter } from '../../runtime/calls/reporter.js';
import { silent } from '../support/silent.js';
import { RECIPES, VECTOR, writeWorkspace } from '../kills/workspace.js';

/** Prompts of the harm set. */
const ROWS = 3;

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'sweep-judge-'));
  await writeWorkspace(root);
  await write('vector', VECTOR);
  await runRecipe(join(root, 'vector.json'), silent);
});
after(() => rm(root, { recursive: true, force: true }));

async function write(name: string, value: object): Promise<string> {
  const file = join(root, `${name}.json`);
  await writeFile(file, JSON.stringify(value));
  return file;
}

describe('a language model of the editor that judges a sweep', () => {
  /** What a sweep told the editor in its requests. */
  async function told(over: object, base: object = {}): Promise<number[]> {
    const asked: number[] = [];
    const reporter: Reporter = {
      ...silent,
      askEditor: async ({ most }) => {
        asked.push(most);
        return { text: 'REFUSED', model: 'stub/one', inputTokens: 9, outputTokens: 1 };
      },
    };
    await write('base', {
      ...RECIPES['lora, every 2'],
      ...{ steps: 2, judges: ['refusal-phrases', { vscode: true, name: 'editor' }], ...base },
    });
    const recipe = await write('sweep', { kind: 'sweep', base: 'base.json', over, output: 'sweep' });
    await calls.run({ recipe, force: true }, reporter);
    return asked;
  }

  test('is said to get at most the answers of all points and of the base', async () => {
    const asked = await told({ 'optimizer.learningRate': [0.01, 0.02, 0.03] }, { heldOut: 0 });
    assert.deepEqual([...new Set(asked)], [4 * ROWS]);
    assert.ok(asked.length <= 4 * ROWS, String(asked.length));
  });

  test('where the base answers anew for each seed, those answers count, too', async () => {
    const sampled = { heldOut: 0, generation: { maxNewTokens: 3, temperature: 1 } };
    const asked = await told({ seed: [1, 2] }, sampled);
    assert.deepEqual([...new Set(asked)], [4 * ROWS]);
    assert.ok(asked.length <= 4 * ROWS, String(asked.length));
  });
});
