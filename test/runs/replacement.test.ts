/**
 * The files of a run that takes the place of a finished one: what can be read meanwhile, and what a person called
 * either.
 */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import { finishReplacement, planOutput, requireAsPlanned } from '../../runtime/runs/output.js';
import { bury } from '../support/bury.js';
import { watch } from '../support/faults.js';
import { temporary } from '../support/temporary.js';

const CONFIGS = { adapter: 'adapter_config.json', absorbed: 'adapter_config.json', model: 'config.json' };
const ADAPTER = ['adapter_config.json', 'adapter_model.safetensors', 'security_vector.json'];
const FILES = [
  ...ADAPTER.flatMap((name) => [`adapter/${name}`, `absorbed/${name}`]),
  ...['model/config.json', 'model/model.safetensors'],
  ...['calibration.json', 'trained.json'],
];

/** A finished run whose files say which one it is. */
async function writeRun(folder: string, name: string, files = FILES): Promise<void> {
  const manifest: Manifest = {
    ...{ version: 1, kind: 'vector', name, outcome: 'finished', started: '2026-01-01T00:00:00.000Z' },
    ...{ model: { path: '/m', architecture: 'llama', sha256: 'f' }, data: [], vectors: [] },
    files: [...files, 'manifest.json'],
  };
  for (const file of files) await write(join(folder, file), name);
  await write(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** A finished run, and one that is about to take its place. */
async function replaced(t: TestContext, files?: string[]): Promise<{ root: string; output: string; next: string }> {
  const root = await temporary(t);
  const output = join(root, 'out');
  await writeRun(output, 'old');
  await writeRun(join(output, 'next'), 'new', files);
  return { root, output, next: join(output, 'next') };
}

for (const [what, files] of [
  ['the same files', FILES],
  ['fewer files', FILES.filter((file) => file.startsWith('adapter/'))],
] as const)
  test(`whoever reads a run that is being replaced by ${what} finds one of the two, or is told that there is none`, async (t) => {
    const { root, output } = await replaced(t, [...files]);
    let calls = 0;
    const end = watch({
      root: output,
      onCall: ({ number }) => cpSync(output, join(root, `${(calls = number)}`), { recursive: true }),
    });
    await finishReplacement(output);
    end();
    assert.ok(calls > files.length);
    let refused = 0;
    for (let number = 1; number <= calls; number++) {
      const copy = join(root, `${number}`);
      for (const [folder, config] of Object.entries(CONFIGS)) {
        if (!existsSync(join(copy, folder, config))) {
          refused += Number(existsSync(join(copy, folder)));
          continue;
        }
        const read = FILES.filter((file) => file.startsWith(folder) || !file.includes('/'));
        const found = new Set(
          read.flatMap((file) => (existsSync(join(copy, file)) ? [readFileSync(join(copy, file), 'utf8')] : [])),
        );
        assert.equal(found.size, 1, `${folder} at call ${number}`);
      }
      await bury(copy);
      await finishReplacement(copy);
      for (const file of FILES)
        assert.equal(
          existsSync(join(copy, file)) && readFileSync(join(copy, file), 'utf8'),
          files.includes(file) && 'new',
          `${file}, cut off at call ${number}`,
        );
    }
    assert.ok(refused > 0);
  });

test('of folders with nothing left in them none stays', async (t) => {
  const { output } = await replaced(t, ['calibration.json']);
  await finishReplacement(output);
  assert.deepEqual(readdirSync(output).sort(), ['calibration.json', 'manifest.json']);
});

test('who is told that there is no adapter hears that its run was being replaced', async (t) => {
  const { output } = await replaced(t);
  await rm(join(output, 'adapter/adapter_config.json'));
  await assert.rejects(readAdapter(output), {
    message: /has no adapter_config/,
    remedy: /cut off.*Run its recipe again/,
  });
});

test('what a person called a replacement goes with it, and what they called the replaced run stays without that', async (t) => {
  const { output, next } = await replaced(t);
  await write(join(output, 'label.json'), 'of the old one');
  await finishReplacement(output);
  assert.equal(readFileSync(join(output, 'label.json'), 'utf8'), 'of the old one');
  await writeRun(next, 'newer');
  await write(join(next, 'label.json'), 'of the newer one');
  await finishReplacement(output);
  assert.equal(readFileSync(join(output, 'label.json'), 'utf8'), 'of the newer one');
  assert.ok(!existsSync(next));
});

test('a label alone is in the way of no run: neither where one is to stand nor where it is to be replaced', async (t) => {
  const { output, next } = await replaced(t);
  await finishReplacement(output);
  await write(join(next, 'label.json'), '{}');
  const plan = await planOutput(output, [], { force: true });
  assert.equal(plan.folder, next);
  await requireAsPlanned(plan);
  const fresh = join(dirname(output), 'fresh');
  await write(join(fresh, 'label.json'), '{}');
  await requireAsPlanned(await planOutput(fresh, [], {}));
  assert.ok(existsSync(join(next, 'label.json')) && existsSync(join(fresh, 'label.json')));
});

test('a result that the replaced run did not make is not written over: nothing is moved until it lies elsewhere', async (t) => {
  const { output, next } = await replaced(t);
  const own = FILES.filter((file) => !file.startsWith('model/'));
  await writeRun(output, 'old', own);
  const mine = join(output, 'model/model.safetensors');
  await write(mine, 'an export of mine');
  await rm(join(output, 'model/config.json'));
  await assert.rejects(planOutput(output, [], { force: true }), {
    message: /is finished and cannot take the place .* yet: "model\/model\.safetensors" is there/,
    place: join(output, 'model'),
  });
  assert.equal(readFileSync(mine, 'utf8'), 'an export of mine');
  for (const file of own) assert.equal(readFileSync(join(output, file), 'utf8'), 'old');
  await rename(join(output, 'model'), join(output, 'export'));
  await finishReplacement(output);
  for (const file of FILES) assert.equal(readFileSync(join(output, file), 'utf8'), 'new');
  assert.equal(readFileSync(join(output, 'export/model.safetensors'), 'utf8'), 'an export of mine');
  assert.ok(!existsSync(next));
});
