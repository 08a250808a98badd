/**
 * Training steps of a model, timed: `step.mjs --model FOLDER [--method lora|full] [--rows 4] [--tokens 128] [--rank 8]
 * [--accumulate 1] [--vectors 0] [--anchored usual|refused] [--steps 6] [--threads N] [--recompute] [--precision
 * float32|int8|int4] [--moments float32|8bit]`. A step has `--accumulate` such batches. `--vectors` are frozen adapters
 * beside the trained one. `--anchored` steps hold a further row where its losses were and, every other one, another by
 * KL (`refused`: every one two, one of them loosely), all without vectors, as `"protection": true` does. Half of the
 * labels are masked, as in prompt/answer data. Prints one JSON line: milliseconds of every step, and of processor time,
 * the minimum and the mean without those in which a graph is opened, the first step's time over that minimum,
 * milliseconds from opening the model to the end of the first step, peak resident bytes, and then the rate of matrix
 * products alone, cold (floating-point operations a second). With --expect nothing is trained: prints what the estimate
 * says, and the floating-point operations of a step. With --profile PREFIX onnxruntime writes what each node took.
 */
import { parseArgs } from 'node:util';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import type { Precision } from '../../runtime/contract/recipeWords.js';
import { sum } from '../../runtime/contract/sum.js';
import { openFrozen } from '../../runtime/models/openFrozen.js';
import { copyAsFloat32 } from '../../runtime/models/packed/float32Copy.js';
import { linearLayers, parameters, weightsCount } from '../../runtime/models/decoder/spec.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { random } from '../../runtime/support/random.js';
import { summed } from '../../runtime/recipes/training/summed.js';
import { baseTensors } from '../../runtime/recipes/training/fullModel.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { openLearner } from '../../runtime/learner/learner.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Tensor } from '../../runtime/device/session.js';
import { trainingGraphs } from '../../runtime/estimate/graphs.js';
import { trainingMemory } from '../../runtime/estimate/memory.js';
import { updateSeconds, workSeconds } from '../../runtime/estimate/seconds.js';
import { plannedModel } from '../../runtime/estimate/model.js';
import { cuttingOf, dimsOf } from '../../runtime/estimate/rows.js';
import { coldProductRate, measureSpeed } from '../../runtime/estimate/speed.js';
import { memoryLimit } from '../../runtime/support/memory.js';
import { plainAdamW } from '../support/plainAdamW.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    method: { type: 'string', default: 'lora' },
    rows: { type: 'string', default: '4' },
    tokens: { type: 'string', default: '128' },
    rank: { type: 'string', default: '8' },
    accumulate: { type: 'string', default: '1' },
    vectors: { type: 'string', default: '0' },
    anchored: { type: 'string' },
    steps: { type: 'string', default: '6' },
    threads: { type: 'string', default: '0' },
    recompute: { type: 'boolean', default: false },
    moments: { type: 'string', default: 'float32' },
    precision: { type: 'string', default: 'float32' },
    expect: { type: 'boolean', default: false },
    profile: { type: 'string' },
  },
});
const [rows, tokens, rank, steps] = [values.rows, values.tokens, values.rank, values.steps].map(Number);
const CACHE = 'out/bench/cache';
const LEARNING_RATE = 1e-3;

if (values.anchored !== undefined && !['usual', 'refused'].includes(values.anchored))
  throw new Error('--anchored is usual or refused');
if (values.expect) {
  console.log(JSON.stringify(await expected()));
  process.exit(0);
}
const opened = performance.now();
const precision = values.precision as Precision;
const { model: stored, spec } = await openFrozen(values.model!, { cache: CACHE, precision });
const model = await copyAsFloat32(stored, spec, { cache: CACHE });
const cpu = await openBackend('cpu', Number(values.threads));
const { profile } = values;
const backend: typeof cpu = { ...cpu, session: (graph, options) => cpu.session(graph, { ...options, profile }) };
const rng = random(0);
const layout = layOut(linearLayers(spec).map((s) => ({ ...s, rank: rank!, scale: 2 })));
const full = values.method === 'full';
const names = full ? [...parameters(spec).keys()] : [flatInput('task')];
const vectors = Array.from({ length: Number(values.vectors) }, (_, i) => `vector${i}`);
const frozen = Object.fromEntries(vectors.map((name) => [flatInput(name), flatTensor(initialise(layout, rng))]));
const learner = openLearner({
  backend,
  spec,
  model,
  adapters: [...(full ? [] : ['task']), ...vectors].map((name) => ({ name, layout })),
  trainable: names,
  weightsAsInputs: full,
  recompute: values.recompute,
});
const optimizer = openOptimizer(backend, {
  ...plainAdamW(LEARNING_RATE),
  moments: values.moments as 'float32' | '8bit',
});
const state = optimizer.init(names, full ? await baseTensors(model, spec) : [flatTensor(initialise(layout, rng))]);
const examples = Array.from({ length: rows! }, () => {
  const ids = Array.from({ length: tokens! }, () => rng.int(spec.vocabSize));
  return { ids, labels: ids.map((id, t) => (t % 2 === 0 ? -100 : id)) };
});
const supervised = examples.reduce((n, { labels }) => n + labels.filter((id) => id !== -100).length, 0);
const batch = examples.map((example) => ({
  example,
  scales: Object.fromEntries(['task', ...vectors].map((name) => [name, 1])),
  weight: 1 / supervised,
}));
const [first] = batch;
const off = { ...first!, scales: { task: 1 } };
const [teacher] = values.anchored ? await learner.teach([first!.example]) : [];
const heldAt = first!.example.labels.flatMap((id) => (id === -100 ? [] : [1]));
/** What a step holds beside what it learns. */
function anchor(step: number): TrainingRow[] {
  if (!values.anchored) return [];
  const prompts = values.anchored === 'refused' ? [false, true] : step % 2 === 0 ? [false] : [];
  return [{ ...off, heldAt }, ...prompts.map((loose): TrainingRow => ({ ...off, teacher, loose }))];
}

