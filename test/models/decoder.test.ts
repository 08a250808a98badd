import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { HumanError } from '../../runtime/support/errors.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import {
  bytesOf,
  readFloat32,
  readSafetensors,
  writeSafetensors,
  type TensorInfo,
} from '../../runtime/models/weights/safetensors.js';
import { alignModel } from '../../runtime/models/packed/packModel.js';
import { linearLayers, parameters, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { frozenWeights, trainableWeights } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder, type FloatType, type Graph } from '../../runtime/onnx/graph.js';
import { Reshape } from '../../runtime/onnx/ops.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64, type Backend, type Feeds } from '../../runtime/device/session.js';
import { atTokens, FAMILIES, loadReference, rightPositions, type Reference } from '../support/reference.js';

let cpu: Backend;
let temporary: string;
before(async () => {
  cpu = await openBackend('cpu', 1);
  temporary = await mkdtemp(join(tmpdir(), 'decoder-'));
});
after(() => rm(temporary, { recursive: true, force: true }));

type Model = Pick<Reference, 'folder' | 'tensors'>;

function logitsGraph(spec: DecoderSpec, model: Model, float?: FloatType): Graph {
  const g = new Builder('forward', { float });
  const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
  decoder.hiddenStates.forEach((h, i) => g.outputAs(`hidden.${i}`, h));
  g.outputAs('logits', Reshape(g, decoder.logits(decoder.hidden), ['B', 'T', spec.vocabSize]));
  return checkGraph(prune(g.graph()));
}

async function batch(r: Reference): Promise<Feeds> {
  const [B, T] = r.shape('batch.input_ids') as [number, number];
  const mask = await r.ints('batch.attention_mask');
  return {
    input_ids: int64(await r.ints('batch.input_ids'), [B, T]),
    attention_mask: int64(mask, [B, T]),
    position_ids: int64(rightPositions(mask, T), [B, T]),
  };
}

async function logits(r: Reference, spec: DecoderSpec, model: Model): Promise<Float32Array> {
  const session = await cpu.session(logitsGraph(spec, model), { folder: model.folder });
  const out = await session.run(await batch(r), ['logits']);
  await session.dispose();
  return cpu.read(out.logits!);
}

describe('the graph', () => {
  it('has one Gemm for each linear layer of the blocks, named like the module', async () => {
    for (const name of FAMILIES) {
      const r = await loadReference(name);
      const spec = decoderSpec(r.config);
      const gemms = logitsGraph(spec, r).nodes.filter((node) => node.op === 'Gemm');
      const sites = linearLayers(spec);
      assert.deepEqual(
        gemms.map((node) => node.name),
        [...sites.map((s) => s.name), spec.head.name],
      );
      for (const [i, site] of sites.entries()) {
        assert.deepEqual(gemms[i]!.inputs[1]!.shape, site.transposed ? [site.in, site.out] : [site.out, site.in]);
        assert.deepEqual(gemms[i]!.inputs[0]!.shape, ['B*T', site.in]);
      }
    }
  });

  it('reads every weight in place, each once', async () => {
    for (const name of FAMILIES) {
      const r = await loadReference(name);
      const spec = decoderSpec(r.config);
      const { initializers } = logitsGraph(spec, r);
      const external = initializers.filter(({ data }) => data.kind === 'external').map(({ value }) => value.name);
      assert.deepEqual(external.sort(), [...parameters(spec).keys()].sort());
      const inline = initializers.reduce((n, { data }) => n + (data.kind === 'inline' ? data.bytes.length : 0), 0);
      assert.ok(inline < 2000, `${name}: ${inline} bytes of constants`);
    }
  });

  it('takes every weight as an input for full fine-tuning, a tied head once', async () => {
    const r = await loadReference('llama');
    const g = new Builder('full');
    const spec = decoderSpec(r.config);
    const decoder = buildDecoder(g, spec, trainableWeights(g, r.tensors), { cache: false });
    decoder.logits(decoder.hidden);
    const inputs = g.graph().inputs.map((v) => v.name);
    assert.equal(spec.head.tied, true);
    assert.deepEqual(inputs.slice(3).sort(), [...parameters(spec).keys()].sort());
  });

  it('needs few nodes', async () => {
    const r = await loadReference('llama');
    const nodes = logitsGraph(decoderSpec(r.config), r).nodes.filter((n) => n.name.startsWith('model.layers.1'));
    assert.ok(nodes.length <= 50, `${nodes.length} nodes in a Llama block`);
  });
});

/**
 * gptj and codegen keep their table of sines as float32; the fixture of phi3_long has the long angles in float64, where
 * transformers has float32.
 */
