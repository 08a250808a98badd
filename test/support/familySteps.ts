/**
 * Trains an adapter on every reference family, for the number of steps that the argument says, on the CPU and on
 * webgpu; prints for each the losses of both as a line of JSON.
 */
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Backend } from '../../runtime/device/session.js';
import { openLearner } from '../../runtime/learner/learner.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { random } from '../../runtime/support/random.js';
import { plainAdamW } from './plainAdamW.js';
import { FAMILIES, loadReference, type Reference } from './reference.js';

/** At 1e-2, Adam makes of one rounding (1e-7 of the weights) 1e-3 nats after 20 steps of gpt_neo, on the CPU alone. */
const RATE = 1e-3;
const STEPS = Number(process.argv[2]);

/** The rows of the family's batch, without padding. */
async function rowsOf(r: Reference): Promise<TrainingRow[]> {
  const [B, T] = r.shape('batch.input_ids') as [number, number];
  const [ids, labels, mask] = [
    await r.ints('batch.input_ids'),
    await r.ints('batch.labels'),
    await r.ints('batch.attention_mask'),
  ];
  return Array.from({ length: B }, (_, b) => {
    const tokens = Array.from({ length: T }, (_, t) => b * T + t).filter((i) => mask[i] === 1);
    const example = { ids: tokens.map((i) => ids[i]!), labels: tokens.map((i) => labels[i]!) };
    return { example, scales: { task: 1 }, weight: 1 / (B * T) };
  });
}

/** The loss of each step, and of each row at the end. */
async function lossesOn(backend: Backend, r: Reference, rows: readonly TrainingRow[]): Promise<number[]> {
  const spec = decoderSpec(r.config);
  const layout = layOut(linearLayers(spec).map((site) => ({ ...site, rank: 4, scale: 2 })));
  const name = flatInput('task');
  const learner = openLearner({ backend, spec, model: r, adapters: [{ name: 'task', layout }], trainable: [name] });
  const optimizer = openOptimizer(backend, plainAdamW(RATE));
  const rng = random('family');
  const flat = initialise(layout, rng).map((x) => x + 0.02 * rng.normal());
  const state = optimizer.init(['task'], [flatTensor(flat)]);
  const losses: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const { loss, gradients } = await learner.gradients(rows, { [name]: state.p[0]! });
    losses.push(loss);
    await optimizer.step(state, gradients, RATE);
  }
  for (const { nll, tokens } of await learner.losses(rows, { [name]: state.p[0]! })) losses.push(nll / tokens);
  await learner.dispose();
  return losses;
}

const [cpu, webgpu] = [await openBackend('cpu', 1), await openBackend('webgpu')];
for (const family of FAMILIES) {
  const r = await loadReference(family);
  const rows = await rowsOf(r);
  console.log(JSON.stringify({ family, cpu: await lossesOn(cpu, r, rows), webgpu: await lossesOn(webgpu, r, rows) }));
}
