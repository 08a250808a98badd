/**
 * What is rounded to blocks: weights that are no numbers are told, as rounded they would be numbers; changed ones are
 * rounded again.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { listCache } from '../../runtime/models/cache/userCache.js';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { readSafetensors } from '../../runtime/models/weights/safetensors.js';
import type { HumanError } from '../../runtime/support/errors.js';
import { silent } from '../support/silent.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'finite-'));
});
after(() => rm(dir, { recursive: true, force: true }));

/** Two values of a weight are made NaN, whatever its type. */
async function spoil(file: string, named: string): Promise<void> {
  const tensors = file.endsWith('.gguf') ? readGguf(file).tensors : (await readSafetensors(file)).tensors;
  const { offset } = [...tensors.values()].find(({ name }) => name.includes(named))!;
  const bytes = await readFile(file);
  bytes.fill(0xff, offset + 64, offset + 68);
  await writeFile(file, bytes);
}

async function refused(path: string, file = path): Promise<void> {
  for (const precision of ['int8', 'int4'] as const) {
    const cache = await mkdtemp(join(dir, 'cache-'));
    await assert.rejects(openFrozen(path, { cache, precision }), ({ message, place = '' }: HumanError) => {
      assert.match(message, /^the weights have a value that is not a number \(NaN\)\.$/);
      assert.match(place, /layers\.0\.mlp\.up_proj\.weight$/);
      return place.startsWith(file);
    });
    assert.deepEqual((await listCache(cache)).entries, []);
  }
}

test('in a model folder', async () => {
  const folder = join(dir, 'model');
  await cp(SAMPLE, folder, { recursive: true });
  const file = join(folder, 'model.safetensors');
  await spoil(file, 'layers.0.mlp.up');
  await refused(folder, file);
});

test('in a GGUF file', async () => {
  const file = join(dir, 'model.gguf');
  await calls.export({ model: SAMPLE, adapters: [], format: 'gguf', out: file, quantization: 'F16' }, silent);
  await spoil(file, 'blk.0.ffn_up');
  await refused(file);
});

test('weights that are changed are packed again, also where their time is set back', async () => {
  const folder = join(dir, 'again');
  await cp(SAMPLE, folder, { recursive: true });
  const file = join(folder, 'model.safetensors');
  await utimes(file, 1, 1);
  const cache = await mkdtemp(join(dir, 'again-'));
  const open = async (): Promise<string> => {
    const { model } = await openFrozen(folder, { cache, precision: 'int8' });
    return [...model.packed!.values()][0]!.file;
  };
  const first = await open();
  assert.equal(await open(), first);
  const bytes = await readFile(file);
  bytes[bytes.length - 2]! ^= 1;
  await writeFile(file, bytes);
  await utimes(file, 1, 1);
  assert.notEqual(await open(), first);
});
