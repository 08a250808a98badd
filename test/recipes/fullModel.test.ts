/** A model that was fully fine-tuned, as its folder says it. */
import assert from 'node:assert/strict';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/session.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { readBytes, readFloat32, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { asStored, baseTensors, saveFullModel } from '../../runtime/recipes/fullModel.js';
import { temporary } from '../extension/support.js';

const EMBEDDING = 'model.embed_tokens.weight';

test('a tied head that is stored a second time is delivered with its embedding', async (t) => {
  const root = await temporary(t);
  const [from, base, made] = [
    join(import.meta.dirname, '../../media/sample/tiny-assistant'),
    join(root, 'base'),
    join(root, 'made'),
  ];
  const options = { cache: join(root, 'cache') };
  await cp(from, base, { recursive: true });
  const tensors = [...(await openModel(from, options)).tensors.values()];
  const all = [...tensors, { ...tensors.find(({ name }) => name === EMBEDDING)!, name: 'lm_head.weight' }];
  const written = all.map((info) => ({ ...info, data: () => readBytes(info) }));
  await writeSafetensors(join(base, 'model.safetensors'), written, { format: 'pt' });

  const model = await openModel(base, options);
  const spec = decoderSpec(model.config);
  assert.equal(spec.head.tied, true);
  const backend = await openBackend('cpu', 1);
  const trained = await baseTensors(model, spec);
  for (const { data } of trained) (data as Float32Array).forEach((value, i, values) => (values[i] = 1.05 * value));
  await saveFullModel(made, model, spec, await asStored(model, spec, trained, backend), backend);

  const again = await openModel(made, options);
  assert.equal(decoderSpec(again.config).head.tied, true);
  const [embedding, head] = [EMBEDDING, 'lm_head.weight'].map((name) => again.tensors.get(name)!);
  assert.deepEqual(await readFloat32(head!), await readFloat32(embedding!));
});
