/** The parts of a fine-tuning that compute with the model, on a cluster. */
import type { Cluster } from '../../cluster/cluster.js';
import { clusterComparisons, type Scanner } from '../training/lossesThere.js';
import type { MeasuredSet } from '../../cluster/messages.js';
import { planner, type Measure } from '../../cluster/plan.js';
import { byRow } from '../training/measuredThere.js';
import { trainOnCluster } from '../training/trainThere.js';
import type { SentAdapter } from '../training/adaptersThere.js';
import type { Probes } from '../../contract/events.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { ExampleList } from '../../data/exampleList.js';
import { lossesOf } from '../../evaluation/inference/losses.js';
import type { RowLoss } from '../../learner/learner.js';
import { flatTensor, meanPerToken } from '../../learner/rows.js';
import { learningRate } from '../../optim/schedule.js';
import { absorption } from '../protection/absorb.js';
import type { PlannedTraining } from './fineTuneHere.js';
import type { Job, TrainingState } from '../training/job.js';
import { probesOf } from './probes.js';
import { TASK } from '../training/trainee.js';
import type { ActiveVector } from '../protection/vectors.js';

type Scales = Record<string, number>;

/**
 * How far the losses of the delivered model there and here may lie apart, of their size: other kernels round
 * differently.
 */
const APART = { fp32: 1e-3, bf16: 5e-2 } as const;

const sentVector = ({ name, layout, flat, file }: ActiveVector): SentAdapter => ({
  name,
  layout,
  flat,
  config: file.config,
  role: 'security',
});

/** What the scan reads. A run that is cut off meanwhile can be resumed. */
export async function scanThere(
  job: Job<FinetuneRecipe>,
  cluster: Cluster,
  training: Pick<TrainingState, 'checkpoint'>,
  vectors: readonly ActiveVector[],
  lists: readonly ExampleList[],
  scales: readonly Scales[],
): Promise<Scanner> {
  await training.checkpoint(false);
  return clusterComparisons(job, cluster, vectors.map(sentVector), lists, scales);
}

/**
 * Trains the task adapter there, and puts it into the state of the run.
 * @returns the vector as it was trained on the flagged rows, where it was
 */
export async function fineTuneThere(
  job: Job<FinetuneRecipe>,
  cluster: Cluster,
  planned: PlannedTraining,
): Promise<Float32Array | undefined> {
  const { trainee, training, vectors, absorbed, steps, rows, isHarmful, judged, watch } = planned;
  const { off, on } = planned.scales;
  const { harmful, benign, rows: probeRows } = planned.probes;
  const { recipe } = job;
  const [vector] = vectors;
  const measures: Record<string, Measure> = {
    harmfulOff: { examples: harmful, scales: off, gradient: true },
    benignOff: { examples: benign, scales: off, gradient: true },
    ...(vectors.length > 0 && {
      harmfulOn: { examples: harmful, scales: on, gradient: true },
      benignOn: { examples: benign, scales: on, gradient: true },
    }),
    judged: { examples: judged.examples, scales: off },
  };
  const stages = [];
  if (vector && absorbed) {
    const absorbing = absorption(job, vector, absorbed, planner(trainee.learner));
    stages.push({
      trains: vector.name,
      steps: absorbing.steps,
      rate: (step: number) => learningRate(absorbing.optimizer, step, absorbing.steps),
      rows: async (step: number) => [await absorbing.rows(step)],
      optimizer: absorbing.optimizer,
      measures: {},
      measureEvery: absorbing.steps,
    });
  }
  stages.push({
    trains: TASK,
    steps,
    rate: (step: number) => learningRate(recipe.optimizer, step, steps),
    rows,
    isHarmful,
    optimizer: recipe.optimizer,
    measures,
    measureEvery: recipe.evaluateEvery,
  });
  const measured = new Map<number, MeasuredSet | undefined>();
  const delivered = await trainOnCluster({
    job,
    cluster,
    training,
    recompute: recipe.recompute === true,
    adapters: [...vectors.map(sentVector), trainee.sent!],
    stages,
    deliver: [TASK, ...(vector && absorbed ? [vector.name] : [])],
    measured: (sets, step) => {
      measured.set(step, sets.benignOff);
      const harmfulLoss = sets.judged && judged.lossOf(byRow(sets.judged));
      return Promise.resolve({ probes: probesThere(sets), probeRows, harmfulLoss });
    },
    watch,
  });
  const { state } = training;
  job.context.backend.release(state.p[0]);
  state.p[0] = flatTensor(delivered.get(TASK)!);
  const last = measured.get(state.step);
  if (last)
    await requireAgreement(job, cluster, meanPerToken(byRow(last)), () =>
      lossesOf(trainee.learner, planned.parameters(), benign, off),
    );
  return vector && absorbed ? delivered.get(vector.name) : undefined;
}

function probesThere({ harmfulOff, benignOff, harmfulOn, benignOn }: Readonly<Record<string, MeasuredSet>>): Probes {
  const of = (set?: MeasuredSet) => set && { loss: meanPerToken(byRow(set)), norm: set.norm };
  return probesOf({
    harmfulOff: of(harmfulOff),
    benignOff: of(benignOff),
    harmfulOn: of(harmfulOn),
    benignOn: of(benignOn),
  });
}

/** Warns where the delivered adapter gives other losses here than it gave there: then the models are not the same. */
async function requireAgreement(
  job: Job<FinetuneRecipe>,
  { target, address }: Cluster,
  there: number,
  measure: () => Promise<RowLoss[]>,
): Promise<void> {
  const here = meanPerToken(await measure());
  if (Math.abs(here - there) <= APART[target.precision] * Math.max(1, there)) return;
  await job.emit({
    kind: 'warning',
    message: `the delivered adapter gives a loss of ${here.toFixed(4)} here and gave ${there.toFixed(4)} on the cluster.`,
    place: `${address} ${target.model}`,
    remedy:
      'Check that both models have the same weights and that transformers reads them right. The results below are those of the model here.',
  });
}
