import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { cutOf, limitsOf, PIECE_LIMITS } from '../../runtime/learner/cut.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { pack, type TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers, parameters, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import type { Graph } from '../../runtime/onnx/graph.js';
import { baseTensors } from '../../runtime/recipes/training/fullModel.js';
import { random } from '../../runtime/support/random.js';
import { unrolling } from '../support/unrolling.js';
import { recording } from '../support/recording.js';
import { loadReference } from '../support/reference.js';
import { noting } from '../support/runTokens.js';

const rng = random('cut');
const row = (length: number, teacher?: Float32Array): TrainingRow => {
  const ids = Array.from({ length }, () => rng.int(128));
  const labels = ids.map((id, t) => (t < 2 ? -100 : id));
  return { example: { ids, labels }, scales: { a: 1 }, weight: 0.1, ...(teacher && { teacher }) };
};

/** A model whose logits are most of its work. */
const withVocabulary = (vocabulary: number): DecoderSpec =>
  decoderSpec({
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary,
    max_position_embeddings: 512,
    hidden_size: 128,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    intermediate_size: 8,
  });

test('small batches are computed whole, long rows and many logits in pieces', () => {
  const limits = PIECE_LIMITS;
  assert.deepEqual(cutOf([row(512), row(20)], 7000, limits), {});
  assert.deepEqual(cutOf([row(130), row(130)], 100_000, limits), { chunks: { labels: 2, held: 1 } });
  assert.deepEqual(cutOf([row(513), row(20)], 1000, limits), { blocks: 5 });
  assert.deepEqual(cutOf([row(100), row(100)], 256_000, limits), { chunks: { labels: 3, held: 1 } });
  const held = new Float32Array(98 * 8);
  assert.deepEqual(cutOf([row(100, held), row(100)], 256_000, limits), { chunks: { labels: 2, held: 3 } });
});

test('the longer its rows, the fewer queries a block has: scores of one block stay as many', () => {
  const limits = { ...PIECE_LIMITS, queries: 256, scores: 2 ** 19 };
  const queries = (rows: number, length: number): number => {
    const { blocks } = cutOf(
      Array.from({ length: rows }, () => row(length)),
      1000,
      limits,
    );
    return Math.ceil(length / blocks!);
  };
  assert.equal(queries(1, 2048), 256);
  assert.equal(queries(1, 4096), 128);
  assert.equal(queries(2, 2048), 128, 'those of all rows count');
  assert.equal(queries(1, 8192), 64);
  assert.equal(queries(8, 8192), 32, 'not fewer: products would be slow');
});

test('a device whose graphs have the nodes of each piece gets few and large ones, in powers of two; another none', () => {
  const spec = withVocabulary(100_000);
  const limits = limitsOf(spec, false, 'unrolled');
  assert.deepEqual(cutOf([row(100)], 100_000, limits), {});
  assert.deepEqual(cutOf([row(1024)], 1000, limits), {});
  assert.deepEqual(cutOf([row(1025)], 1000, limits), { blocks: 4 }, 'three would do');
  assert.deepEqual(cutOf([row(2100)], 1000, limits), { blocks: 8 });
  assert.deepEqual(cutOf([row(8192)], 1000, limits), { blocks: 16 }, 'no more: a graph has the nodes of each');
  const chunks = { labels: 4, held: 1 };
  assert.deepEqual(
    cutOf(
      Array.from({ length: 17 }, () => row(100)),
      100_000,
      limits,
    ),
    { chunks },
  );
  assert.deepEqual(cutOf([row(8192)], 100_000, limitsOf(spec, false, 'whole')), {});
});

test('as many logits as a trained head has weights stay whole', () => {
  const spec = withVocabulary(200_000);
  const [frozen, trained] = [limitsOf(spec, false, 'scans'), limitsOf(spec, true, 'scans')];
  assert.deepEqual({ ...frozen, scores: 4 * frozen.scores }, PIECE_LIMITS, 'scores are counted over 4 heads');
  assert.deepEqual(cutOf([row(100)], 200_000, frozen), { chunks: { labels: 2, held: 1 } });
  assert.deepEqual(cutOf([row(100)], 200_000, trained), {});
  assert.deepEqual(cutOf([row(300)], 200_000, trained), { chunks: { labels: 4, held: 1 } });
});

