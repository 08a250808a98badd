import assert from 'node:assert/strict';
import { it } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { random } from '../../runtime/support/random.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { microBatches, type TrainingRow } from '../../runtime/learner/packing.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { loadReference } from '../support/reference.js';

it('a batch cut into runs, one of them with nothing but teachers, gives the gradient of the whole', async () => {
  const reference = await loadReference('llama');
  const spec = decoderSpec(reference.config);
  const backend = await openBackend('cpu', 1);
  const rng = random('runs');
  const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank: 2, scale: 1 })));
  const learner = openLearner({
    backend,
    spec,
    model: reference,
    adapters: [{ name: 'a', layout }],
    trainable: [flatInput('a')],
  });
  const flat = initialise(layout, rng).map((x) => x + 0.1 * rng.normal());
  const example = (n: number): TrainingRow['example'] => ({
    ids: Array.from({ length: n }, () => rng.int(128)),
    labels: Array.from({ length: n }, (_, t) => (t < 2 ? -100 : rng.int(128))),
  });
  const harmful = [14, 16, 15].map((n): TrainingRow => ({ example: example(n), scales: { a: 1 }, weight: 0.05 }));
  const held = [4, 5].map(example);
  const teachers = await learner.teach(held);
  const rows = [
    ...harmful,
    ...held.map((e, i): TrainingRow => ({ example: e, scales: { a: 1 }, weight: 0.1, teacher: teachers[i]! })),
  ];
  const gradient = async (runs: TrainingRow[][]): Promise<{ loss: number; sum: Float64Array }> => {
    let loss = 0;
    const sum = new Float64Array(layout.size);
    for (const run of runs) {
      const part = await learner.gradients(run, { [flatInput('a')]: flatTensor(flat) });
      loss += part.loss;
      (await backend.read(part.gradients[0]!)).forEach((x, i) => (sum[i]! += x));
    }
    return { loss, sum };
  };
  const runs = microBatches(rows, 20);
  assert.ok(runs.length >= 4 && runs.some((run) => run.every((row) => row.teacher)));
  const [whole, cut] = [await gradient([rows]), await gradient(runs)];
  assert.ok(Math.abs(whole.loss - cut.loss) < 1e-5);
  const size = Math.hypot(...whole.sum);
  assert.ok(Math.hypot(...whole.sum.map((x, i) => x - cut.sum[i]!)) < 1e-5 * size);
  await learner.dispose();
});
