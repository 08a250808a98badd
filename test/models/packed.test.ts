/**
 * Models in blocks of 4 and 8 bits: the blocks, and what is computed with them against the numbers that they stand for.
 */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { calls } from '../../runtime/calls/calls.js';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64, type Backend } from '../../runtime/device/session.js';
import type { Value } from '../../runtime/onnx/graph.js';
import { generationGraph } from '../../runtime/evaluation/inference/generate.js';
import { openLearner, type Learner } from '../../runtime/learner/learner.js';
import { cutOf } from '../../runtime/learner/cut.js';
import { gradientGraph, lossGraph } from '../../runtime/learner/objective.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { exportModel } from '../../runtime/export/export.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { listCache } from '../../runtime/models/cache/userCache.js';
import { plannedModel } from '../../runtime/estimate/model.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { findTensor, weightsFolder } from '../../runtime/models/decoder/weights.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { dequantise, quantise, reorder } from '../../runtime/models/weights/blocks.js';
import { packings, packModel } from '../../runtime/models/packed/packModel.js';
import type { ModelFolder } from '../../runtime/models/weights/modelFolder.js';
import { watchWeights } from '../../runtime/models/weights/intact.js';
import { rowPieces } from '../../runtime/models/weights/packedWeight.js';
import {
  bytesOf,
  readBytes,
  readFloat32,
  readSafetensors,
  writeSafetensors,
} from '../../runtime/models/weights/safetensors.js';
import { random } from '../../runtime/support/random.js';
import { silent } from '../support/silent.js';
import { unpacked, valuesOf } from '../support/packed.js';
import { FAMILIES, loadReference, rightPositions } from '../support/reference.js';
import { randomRows } from '../support/randomRows.js';

const SAMPLE = join(import.meta.dirname, '../../media/sample/tiny-assistant');

let dir: string;
let cpu: Backend;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'packed-'));
  cpu = await openBackend('cpu', 1);
});
after(() => rm(dir, { recursive: true, force: true }));

const rms = (values: Float32Array): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);
const normals = (count: number): Float32Array => {
  const rng = random('blocks');
  return Float32Array.from({ length: count }, () => rng.normal());
};

describe('blocks', () => {
  it('are near the values: 1 % of their size in 8 bits, 8 % in 4', () => {
    const x = normals(32 * 4096);
    for (const [bits, most] of [
      [8, 0.007],
      [4, 0.082],
    ] as const) {
      const error = dequantise(quantise(x, bits)).map((y, i) => y - x[i]!);
      assert.ok(rms(error) < most * rms(x), `${bits} bits: ${rms(error) / rms(x)}`);
    }
  });

  it('hold values that lie on their steps exactly, and zeros', () => {
    const x = Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? (((i * 7) % 16) - 8) * 0.25 : 0));
    assert.deepEqual(dequantise(quantise(x, 4)), x);
    const steps = Float32Array.from({ length: 32 }, (_, i) => (8 * i - 127) * 0.5);
    assert.deepEqual(dequantise(quantise(steps, 8)), steps);
  });

  it('take another order of rows', () => {
    const x = normals(4 * 64);
    const order = [2, 0, 3, 1];
    const moved = dequantise(reorder(quantise(x, 4), order));
    const before = dequantise(quantise(x, 4));
    order.forEach((from, to) =>
      assert.deepEqual(moved.slice(64 * to, 64 * to + 64), before.slice(64 * from, 64 * from + 64)),
    );
  });
});

async function packedReference(name: string, precision: 'int4' | 'int8', vocabSize?: number) {
  const reference = await loadReference(name);
  const r = vocabSize === undefined ? reference : await withVocabulary(reference, vocabSize);
  const spec = decoderSpec(r.config);
  const model = { ...r, path: r.folder, hasTokenizer: false } as unknown as ModelFolder;
  const { packed } = await packModel(model, spec, precision, { cache: join(dir, 'cache') });
  const names = new Map(
    [...packings(spec, precision, name)].map(
      ([
        parameter,
        {
          shape: [N, K],
          transposed,
        },
      ]) => [parameter, findTensor(r.tensors, parameter, transposed ? [K, N] : [N, K]).name],
    ),
  );
  const folder = await mkdtemp(join(dir, 'float-'));
  return { r, spec, names, model: { ...model, packed }, plain: await unpacked({ ...r, packed }, names, folder) };
}

