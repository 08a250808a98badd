/**
 * Training on a cluster: the plan goes there, what happens comes back as the events of any run, and at the end the
 * adapters.
 */
import { rm } from 'node:fs/promises';
import type { HarmfulLoss, ProbeRows, Probes } from '../../contract/events.js';
import type { Recipe } from '../../contract/recipe.js';
import { peftAdapters, received, type SentAdapter } from './adaptersThere.js';
import { divergenceWatch } from './divergence.js';
import type { Job, TrainingState } from './job.js';
import { evaluationEvent } from './loop.js';
import { timeLeft } from './timeLeft.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { stepLosses } from '../../runs/runFolder.js';
import type { Cluster } from '../../cluster/cluster.js';
import type { JobMessage, MeasuredSet } from '../../cluster/messages.js';
import { Plan, type Stage } from '../../cluster/plan.js';

/** Number of the job's message that the checkpoint here belongs to. */
const TAKEN = 'message of the cluster';

interface ClusterTraining {
  readonly job: Job<Recipe>;
  readonly cluster: Cluster;
  readonly adapters: readonly SentAdapter[];
  /** The last one is the run's own; those before make ready what it needs. */
  readonly stages: readonly Stage[];
  /** Adapters that come back. */
  readonly deliver: readonly string[];
  readonly training: Pick<TrainingState, 'state' | 'artifacts' | 'checkpoint' | 'ended'>;
  /** What the numbers of the measured sets are for people. */
  readonly measured: (
    sets: Readonly<Record<string, MeasuredSet>>,
    step: number,
  ) => Promise<{ probes?: Probes; probeRows?: ProbeRows; harmfulLoss?: HarmfulLoss }>;
  /**
   * Both hear of what was measured, and end training when they return true; the state of the run is then the one that
   * is wanted.
   */
  readonly probed?: (probes: Probes) => Promise<boolean>;
  readonly watch?: (loss: HarmfulLoss) => Promise<boolean>;
  /** At the end: sets the state of the run to an earlier step where that one is wanted. */
  readonly settle?: () => Promise<unknown>;
  /** `recompute` of the recipe is true: "auto" weighs this machine's memory. */
  readonly recompute: boolean;
}

const TRAIN = 'train';

/**
 * Has the job make its steps, and tells of them as a run here would. A window that is closed changes nothing there: a
 * run that is resumed hears the job again from where it stopped listening. Whether training ends, and with which step,
 * is decided here, when the job is some steps ahead: it is then stopped, and the adapters are those of its checkpoint
 * of that step.
 * @returns the delivered adapters by name
 */
export async function trainOnCluster(options: ClusterTraining): Promise<Map<string, Float32Array>> {
  const { job, cluster, adapters, stages, deliver, training, recompute } = options;
  const { state, artifacts } = training;
  const plan = new Plan();
  const written = [];
  for (const stage of stages) written.push(await plan.stage(stage));
  const own = stages.length - 1;
  const steps = stages[own].steps;
  const watch = divergenceWatch(job.context.spec.vocabSize, await stepLosses(job.folder.path));
  const delivered = new Map<string, Float32Array>();
  const left = timeLeft(steps, steps);
  let { ended } = training;
  /** Whether training ends with what was measured. */
  let enough = false;
  /** Steps of the job, of which the state may be an earlier one; of the last checkpoint. */
  let made = state.step;
  let saved = state.step;

  /** A check that fails ends the job, too. */
  const checked = async <T>(check: () => Promise<T> | T): Promise<T> => {
    try {
      return await check();
    } catch (error) {
      // The first error counts: a cluster that does not answer now is asked again when the run is resumed or replaced.
      await cluster.end(TRAIN).catch(() => undefined);
      throw error;
    }
  };
  const onMessage = async (message: JobMessage, seq: number): Promise<void> => {
    if (ended) return;
    switch (message.kind) {
      case 'step': {
        const { step, nll, tokens, harmfulNll, harmfulTokens } = message;
        if (message.stage < own) {
          job.progress('training the vector on the flagged rows', step / stages[message.stage].steps);
          break;
        }
        left.stepped(message.ms);
        await job.emit({
          kind: 'step',
          step,
          steps,
          lossNatsPerToken: nll / tokens,
          harmfulLossNatsPerToken: harmfulTokens > 0 ? harmfulNll / harmfulTokens : undefined,
          gradNorm: message.norm,
          learningRate: message.rate,
          tokens,
          stepMs: message.ms,
          memoryBytes: message.memory,
          secondsLeft: left.after(step),
        });
        state.step = made = step;
        await checked(() => watch(step, nll / tokens));
        break;
      }
      case 'measured': {
        const { step } = message;
        const found = await options.measured(message.sets, step);
        const { probes, harmfulLoss } = found;
        if (probes ?? harmfulLoss) await job.emit(evaluationEvent(step, found));
        await checked(async () => {
          const over = (probes && (await options.probed?.(probes))) ?? false;
          enough = ((harmfulLoss && (await options.watch?.(harmfulLoss))) ?? false) || over;
        });
        break;
      }
      case 'checkpoint':
        if (message.stage < own) break;
        artifacts[TAKEN] = String(seq);
        ended = enough && message.step > 0;
        saved = message.step;
        await checkpoint(message.step);
        break;
      case 'adapter':
        delivered.set(message.name, await received(options, message));
        break;
      case 'answers':
      case 'done':
        break;
    }
  };

  /** As here, the state before the first step is kept and not told. */
  const checkpoint = async (step: number): Promise<void> => {
    const path = await training.checkpoint(ended);
    if (step > 0) await job.emit({ kind: 'checkpoint', step: state.step, path });
  };

  // Before the first message there is something to resume, too.
  const after = Number(artifacts[TAKEN] ?? 0);
  if (after === 0) await training.checkpoint(false);
  const sent = await peftAdapters(job, adapters);
  if (ended) await cluster.end(TRAIN);
  else
    await cluster.run(
      TRAIN,
      { adapters: sent, scales: plan.scales, files: plan.files(), stages: written, deliver, recompute },
      { after, step: () => saved, onMessage, enough: () => ended },
    );
  const isEarly = ended;
  await options.settle?.();
  if (isEarly || state.step !== made) {
    job.progress(`fetching what step ${state.step} had made`);
    ended = false;
    const from = { stage: own, step: state.step };
    const fetching = { adapters: [], scales: [], files: new Map<string, Uint8Array>(), deliver, from };
    await cluster.run(`step-${state.step}`, fetching, { after: 0, step: () => state.step, onMessage });
  }
  const missing = deliver.find((name) => !delivered.has(name));
  if (missing !== undefined) throw new Error(`the job has ended without the adapter ${missing}`);
  await rm(job.folder.file(RUN_FILES.received), { recursive: true, force: true });
  return delivered;
}
