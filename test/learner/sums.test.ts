import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { zeros, type Backend, type Tensor } from '../../runtime/device/session.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { sumInput } from '../../runtime/learner/objective.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers, parameters } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { memoryPeak } from '../../runtime/onnx/cost.js';
import type { Graph } from '../../runtime/onnx/graph.js';
import { baseTensors } from '../../runtime/recipes/training/fullModel.js';
import { random } from '../../runtime/support/random.js';
import { summed } from '../../runtime/recipes/training/summed.js';
import { recording } from '../support/recording.js';
import { loadReference } from '../support/reference.js';
import { randomRows } from '../support/randomRows.js';

const PIECES = { queries: 2, scores: Infinity, whole: 0, positions: Infinity, logits: 400 };
const DIMS = { B: 1, T: 12, S: 12, P: 0, L: 9, M: 9 };

for (const [method, limits] of [
  ['full', undefined],
  ['full', PIECES],
  ['lora', undefined],
] as const) {
  test(`${method}${limits ? ', in pieces' : ''}: gradients of micro-batches are added where they are, to those of all rows`, async () => {
    const model = await loadReference('llama');
    const spec = decoderSpec(model.config);
    const full = method === 'full';
    const rng = random(method);
    const { backend, graphs } = recording(await openBackend('cpu', 1));
    const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank: 2, scale: 1 })));
    const flat = flatTensor(initialise(layout, rng).map((x) => x + 0.1 * rng.normal()));
    const names = full ? [...parameters(spec).keys()] : [flatInput('a')];
    const start = full ? await baseTensors(model, spec) : [flat];
    const feeds = { [flatInput('a')]: flat, ...Object.fromEntries(names.map((name, i) => [name, start[i]!])) };
    const learner = openLearner({
      backend,
      spec,
      model,
      adapters: full ? [] : [{ name: 'a', layout }],
      trainable: names,
      weightsAsInputs: full,
      ...(limits && { limits }),
    });
    const rows = randomRows([12, 12, 9, 12], spec, rng, { a: 1 });
    const own = full ? Object.fromEntries(names.map((name) => [name, feeds[name]!])) : feeds;
    const whole = await learner.gradients(rows, own);
    const wanted = whole.gradients.map(({ data }) => (data as Float32Array).slice());

    const old = whole.gradients;
    for (const { data } of old) (data as Float32Array).fill(NaN);
    const parts = await summed(
      learner,
      rows.map((row) => [row]),
      own,
      old,
    );
    assert.ok(parts.gradients.every((sum, i) => sum === old[i]));
    assert.ok(Math.abs(parts.loss - whole.loss) < 1e-5);
    assert.deepEqual(
      parts.rows.map(({ tokens }) => tokens),
      whole.rows.map(({ tokens }) => tokens),
    );
    wanted.forEach((d, n) => {
      const sum = parts.gradients[n]!.data as Float32Array;
      const size = Math.max(...d.map(Math.abs));
      assert.ok(
        d.every((x, i) => Math.abs(x - sum[i]!) < 1e-5 * Math.max(1e-3, size)),
        names[n],
      );
    });

    // an adapter has one graph; a model's gradients of a single batch are not added to anything
    const [one, other] = graphs;
    const adds = (graph: Graph): boolean => graph.inputs.some(({ name }) => name === sumInput(names[0]!));
    assert.deepEqual(graphs.map(adds), full ? [false, true] : [true]);
    if (!limits && other) {
      const [plain, adding] = [one!, other].map((graph) => memoryPeak(graph, DIMS).bytes);
      const largest = Math.max(...start.map(({ data }) => 4 * data.length));
      assert.ok(adding! <= plain! + largest, 'no second gradient of all weights waits for its sum');
    }
    await learner.dispose();
  });
}

test('on a device that writes nothing in place, sums that were added to are freed', async () => {
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const cpu = await openBackend('cpu', 1);
  const released: Tensor[] = [];
  const backend: Backend = {
    ...cpu,
    async session(graph, options) {
      const session = await cpu.session(graph, options);
      return { ...session, run: (feeds, fetch) => session.run(feeds, fetch) };
    },
    release: (tensor) => void released.push(tensor!),
  };
  const names = [...parameters(spec).keys()];
  const start = await baseTensors(model, spec);
  const feeds = Object.fromEntries(names.map((name, i) => [name, start[i]!]));
  const learner = openLearner({ backend, spec, model, adapters: [], trainable: names, weightsAsInputs: true });
  const rows = [[5, 9, 2], [7, 5, 1], [3, 3]].map((ids): TrainingRow[] => [
    { example: { ids, labels: ids }, scales: {}, weight: 0.2 },
  ]); // oxfmt-ignore
  const { gradients } = await summed(learner, rows, feeds);
  assert.equal(released.length, 2 * names.length);
  assert.ok(gradients.every((sum) => !released.includes(sum)));
  await learner.dispose();
});

test('a gradient of the same rows is the same to the bit when it is added to zeros', async () => {
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const backend = await openBackend('cpu', 1);
  const names = [...parameters(spec).keys()];
  const start = await baseTensors(model, spec);
  const feeds = Object.fromEntries(names.map((name, i) => [name, start[i]!]));
  const learner = openLearner({ backend, spec, model, adapters: [], trainable: names, weightsAsInputs: true });
  const ids = [5, 9, 2, 7, 5, 1];
  const row: TrainingRow = { example: { ids, labels: ids }, scales: {}, weight: 0.2 };
  const plain = await learner.gradients([row], feeds);
  const added = await learner.gradients([row], feeds, { onto: plain.gradients.map(({ dims }) => zeros(dims)) });
  // -0 becomes 0
  const values = ({ data }: Tensor): number[] => [...(data as Float32Array)].map((x) => x + 0);
  assert.deepEqual(added.gradients.map(values), plain.gradients.map(values));
  await learner.dispose();
});