/** The same model with more tokens, whose rows are those of the others with some noise. */
async function withVocabulary(r: Awaited<ReturnType<typeof loadReference>>, vocabSize: number) {
  const rng = random('vocabulary');
  const folder = await mkdtemp(join(dir, 'wide-'));
  const file = join(folder, 'model.safetensors');
  await writeSafetensors(
    file,
    [...r.tensors.values()].map((info) => {
      const [V, E] = info.shape;
      if (V !== r.config.vocab_size) return { ...info, data: () => readBytes(info) };
      return {
        ...info,
        dtype: 'F32',
        shape: [vocabSize, E!],
        bytes: 4 * vocabSize * E!,
        data: async () => {
          const rows = await readFloat32(info);
          return bytesOf(
            Float32Array.from({ length: vocabSize * E! }, (_, i) => rows[i % rows.length]! + 0.01 * rng.normal()),
          );
        },
      };
    }),
  );
  return { folder, tensors: (await readSafetensors(file)).tensors, config: { ...r.config, vocab_size: vocabSize } };
}

const rowsOf = (spec: DecoderSpec, lengths = [9, 12, 5]): TrainingRow[] =>
  randomRows(lengths, spec, random('rows'), { task: 1 });

/** What an adapter's gradient is on a model in blocks, and on the same numbers in float32. */
async function compareGradients(
  { spec, model, plain }: Awaited<ReturnType<typeof packedReference>>,
  rows: TrainingRow[],
): Promise<void> {
  const layout = plainLayout(linearLayers(spec), { rank: 2, alpha: 4, sites: 'all-linear' });
  const flat = initialise(layout, random('adapter')).map((x, i) => x + 0.01 * Math.sin(i));
  const run = async (of: typeof plain) => {
    const learner: Learner = openLearner({
      backend: cpu,
      spec,
      model: of,
      adapters: [{ name: 'task', layout }],
      trainable: [flatInput('task')],
    });
    const out = await learner.gradients(rows, { [flatInput('task')]: flatTensor(flat) });
    await learner.dispose();
    return { loss: out.loss, gradient: await cpu.read(out.gradients[0]!) };
  };
  const [blocks, floats] = [await run(model), await run(plain)];
  assert.ok(Math.abs(blocks.loss - floats.loss) <= 1e-6 * floats.loss, `${blocks.loss} and ${floats.loss}`);
  const difference = blocks.gradient.map((x, i) => x - floats.gradient[i]!);
  assert.ok(rms(difference) <= 1e-6 * rms(floats.gradient), `${rms(difference)} of ${rms(floats.gradient)}`);
}

for (const name of FAMILIES.filter((family) => family !== 'falcon_rw')) {
  it(`gradients of an adapter on ${name} in 4 bits are those on the dequantised model`, async () => {
    const found = await packedReference(name, 'int4');
    await compareGradients(found, rowsOf(found.spec));
  });
}

it('a model on another drive than the cache is mapped from the cache alone, and computes the same', async () => {
  const cache = join(dir, 'apart');
  const driveOf = async (path: string): Promise<string> => (path === cache ? 'c:\\' : 'd:\\');
  for (const name of ['llama', 'gpt2']) {
    const { r, spec, model, plain } = await packedReference(name, 'int4');
    const { packed, beside } = await packModel(model, spec, 'int4', { cache, driveOf });
    const apart = { ...model, packed, beside };
    const folder = weightsFolder(apart);
    assert.match(folder, /packed-[0-9a-f]{32}-\d+-whole-int4$/);
    assert.deepEqual((await listCache(cache)).entries.map((entry) => entry.folder).includes(folder), true);
    for (const [tensor, copy] of beside!)
      assert.deepEqual(await readBytes(copy), await readBytes(r.tensors.get(tensor)!));
    await compareGradients({ r, spec, names: new Map(), model: apart, plain }, rowsOf(spec));
  }
});

/** The sample's model with a header that is one byte longer, as files are that pad none. */
async function oddSample(): Promise<string> {
  const folder = join(await mkdtemp(join(dir, 'odd-')), 'odd');
  await cp(SAMPLE, folder, { recursive: true });
  const file = join(folder, 'model.safetensors');
  const bytes = await readFile(file);
  const end = 8 + Number(bytes.readBigUInt64LE());
  bytes.writeBigUInt64LE(BigInt(end - 8 + 1));
  await writeFile(file, Buffer.concat([bytes.subarray(0, end), Buffer.from(' '), bytes.subarray(end)]));
  return folder;
}

