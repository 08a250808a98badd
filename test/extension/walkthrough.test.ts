/** Which steps of the walkthrough the workspace ticks. */
import './fake/useFakeVscode.js';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mock, test, type TestContext } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { Scans } from '../../extension/data/scans.js';
import { DONE } from '../../extension/host/contributions.js';
import type { AdapterEntry } from '../../extension/host/state.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { commands, fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, until, write } from './support.js';

const { start } = await import('./started.js');

interface Given {
  adapters?: AdapterEntry[];
  prepare?(root: string): Promise<void>;
}

/** A window in a folder with a model, and which other steps it says are done. */
async function window(t: TestContext, { adapters = [], prepare }: Given = {}) {
  const root = await temporary(t);
  await prepare?.(root);
  const models = [{ path: 'tiny', name: 'tiny', adapters }];
  await write(join(root, '.security-vectors/workspace.json'), { version: 1, models });
  const said = new Map<unknown, unknown[]>(Object.values(DONE).map((key) => [key, []]));
  const execute = mock.method(commands, 'executeCommand', async (command: string, key: unknown, value?: unknown) => {
    if (command === 'setContext') said.get(key)?.push(value);
  });
  t.after(() => execute.mock.restore());
  // Nobody asks an engine of the model.
  await start(t, root, false);
  const runs = fake.watchers.filter(({ glob }) => glob === '**/manifest.json').at(-1)!;

  /** Waits until these are the steps whose keys have become true for a moment when last looked at. */
  async function after(act: () => unknown, ...steps: string[]): Promise<void> {
    for (const values of said.values()) values.length = 0;
    await act();
    const ticked = (): string[] =>
      Object.entries(DONE)
        .filter(([step, key]) => step !== 'sample' && said.get(key)!.at(-2) === true)
        .map(([step]) => step);
    const isOver = (): boolean => [...said.values()].every((values) => values.at(-1) === false);
    await until(() => isOver() && isDeepStrictEqual(ticked(), steps), `${steps.join(', ')} after this`);
  }
  const folder = async (name: string, manifest: Partial<Manifest>): Promise<string> => {
    const made = await runFolder(root, name, { manifest });
    await write(join(made, 'adapter/adapter_config.json'), { r: 8 });
    await write(join(made, 'adapter/adapter_model.safetensors'), 'weights');
    return join(made, 'manifest.json');
  };
  return {
    after,
    run: async (name: string, manifest: Partial<Manifest>, ...steps: string[]) => {
      const made = Uri.file(await folder(name, manifest));
      await after(() => runs.create.fire(made), ...steps);
    },
    without: async (name: string, ...steps: string[]) => {
      await rm(join(root, 'adapters', name), { recursive: true });
      await after(() => runs.remove.fire(Uri.file(join(root, 'adapters', name, 'manifest.json'))), ...steps);
    },
  };
}

const vectors = [{ path: '/w/adapters/v', sha256: 'dd', scale: 1 }];
const stopped = { outcome: 'stopped' as const };
const security = { kind: 'vector' as const, role: 'security' as const };

test('a vector that is trained to its end ticks the step of the vector, as long as it is there', async (t) => {
  const { run, without } = await window(t);
  await run('stopped', { ...security, ...stopped });
  await run('v', security, 'vector');
  // VS Code itself keeps a step that was ticked.
  await without('v');
});

test('a fine-tuning that ended ticks the step of the comparison, and with a vector that of the protection', async (t) => {
  const { run, without } = await window(t);
  await run('stopped', { vectors, ...stopped });
  const asked = { kind: 'evaluate' as const, role: undefined, result: undefined };
  await run('asked', { vectors, ...asked }, 'compare');
  await run('guarded', { vectors }, 'protect', 'compare');
  await without('guarded', 'compare');
});

test('so does a point of a sweep', async (t) => {
  const { run } = await window(t);
  const sweep = { kind: 'sweep' as const, role: undefined, result: undefined };
  await run('sweep', sweep);
  const point = { values: { seed: 1 }, depends: 'ee' };
  await run('sweep/points/a', { vectors, point }, 'protect', 'compare');
});

test('a scan that is kept ticks the step of the scan', async (t) => {
  const { run } = await window(t, {
    prepare: async (root) => {
      const numbers = { flagged: 0, rows: 1, threshold: 0.01, limit: { falseAlarms: 0.01 }, blind: 0, short: 0 };
      const found = { ...numbers, ...{ auroc: null, precision: null, recall: null, calibration: null, perRow: [] } };
      const data = await write(join(root, 'train.jsonl'), '{}\n');
      await new Scans(() => [root]).add(data, join(root, 'v'), 'v', found);
    },
  });
  await run('stopped', stopped, 'scan');
});

test('an adapter that is attached ticks the last step', async (t) => {
  const { run } = await window(t, { adapters: [{ path: 'adapters/stopped', attached: true, scale: 1 }] });
  await run('stopped', stopped, 'attach');
});

test('what was done before the walkthrough is opened is ticked then', async (t) => {
  const { run, after } = await window(t);
  await run('v', security, 'vector');
  await after(() => fake.tabs.fire({ opened: [{ input: undefined }] }), 'vector');
});
