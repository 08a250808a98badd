/** The training of a security vector on a cluster. */
import type { Cluster } from '../../cluster/cluster.js';
import { knownLosses } from '../training/lossesThere.js';
import { byRow, byToken } from '../training/measuredThere.js';
import { trainOnCluster } from '../training/trainThere.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import { variedRows } from '../../data/byPrompt.js';
import { flatTensor, meanPerToken } from '../../learner/rows.js';
import { learningRate } from '../../optim/schedule.js';
import { heldOutMeasure } from './heldOutMeasure.js';
import type { Job } from '../training/job.js';
import { bestHeldOut, isHarmful, WATCHED, type PlannedVector } from './vectorHere.js';

/** Trains the vector there, and puts it into the state of the run. */
export async function vectorThere(job: Job<VectorRecipe>, cluster: Cluster, planned: PlannedVector): Promise<void> {
  const { recipe } = job;
  const { training, adapter, steps, rows, probes, scales } = planned;
  const { off, on } = scales;
  const held = {
    harmful: variedRows(planned.held.harmful, WATCHED),
    ordinary: variedRows(planned.held.ordinary, WATCHED),
  };
  const goal = recipe.stop?.harmfulLoss;
  const best = await bestHeldOut(job.folder.path, training, job.emit);
  const delivered = await trainOnCluster({
    job,
    cluster,
    training,
    recompute: recipe.recompute === true,
    adapters: [adapter],
    stages: [
      {
        trains: adapter.name,
        steps,
        rate: (step) => learningRate(recipe.optimizer, step, steps),
        rows,
        isHarmful,
        optimizer: recipe.optimizer,
        measures: {
          harmful: { examples: probes.harmful, scales: on },
          kl: { examples: probes.benign, scales: on, taught: true, tokens: true },
          'held off': { examples: held.harmful, scales: off, tokens: true },
          'held on': { examples: held.harmful, scales: on, tokens: true },
          'ordinary off': { examples: held.ordinary, scales: off, tokens: true },
          'ordinary on': { examples: held.ordinary, scales: on, tokens: true },
        },
        measureEvery: recipe.evaluateEvery,
        ...(goal !== undefined && { goal: { loss: goal, examples: probes.harmful, scales: on } }),
      },
    ],
    deliver: [adapter.name],
    probed: best.measured,
    settle: best.restore,
    async measured(sets) {
      const known = knownLosses();
      for (const [name, examples] of [
        ['held', held.harmful],
        ['ordinary', held.ordinary],
      ] as const)
        for (const [state, factors] of [
          ['off', off],
          ['on', on],
        ] as const) {
          const set = sets[`${name} ${state}`];
          if (set) known.add(examples, factors, byToken(set));
        }
      return {
        probes: {
          harmfulLossWith: sets.harmful && meanPerToken(byRow(sets.harmful)),
          harmfulLossWithout: probes.withoutVector,
          benignKl: sets.kl && meanPerToken(byToken(sets.kl)),
          ...(await heldOutMeasure(known, held, scales)({}, WATCHED)).probes,
        },
      };
    },
  });
  const { state } = training;
  job.context.backend.release(state.p[0]);
  state.p[0] = flatTensor(delivered.get(adapter.name)!);
}
