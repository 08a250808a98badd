/** A model is known by its hash: a GGUF file by its own, however its weights are held. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { requireBase } from '../../runtime/adapters/base.js';
import { exportModel } from '../../runtime/export/export.js';
import { openModel } from '../../runtime/models/folder.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { hashesOf, sha256Weights } from '../../runtime/models/weights/hashes.js';

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
