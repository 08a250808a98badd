/** The training of a security vector on this machine; and what it has in common with one on a cluster. */
import type { Probes } from '../../contract/events.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Feeds } from '../../device/session.js';
import type { Learner } from '../../learner/learner.js';
import { batchesOf, type TrainingRow } from '../../learner/packing.js';
import { meanPerToken, rowsOf, tokenCount } from '../../learner/rows.js';
import type { heldRows } from '../../learner/teacher.js';
import type { Optimizer } from '../../optim/optimizer.js';
import { readEvents } from '../../runs/runFolder.js';
import type { heldOutMeasure } from './heldOutMeasure.js';
import type { Job, TrainingState } from '../training/job.js';
import { trainingLoop } from '../training/loop.js';
import type { SentAdapter } from '../training/adaptersThere.js';

type Scales = Record<string, number>;

/** Held-out rows of each kind that are measured while training; all of them are at the end. */
export const WATCHED = 48;

/** A security vector that is ready to train. */
export interface PlannedVector {
  readonly learner: Learner;
  readonly optimizer: Optimizer;
  readonly training: TrainingState;
  /** Before training. */
  readonly adapter: SentAdapter;
  readonly steps: number;
  readonly parameters: () => Feeds;
  readonly rows: (step: number) => Promise<TrainingRow[][]>;
  /** Rows that are held to the base. */
  readonly teach: ReturnType<typeof heldRows>;
  readonly scales: { readonly off: Scales; readonly on: Scales };
  /** Rows whose losses are drawn, and the base's loss of the harmful ones. */
  readonly probes: {
    readonly harmful: readonly Example[];
    readonly benign: readonly Example[];
    readonly withoutVector: number;
  };
  /** Rows that it is not trained on, and what it does with them. */
  readonly held: { readonly harmful: ExampleList; readonly ordinary: ExampleList };
  readonly unseen: ReturnType<typeof heldOutMeasure>;
}

/** Of the harmful rows; the others are held to the base. */
export const isHarmful = ({ teacher }: TrainingRow): boolean => teacher === undefined;

/** Loss of the harmful probe rows with the vector on, nats per token. */
export const lossWithVector = async ({ learner, parameters, probes, scales }: PlannedVector): Promise<number> =>
  meanPerToken(await learner.losses(rowsOf(probes.harmful, scales.on, 0), parameters()));

export async function vectorHere(job: Job<VectorRecipe>, planned: PlannedVector): Promise<void> {
  const { learner, training, parameters, teach, scales, probes, unseen } = planned;
  const goal = job.recipe.stop?.harmfulLoss;
  const probe = async (): Promise<Probes> => {
    const distances = [];
    // Of rows with a teacher only the graph with gradients tells the distance.
    for (const batch of batchesOf(await teach(probes.benign, scales.on, 0), job.recipe.batch)) {
      const { kl, gradients } = await learner.gradients(batch, parameters());
      for (const gradient of gradients) job.context.backend.release(gradient);
      const tokens = tokenCount(batch.map(({ example }) => example));
      distances.push({ nll: kl! * tokens, tokens });
    }
    return {
      harmfulLossWith: await lossWithVector(planned),
      harmfulLossWithout: probes.withoutVector,
      benignKl: distances.length > 0 ? meanPerToken(distances) : undefined,
      ...(await unseen(parameters(), WATCHED)).probes,
    };
  };
  const best = await bestHeldOut(job.folder.path, training, job.emit);
  await trainingLoop(job, {
    ...planned,
    probe,
    probed: best.measured,
    enough:
      goal === undefined
        ? undefined
        : async ({ harmfulLoss }) => harmfulLoss! < goal && (await lossWithVector(planned)) < goal,
    isHarmful,
  });
  // A run that is stopped from here on goes on with this state.
  if (await best.restore()) await training.checkpoint(true);
}

/** A difference of this share of the base's loss is none: training for longer has other merits. */
const WORTH = 0.02;
/** So many measurements in a row that are worse by more than that end the training. */
const PATIENCE = 3;

/**
 * Keeps the state with the lowest loss on held-out harmful rows: trained for too long, a vector learns its own rows by
 * heart, and finds others worse.
 */
export async function bestHeldOut(
  run: string,
  { state, hold, restore }: TrainingState,
  emit: Job<VectorRecipe>['emit'],
): Promise<{ measured(probes: Probes): Promise<boolean>; restore(): Promise<boolean> }> {
  let best = { step: 0, loss: Infinity };
  /** By which share of the base's loss the last state is worse. */
  let lost = 0;
  let worse = 0;
  /** Whether it is the best so far. */
  const compare = (step: number, { heldOutLossWith: loss, heldOutLossWithout: base }: Probes): boolean => {
    if (step === 0 || loss === undefined || base === undefined) return false;
    const better = loss < best.loss;
    if (better) best = { step, loss };
    lost = (loss - best.loss) / base;
    worse = lost > WORTH ? worse + 1 : 0;
    return better;
  };
  for (const event of await readEvents(run))
    if (event.kind === 'evaluation' && event.probes && event.step <= state.step) compare(event.step, event.probes);
  return {
    async measured(probes) {
      if (compare(state.step, probes)) await hold();
      return worse >= PATIENCE;
    },
    async restore() {
      if (lost <= WORTH || !(await restore())) return false;
      await emit({
        kind: 'state',
        state: 'training',
        message: `the vector of step ${best.step} is delivered, which explained most of the rows that it is not trained on`,
      });
      return true;
    },
  };
}
