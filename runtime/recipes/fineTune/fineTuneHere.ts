/**
 * The training of a task adapter, or of all weights, on this machine; and what it has in common with one on a cluster.
 */
import type { HarmfulLoss, ProbeRows } from '../../contract/events.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { Example } from '../../data/examples.js';
import type { Feeds } from '../../device/session.js';
import { lossesOf } from '../../evaluation/inference/losses.js';
import type { RowLoss } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import type { Absorbed } from '../protection/absorb.js';
import type { Job, TrainingState } from '../training/job.js';
import { trainingLoop, type LoopOptions } from '../training/loop.js';
import { measureProbes } from './probes.js';
import type { Trainee } from '../training/trainee.js';
import type { ActiveVector } from '../protection/vectors.js';

type Scales = Record<string, number>;

/** A fine-tuning that is ready to train. */
export interface PlannedTraining {
  readonly trainee: Trainee;
  readonly training: TrainingState;
  readonly vectors: readonly ActiveVector[];
  /** On a cluster: what the vector is trained on before. */
  readonly absorbed?: Absorbed;
  readonly steps: number;
  /** All parameters of the graph, with what is trained as it is in the state. */
  readonly parameters: () => Feeds;
  readonly rows: (step: number) => Promise<TrainingRow[][]>;
  /** What the optimizer gets instead of a step's gradients; a cluster refuses the methods that have it. */
  readonly gradients?: LoopOptions['gradients'];
  readonly isHarmful: (row: TrainingRow) => boolean;
  /** The adapters without the vectors, and with them. */
  readonly scales: { readonly off: Scales; readonly on: Scales };
  /** Rows whose losses and gradients are drawn, and what is told of them. */
  readonly probes: {
    readonly harmful: readonly Example[];
    readonly benign: readonly Example[];
    readonly rows?: ProbeRows;
  };
  /** Harmful rows that the verdict rests on, and what their losses say. */
  readonly judged: {
    readonly examples: readonly Example[];
    readonly lossOf: (rows: readonly RowLoss[]) => HarmfulLoss | undefined;
  };
  /** Whether training ends with what was measured. */
  readonly watch?: (loss: HarmfulLoss) => Promise<boolean>;
}

export async function fineTuneHere(job: Job<FinetuneRecipe>, planned: PlannedTraining): Promise<void> {
  const { trainee, vectors, parameters, probes, judged, scales } = planned;
  const { learner, optimizer } = trainee;
  const { off, on } = scales;
  await trainingLoop(job, {
    ...planned,
    learner,
    optimizer,
    probe: (over) =>
      measureProbes({
        learner,
        optimizer,
        backend: job.context.backend,
        parameters,
        harmful: probes.harmful,
        benign: probes.benign,
        off,
        batch: job.recipe.batch,
        on: vectors.length > 0 ? on : undefined,
        over,
      }),
    probeRows: probes.rows,
    harmfulLoss: async () => judged.lossOf(await lossesOf(learner, parameters(), judged.examples, off)),
  });
}
