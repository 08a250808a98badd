/** What is measured while training needs no more memory than training itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import type { BatchSize } from '../../runtime/contract/recipeTraining.js';
import { sum } from '../../runtime/contract/sum.js';
import type { Example } from '../../runtime/data/examples.js';
import type { Probes } from '../../runtime/contract/events.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { zeros, type Tensor } from '../../runtime/device/session.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers, parameters } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { measureProbes } from '../../runtime/recipes/fineTune/probes.js';
import { baseTensors } from '../../runtime/recipes/training/fullModel.js';
import { ADAMW } from '../../runtime/recipes/training/shortTraining.js';
import { random } from '../../runtime/support/random.js';
import { loadReference } from '../support/reference.js';
import { noting } from '../support/runTokens.js';

test('probes go in micro-batches as training has them, and are the same', async () => {
  const rng = random('probes');
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const { backend, runs } = noting(await openBackend('cpu', 1));
  const layout = plainLayout(linearLayers(spec), { rank: 2, alpha: 4, sites: 'all-linear' });
  const flat = flatTensor(initialise(layout, rng).map((x) => x + 0.1 * rng.normal()));
  const learner = openLearner({
    ...{ backend, spec, model },
    adapters: [{ name: 'a', layout }],
    trainable: [flatInput('a')],
  });
  const optimizer = openOptimizer(backend, { ...ADAMW, learningRate: 0, schedule: 'constant', warmupSteps: 0 });
  const rows = (count: number): Example[] =>
    Array.from({ length: count }, () => {
      const ids = Array.from({ length: 5 + rng.int(25) }, () => rng.int(spec.vocabSize));
      return { ids, labels: ids.map((id, t) => (t < 3 ? -100 : id)) } as unknown as Example;
    });
  const [harmful, benign] = [rows(8), rows(5)];
  const measured = (batch: BatchSize) =>
    measureProbes({
      ...{ learner, optimizer, backend, harmful, benign, batch },
      parameters: () => ({ [flatInput('a')]: flat }),
      off: { a: 1 },
    });
  const whole = await measured({ rows: 8 });
  assert.deepEqual(
    runs.map(({ B }) => B),
    [8, 5],
  );
  for (const [batch, fits] of [
    [{ rows: 1 }, ({ B }: { B: number }) => B === 1],
    [{ rows: 3 }, ({ B }: { B: number }) => B <= 3],
    [{ tokens: 60 }, ({ B, T }: { B: number; T: number }) => B * T <= 60],
  ] as const) {
    runs.length = 0;
    const cut = await measured(batch);
    assert.ok(runs.length > 2 && runs.every(fits), JSON.stringify(runs));
    assert.equal(sum(runs.map(({ B }) => B)), 13);
    for (const [name, value] of Object.entries(whole))
      if (value !== undefined) {
        const found = cut[name as keyof typeof cut]!;
        assert.ok(Math.abs(found - value) < 1e-5 * Math.abs(value), `${name}: ${found}, ${value}`);
      }
  }
  await optimizer.dispose();
  await learner.dispose();
});

test('gradients of the probes take the place of those of the step before, and are freed at once', async () => {
  const rng = random('probes');
  const model = await loadReference('llama');
  const spec = decoderSpec(model.config);
  const backend = await openBackend('cpu', 1);
  const tensors = await baseTensors(model, spec);
  const names = [...parameters(spec).keys()];
  const learner = openLearner({ backend, spec, model, adapters: [], trainable: names, weightsAsInputs: true });
  const optimizer = openOptimizer(backend, { ...ADAMW, learningRate: 0, schedule: 'constant', warmupSteps: 0 });
  const rows = (): Example[] =>
    Array.from({ length: 3 }, () => {
      const ids = Array.from({ length: 9 }, () => rng.int(spec.vocabSize));
      return { ids, labels: ids } as unknown as Example;
    });
  const [harmful, benign] = [rows(), rows()];
  const made: ArrayBufferLike[] = [];
  const measured = (over?: readonly Tensor[]): Promise<Probes> =>
    measureProbes({
      ...{ optimizer, backend, harmful, benign, over, batch: { rows: 2 }, off: {} },
      parameters: () => Object.fromEntries(names.map((name, i) => [name, tensors[i]!])),
      learner: {
        ...learner,
        async gradients(...given) {
          const result = await learner.gradients(...given);
          for (const { data } of result.gradients) made.push((data as Float32Array).buffer);
          return result;
        },
      },
    });
  const alone = await measured();
  assert.equal(new Set(made).size, names.length, 'one set of them');
  assert.ok(made.every(({ byteLength }) => byteLength === 0));
  made.length = 0;
  const old = tensors.map(({ dims }) => zeros(dims));
  const places = old.map(({ data }) => (data as Float32Array).buffer);
  assert.deepEqual(await measured(old), alone);
  assert.deepEqual(new Set(made), new Set(places));
  assert.ok(places.every(({ byteLength }) => byteLength === 0));
  await optimizer.dispose();
  await learner.dispose();
});
