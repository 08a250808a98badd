/** Judges of a sweep: what a person is told of all of its points together. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { runRecipe } from '../../runtime/calls/run.js';
import type { Reporter } from '../../runtime/calls/reporter.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import { readManifest } from '../../runtime/runs/output.js';
import { readEvents } from '../../runtime/runs/runFolder.js';
import { judgeServer, type JudgeServer } from '../support/judgeServer.js';
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

describe('a language model behind an endpoint that judges a sweep', () => {
  /** What it was asked for all points, what each point says that it took, and what was warned of. */
  async function asked(says: JudgeServer['says']) {
    const server = await judgeServer(says);
    const points: string[] = [];
    const onEvent = (event: RunEvent): void => {
      if (event.kind === 'point') points.push(event.folder);
    };
    try {
      const judge = { endpoint: server.address, model: 'judge-1', concurrency: 2, timeoutSeconds: 5 };
      const judges = ['refusal-phrases', judge];
      await write('base', { ...RECIPES['lora, every 2'], steps: 2, heldOut: 0, judges });
      // Learning rates so small that all points answer alike.
      const over = { 'optimizer.learningRate': [1e-9, 2e-9, 3e-9] };
      const recipe = await write('sweep', { kind: 'sweep', base: 'base.json', over, output: 'sweep' });
      await calls.run({ recipe, force: true }, { ...silent, onEvent });
    } finally {
      await server.close();
    }
    const manifests = await Promise.all(points.map(readManifest));
    const events = await Promise.all(points.map((folder) => readEvents(folder)));
    const took = manifests.map((one) => one?.judges?.find(({ name }) => name === 'judge-1')?.usage?.requests ?? 0);
    return { sent: server.asked.map(({ request, answer }) => JSON.stringify([request, answer])), took, events };
  }

  test('is asked about no answer twice, and each point says what was asked for it', async () => {
    const { sent, took } = await asked(() => 'REFUSED');
    assert.equal(sent.length, new Set(sent).size);
    assert.ok(sent.length > 0 && sent.length <= 2 * ROWS, String(sent.length));
    assert.equal(took.length, 3);
    assert.equal(
      took.reduce((sum, one) => sum + one),
      sent.length,
    );
  });

  test('is not asked by each point anew when its quota is used up', async () => {
    const { sent, events } = await asked(() => ({ status: 402 }));
    // Those that were on their way when the first was refused.
    assert.ok(sent.length <= 2, String(sent.length));
    const says = (event: RunEvent): boolean => event.kind === 'warning' && event.message.includes('quota is used up');
    assert.deepEqual(
      events.map((of) => of.some(says)),
      [true, true, true],
    );
  });
});