it('weights that are not aligned are copied once, and mapped from there; they give the same losses', async () => {
  const [odd, cache] = [await oddSample(), join(dir, 'aligned')];
  for (const precision of ['float32', 'int4'] as const) {
    const said: string[] = [];
    const open = (path: string) => openFrozen(path, { cache, precision, onMessage: (text) => void said.push(text) });
    const even = await open(SAMPLE);
    said.length = 0;
    const { model, spec } = await open(odd);
    assert.match(
      said.join(),
      precision === 'float32'
        ? /^Copying the weights of odd, which cannot be mapped where they are, [\d.]+ MB; this is done once\.$/
        : /^Packing the weights of odd as int4, [\d.]+ MB; this is done once\.$/,
    );
    assert.equal((await listCache(cache)).entries.filter(({ folder }) => folder === weightsFolder(model)).length, 1);
    const inline = (of: ModelFolder): number[] =>
      lossGraph({ spec, model: of, adapters: [] }).initializers.flatMap(({ data }) =>
        data.kind === 'inline' ? [data.bytes.length] : [],
      );
    assert.deepEqual(inline(model), inline(even.model));
    assert.deepEqual(await lossesOf(spec, model), await lossesOf(spec, even.model));
    await open(odd);
    assert.equal(said.length, 1);
    assert.equal((await plannedModel(odd, precision)).bytes, (await plannedModel(SAMPLE, precision)).bytes);
  }
});

