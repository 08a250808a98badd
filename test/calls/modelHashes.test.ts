/** A model is known by its hash: a GGUF file by its own, however its weights are held. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { requireBase } from '../../runtime/adapters/base.js';
import { exportModel } from '../../runtime/export/export.js';
import { openModel } from '../../runtime/models/folder.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { hashesOf, sha256Weights } from '../../runtime/models/weights/hashes.js';
import { readBytes, writeSafetensors } from '../../runtime/models/weights/safetensors.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'hashes-'));
});
after(() => rm(dir, { recursive: true }));

const trainedOn = (sha256?: string) => ({ path: 'v', provenance: { baseModel: { name: 'm', sha256 } } });

test('an adapter of a GGUF file belongs to it in any precision', async () => {
  const [gguf, cache] = [join(dir, 'sample.gguf'), join(dir, 'cache')];
  const { signal } = new AbortController();
  await exportModel(
    { model: SAMPLE, adapters: [], format: 'gguf', out: gguf },
    { cache, signal, onProgress: () => {} },
  );
  const sha256 = createHash('sha256').update(readFileSync(gguf)).digest('hex');
  const hashes = [];
  for (const precision of ['float32', 'int8'] as const) {
    const model = await openModel(gguf, { cache, precision });
    hashes.push({ model, named: await hashesOf(model) });
  }
  const [full, packed] = hashes;
  assert.notEqual(full!.model.folder, packed!.model.folder);
  assert.notEqual(await sha256Weights(full!.model), await sha256Weights(packed!.model));
  for (const { named } of hashes) {
    assert.equal(named[0], sha256);
    await requireBase(trainedOn(sha256), async () => named);
    await requireBase(trainedOn(undefined), async () => named);
    await assert.rejects(
      requireBase(trainedOn('f'.repeat(64)), async () => named),
      /trained on other weights \(m\), of SHA-256 ffff/,
    );
  }
  // what earlier versions wrote
  await requireBase(trainedOn(await sha256Weights(full!.model)), async () => full!.named);
});

test('a folder is known by the files of its weights, however they are held', async () => {
  const sha256 = createHash('sha256')
    .update(readFileSync(join(SAMPLE, 'model.safetensors')))
    .digest('hex');
  for (const precision of ['float32', 'int8', 'int4'] as const) {
    const { model } = await openFrozen(SAMPLE, { cache: join(dir, 'cache'), precision });
    assert.deepEqual(await hashesOf(model), [sha256]);
  }
});

/** The sample in four shards. */
async function sharded(folder: string): Promise<string[]> {
  const { tensors } = await openModel(SAMPLE, { cache: '' });
  await mkdir(folder);
  const shards = [1, 2, 3, 4].map((i) => `model-0000${i}-of-00004.safetensors`);
  const map: Record<string, string> = {};
  for (const [i, shard] of shards.entries()) {
    const own = [...tensors.values()].filter((_, at) => at % shards.length === i);
    const written = own.map((info) => ({ ...info, data: () => readBytes(info) }));
    await writeSafetensors(join(folder, shard), written, { format: 'pt' });
    for (const { name } of own) map[name] = shard;
  }
  await writeFile(join(folder, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }));
  await copyFile(join(SAMPLE, 'config.json'), join(folder, 'config.json'));
  return shards;
}

test('shards are hashed in the order of their names, wherever links lead', async () => {
  const [plain, cache, blobs] = [join(dir, 'plain'), join(dir, 'snapshot'), join(dir, 'blobs')];
  const shards = await sharded(plain);
  for (const folder of [cache, blobs]) await mkdir(folder);
  for (const name of ['config.json', 'model.safetensors.index.json'])
    await copyFile(join(plain, name), join(cache, name));
  const sums: string[] = [];
  for (const [i, name] of shards.entries()) {
    const bytes = await readFile(join(plain, name));
    sums.push(createHash('sha256').update(bytes).digest('hex'));
    // The other way round, as a Hub cache may have them.
    const blob = join(blobs, String(shards.length - i));
    await writeFile(blob, bytes);
    await symlink(blob, join(cache, name));
  }
  const listed = (hashes: readonly string[]): string => createHash('sha256').update(hashes.join('\n')).digest('hex');
  const model = await openModel(cache, { cache: '' });
  assert.equal(await sha256Weights(model), listed(sums));
  assert.deepEqual(await hashesOf(await openModel(plain, { cache: '' })), [listed(sums)]);
  // what earlier versions wrote
  assert.deepEqual(await hashesOf(model), [listed(sums), listed(sums.toReversed())]);
});
