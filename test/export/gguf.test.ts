import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAdapter, writeAdapter } from '../../runtime/adapters/files.js';
import { sha256File } from '../../runtime/support/files.js';
import { differenceOf } from '../../runtime/export/compare.js';
import { readGguf } from '../../runtime/models/gguf/file/gguf.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { loadTokenizer } from '../../runtime/models/text/tokenizer.js';
import { writePublished } from '../support/publishedModels.js';
import { loadReference } from '../support/reference.js';
import { ROOT } from '../calls/support.js';
import { adapterOf, at, logitsOn, place, subject, type Place } from './support.js';
import { ended, sample, SAMPLE, settingsOf, type Changes } from './sample.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

/** Share of the logits' scale; measured: F16 0.07 to 0.14 %, Q8_0 1.8 to 3.9 %. */
const LIMITS = { F32: 1e-5, F16: 5e-3, Q8_0: 6e-2 } as const;

describe('GGUF', () => {
  for (const family of ['llama', 'qwen2', 'gpt2', 'phi3']) {
    it(`${family}: a merged model as F32, F16 and Q8_0`, async () => {
      const r = await loadReference(family);
      const want = Float32Array.from(await r.floats('merged.logits'));
      const mask = await r.ints('batch.attention_mask');
      for (const type of ['F32', 'F16', 'Q8_0'] as const) {
        const out = here.file(`${family}-${type}.gguf`);
        const adapters = [at(adapterOf(family, 'task'))];
        const result = await here.run({ model: r.folder, adapters, format: 'gguf', quantization: type, out });
        assert.deepEqual(result, { path: out, sha256: await sha256File(out) });
        const got = await logitsOn(
          await subject(out, here.file('cache')),
          await r.ints('batch.input_ids'),
          r.shape('batch.input_ids'),
        );
        const difference = differenceOf(
          want,
          got.map((x, i) => (mask[Math.floor(i / 128)] === 1 ? x : 0)),
          128,
        );
        assert.ok(difference <= LIMITS[type], `${family} ${type}: ${difference}`);
        assert.ok(type === 'F32' || difference > 1e-5, 'the type rounds');
      }
    });
  }

  it('notes what the file cannot express: a window that rows would reach becomes the context', async () => {
    const [model, out] = [here.file('short-window'), here.file('short-window.gguf')];
    await cp(join(ROOT, 'test/fixtures/reference/mistral'), model, { recursive: true });
    const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;
    await writeFile(join(model, 'config.json'), JSON.stringify({ ...config, sliding_window: 24 }));
    const { notes } = await here.run({ model, format: 'gguf', out });
    assert.equal(notes?.length, 1);
    assert.match(notes[0]!, /windows for mistral: the file's context is 24 tokens.* instead of 64/);
    assert.equal(readGguf(out).metadata.get('llama.context_length'), 24);
  });

  it('the sample with its tokenizer; F16 is the default', async () => {
    const out = here.file('sample.gguf');
    await here.run({ model: SAMPLE, format: 'gguf', out });
    const gguf = readGguf(out);
    assert.equal(gguf.tensors.get('blk.0.attn_q.weight')!.type.name, 'F16');
    assert.equal(gguf.metadata.get('tokenizer.ggml.model'), 'gpt2');
  });

  it('all tokens that end an answer, the tokenizer’s own first; a template that names another adds one', async () => {
    const cases: [string, Changes, number[]][] = [
      ['several', ended('<|end|>', [1, 2, 0]), [0, 1, 2]],
      ['one-more', ended('<|begin|>', 2), [1, 0, 2]],
      ['named-by-the-template', ended('<|begin|>', 1), [1, 0]],
    ];
    for (const [name, changes, ids] of cases) {
      const out = here.file(`${name}.gguf`);
      await here.run({ model: await sample(here, name, changes), format: 'gguf', out });
      const { folder } = await openModel(out, { cache: here.file('cache') });
      assert.deepEqual((await loadTokenizer(folder)).eosIds, ids, name);
    }
    const model = await sample(here, 'too-many', ended('<|begin|>', [4, 5, 6, 7]));
    await assert.rejects(
      here.run({ model, format: 'gguf', out: here.file('too-many.gguf') }),
      /at the tokens 1, 0, 4, the model at 1, 0, 4, 5, 6, 7;/,
    );
  });

  it('leaves out added tokens that the model has no embedding for', async () => {
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
    const model = await sample(here, 'with-images', {
      'tokenizer.json': (settings) => ({
        ...settings,
        added_tokens: [...(settings.added_tokens as unknown[]), { id: 1328, content: '<image>', ...flags }],
      }),
    });
    const out = here.file('with-images.gguf');
    await here.run({ model, format: 'gguf', out });
    const tokens = readGguf(out).metadata.get('tokenizer.ggml.tokens') as string[];
    assert.equal(tokens.length, 1328);
    assert.equal(tokens.includes('<image>'), false);
  });

  it('keeps the chat template wherever the model has it, and notes that it has none', async () => {
    const own = (await settingsOf(join(SAMPLE, 'tokenizer_config.json'))).chat_template as string;
    const given = (chat_template: unknown): Changes => ({
      'tokenizer_config.json': (settings) => ({ ...settings, chat_template }),
    });
    const written = async (model: string): Promise<[unknown, string[] | undefined]> => {
      const { notes } = await here.run({ model, format: 'gguf', out: `${model}.gguf` });
      return [readGguf(`${model}.gguf`).metadata.get('tokenizer.chat_template'), notes];
    };
    const other = { name: 'tool_use', template: 'x' };
    const named = await sample(here, 'named', given([other, { name: 'default', template: own }]));
    assert.deepEqual(await written(named), [own, undefined]);
    assert.equal(readGguf(`${named}.gguf`).metadata.get('tokenizer.chat_template.tool_use'), 'x');
    const [legacy, jinja, none] = [
      await sample(here, 'legacy', given(undefined)),
      await sample(here, 'jinja', given('x')),
      await sample(here, 'none', given(undefined)),
    ];
    await writeFile(join(legacy, 'chat_template.json'), JSON.stringify({ chat_template: own }));
    assert.deepEqual(await written(legacy), [own, undefined]);
    await writeFile(join(jinja, 'chat_template.jinja'), own);
    assert.deepEqual(await written(jinja), [own, undefined]);
    const [template, notes] = await written(none);
    assert.equal(template, undefined);
    assert.match(notes!.join(), /no chat template.*"User: …", "Assistant: …"/);
  });

  for (const [family, name] of [
    ['llama', 'rslora'],
    ['gpt2', 'task'],
    ['qwen2', 'task'],
  ] as const) {
    it(`${family}: ${name} alone, as a LoRA`, async () => {
      const r = await loadReference(family);
      const path = adapterOf(family, name);
      const out = here.file(`${family}-${name}.gguf`);
      await here.run({
        model: r.folder,
        adapters: [at(path, 2), at(path, -0.5)],
        format: 'gguf',
        what: 'adapter',
        out,
      });
      const gguf = readGguf(out);
      assert.equal(gguf.metadata.get('general.type'), 'adapter');
      const { modules } = await readAdapter(path);
      assert.equal(gguf.tensors.size, 2 * modules.size);
      const ranks = [...modules.values()].map(({ aShape }) => 2 * aShape[0]);
      const written = [...gguf.tensors.values()].filter((t) => t.name.endsWith('lora_a')).map((t) => t.shape[0]);
      assert.deepEqual(written.sort(), ranks.sort());
    });
  }

  it('a LoRA names the architecture of the file that it is for, and of the one that is written of the same model', async () => {
    const model = here.file('mistral-small');
    await writePublished('Mistral-Small-3.1-24B', model);
    const file = here.file('mistral-small.gguf');
    await here.run({ model, format: 'gguf', quantization: 'F32', out: file });
    const named = (path: string): unknown => readGguf(path).metadata.get('general.architecture');
    assert.equal(named(file), 'mistral3', 'as llama.cpp’s converter names it');
    for (const [base, name] of [
      [model, 'folder'],
      [file, 'file'],
    ] as const) {
      const { config } = await openModel(base, { cache: here.file('cache') });
      const site = linearLayers(decoderSpec(config)).find((layer) => layer.name.endsWith('q_proj'))!;
      const adapter = here.file(`of-${name}`);
      const [A, B] = [new Float32Array(2 * site.in).fill(0.1), new Float32Array(2 * site.out).fill(0.1)];
      await writeAdapter(adapter, {
        role: 'task',
        config: { rank: 2, alpha: 2, useRslora: false, targetModules: [site.name], rankPattern: {}, alphaPattern: {}, fanInFanOut: false }, // oxfmt-ignore
        modules: new Map([[site.name, { A, aShape: [2, site.in], B, bShape: [site.out, 2] }]]),
      });
      const out = here.file(`of-${name}.gguf`);
      await here.run({ model: base, adapters: [at(adapter)], format: 'gguf', what: 'adapter', out });
      assert.equal(named(out), 'mistral3', name);
    }
  });

  it('refuses another name, a file that is there, options of other forms, an adapter that is none', async () => {
    const { folder: model } = await loadReference('llama');
    const fails = (params: Partial<Parameters<Place['run']>[0]>, message: RegExp): Promise<void> =>
      assert.rejects(here.run({ model, format: 'gguf', out: here.file('x.gguf'), ...params }), message);
    await fails({ out: here.file('x') }, /ends in \.gguf/);
    await fails({ out: here.file('sample.gguf') }, /already exists/);
    await fails({ what: 'adapter' }, /no adapter/);
    await fails({ what: 'adapter', adapters: [at(adapterOf('llama', 'task'))], quantization: 'Q8_0' }, /F32 or F16/);
    await fails({ what: 'adapter', format: 'peft', out: here.file('x') }, /--lora is for gguf/);
    await fails({ format: 'onnx', quantization: 'Q8_0', out: here.file('x') }, /ONNX is written as F32/);
    await fails({ format: 'safetensors', quantization: 'F16', out: here.file('x') }, /keeps the types/);
    assert.equal(existsSync(here.file('x')) || existsSync(here.file('x.gguf')), false);
    assert.deepEqual(await here.left(), []);
  });
});
