/** The training of a security vector on a cluster. */
import type { Cluster } from '../cluster/cluster.js';
import { knownLosses } from './lossesThere.js';
import { byRow, byToken, trainOnCluster, type SentAdapter } from './trainThere.js';
import type { VectorRecipe } from '../contract/protocol.js';
import type { Example } from '../data/examples.js';
import type { TrainingRow } from '../learner/packing.js';
import { flatTensor, mean } from '../learner/rows.js';
import { learningRate } from '../optim/schedule.js';
import { heldOutMeasure } from './heldOutMeasure.js';
import type { Job, TrainingState } from './job.js';

type Scales = Record<string, number>;

export interface VectorThere {
  readonly cluster: Cluster;
  readonly training: TrainingState;
  readonly sent: SentAdapter;
  readonly steps: number;
  readonly rows: (step: number) => Promise<TrainingRow[][]>;
  readonly probes: {
    readonly harmful: readonly Example[];
    readonly benign: readonly Example[];
    readonly withoutVector: number;
  };
  /** Held-out rows that are watched. */
  readonly held: { readonly harmful: readonly Example[]; readonly ordinary: readonly Example[] };
  readonly scales: { readonly off: Scales; readonly on: Scales };
}

/** Trains the vector there, and puts it into the state of the run. */
export async function vectorThere(
  job: Job<VectorRecipe>,
  { cluster, training, sent, steps, rows, probes, held, scales }: VectorThere,
): Promise<void> {
  const { recipe } = job;
  const { off, on } = scales;
  const goal = recipe.stop?.harmfulLoss;
  const delivered = await trainOnCluster({
    job,
    cluster,
    training,
    adapters: [sent],
    stages: [
      {
        trains: sent.name,
        steps,
        rate: (step) => learningRate(recipe.optimizer, step, steps),
        rows,
        isHarmful: (row) => row.teacher === undefined,
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
    deliver: [sent.name],
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
          harmfulLossWith: sets.harmful && mean(byRow(sets.harmful)),
          harmfulLossWithout: probes.withoutVector,
          benignKl: sets.kl && mean(byToken(sets.kl)),
          ...(await heldOutMeasure(known, held, scales)({})).probes,
        },
      };
    },
  });
  const { state } = training;
  job.context.backend.release(state.p[0]);
  state.p[0] = flatTensor(delivered.get(sent.name)!);
}
