/** A model that was fully fine-tuned, as its folder says it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openBackend } from '../../runtime/device/openBackend.js';
import { decaying, parameters } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { readBytes, readFloat32, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { asStored, baseTensors, saveFullModel } from '../../runtime/recipes/training/fullModel.js';
import { temporary } from '../extension/support.js';
import { runValue } from '../support/recipeRun.js';
import { FAMILIES, loadReference } from '../support/reference.js';

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

test('a file that lies outside of the base, and is a link there, is refused before training', async (t) => {
  const root = await temporary(t);
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
  await writeFile(join(root, 'mine'), 'mine');
  await symlink('../mine', join(root, 'tiny-assistant/LICENSE'));
  const recipe = {
    kind: 'finetune',
    model: 'tiny-assistant',
    data: { file: 'data/train.jsonl', limit: 8 },
    ...{ steps: 1, batch: { rows: 4, maxTokens: 64 }, output: 'out' },
  };
  const full = { ...recipe, method: 'full', optimizer: { learningRate: 1e-6 } };
  await assert.rejects(runValue(root, full, 'full'), /"LICENSE" is a link that leads out of its folder/);
  assert.ok(!existsSync(join(root, 'full')));
  await runValue(root, recipe, 'adapter');
});

test('weight decay is for matrices: norms and biases keep their size', async (t) => {
  const root = await temporary(t);
  await cp(join(import.meta.dirname, '../../media/sample'), root, { recursive: true });
  // a step changes each weight by at most a millionth, and decay takes a thousandth
  await runValue(
    root,
    {
      kind: 'finetune',
      method: 'full',
      model: 'tiny-assistant',
      data: { file: 'data/train.jsonl', limit: 8 },
      optimizer: { learningRate: 1e-6, weightDecay: 1000 },
      ...{ steps: 1, batch: { rows: 4, maxTokens: 64 }, output: 'full' },
    },
    'full',
  );
  const options = { cache: join(root, 'cache') };
  const [before, after] = [
    await openModel(join(root, 'tiny-assistant'), options),
    await openModel(join(root, 'full/model'), options),
  ];
  const size = async (info: Parameters<typeof readFloat32>[0]): Promise<number> =>
    Math.sqrt((await readFloat32(info)).reduce((sum, x) => sum + x * x, 0));
  const axes = new Set<number>();
  for (const info of before.tensors.values()) {
    const kept = (await size(after.tensors.get(info.name)!)) / (await size(info));
    const { length } = info.shape;
    axes.add(length);
    assert.ok(Math.abs(kept - (length > 1 ? 0.999 : 1)) < 1e-4, `${info.name}: ${kept}`);
  }
  assert.deepEqual([...axes].sort(), [1, 2]);
});

test('norms of heads do not decay, though their weights are matrices in some families', async () => {
  const twoAxes = new Set<string>();
  for (const family of FAMILIES) {
    const { config } = await loadReference(family);
    const spec = decoderSpec(config);
    const decayed = decaying(spec);
    for (const [name, { length }] of parameters(spec)) {
      if (decayed.has(name)) assert.equal(length, 2, `${family}: ${name}`);
      else if (length > 1) twoAxes.add(`${family} ${name.replace(/\.\d+\./, '.N.')}`);
    }
  }
  const norm = (of: string): string => `cohere_norms model.layers.N.self_attn.${of}_norm.weight`;
  assert.deepEqual([...twoAxes], [norm('q'), norm('k')]);
});
