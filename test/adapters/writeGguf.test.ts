import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import { writeAdapterGguf } from '../../runtime/adapters/writeGguf.js';
import { readGguf, readGgufTensor } from '../../runtime/models/gguf/file/gguf.js';
import type { JsonObject } from '../../runtime/support/jsonFile.js';

const REFERENCE = join(import.meta.dirname, '..', 'fixtures', 'reference');
const configOf = (family: string) =>
  JSON.parse(readFileSync(join(REFERENCE, family, 'config.json'), 'utf8')) as JsonObject;

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lora-gguf-'));
});
after(() => rm(dir, { recursive: true }));

/** Row r of B [out, rank] times the scale that llama.cpp takes, alpha / rank. */
test('alpha / rank · B A is the adapter’s update with llama.cpp’s order of rows; unusual scales go into B', async () => {
  const adapter = await readAdapter(join(REFERENCE, 'llama', 'adapters', 'rslora'));
  const file = join(dir, 'rslora.gguf');
  await writeAdapterGguf(file, configOf('llama'), adapter);
  const gguf = readGguf(file);
  assert.equal(gguf.metadata.get('general.type'), 'adapter');
  assert.equal(gguf.metadata.get('adapter.type'), 'lora');
  assert.equal(gguf.metadata.get('adapter.lora.alpha'), 8);
  assert.equal(gguf.tensors.size, 2 * adapter.modules.size);
  const heads: Record<string, number> = { attn_q: 4, attn_k: 2 };
  for (const [module, base] of [
    ['self_attn.q_proj', 'attn_q'],
    ['self_attn.k_proj', 'attn_k'],
    ['mlp.down_proj', 'ffn_down'],
  ]) {
    const { A, aShape, B, bShape, scale } = adapter.modules.get(`model.layers.1.${module}`)!;
    const [a, b] = [gguf.tensors.get(`blk.1.${base}.weight.lora_a`)!, gguf.tensors.get(`blk.1.${base}.weight.lora_b`)!];
    assert.deepEqual([a.shape, b.shape], [aShape, bShape]);
    assert.deepEqual(await readGgufTensor(gguf, a), A);
    const written = await readGgufTensor(gguf, b);
    const [rows, rank] = bShape;
    const dim = rows / (heads[base] ?? rows / 2);
    for (let r = 0; r < rows; r++) {
      const inHead = r % dim;
      const there = base in heads ? r - inHead + (inHead % (dim / 2)) * 2 + Math.floor(inHead / (dim / 2)) : r;
      for (let i = 0; i < rank; i++) {
        const [got, want] = [(8 / rank) * written[there * rank + i], scale * B[r * rank + i]];
        assert(Math.abs(got - want) <= 1e-6 * Math.abs(want), `${module} ${r} ${i}`);
      }
    }
  }
});

test('Conv1D sites keep their rows; an adapter of another model is refused', async () => {
  const adapter = await readAdapter(join(REFERENCE, 'gpt2', 'adapters', 'task'));
  const file = join(dir, 'gpt2.gguf');
  await writeAdapterGguf(file, configOf('gpt2'), adapter);
  const gguf = readGguf(file);
  const { B } = adapter.modules.get('transformer.h.0.attn.c_attn')!;
  assert.deepEqual(await readGgufTensor(gguf, gguf.tensors.get('blk.0.attn_qkv.weight.lora_b')!), B);
  await assert.rejects(
    writeAdapterGguf(file, configOf('llama'), adapter),
    /transformer.h.0.attn.c_attn is not in this model/,
  );
  const llama = await readAdapter(join(REFERENCE, 'llama', 'adapters', 'task'));
  await assert.rejects(
    writeAdapterGguf(file, { ...configOf('llama'), intermediate_size: 60 }, llama),
    /inputs and \d+ outputs there/,
  );
});
