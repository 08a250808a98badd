/**
 * On Windows a file that is mapped is neither replaced nor removed: a run is replaced all the same, and later the file
 * goes.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { finishReplacement, planOutput, requireAsPlanned } from '../../runtime/runs/output.js';
import { openRunFolder } from '../../runtime/runs/runFolder.js';
import { bury } from '../support/bury.js';
import { watch, type WatchedCall } from '../support/faults.js';
import { held } from '../support/windows.js';
import { temporary } from '../support/temporary.js';

const FILES = {
  old: ['model/model.safetensors', 'adapter/adapter_model.safetensors', 'report.html'],
  new: ['model/model.safetensors', 'report.html'],
};

const manifest = (name: string, files?: string[]): Manifest => ({
  version: 1,
  kind: 'finetune',
  name,
  outcome: files ? 'finished' : 'running',
  started: '2026-01-01T00:00:00.000Z',
  model: { path: '/m', architecture: 'llama', sha256: 'f' },
  data: [],
  vectors: [],
  files,
});

async function writeRun(folder: string, name: keyof typeof FILES): Promise<void> {
  const files = FILES[name].map((file) => [file, name]);
  for (const [file, text] of [
    ...files,
    ['manifest.json', JSON.stringify(manifest(name, [...FILES[name], 'manifest.json']))],
  ]) {
    await mkdir(dirname(join(folder, file!)), { recursive: true });
    await writeFile(join(folder, file!), text!);
  }
}

/** A finished run, and one that is about to replace it. */
async function replaced(t: TestContext): Promise<{ root: string; output: string; next: string }> {
  const root = await temporary(t);
  const output = join(root, 'out');
  await writeRun(output, 'old');
  await writeRun(join(output, 'next'), 'new');
  return { root, output, next: join(output, 'next') };
}

/** From now on these files are mapped, wherever they are moved. @returns what tells whether a call is refused for it */
function mapped(...files: string[]): (call: WatchedCall) => boolean {
  const inodes = new Set(files.map((file) => statSync(file).ino));
  return ({ name, file }) => ['rename', 'rm'].includes(name) && existsSync(file) && inodes.has(statSync(file).ino);
}

/** What a run made, with its texts. */
/** Without what is still to replace it, and what a dead process leaves. */
async function made(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const name = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (entry.isFile() && !/^(next|owner\.json)/.test(name)) found[name] = await readFile(join(folder, name), 'utf8');
  }
  return found;
}

const refuse =
  (isRefused: (call: WatchedCall) => boolean) =>
  (call: WatchedCall): void => {
    if (isRefused(call)) throw held('EPERM');
  };

test('a run whose model is mapped is replaced; the next one takes its place, and what was mapped goes when it is free', async (t) => {
  const { root, output, next } = await replaced(t);
  const isMapped = mapped(join(output, 'model/model.safetensors'), join(output, 'adapter/adapter_model.safetensors'));
  let end = watch({ root, onCall: refuse(isMapped) });
  t.after(() => end());
  await finishReplacement(output);
  const files = await made(output);
  assert.deepEqual(
    [Object.keys(files).sort(), files['model/model.safetensors']],
    [[...FILES.new, 'manifest.json'].sort(), 'new'],
  );
  const left = await readdir(next);
  assert.equal(left.length, 2);
  for (const name of left) {
    assert.match(name, /^replaced\.[0-9a-f]{8}\.part$/);
    assert.equal(await readFile(join(next, name), 'utf8'), 'old');
  }
  const plan = await planOutput(output, [], { force: true });
  assert.equal(plan.folder, next);
  await requireAsPlanned(plan);
  const folder = openRunFolder(next, {} as Recipe, manifest('third'));
  await folder.begin();
  await folder.release();
  for (const name of left) assert.ok(existsSync(join(next, name)));
  // one of them is free, whichever comes first
  const [still, free] = left.toSorted();
  const inode = statSync(join(next, still!)).ino;
  end();
  end = watch({
    root,
    onCall: refuse(({ name, file }) => name === 'rm' && existsSync(file) && statSync(file).ino === inode),
  });
  await rm(join(next, 'manifest.json'));
  await rm(join(next, 'recipe.json'));
  assert.equal((await planOutput(output, [], { force: true })).folder, next);
  assert.deepEqual([existsSync(join(next, still!)), existsSync(join(next, free!))], [true, false]);
  end();
  end = watch({ root });
  await planOutput(output, [], { force: true });
  assert.ok(!existsSync(next));
});

test('killed at any call, the old run stands there whole, or the new one, when it was completed', async (t) => {
  const { root, output } = await replaced(t);
  const isMapped = mapped(join(output, 'model/model.safetensors'), join(output, 'adapter/adapter_model.safetensors'));
  let calls = 0;
  const end = watch({
    root: output,
    onCall(call) {
      calls = call.number;
      mkdirSync(join(root, `kill-${calls}`));
      cpSync(output, join(root, `kill-${calls}`, 'out'), { recursive: true });
      refuse(isMapped)(call);
    },
  });
  await finishReplacement(output);
  end();
  const whole = await made(output);
  assert.ok(calls > 10);
  for (let number = 1; number <= calls; number++) {
    const place = join(root, `kill-${number}`, 'out');
    await bury(place);
    await finishReplacement(place);
    assert.deepEqual(await made(place), whole, `killed at call ${number} of ${calls}`);
  }
});

test('a file that cannot even be moved aside stays, with the first error', async (t) => {
  const { root, output } = await replaced(t);
  const end = watch({ root, onCall: refuse(({ name, file }) => name === 'rename' && !file.endsWith('.html')) });
  t.after(end);
  await assert.rejects(finishReplacement(output), { message: 'EPERM: held' });
  assert.equal(await readFile(join(output, 'model/model.safetensors'), 'utf8'), 'old');
});

test('what Finder and Explorer leave in a folder does not make it full', async (t) => {
  const root = await temporary(t);
  const folder = join(root, 'new');
  await mkdir(folder);
  for (const name of ['.DS_Store', 'Thumbs.db', 'desktop.ini']) await writeFile(join(folder, name), '');
  assert.equal((await planOutput(folder, [], {})).folder, folder);
  const output = join(root, 'out');
  await writeRun(output, 'old');
  await mkdir(join(output, 'next/model'), { recursive: true });
  for (const name of ['next', 'next/model']) await writeFile(join(output, name, '.DS_Store'), '');
  const plan = await planOutput(output, [], { force: true });
  assert.ok(!existsSync(plan.folder));
  await writeRun(plan.folder, 'new');
  await writeFile(join(plan.folder, '.DS_Store'), '');
  await finishReplacement(output);
  assert.ok(!existsSync(plan.folder));
  await writeFile(join(folder, 'mine.txt'), '');
  await assert.rejects(planOutput(folder, [], {}), /is not empty and no run wrote it: it holds "mine.txt"\./);
});