const stepMs: number[] = [];
const cpuMs: number[] = [];
const losses: number[] = [];
let firstStepMs = 0;
let old: Tensor[] | undefined;
for (let i = 0; i < steps!; i++) {
  const began = performance.now();
  const used = process.cpuUsage();
  const fed = { ...frozen, ...Object.fromEntries(names.map((name, n) => [name, state.p[n]!])) };
  const batches = Array.from({ length: Number(values.accumulate) }, () => [...batch, ...anchor(i)]);
  const { loss, gradients } = await summed(learner, batches, fed, old);
  old = gradients;
  await optimizer.step(state, gradients, LEARNING_RATE);
  const ended = performance.now();
  if (i === 0) firstStepMs = Math.round(ended - opened);
  stepMs.push(Math.round(10 * (ended - began)) / 10);
  const { user, system } = process.cpuUsage(used);
  cpuMs.push(Math.round((user + system) / 1e3));
  losses.push(Math.round(1e4 * loss) / 1e4);
}
// with the usual anchor there are two graphs, which are opened in the first two steps
const later = stepMs.slice(values.anchored ? 2 : 1);
const peakBytes = process.resourceUsage().maxRSS * 1024;
await learner.dispose();
await optimizer.dispose();
const gemmRate =
  profile === undefined ? await coldProductRate(cpu, linearLayers(spec), rows! * tokens!, { most: 2 ** 30 }) : 0;
console.log(
  JSON.stringify({
    method: values.method,
    rows,
    tokens,
    stepMs,
    cpuMs,
    bestStepMs: Math.min(...later),
    meanStepMs: Math.round(sum(later) / later.length),
    firstOfLater: Math.round((100 * stepMs[0]!) / Math.min(...later)) / 100,
    firstStepMs,
    peakBytes,
    gemmRate: Math.round(gemmRate),
    losses,
  }),
);

/** The estimate of this very batch, alone and without an anchor. */
async function expected(): Promise<{ bytes: number; stepMs: number; flops: number; limitBytes: number }> {
  const planned = await plannedModel(values.model!, values.precision as Precision);
  const sites = linearLayers(planned.spec).map((s) => ({ ...s, rank: rank!, scale: 2 }));
  const method = values.method === 'full' ? ('full' as const) : ('lora' as const);
  const adapters = method === 'full' ? [] : [{ name: 'task', layout: layOut(sites) }];
  const { spec, tensors, packed } = planned;
  const graphs = trainingGraphs({
    spec,
    model: { folder: '', tensors: new Map(tensors), packed },
    method,
    adapters,
    trained: 'task',
    recompute: values.recompute,
  });
  const supervised = Math.floor(tokens! / 2);
  const batch = dimsOf(
    { rows: rows!, longest: tokens!, labels: rows! * supervised, held: 0 },
    cuttingOf(spec, method === 'full', 'scans'),
  );
  const parts = trainingMemory({
    model: planned,
    method,
    adapters: adapters.map(({ layout }) => layout.size),
    graphs,
    batches: [{ ...batch, useful: rows! * tokens! }],
  });
  const work = graphs.gradient(batch).work(batch.dims);
  const speed = await measureSpeed(await openBackend('cpu', Number(values.threads)));
  const trained = method === 'full' ? weightsCount(spec) : adapters[0]!.layout.size;
  const seconds = workSeconds(work, speed) + updateSeconds(trained, values.moments as '8bit' | 'float32', speed);
  return {
    bytes: Object.values(parts).reduce<number>((all, part) => all + Number(part), 0),
    stepMs: Math.round(1000 * seconds),
    flops: work.flops,
    limitBytes: memoryLimit(),
  };
}
