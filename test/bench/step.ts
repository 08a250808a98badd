/**
 * One LoRA training step of a model folder, timed: `node --import tsx test/bench/step.ts MODEL [--rows 4] [--tokens 128] [--rank 8] [--steps 6]`.
 * Half of the labels are masked, as in prompt/answer data. Prints one JSON line: milliseconds of every step, their minimum without the first, peak resident bytes.
 */
import { parseArgs } from 'node:util';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { decoderSpec } from '../../runtime/models/config.js';
import { openModel } from '../../runtime/models/folder.js';
import { linearLayers } from '../../runtime/models/spec.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { random } from '../../runtime/random.js';
import { flatTensor } from '../../runtime/training/job.js';
import { openLearner } from '../../runtime/training/learner.js';
import { openBackend } from '../../runtime/training/session.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rows: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    rank: { type: 'string', default: '8' },
    steps: { type: 'string', default: '6' },
    threads: { type: 'string', default: '0' },
  },
});
const [rows, tokens, rank, steps, threads] = [
  values.rows,
  values.tokens,
  values.rank,
  values.steps,
  values.threads,
].map(Number) as [number, number, number, number, number];
const model = await openModel(positionals[0]!, { cache: 'out/bench/cache' });
const spec = decoderSpec(model.config);
const backend = await openBackend('cpu', threads);
const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank, scale: 2 })));
const learner = openLearner({
  backend,
  spec,
  model,
  adapters: [{ name: 'task', layout }],
  trainable: [flatInput('task')],
});
const optimizer = openOptimizer(backend, {
  learningRate: 1e-3,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
  schedule: 'constant',
  warmupSteps: 0,
});
const rng = random(0);
const state = optimizer.init(['task'], [flatTensor(initialise(layout, rng))]);
const batch = Array.from({ length: rows }, () => {
  const ids = Array.from({ length: tokens }, () => rng.int(spec.vocabSize));
  return {
    example: { ids, labels: ids.map((id, t) => (t % 2 === 0 ? -100 : id)) },
    scales: { task: 1 },
    weight: 2 / (rows * tokens),
  };
});
const stepMs: number[] = [];
const losses: number[] = [];
for (let i = 0; i < steps; i++) {
  const began = performance.now();
  const { loss, gradients } = await learner.gradients(batch, { [flatInput('task')]: state.p[0]! });
  await optimizer.step(state, gradients, 1e-3);
  stepMs.push(Math.round(10 * (performance.now() - began)) / 10);
  losses.push(Math.round(1e4 * loss) / 1e4);
}
console.log(
  JSON.stringify({
    name: 'ours',
    stepMs,
    bestStepMs: Math.min(...stepMs.slice(1)),
    peakBytes: process.resourceUsage().maxRSS * 1024,
    losses,
  }),
);
