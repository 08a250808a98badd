/** Which steps of the walkthrough the workspace ticks. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { mock, test, type TestContext } from 'node:test';
import { Scans } from '../../extension/data/scans.js';
import type { AdapterEntry } from '../../extension/host/state.js';
import { CONTEXTS } from '../../extension/host/contributions.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { commands, fake, Uri } from './fake/vscode.js';
import { runFolder, temporary, until, write } from './support.js';

const { start } = await import('./started.js');

/** A window in a folder with a model, and what it says of its steps. */
async function window(t: TestContext, prepare?: (root: string) => Promise<void>, adapters: AdapterEntry[] = []) {
  const root = await temporary(t);
  await prepare?.(root);
  await write(join(root, '.security-vectors/workspace.json'), {
    version: 1,
    models: [{ path: 'tiny', name: 'tiny', adapters }],
  });
  const [vector, isProtected]: [unknown[], unknown[]] = [[], []];
  const others = new Map<unknown, unknown>();
  const said = new Map<unknown, unknown[]>([[CONTEXTS.hasVector, vector], [CONTEXTS.hasProtectedRun, isProtected]]); // oxfmt-ignore
  const execute = mock.method(commands, 'executeCommand', async (command: string, key: unknown, value?: unknown) => {
    if (command !== 'setContext') return;
    said.get(key)?.push(value);
    others.set(key, value);
  });
  t.after(() => execute.mock.restore());
  // Nobody asks an engine of the model.
  await start(t, root, false);
  const runs = fake.watchers.filter(({ glob }) => glob === '**/manifest.json').at(-1)!;
  /** What it says after a change of the runs. */
  async function after(event: 'create' | 'remove', manifest: string): Promise<object> {
    const before = isProtected.length;
    await runs[event].fire(Uri.file(manifest));
    await until(() => isProtected.length > before, 'the steps are looked at');
    return { vector: vector.at(-1), protected: isProtected.at(-1) };
  }
  const folder = async (name: string, manifest: Partial<Manifest>): Promise<string> => {
    const made = await runFolder(root, name, { manifest });
    await write(join(made, 'adapter/adapter_config.json'), { r: 8 });
    await write(join(made, 'adapter/adapter_model.safetensors'), 'weights');
    return join(made, 'manifest.json');
  };
  return {
    said: (key: string) => others.get(key),
    run: async (name: string, manifest: Partial<Manifest> = {}) => after('create', await folder(name, manifest)),
    without: async (name: string) => {
      await rm(join(root, 'adapters', name), { recursive: true });
      return after('remove', join(root, 'adapters', name, 'manifest.json'));
    },
  };
}

const vectors = [{ path: '/w/adapters/v', sha256: 'dd', scale: 1 }];
const stopped = { outcome: 'stopped' as const };
const security = { kind: 'vector' as const, role: 'security' as const };

test('a vector that is trained to its end ticks the step of the vector, as long as it is there', async (t) => {
  const { run, without } = await window(t);
  assert.deepEqual(await run('plain'), { vector: false, protected: false });
  assert.deepEqual(await run('stopped', { ...security, ...stopped }), { vector: false, protected: false });
  assert.deepEqual(await run('v', security), { vector: true, protected: false });
  // VS Code itself keeps a step that was ticked.
  assert.deepEqual(await without('v'), { vector: false, protected: false });
});

test('a fine-tuning that ended, and had a vector, ticks the step of the protection', async (t) => {
  const { run, without } = await window(t);
  assert.deepEqual(await run('plain'), { vector: false, protected: false });
  assert.deepEqual(await run('stopped', { vectors, ...stopped }), { vector: false, protected: false });
  const asked = { kind: 'evaluate' as const, role: undefined, result: undefined };
  assert.deepEqual(await run('asked', { vectors, ...asked }), { vector: false, protected: false });
  assert.deepEqual(await run('guarded', { vectors }), { vector: false, protected: true });
  assert.deepEqual(await without('guarded'), { vector: false, protected: false });
});

test('a scan that is kept ticks the step of the scan', async (t) => {
  const scanned = async (root: string): Promise<void> => {
    const numbers = { flagged: 0, rows: 1, threshold: 0.01, limit: { falseAlarms: 0.01 }, blind: 0, short: 0 };
    const found = { ...numbers, ...{ auroc: null, precision: null, recall: null, calibration: null, perRow: [] } };
    const data = await write(join(root, 'train.jsonl'), '{}\n');
    await new Scans(() => [root]).add(data, join(root, 'v'), 'v', found);
  };
  for (const prepare of [undefined, scanned]) {
    const { run, said } = await window(t, prepare);
    await run('plain');
    await until(() => said(CONTEXTS.hasScan) === (prepare !== undefined), 'what there is');
  }
});

test('so does a point of a sweep', async (t) => {
  const { run } = await window(t);
  const sweep = { kind: 'sweep' as const, role: undefined, result: undefined };
  assert.deepEqual(await run('sweep', sweep), { vector: false, protected: false });
  const point = { values: { seed: 1 }, depends: 'ee' };
  assert.deepEqual(await run('sweep/points/a', { vectors, point }), { vector: false, protected: true });
});

test('the answers of a run that has ended tick the step of the comparison', async (t) => {
  const { run, said } = await window(t);
  await run('v', security);
  assert.equal(said(CONTEXTS.hasAnswers), false);
  await run('stopped', stopped);
  assert.equal(said(CONTEXTS.hasAnswers), false);
  await run('plain');
  await until(() => said(CONTEXTS.hasAnswers) === true, 'answers');
});

test('an adapter that is attached ticks the last step', async (t) => {
  for (const attached of [false, true]) {
    const { run, said } = await window(t, undefined, [{ path: 'adapters/plain', attached, scale: 1 }]);
    await run('plain');
    await until(() => said(CONTEXTS.hasAttached) === attached, 'what is attached');
  }
});
