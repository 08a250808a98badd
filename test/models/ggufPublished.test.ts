import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { readFloat32 } from '../../runtime/models/weights/safetensors.js';
import { parameters } from '../../runtime/models/decoder/spec.js';
import { writeGguf } from '../../runtime/models/gguf/writeModel.js';
import { PUBLISHED, writePublished } from '../support/publishedModels.js';

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gguf-published-'));
});
after(() => rm(dir, { recursive: true }));

/** GGUF cannot express these windows: what is beyond them is not part of the file's context. */
const CUT: Record<string, number> = { 'Mistral-7B-v0.1': 32, 'starcoder2-3b': 32 };

/** Granite 4 has gate and up in one layer. */
const inGranite4 = (parameter: string): string =>
  parameter
    .replace(/mlp\.(gate|up)_proj/, 'shared_mlp.input_linear')
    .replace('mlp.down_proj', 'shared_mlp.output_linear');

for (const [name, config] of Object.entries(PUBLISHED)) {
  test(`${name}: written as GGUF and read again, the same model`, async () => {
    const folder = join(dir, name);
    await writePublished(name, folder);
    const source = await openModel(folder, { cache: dir });
    const file = join(dir, `${name}.gguf`);
    await writeGguf(file, source, { type: 'F32' }); // compares what config.json means before and after
    const back = await openModel(file, { cache: join(dir, 'cache') });
    const [before, after] = [decoderSpec(config), decoderSpec(back.config)];
    assert.equal(after.contextLength, CUT[name] ?? before.contextLength);
    // GGUF files of Mistral and InternLM models call themselves llama; those of models for text and images hold the
    // text model
    const others: Record<string, string> = {
      ...{ mistral: 'llama', internlm3: 'llama', gemma3: 'gemma3_text', granitemoehybrid: 'granite' },
    };
    const text = before.layers[0]!.attention.queryScaling ? 'ministral3' : 'mistral';
    assert.equal(after.family, before.family === 'mistral3' ? text : (others[before.family] ?? before.family));
    assert.equal(back.hasTokenizer, true);
    const windows = (spec: typeof before) => spec.layers.map(({ attention }) => attention.window);
    if (!(name in CUT)) assert.deepEqual(windows(after), windows(before));
    const names = [...parameters(after).keys()];
    // xIELU's other two numbers, alike in all models
    const more = [...back.tensors.keys()].filter((tensor) => !/act_fn\.(beta|eps)$/.test(tensor));
    assert.deepEqual(more.sort(), names.sort());
    for (const parameter of names) {
      const there = parameter.replace('model.', 'model.language_model.');
      const info = source.tensors.get(parameter) ?? source.tensors.get(there) ?? source.tensors.get(inGranite4(parameter)); // oxfmt-ignore
      const half = /gate_proj|up_proj/.test(parameter) && before.family === 'granitemoehybrid';
      const all = await readFloat32(info!);
      const middle = all.length / 2;
      const x = !half ? all : parameter.includes('gate_proj') ? all.subarray(0, middle) : all.subarray(middle);
      const y = await readFloat32(back.tensors.get(parameter)!);
      // 1 + (w − 1) may differ in its last bit
      if (/norm/.test(parameter)) x.forEach((v, i) => assert.ok(Math.abs(y[i]! - v) < 1e-6, parameter));
      else assert.deepEqual(y, x, parameter);
    }
  });
}
