/**
 * Trains a vector for a few steps on the sample, on the device, with the precision of the base and on a copy of the
 * model if the arguments name one; prints losses, those of the last step again in pieces, and where the nodes ran as
 * JSON.
 */
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut } from '../../runtime/adapters/sites.js';
import { loadData, openContext } from '../../runtime/context/context.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import type { Device, Precision } from '../../runtime/contract/recipeWords.js';
import { random } from '../../runtime/support/random.js';
import { flatTensor, rowsOf, tokenCount } from '../../runtime/learner/rows.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { gradientGraph } from '../../runtime/learner/objective.js';
import { pack, type TrainingRow } from '../../runtime/learner/packing.js';
import { weightsFolder } from '../../runtime/models/decoder/weights.js';
import { plainAdamW } from './plainAdamW.js';
import { placementOf } from './placement.js';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';

/** Of each kind, in a step. */
const ROWS = 2;
/** Weights in blocks are the only difference to float32: fewer steps show it. */
const STEPS = { float32: 5, int8: 2, int4: 2 };

const sample = new URL('../../media/sample/', import.meta.url).pathname;
const [device, precision, copy] = process.argv.slice(2) as [Device, Precision, string?];
const context = await openContext(copy ?? `${sample}tiny-assistant`, { device, precision, scratch: sample });
const { backend, spec, model, tokenizer, sites } = context;
const reporter = { warn: (): void => undefined };
const harmful = [...(await loadData(context, `${sample}data/harmful.jsonl`, { limit: 5 * ROWS }, reporter)).examples];
const benign = [...(await loadData(context, `${sample}data/benign.jsonl`, { limit: 5 * ROWS }, reporter)).examples];
const layout = layOut(sites.map((s) => ({ ...s, rank: 8, scale: 2 })));
const adapters = [{ name: 'security', layout }];
const trained = { backend, spec, model, adapters, trainable: [flatInput('security')], padId: tokenizer.padId };
const learner = openLearner(trained);
const options = plainAdamW(1e-3);
const optimizer = openOptimizer(backend, options);
const state = optimizer.init(['security'], [flatTensor(initialise(layout, random(1)))]);
const losses: number[] = [];
const norms: number[] = [];
let last: TrainingRow[] = [];
for (let step = 0; step < STEPS[precision]; step++) {
  const [harm, held] = [harmful, benign].map((rows) => rows.slice(ROWS * step, ROWS * (step + 1)));
  const teachers = await learner.teach(held!);
  last = [
    ...rowsOf(harm!, { security: 1 }, 1 / tokenCount(harm!)),
    ...held!.map((example, i): TrainingRow => ({
      example,
      scales: { security: 1 },
      weight: 1 / tokenCount(held!),
      teacher: teachers[i]!,
    })),
  ];
  const { loss, gradients } = await learner.gradients(last, { [flatInput('security')]: state.p[0]! });
  losses.push(loss);
  norms.push((await optimizer.step(state, gradients, options.learningRate)).norm);
}
const parameters = { [flatInput('security')]: state.p[0]! };
/** The last batch in pieces. */
async function pieces(): Promise<object> {
  const limits = { queries: 12, scores: Infinity, whole: 0, positions: 8, logits: Infinity, doubled: true };
  const cutting = openLearner({ ...trained, limits });
  const { loss, gradients } = await cutting.gradients(last, parameters);
  const squares = (await backend.read(gradients[0]!)).reduce((sum, d) => sum + d * d, 0);
  const nll = (await cutting.losses(last, parameters)).map((row) => row.nll);
  await cutting.dispose();
  return { loss, norm: Math.sqrt(squares), nll };
}
// of a batch of ordinary rows alone no token has a label
const held = await learner.gradients(
  last.filter(({ teacher }) => teacher),
  parameters,
);
const graph = gradientGraph({ spec, model, adapters, distill: true, maxSplitOutputs: backend.maxSplitOutputs }, [
  flatInput('security'),
]);
const feeds = { ...pack(last, ['security'], tokenizer.padId).feeds, [flatInput('security')]: state.p[0]! };
const placement = await placementOf(
  () => backend.session(graph, { folder: weightsFolder(model) }),
  (session) => session.run(feeds),
);
/** What base and vector answer. From blocks the CPU rounds what they are multiplied with, and may answer otherwise. */
async function generated(): Promise<number[][]> {
  const flat = await backend.read(state.p[0]!);
  const generator = await openGenerator({
    backend,
    spec,
    model,
    adapters: [{ layout, flat, scale: 1 }],
    stopIds: tokenizer.eosIds,
    padId: tokenizer.padId,
  });
  // two at once: answers of unlike lengths leave the batch, and others join it
  const prompts = [harmful[0]!, benign[0]!, harmful[1]!, benign[1]!].map(({ promptIds }) => promptIds);
  const greedy = { maxNewTokens: 8, temperature: 0, topP: 1, rows: 2 };
  const answers = [
    ...(await generator.generate(prompts, greedy)),
    ...(await generator.generate(prompts, { ...greedy, adapters: [] })),
  ];
  return answers.map(({ ids }) => ids);
}
console.log(
  JSON.stringify({
    losses: [...losses, held.loss],
    norms,
    pieces: precision === 'float32' ? await pieces() : null,
    answers: precision === 'float32' ? await generated() : [],
    ...placement,
  }),
);
