/** Folders of which files were lost: a vector stays one, and what is missing is said. */
import './fake/useFakeVscode.js';
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { adapterFacts } from '../../extension/runs/adapterFiles.js';
import { readRun } from '../../extension/runs/folder.js';
import { setting } from '../../extension/host/settings.js';
import { readAdapter, writeAdapter } from '../../runtime/adapters/files.js';
import { fake } from './fake/vscode.js';
import { runFolder, temporary, write } from './support.js';

test('an adapter without its security_vector.json is what the header of its weights says', async (t) => {
  const root = await temporary(t);
  const made = new URL('../fixtures/reference/llama/adapters/security', import.meta.url).pathname;
  const { config, modules } = await readAdapter(made);
  for (const role of ['security', 'task'] as const) {
    const folder = join(root, role);
    await writeAdapter(folder, { config, role, modules });
    await rm(join(folder, 'security_vector.json'));
    assert.equal((await adapterFacts(folder))?.role, role);
  }
  const damaged = join(root, 'damaged');
  await cp(join(root, 'security'), damaged, { recursive: true });
  for (const bytes of ['', 'no header', `${'\u00ff'.repeat(8)}{}`]) {
    await write(join(damaged, 'adapter_model.safetensors'), bytes);
    assert.equal((await adapterFacts(damaged))?.role, 'task', 'the engine says what is wrong with it');
  }
});

test('a finished run says what of it is gone', async (t) => {
  const root = await temporary(t);
  const result = { path: 'adapter', sha256: 'a'.repeat(64) };
  const folder = await runFolder(root, 'done', { manifest: { outcome: 'finished', role: 'task', result }, events: [] });
  await write(join(folder, 'adapter', 'adapter_config.json'), { r: 8 });
  const weights = await write(join(folder, 'adapter', 'adapter_model.safetensors'), 'x');
  const events = await write(join(folder, 'events.jsonl'), '');
  const places = async () => (await readRun(folder))!.warnings.map(({ place }) => place);
  assert.deepEqual(await places(), []);
  await rm(weights);
  assert.deepEqual(await places(), [weights]);
  await rm(events);
  assert.deepEqual(await places(), [weights, events]);
});

test('a setting that cannot be what it is, is named', (t) => {
  const id = 'scanFalseAlarms';
  const before = fake.settings.get(id);
  t.after(() => fake.settings.set(id, before));
  fake.settings.set(id, 'banana');
  assert.throws(() => setting(id), {
    data: {
      kind: 'input',
      code: 'setting',
      message: 'this setting cannot be "banana".',
      place: 'securityVectors.scanFalseAlarms',
      remedy: 'Correct it in the settings of VS Code, or reset it.',
    },
  });
  fake.settings.set('codeLens', 'often');
  assert.equal(setting('codeLens'), true, 'nobody would see an error there');
  fake.settings.set('codeLens', true);
});
