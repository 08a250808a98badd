/** What a person has put into the folders of a run stays, whatever becomes of the run. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { finishReplacement } from '../../runtime/runs/output.js';
import { runFiles } from '../../runtime/runs/ownFiles.js';
import { openRunFolder } from '../../runtime/runs/runFolder.js';
import { temporary } from '../support/temporary.js';
import { treeOf } from '../support/tree.js';

const OWN = [
  ...['adapter/adapter_config.json', 'adapter/adapter_model.safetensors', 'adapter/security_vector.json'],
  ...['absorbed/adapter_config.json', 'absorbed/adapter_model.safetensors', 'absorbed/security_vector.json'],
  ...['model/config.json', 'model/model.safetensors', 'model/additional_chat_templates/tool_use.jinja'],
  ...['model/tokenizer.json', 'model/LICENSE', 'model/model.safetensors.0123abcd.part'],
  ...['checkpoint/state.safetensors', 'checkpoint/held/state.safetensors', 'checkpoint/state-0.safetensors'],
  ...['received/adapter/adapter_model.safetensors', 'answers.jsonl', 'scan.json'],
];
const OTHERS = [
  ...['adapter/LICENSE', 'adapter/gguf/adapter.gguf', 'absorbed/notes.txt', 'model/onnx/model.onnx'],
  ...['model/weights.gguf', 'checkpoint/good/state.safetensors', 'notes.txt', 'adapter-before/adapter_config.json'],
];

const manifest = (outcome: Manifest['outcome'], files?: string[]): Manifest => ({
  ...{ version: 1, kind: 'finetune', name: 'run', outcome, started: '2026-01-01T00:00:00.000Z', files },
  ...{ model: { path: '/m', architecture: 'llama', sha256: 'f' }, data: [], vectors: [] },
});

async function write(folder: string, files: readonly string[], text: string): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
}

const writeRun = async (folder: string, outcome: Manifest['outcome'], text: string, own = OWN): Promise<void> => {
  await write(folder, own, text);
  const files = outcome === 'finished' ? [...(await runFiles(folder)), 'manifest.json'] : undefined;
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest(outcome, files)));
};

test('a run that is started over removes what the unfinished one wrote, and nothing else', async (t) => {
  const path = join(await temporary(t), 'run');
  await writeRun(path, 'stopped', 'old');
  await write(path, OTHERS, 'mine');
  const run = openRunFolder(path, {} as Recipe, manifest('running'));
  await run.begin();
  await run.release();
  const left = Object.keys(treeOf(path)).filter((name) => !['events.jsonl', 'answers.jsonl'].includes(name));
  const folders = left.filter((name) => OTHERS.some((other) => other.startsWith(`${name}/`)));
  assert.deepEqual(left.sort(), [...OTHERS, ...folders, 'manifest.json', 'recipe.json'].sort());
});

test('what lies beside the files of a run is not counted among them, and stays when it is replaced', async (t) => {
  const output = join(await temporary(t), 'run');
  await write(output, OTHERS, 'mine');
  await writeRun(output, 'finished', 'old');
  assert.deepEqual(await runFiles(output), [...OWN, 'manifest.json'].sort());
  const fewer = OWN.filter((file) => file.startsWith('adapter/'));
  await writeRun(join(output, 'next'), 'finished', 'new', fewer);
  await write(join(output, 'next'), ['adapter/LICENSE', 'adapter/README.md', 'plan.txt'], 'mine, too');
  await finishReplacement(output);
  const text = (file: string): Promise<string | undefined> =>
    readFile(join(output, file), 'utf8').catch(() => undefined);
  for (const file of OWN) assert.equal(await text(file), fewer.includes(file) ? 'new' : undefined, file);
  for (const file of OTHERS) assert.equal(await text(file), 'mine', file);
  for (const file of ['adapter/README.md', 'plan.txt']) assert.equal(await text(file), 'mine, too', file);
  assert.deepEqual(Object.keys(treeOf(join(output, 'next'))), ['adapter', 'adapter/LICENSE']);
});