const ROUNDED = new Set(['codegen', 'gptj', 'phi3_long']);

describe('in float64 the graph gives the reference to nine digits', () => {
  for (const name of FAMILIES) {
    it(name, async (t) => {
      const r = await loadReference(name);
      const spec = decoderSpec(r.config);
      if (spec.layers.some((layer) => layer.mlp.activation === 'gelu')) return t.skip('the CPU has no Erf for float64');
      const session = await cpu.session(logitsGraph(spec, r, 'float64'), { folder: r.folder });
      const out = await session.run(await batch(r));
      await session.dispose();
      const mask = await r.ints('batch.attention_mask');
      for (const [key, tensor] of Object.entries(out)) {
        const want = await r.floats(key);
        const got = atTokens(tensor.data as Float64Array, mask);
        const scale = want.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
        const worst = want.reduce((m, v, i) => Math.max(m, Math.abs(v - got[i]!)), 0) / scale;
        assert.ok(worst < (ROUNDED.has(name) ? 1e-7 : 1e-9), `${key}: ${worst} of its scale`);
      }
    });
  }
});

it('with a cache, a row given in two pieces gives the logits of the whole row', async () => {
  for (const name of FAMILIES) {
    const r = await loadReference(name);
    const spec = decoderSpec(r.config);
    // LongRoPE turns keys by the length known when they are made, in transformers too
    if (spec.layers[0]!.attention.rope?.long) continue;
    const g = new Builder('cached');
    const decoder = buildDecoder(g, spec, frozenWeights(g, r), { cache: true });
    g.outputAs('logits', decoder.logits(decoder.hidden));
    decoder.present.forEach(({ key, value }, i) => {
      g.outputAs(`past_key_values.${i}.key.out`, key);
      g.outputAs(`past_key_values.${i}.value.out`, value);
    });
    const session = await cpu.session(checkGraph(prune(g.graph())), { folder: r.folder });
    const T = r.shape('batch.input_ids')[1]!;
    const ids = (await r.ints('batch.input_ids')).slice(0, T);
    const made: number[] = [];
    let cache: Feeds = {};
    spec.layers.forEach(({ attention: { kvHeads: K, headDim: D } }, i) => {
      cache[`past_key_values.${i}.key`] = float32(new Float32Array(0), [1, K, 0, D]);
      cache[`past_key_values.${i}.value`] = float32(new Float32Array(0), [1, K, 0, D]);
    });
    for (const [from, to] of [
      [0, 5],
      [5, T],
    ] as const) {
      const out = await session.run({
        ...cache,
        input_ids: int64(ids.slice(from, to), [1, to - from]),
        attention_mask: int64(new Array<number>(to).fill(1), [1, to]),
        position_ids: int64(
          ids.slice(from, to).map((_, t) => from + t),
          [1, to - from],
        ),
      });
      made.push(...(await cpu.read(out.logits!)));
      cache = Object.fromEntries(Object.keys(cache).map((key) => [key, out[`${key}.out`]!]));
    }
    const want = (await r.floats('logits')).subarray(0, T * spec.vocabSize);
    const worst = want.reduce((m, v, i) => Math.max(m, Math.abs(v - made[i]!)), 0);
    assert.ok(worst < 3e-5 * want.reduce((m, v) => Math.max(m, Math.abs(v)), 0), `${name}: ${worst}`);
  }
});