test('pieces hold every position once, in order, and padding of weight 0', () => {
  const rows = [
    row(7),
    row(5),
    row(
      6,
      new Float32Array(4 * 2).map((_, i) => i + 1),
    ),
  ];
  const whole = pack(rows, ['a'], 9);
  const cut = pack(rows, ['a'], 9, { blocks: 3, chunks: { labels: 3, held: 3 } });
  const numbers = (packed: typeof cut, name: string): number[] =>
    Array.from(packed.feeds[name]!.data as Float32Array, Number);
  assert.deepEqual(cut.feeds.input_ids!.dims, [3, 9]);
  assert.deepEqual(cut.feeds.query_blocks!.dims, [3, 3]);
  assert.deepEqual(numbers(cut, 'query_blocks'), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
  assert.deepEqual(numbers(cut, 'attention_mask').slice(0, 9), [1, 1, 1, 1, 1, 1, 1, 0, 0]);
  assert.deepEqual(cut.feeds.targets!.dims, [3, 3]);
  assert.deepEqual(cut.rowOf, whole.rowOf);
  assert.deepEqual(numbers(cut, 'target_ids'), [...numbers(whole, 'target_ids'), 0]);
  assert.deepEqual(numbers(cut, 'target_weights').at(-1), 0);
  assert.deepEqual(cut.feeds.teacher!.dims, [3, 2, 2]);
  assert.deepEqual(numbers(cut, 'teacher'), [...numbers(whole, 'teacher'), 0, 0, 0, 0]);
  assert.deepEqual(
    numbers(cut, 'kl_weights').map((w) => w > 0),
    [true, true, true, true, false, false],
  );
});

test('losses of many or long rows are computed a budget of tokens at a time, those of few short rows together', async () => {
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const { backend, runs } = noting(await openBackend('cpu', 1));
  const learner = openLearner({ backend, spec, model, adapters: [], trainable: [] });
  const sizes = async (rows: TrainingRow[]): Promise<string[]> => {
    runs.length = 0;
    assert.equal((await learner.losses(rows, {})).length, rows.length);
    return runs.map(({ B, T }) => `${B} of ${T}`);
  };
  assert.deepEqual(await sizes(Array.from({ length: 16 }, () => row(128))), ['16 of 128']);
  assert.deepEqual(await sizes([row(9), row(30), row(5)]), ['3 of 30']);
  const many = Array.from({ length: 64 }, () => row(100 + rng.int(28)));
  assert.ok((await sizes(many)).length >= 4 && runs.every(({ B, T }) => B * T <= 2048), JSON.stringify(runs));
  const long = [row(702), row(20), row(900), row(2500), row(20)];
  assert.deepEqual(await sizes(long), ['2 of 702', '1 of 904', '1 of 2500', '1 of 20']);
  const alone = await Promise.all(long.map((one) => learner.losses([one], {})));
  const together = await learner.losses(long, {});
  alone.forEach(([one], i) => {
    assert.equal(together[i]!.tokens, one!.tokens);
    assert.ok(Math.abs(together[i]!.nll - one!.nll) < 1e-5 * one!.nll);
  });
  await learner.dispose();
});

const scans = ({ nodes }: Graph): number => nodes.filter(({ op }) => op === 'Scan').length;

// some layers of a gemma3 have a window
for (const [method, family] of [
  ['lora', 'llama'],
  ['full', 'llama'],
  ['lora', 'gemma3'],
] as const) {
  test(`${family}, ${method}: cross-entropy, KL and their gradients are the same in pieces as whole`, async () => {
    const model = await loadReference(family);
    const spec = decoderSpec(model.config);
    const cpu = await openBackend('cpu', 1);
    const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank: 2, scale: 1 })));
    const flat = flatTensor(initialise(layout, rng).map((x) => x + 0.1 * rng.normal()));
    const full = method === 'full';
    const names = full ? [...parameters(spec).keys()] : [flatInput('a')];
    const start = full ? await baseTensors(model, spec) : [flat];
    const feeds = { [flatInput('a')]: flat, ...Object.fromEntries(names.map((name, i) => [name, start[i]!])) };
    const [harmful, held] = [
      [row(13), row(4)],
      [row(9), row(11)],
    ];
    const results = [];
    for (const [attention, head, device = cpu] of [
      [false, false],
      [true, true],
      [true, false],
      [false, true],
      [true, true, unrolling(cpu)],
    ] as const) {
      const limits = {
        queries: attention ? 2 : 1000,
        scores: Infinity,
        whole: 0,
        positions: Infinity,
        logits: head ? 500 : 1e9,
      };
      const { backend, graphs } = recording(device);
      const learner = openLearner({
        backend,
        spec,
        model,
        adapters: [{ name: 'a', layout }],
        trainable: names,
        weightsAsInputs: full,
        limits,
      });
      const teachers = await learner.teach(held.map(({ example }) => example));
      const rows = [...harmful, ...held.map((r, i) => ({ ...r, teacher: teachers[i]! }))];
      const out = await learner.gradients(rows, feeds);
      const gradients = await Promise.all(out.gradients.map(async (d) => (await backend.read(d)).slice()));
      for (const { data } of out.gradients) (data as Float32Array).fill(NaN);
      const again = await learner.gradients(rows, feeds, { over: out.gradients });
      assert.ok(
        again.gradients.every((d, i) => d === out.gradients[i]),
        'written over the earlier ones',
      );
      assert.deepEqual(
        again.gradients.map(({ data }) => data),
        gradients,
      );
      const losses = await learner.losses(rows, feeds);
      results.push({ ...out, gradients, losses });
      // of the teacher, of the gradient (one for the head each of CE and KL, whose gradient gives the loss too), and of
      // the loss
      const blocks = attention ? spec.layers.length : 0;
      assert.deepEqual(graphs.map(scans), head ? [blocks, 2 * blocks + 2, blocks + 1] : [blocks, 2 * blocks, blocks]);
      await learner.dispose();
    }
    const [whole, ...others] = results;
    const near = (a: number, b: number): void =>
      assert.ok(Math.abs(a - b) < 1e-5 * Math.max(1, Math.abs(b)), `${a}, ${b}`);
    assert.ok(whole!.kl! > 1e-3);
    for (const pieces of others) {
      near(pieces.loss, whole!.loss);
      near(pieces.kl!, whole!.kl!);
      whole!.rows.forEach((r, i) => near(pieces.rows[i]!.nll, r.nll));
      whole!.losses.forEach((r, i) => near(pieces.losses[i]!.nll, r.nll));
      whole!.gradients.forEach((d, n) => {
        const size = Math.hypot(...d);
        assert.ok(Math.hypot(...d.map((x, i) => x - pieces.gradients[n]![i]!)) <= 1e-5 * size, names[n]);
      });
    }
  });
}