it('what is mapped is watched: a copy that is changed while it is in use is told, its original may be touched', async () => {
  for (const precision of ['float32', 'int4'] as const) {
    const odd = await oddSample();
    const { model } = await openFrozen(odd, { cache: await mkdtemp(join(dir, 'watched-')), precision });
    const intact = await watchWeights(model);
    await utimes(join(odd, 'model.safetensors'), 1, 1);
    await intact();
    const [{ file }] = model.beside!.values();
    await truncate(file, (await stat(file)).size - 4096);
    await assert.rejects(intact(), /the model's file was changed while it was in use/);
  }
});

it('an export that is refused or stopped copies no weights', async () => {
  const [odd, cache] = [await oddSample(), await mkdtemp(join(dir, 'refused-'))];
  const out = join(dir, 'refused');
  const params = { model: odd, adapters: [], format: 'safetensors' as const, out };
  const options = { cache, signal: new AbortController().signal, onProgress: () => undefined };
  const missing = { ...params, adapters: [{ path: join(dir, 'nowhere'), scale: 1 }] };
  await assert.rejects(exportModel(missing, options), /nowhere/);
  await assert.rejects(exportModel(params, { ...options, signal: AbortSignal.abort() }), { name: 'Cancelled' });
  assert.deepEqual((await listCache(cache)).entries, []);
});

it('a model that is not aligned is exported, and is aligned then', async () => {
  const out = join(dir, 'even');
  await calls.export({ model: await oddSample(), adapters: [], format: 'safetensors', out }, silent);
  const said: string[] = [];
  await openFrozen(out, { cache: join(dir, 'aligned'), onMessage: (text) => void said.push(text) });
  assert.deepEqual(said, []);
});

async function lossesOf(spec: DecoderSpec, model: ModelFolder) {
  const learner = openLearner({ backend: cpu, spec, model, adapters: [], trainable: [] });
  const found = await learner.losses(rowsOf(spec), {});
  await learner.dispose();
  return found;
}

it('a head that is dequantised in pieces gives the same gradients, in a batch that is cut, too', async () => {
  const found = await packedReference('llama', 'int4', 600_000);
  const table = found.model.packed.get(found.spec.head.weight)!;
  const pieces = rowPieces(table);
  assert.deepEqual(
    pieces.map(({ shape }) => shape[0]),
    [300_000, 300_000],
  );
  assert.equal(pieces[1]!.values.offset, table.values.offset + pieces[0]!.values.bytes);
  await compareGradients(found, rowsOf(found.spec));
  const long = rowsOf(found.spec, [70, 12]);
  assert.ok(cutOf(long, found.spec.vocabSize).chunks);
  await compareGradients(found, long);
});

it('a GGUF file in blocks computes with the very numbers that it holds', async () => {
  const file = join(dir, 'sample.gguf');
  const cache = join(dir, 'cache');
  await calls.export({ model: SAMPLE, adapters: [], format: 'gguf', out: file, quantization: 'Q8_0' }, silent);
  const { model, spec } = await openFrozen(file, { cache, precision: 'int4' });
  const plain = await openFrozen(file, { cache });
  assert.deepEqual(new Set(model.packed!.keys()), new Set(packings(spec, 'int4', file).keys()));
  assert.ok([...model.packed!.values()].every(({ bits }) => bits === 8));
  for (const [name, weight] of model.packed!)
    assert.deepEqual(await valuesOf(weight), await readFloat32(plain.model.tensors.get(name)!), name);
  const held = [...model.packed!.keys(), ...model.tensors.keys()];
  assert.deepEqual(held.sort(), [...plain.model.tensors.keys()].sort());
  const losses = await Promise.all([model, plain.model].map((of) => lossesOf(spec, of)));
  assert.deepEqual(losses[0], losses[1]);
});

it('a weight is dequantised for each product and kept for none', async () => {
  const { spec, model } = await packedReference('llama', 'int4');
  const layout = plainLayout(linearLayers(spec), { rank: 2, alpha: 4, sites: 'all-linear' });
  const options = { spec, model, adapters: [{ name: 'task', layout }] };
  const { nodes } = gradientGraph(options, [flatInput('task')]);
  const made = nodes.filter(({ op }) => op === 'DequantizeLinear');
  // each layer forward and backward, but the first three, before which nothing is trained; and the head
  assert.equal(made.length, 2 * linearLayers(spec).length - 3 + 2);
  for (const { outputs } of made) {
    const readersOf = (y: Value) => nodes.filter(({ inputs }) => inputs.some((x) => x.name === y.name));
    const [y] = outputs;
    const [shaped, ...others] = readersOf(y);
    const [product, ...more] = shaped!.op === 'Reshape' ? readersOf(shaped!.outputs[0]) : [shaped];
    assert.deepEqual([product!.op, others, more], ['Gemm', [], []], y.name);
    // before the product come the adapter's parts for this layer, and no other weight
    const [at, used] = [nodes.findIndex((node) => node.outputs[0] === y), nodes.indexOf(product!)];
    const between = nodes.slice(at + 1, used);
    assert.ok(between.length <= 4 && between.every(({ op }) => /^(Split|Reshape|Gemm|Transpose)$/.test(op)), y.name);
  }
});

it('a model without rows of whole blocks is refused', async () => {
  await assert.rejects(packedReference('falcon_rw', 'int4'), /no layer of this model has rows of whole blocks of 32/);
});

/** Logits [3, V] behind prompts of one length, by the graph that generates. */
async function firstLogits(spec: DecoderSpec, model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed'>) {
  const graph = generationGraph({ spec, model, adapters: [] });
  const session = await cpu.session(graph, { folder: weightsFolder(model), prepack: model.packed !== undefined });
  const [B, T] = [3, 6];
  const rng = random('prompts');
  const pasts = graph.inputs.filter(({ name }) => name.startsWith('past_key_values.'));
  const out = await session.run(
    {
      ...Object.fromEntries(
        pasts.map(({ name, shape: [, heads, , D] }) => {
          const dims = [B, Number(heads), 1, Number(D)];
          return [name, float32(new Float32Array(dims.reduce((a, b) => a * b)), dims)];
        }),
      ),
      input_ids: int64(
        Array.from({ length: B * T }, () => rng.int(spec.vocabSize)),
        [B, T],
      ),
      position_ids: int64(rightPositions(new Array<number>(B * T).fill(1), T), [B, T]),
      attention_mask: int64(
        Array.from({ length: B * (T + 1) }, (_, i) => (i % (T + 1) === 0 ? 0 : 1)),
        [B, T + 1],
      ),
      targets: int64([5, 11, 17], [B]),
    },
    ['logits'],
  );
  await session.dispose();
  return cpu.read(out.logits!);
}

for (const precision of ['int4', 'int8'] as const) {
  describe(precision, () => {
    it('rounds the layers, and the tables to 8 bits', async () => {
      const { r, spec, names, model } = await packedReference('qwen2', precision);
      assert.deepEqual(
        new Set(model.packed.keys()),
        new Set([...linearLayers(spec).map((l) => `${l.name}.weight`), spec.embedding.weight, spec.head.weight]),
      );
      for (const [parameter, weight] of model.packed) {
        const x = await readFloat32(r.tensors.get(names.get(parameter)!)!);
        const error = (await valuesOf(weight)).map((y, i) => y - x[i]!);
        const isTable = [spec.embedding.weight, spec.head.weight].includes(parameter);
        const most = precision === 'int8' || isTable ? 0.008 : 0.09;
        assert.ok(rms(error) < most * rms(x), `${parameter}: ${rms(error) / rms(x)}`);
      }
    });

    it('generates with the blocks what the dequantised model gives, but for the rounding of inputs', async () => {
      for (const name of ['llama', 'gpt2', 'qwen2']) {
        const { spec, model, plain } = await packedReference(name, precision);
        const logits = [await firstLogits(spec, model), await firstLogits(spec, plain)];
        const difference = logits[0]!.map((x, i) => x - logits[1]![i]!);
        assert.ok(rms(difference) > 0, 'the inputs are not rounded');
        assert.ok(rms(difference) < 0.03 * rms(logits[1]!), `${name}: ${rms(difference) / rms(logits[1]!)}`);
      }
    });
  });
}
