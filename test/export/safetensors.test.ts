import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { copyFile, cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAdapter } from '../../runtime/adapters/files.js';
import type { HumanError } from '../../runtime/support/errors.js';
import { sha256File } from '../../runtime/support/files.js';
import { roundedChange } from '../../runtime/export/rounding.js';
import { random } from '../../runtime/support/random.js';
import { openModel } from '../../runtime/models/folder.js';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import { readBytes, readFloat32 } from '../../runtime/models/weights/safetensors.js';
import { atTokens, loadReference, REFERENCES } from '../support/reference.js';
import { adapterOf, at, logitsOn, place, subject, writeWeights, type Place } from './support.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

describe('a merged model', () => {
  for (const family of ['llama', 'gpt2', 'gemma2', 'phi3']) {
    it(`${family}: gives PEFT's logits, other tensors and files byte for byte`, async () => {
      const r = await loadReference(family);
      const out = here.file(`merged-${family}`);
      const adapters = [at(adapterOf(family, 'task'))];
      const result = await here.run({ model: r.folder, adapters, format: 'safetensors', out });
      assert.deepEqual(result, { path: out, sha256: await sha256File(join(out, 'model.safetensors')) });
      const mask = await r.ints('batch.attention_mask');
      const logits = await logitsOn(
        await subject(out, here.dir),
        await r.ints('batch.input_ids'),
        r.shape('batch.input_ids'),
      );
      await r.check('merged.logits', atTokens(logits, mask));
      for (const name of ['config.json', 'generation_config.json'])
        assert.deepEqual(readFileSync(join(out, name)), readFileSync(join(r.folder, name)));
      const { tensors } = await openModel(out, { cache: here.dir });
      const adapted = new Set((await readAdapter(adapterOf(family, 'task'))).modules.keys());
      assert.deepEqual([...tensors.keys()].sort(), [...r.tensors.keys()].sort());
      for (const [name, info] of r.tensors) {
        const same = Buffer.compare(await readBytes(info), await readBytes(tensors.get(name)!)) === 0;
        assert.equal(same, !adapted.has(name.replace(/\.weight$/, '')), name);
      }
    });
  }

  it('has no file that lies outside of its folder and is a link there, in no format', async () => {
    const [model, mine] = [here.file('linked'), here.file('mine')];
    await cp(join(REFERENCES, 'llama'), model, { recursive: true });
    await writeFile(mine, 'mine');
    for (const name of ['LICENSE', 'NOTICE.txt', 'vocab.txt', 'chat_template.jinja', 'README.md']) {
      await symlink(mine, join(model, name));
      for (const format of ['safetensors', 'onnx', 'gguf'] as const) {
        const out = here.file(`of-linked.${format}`);
        await assert.rejects(here.run({ model, format, out }), (error: HumanError) => {
          assert.equal(error.message.split(': ')[0], `"${name}" is a link that leads out of its folder`);
          return true;
        });
        assert.ok(!readdirSync(here.dir).includes(`of-linked.${format}`));
      }
      await rm(join(model, name));
    }
  });

  it('has the settings with which the model reads images, where there are some', async () => {
    const [model, out] = [here.file('of-images'), here.file('merged-images')];
    await cp(join(REFERENCES, 'gemma3_image'), model, { recursive: true });
    const settings = ['preprocessor_config.json', 'processor_config.json', 'video_preprocessor_config.json'];
    for (const name of settings) await writeFile(join(model, name), `{"of": "${name}"}`);
    await here.run({ model, format: 'safetensors', out });
    for (const name of settings) assert.deepEqual(readFileSync(join(out, name)), readFileSync(join(model, name)));
  });

  it('has the templates that stand in a folder', async () => {
    const [model, out] = [here.file('of-templates'), here.file('merged-templates')];
    await cp(join(REFERENCES, 'llama'), model, { recursive: true });
    const name = 'additional_chat_templates/tool_use.jinja';
    await mkdir(join(model, 'additional_chat_templates'));
    await writeFile(join(model, name), 'tools');
    await here.run({ model, format: 'safetensors', out });
    assert.equal(readFileSync(join(out, name), 'utf8'), 'tools');
  });

  it('several adapters at their scales add up', async () => {
    const r = await loadReference('llama');
    const out = here.file('both');
    const adapters = [at(adapterOf('llama', 'task')), at(adapterOf('llama', 'security'))];
    await here.run({ model: r.folder, adapters, format: 'safetensors', out });
    const mask = await r.ints('batch.attention_mask');
    const logits = await logitsOn(
      await subject(out, here.dir),
      await r.ints('batch.input_ids'),
      r.shape('batch.input_ids'),
    );
    await r.check('both.logits', atTokens(logits, mask));
  });

  it('adapters that are lost in the rounding of the weights are refused, and what it takes of them is said', async () => {
    const model = here.file('coarse');
    await mkdir(model);
    for (const name of ['config.json', 'generation_config.json'])
      await copyFile(join(REFERENCES, 'llama', name), join(model, name));
    await writeWeights(join(REFERENCES, 'llama'), model, 'BF16');
    for (const name of ['LICENCE', 'NOTICE', 'notes.txt']) await writeFile(join(model, name), name);
    const merge = (scale: number, format: 'safetensors' | 'gguf' = 'safetensors') =>
      here.run({
        ...{ model, adapters: [at(adapterOf('llama', 'task'), scale)], format },
        ...(format === 'gguf' && { quantization: 'F32' }),
        out: here.file(`coarse-${scale}${format === 'gguf' ? '.gguf' : ''}`),
      });
    await assert.rejects(merge(1e-4), {
      message:
        /^\d.*% of what the adapters change in the weights is left when these are rounded to BF16; the export was removed/,
      place: here.file('coarse-0.0001'),
      remedy: 'Export as GGUF, F32 (--format gguf --quantization F32), or leave the adapters apart (PEFT).',
    });
    assert.deepEqual(await here.left(), []);
    const { notes: some } = await merge(3e-3);
    assert.match(
      some!.join(),
      /^[5-8]\d(\.\d)?.?% of what the adapters change in the weights is left when these are rounded to BF16\.$/,
    );
    assert.equal((await merge(1)).notes, undefined);
    assert.equal((await merge(1e-4, 'gguf')).notes?.some((note) => note.includes('rounded')) ?? false, false);
    assert.deepEqual(readdirSync(here.file('coarse-1')).sort(), ['LICENCE', 'NOTICE', 'config.json', 'generation_config.json', 'model.safetensors']); // oxfmt-ignore
  });

  it('what rounding leaves of a change is measured at the weights, which way round they lie', () => {
    const rng = random('rounded');
    const [rows, columns] = [64, 32];
    const before = Float32Array.from({ length: rows * columns }, () => rng.normal());
    const flip = (w: Float32Array) => w.map((_, k) => w[(k % rows) * columns + Math.floor(k / rows)]!);
    for (const [type, size, low, high] of [
      ['F32', 1e-3, 1, 1],
      ['Q8_0', 1e-2, 0.9, 1.1],
      ['BF16', 1, 0.9, 1.1],
      ['BF16', 1e-5, 0, 0.1],
    ] as const) {
      const from = type === 'BF16' ? bf16ToF32(f32ToBf16(before)) : before;
      const to = from.map((w) => w + size * rng.normal());
      const shape = { in: columns, out: rows };
      const plain = roundedChange(from, to, { ...shape, transposed: false }, type);
      assert.deepEqual(roundedChange(flip(from), flip(to), { ...shape, transposed: true }, type), plain);
      const left = plain.along / plain.whole;
      assert.ok(left >= low && left <= high, `${type}, ${size}: ${left}`);
    }
  });

  for (const [dtype, shards] of [
    ['F16', 3],
    ['BF16', 1],
  ] as const) {
    it(`${dtype} in ${shards} file(s): one file of the same type, W + s·B·A rounded once`, async () => {
      const model = here.file(`model-${dtype}`);
      await mkdir(model);
      await copyFile(join(REFERENCES, 'llama', 'config.json'), join(model, 'config.json'));
      await writeWeights(join(REFERENCES, 'llama'), model, dtype, shards);
      const out = here.file(`merged-${dtype}`);
      const path = adapterOf('llama', 'rslora');
      await here.run({ model, adapters: [at(path, 0.5)], format: 'safetensors', out });
      const [source, written] = [
        await openModel(model, { cache: here.dir }),
        await openModel(out, { cache: here.dir }),
      ];
      const { modules } = await readAdapter(path);
      const rounded = (w: Float32Array): Float32Array =>
        dtype === 'F16' ? f16ToF32(f32ToF16(w)) : bf16ToF32(f32ToBf16(w));
      let merged = 0;
      for (const [name, info] of source.tensors) {
        const found = written.tensors.get(name)!;
        assert.deepEqual([found.dtype, found.shape, found.file], [dtype, info.shape, join(out, 'model.safetensors')]);
        const [before, after] = [await readFloat32(info), await readFloat32(found)];
        const lora = modules.get(name.replace(/\.weight$/, ''));
        if (!lora) assert.deepEqual(after, before, name);
        else {
          merged++;
          const {
            A,
            B,
            aShape: [rank, inputs],
            scale,
          } = lora;
          const want = before.map((w, n) => {
            const [o, i] = [Math.floor(n / inputs), n % inputs];
            let delta = 0;
            for (let r = 0; r < rank; r++) delta += B[o * rank + r]! * A[r * inputs + i]!;
            return w + 0.5 * scale * delta;
          });
          // sums in another order may fall on the other side of a rounding edge, by one step
          const [low, step] = [rounded(want), dtype === 'F16' ? 2 ** -10 : 2 ** -7];
          let apart = 0;
          after.forEach((x, n) => {
            if (x !== low[n]) apart++;
            assert.ok(Math.abs(x - want[n]!) <= 0.51 * step * Math.max(Math.abs(want[n]!), 2 ** -14), `${name} ${n}`);
          });
          assert.ok(apart <= after.length / 1000, `${name}: ${apart} values differ from the rounded sum`);
        }
      }
      assert.equal(merged, modules.size);
    });
  }

  it('a GGUF file becomes a folder', async () => {
    const model = join(REFERENCES, '..', 'gguf', 'families', 'qwen2.gguf');
    const out = here.file('from-gguf');
    await here.run({ model, format: 'safetensors', out });
    const [source, written] = [
      await openModel(model, { cache: here.file('cache') }),
      await openModel(out, { cache: here.dir }),
    ];
    assert.equal(written.gguf, undefined);
    assert.equal(written.hasTokenizer, source.hasTokenizer);
    assert.deepEqual(written.config, source.config);
    for (const [name, info] of source.tensors)
      assert.deepEqual(await readFloat32(written.tensors.get(name)!), await readFloat32(info), name);
  });
});
