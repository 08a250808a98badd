/** The exported files in plain onnxruntime, with its own defaults, against the reference. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import * as ort from 'onnxruntime-node';
import { exportOnnx } from '../../runtime/export/onnx.js';
import { sha256File } from '../../runtime/support/files.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { hashesOf } from '../../runtime/models/weights/hashes.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { atTokens, loadReference, REFERENCES, type Reference } from '../support/reference.js';
import { adapterOf, at, place, type Place } from './support.js';

let here: Place;
before(async () => void (here = await place()));
after(() => here.remove());

const int64 = (data: readonly number[], dims: readonly number[]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(data, BigInt), dims);

/** An empty cache out of what the file says of its inputs, as transformers.js makes it. */
function emptyCache(session: ort.InferenceSession, B: number): Record<string, ort.Tensor> {
  const pasts = session.inputMetadata.filter(({ name }) => name.startsWith('past_key_values.'));
  return Object.fromEntries(
    pasts.map((meta) => {
      assert.ok(meta.isTensor);
      const dims = meta.shape.map((dim) => (dim === 'batch_size' ? B : typeof dim === 'number' ? dim : 0));
      return [meta.name, new ort.Tensor('float32', new Float32Array(0), dims)];
    }),
  );
}

async function logits(
  session: ort.InferenceSession,
  r: Reference,
  batch: string,
  positions: number[],
): Promise<Float64Array> {
  const dims = r.shape(`${batch}.input_ids`);
  const mask = await r.ints(`${batch}.attention_mask`);
  const out = await session.run({
    ...emptyCache(session, dims[0]!),
    input_ids: int64(await r.ints(`${batch}.input_ids`), dims),
    attention_mask: int64(mask, dims),
    position_ids: int64(positions, dims),
  });
  assert.deepEqual(out.logits!.dims, [...dims, 128]);
  return atTokens(out.logits!.data as Float32Array, mask);
}

async function greedy(session: ort.InferenceSession, prompt: readonly number[], count: number): Promise<number[]> {
  let feeds = emptyCache(session, 1);
  let ids = [...prompt];
  const answer: number[] = [];
  for (let length = prompt.length; answer.length < count; length++) {
    const out = await session.run({
      ...feeds,
      input_ids: int64(ids, [1, ids.length]),
      attention_mask: int64(new Array<number>(length).fill(1), [1, length]),
      position_ids: int64(
        ids.map((_, i) => length - ids.length + i),
        [1, ids.length],
      ),
    });
    const last = (out.logits!.data as Float32Array).slice(-128);
    ids = [last.indexOf(Math.max(...last))];
    answer.push(ids[0]!);
    feeds = Object.fromEntries(
      Object.keys(feeds).map((name) => [name, out[name.replace('past_key_values', 'present')]!]),
    );
  }
  return answer;
}

describe('ONNX', () => {
  for (const family of ['llama', 'qwen2', 'gemma2', 'gpt2', 'falcon_rw']) {
    it(`${family}: reference logits on both paddings, greedy tokens with the cache`, async () => {
      const r = await loadReference(family);
      const out = here.file(family);
      const result = await here.run({ model: r.folder, format: 'onnx', out });
      const file = join(out, 'onnx', 'model.onnx');
      assert.deepEqual(result, { path: out, sha256: await sha256File(file) });
      assert.deepEqual(readdirSync(join(out, 'onnx')).sort(), ['model.onnx', 'model.onnx_data']);
      const session = await ort.InferenceSession.create(file, { logSeverityLevel: 3 });
      const [B, T] = r.shape('batch.input_ids') as [number, number];
      await r.check(
        'logits',
        await logits(
          session,
          r,
          'batch',
          Array.from({ length: B * T }, (_, i) => i % T),
        ),
      );
      await r.check('left.logits', await logits(session, r, 'left', await r.ints('left.position_ids')));
      assert.deepEqual(await greedy(session, await r.ints('generate.prompt'), 16), await r.ints('generate.base'));
      await session.release();
    });
  }

  it('an adapter is inside; config.json keeps its text and names the data file', async () => {
    const r = await loadReference('llama');
    const out = here.file('security');
    await here.run({ model: r.folder, adapters: [at(adapterOf('llama', 'security'))], format: 'onnx', out });
    const session = await ort.InferenceSession.create(join(out, 'onnx', 'model.onnx'), { logSeverityLevel: 3 });
    assert.deepEqual(await greedy(session, await r.ints('generate.prompt'), 16), await r.ints('generate.security'));
    await session.release();
    const text = readFileSync(join(out, 'config.json'), 'utf8');
    const { 'transformers.js_config': added, ...config } = JSON.parse(text) as Record<string, unknown>;
    assert.deepEqual(config, r.config);
    assert.ok(text.startsWith(readFileSync(join(r.folder, 'config.json'), 'utf8').trimEnd().slice(0, -1).trimEnd()));
    assert.deepEqual(added, { dtype: 'fp32', use_external_data_format: { 'model.onnx': 1 } });
  });

  it('weights that one data file may not hold are spread over several', async () => {
    const r = await loadReference('gpt2');
    const model = await openModel(r.folder, { cache: here.dir });
    const spec = decoderSpec(model.config);
    const signal = new AbortController().signal;
    const adapted = { sites: linearLayers(spec), hashes: () => hashesOf(model) };
    const source = { model, spec, ...adapted, adapters: [], signal, onProgress: () => undefined };
    const out = here.file('parts');
    await exportOnnx({ ...source, backend: await openBackend('cpu', 1) }, out, 70_000);
    const names = readdirSync(join(out, 'onnx')).sort();
    assert.deepEqual(names, ['model.onnx', 'model.onnx_data', 'model.onnx_data_1', 'model.onnx_data_2']);
    const { 'transformers.js_config': added } = JSON.parse(readFileSync(join(out, 'config.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    assert.deepEqual(added, { dtype: 'fp32', use_external_data_format: { 'model.onnx': 3 } });
    const session = await ort.InferenceSession.create(join(out, 'onnx', 'model.onnx'), { logSeverityLevel: 3 });
    assert.deepEqual(await greedy(session, await r.ints('generate.prompt'), 16), await r.ints('generate.base'));
    await session.release();
  });

  it('says where transformers.js does not load it', async () => {
    for (const [family, why] of [
      ['seed_oss', /^transformers\.js 4 does not load it: it has no models of the type seed_oss\. onnxruntime runs/],
      ['gemma3_image', /in several files/],
      ['falcon', /"multi_query"/],
      ['granite4', /"full_attention"/],
    ] as const) {
      const { notes } = await here.run({ model: join(REFERENCES, family), format: 'onnx', out: here.file(`js-${family}`) }); // oxfmt-ignore
      assert.match(notes!.join('\n'), why);
    }
  });
});