describe('weights', () => {
  let llama: Reference;
  let spec: DecoderSpec;
  before(async () => {
    llama = await loadReference('llama');
    spec = decoderSpec(llama.config);
  });

  /** A model folder with changed tensors. */
  async function model(
    name: string,
    change: (
      info: TensorInfo,
      values: Float32Array,
    ) => { name?: string; dtype: 'F32' | 'F16' | 'BF16'; data: Uint8Array } | undefined,
  ): Promise<Model> {
    const file = join(temporary, `${name}.safetensors`);
    const tensors = [];
    for (const info of llama.tensors.values()) {
      const made = change(info, await readFloat32(info));
      if (made)
        tensors.push({
          name: made.name ?? info.name,
          dtype: made.dtype,
          shape: info.shape,
          bytes: made.data.length,
          data: () => made.data,
        });
    }
    await writeSafetensors(file, tensors);
    return { folder: temporary, tensors: (await readSafetensors(file)).tensors };
  }
  const asIs = (values: Float32Array) => ({ dtype: 'F32' as const, data: bytesOf(values) });

  it('F16 and BF16 weights give what their float32 values give', async () => {
    for (const [dtype, narrow, widen] of [
      ['F16', f32ToF16, f16ToF32],
      ['BF16', f32ToBf16, bf16ToF32],
    ] as const) {
      const half = await model(dtype, (_, values) => ({ dtype, data: bytesOf(narrow(values)) }));
      const wide = await model(`${dtype}-wide`, (_, values) => asIs(widen(narrow(values))));
      assert.deepEqual(await logits(llama, spec, half), await logits(llama, spec, wide));
      const casts = logitsGraph(spec, half).nodes.filter((node) => node.op === 'Cast');
      assert.deepEqual(
        casts.filter((node) => node.inputs[0]!.name === 'model.embed_tokens.weight').map((node) => node.name),
        ['lm_head'],
        'the embedding is cast after its rows are taken',
      );
    }
  });

  it('tensors at odd offsets are read too, from a copy', async () => {
    const header: Record<string, unknown> = { odd: { dtype: 'U8', shape: [1], data_offsets: [0, 1] } };
    const parts: Uint8Array[] = [new Uint8Array([1])];
    let at = 1;
    for (const info of llama.tensors.values()) {
      const data = bytesOf(await readFloat32(info));
      header[info.name] = { dtype: 'F32', shape: info.shape, data_offsets: [at, (at += data.length)] };
      parts.push(data);
    }
    const json = Buffer.from(JSON.stringify(header));
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(json.length));
    const file = join(temporary, 'odd.safetensors');
    await writeFile(file, Buffer.concat([start, json, ...parts]));
    const { tensors } = await readSafetensors(file);
    assert.ok([...tensors.values()].some((info) => info.offset % 4 !== 0));
    const odd = { path: file, folder: temporary, tensors, config: {}, hasTokenizer: false };
    const { beside } = await alignModel(odd, spec, { cache: join(temporary, 'cache') });
    assert.ok(![...beside!.values()].some((info) => info.offset % 4 !== 0));
    const aligned = { folder: dirname(beside!.values().next().value!.file), tensors: new Map(beside) };
    assert.deepEqual(await logits(llama, spec, aligned), await logits(llama, spec, llama));
  });

  it('names without the first part are those of a bare model', async () => {
    const bare = await model('bare', (info, values) => ({ ...asIs(values), name: info.name.replace(/^model\./, '') }));
    assert.deepEqual(await logits(llama, spec, bare), await logits(llama, spec, llama));
  });

  it('a text model inside one for text and images, under both orders of its names', async () => {
    const gemma = await loadReference('gemma3');
    const config = {
      architectures: ['Gemma3ForConditionalGeneration'],
      model_type: 'gemma3',
      text_config: gemma.config,
      vision_config: { hidden_size: 8 },
    };
    const inside = decoderSpec(config);
    assert.ok(linearLayers(inside).every(({ name }) => name.startsWith('model.language_model.layers.')));
    const want = await logits(gemma, decoderSpec(gemma.config), gemma);
    for (const prefix of ['model.language_model.', 'language_model.model.']) {
      const tensors = new Map(
        [...gemma.tensors].map(([name, info]) => {
          const own = name.replace(/^model\./, prefix);
          return [own, { ...info, name: own }];
        }),
      );
      assert.deepEqual(await logits(gemma, inside, { folder: gemma.folder, tensors }), want);
    }
  });

  const fault = (broken: Model): HumanError => {
    try {
      logitsGraph(spec, broken);
    } catch (error) {
      assert.ok(error instanceof HumanError, String(error));
      return error;
    }
    return assert.fail('accepted');
  };
  const NAME = 'model.layers.1.mlp.up_proj.weight';

  it('a missing tensor is named with the shape that is needed', async () => {
    const error = fault(await model('missing', (info, values) => (info.name === NAME ? undefined : asIs(values))));
    assert.match(error.message, /no tensor model\.layers\.1\.mlp\.up_proj\.weight of shape \[64, 32\]/);
  });

  it('a tensor of another shape is named with both shapes', () => {
    const tensors = new Map(llama.tensors).set(NAME, { ...llama.tensors.get(NAME)!, shape: [32, 64] });
    const error = fault({ folder: llama.folder, tensors });
    assert.match(error.message, /\[32, 64\].*\[64, 32\]/);
    assert.match(error.place!, /model\.safetensors: model\.layers\.1\.mlp\.up_proj\.weight/);
  });

  it('a tensor of integers is refused with its type', () => {
    const tensors = new Map(llama.tensors).set(NAME, { ...llama.tensors.get(NAME)!, dtype: 'I8' });
    assert.match(fault({ folder: llama.folder, tensors }).message, /type I8/);
  });
});
