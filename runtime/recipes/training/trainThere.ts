/**
 * Training on a cluster: the plan goes there, what happens comes back as the events of any run, and at the end the
 * adapters.
 */
import { readFile, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { CONFIG_FILE, WEIGHTS_FILE } from '../../adapters/files.js';
import { adapterFlat, saveAdapter, type FlatAdapter } from '../../adapters/flat.js';
import { matrices, type Layout } from '../../adapters/sites.js';
import type { HarmfulLoss, ProbeRows, Probes } from '../../contract/events.js';
import type { Recipe } from '../../contract/recipe.js';
import type { Comparison, RowLoss } from '../../learner/learner.js';
import { supervised } from '../../learner/packing.js';
import { divergenceWatch } from './divergence.js';
import type { Job, TrainingState } from './job.js';
import { evaluationEvent } from './loop.js';
import { timeLeft } from './timeLeft.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { sum } from '../../contract/sum.js';
import { stepLosses } from '../../runs/runFolder.js';
import { HumanError } from '../../support/errors.js';
import { sha256, writeFileAtomic } from '../../support/files.js';
import { makeFolder } from '../../support/makeFolder.js';
import type { Cluster } from '../../cluster/cluster.js';
import type { JobMessage, MeasuredSet } from '../../cluster/messages.js';
import type { JobPlan } from '../../cluster/package.js';
import { Plan, type Measure, type Stage } from '../../cluster/plan.js';

/** Number of the job's message that the checkpoint here belongs to. */
const TAKEN = 'message of the cluster';

export interface SentAdapter extends Pick<FlatAdapter, 'layout' | 'flat'> {
  readonly name: string;
  readonly config: FlatAdapter['file']['config'];
  readonly role: 'task' | 'security';
}

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
  /** Steps of the job, of which the state may be an earlier one. */
  let made = state.step;

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
      { after, step: () => state.step, onMessage, enough: () => ended },
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

/** A set that was measured by rows. */
export const byRow = ({ rows }: MeasuredSet): RowLoss[] =>
  rows.map(([nll = NaN, tokens = 0]) => ({ nll, tokens, perToken: [] }));

/** A set that was measured by tokens. */
export const byToken = ({ rows }: MeasuredSet): RowLoss[] =>
  rows.map((perToken) => ({ nll: sum(perToken), tokens: perToken.length, perToken }));

/**
 * A set that was compared: of each row the losses of its tokens in the base, then those with the adapters, and last the
 * KL of each.
 * @throws HumanError for what a job says that another version of this program has started
 */
export function comparedRows(set: MeasuredSet | undefined, examples: Measure['examples'], place: string): Comparison[] {
  const other = (what: string): HumanError =>
    new HumanError(`the job says ${what}: another version of this program has started it.`, {
      place,
      remedy: 'Start the run over.',
      code: 'restart',
      kind: 'failed',
    });
  const compared = Array.from(examples, ({ labels }) => supervised(labels).length);
  if (set?.rows.length !== compared.length)
    throw other(`something of ${set?.rows.length ?? 0} rows where ${compared.length} are compared`);
  return set.rows.map((numbers, i) => {
    const tokens = compared[i];
    if (numbers.length !== 3 * tokens)
      throw other(`${numbers.length} numbers of a row in which ${tokens} tokens are compared, not ${3 * tokens}`);
    const [without, now, kl] = [0, 1, 2].map((k) => numbers.slice(k * tokens, (k + 1) * tokens));
    const [off, on] = byToken({ rows: [without, now] });
    return { without: off, with: on, kl };
  });
}

/** The adapters as PEFT reads them. One after the other: all pass through one folder. */
export async function peftAdapters(job: Job<Recipe>, adapters: readonly SentAdapter[]): Promise<JobPlan['adapters']> {
  const sent = [];
  for (const adapter of adapters) sent.push({ name: adapter.name, files: await peftFiles(job, adapter) });
  return sent;
}

/** File → bytes. */
async function peftFiles({ folder }: Job<Recipe>, adapter: SentAdapter): Promise<Map<string, Uint8Array>> {
  const place = folder.file(RUN_FILES.received, 'sent');
  await makeFolder(place);
  try {
    await saveAdapter(place, { ...adapter, provenance: {} });
    const files = new Map<string, Uint8Array>();
    for (const name of [CONFIG_FILE, WEIGHTS_FILE]) files.set(name, await readFile(join(place, name)));
    return files;
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/**
 * An adapter that came back, checked: its bytes are those that were sent, it has the matrices that were asked for and
 * no others, and each is a number.
 */
async function received(
  { job, adapters }: ClusterTraining,
  { name, sha256: sum, place, bytes: size, data }: Extract<JobMessage, { kind: 'adapter' }>,
): Promise<Float32Array> {
  const wrong = (message: string, remedy = 'Resume the run: it is fetched again.'): HumanError =>
    new HumanError(message, { place, remedy, kind: 'failed' });
  const sent = adapters.find((adapter) => adapter.name === name);
  if (!sent) throw wrong(`the job delivers an adapter "${name}", which was not asked for.`);
  const folder = job.folder.file(RUN_FILES.received, name);
  const file = join(folder, WEIGHTS_FILE);
  // What lies here may be of another step.
  const places = [file, ...(isAbsolute(place) ? [place] : [])];
  const found =
    data === undefined
      ? await Promise.all(places.map((one) => readFile(one).catch(() => undefined)))
      : [Buffer.from(data, 'base64')];
  const bytes = found.find((one) => one && sha256(one) === sum);
  if (!bytes && data !== undefined) throw wrong('the adapter is not what the cluster wrote: its SHA-256 differs.');
  if (!bytes)
    throw wrong(
      `the adapter has ${Math.ceil(size / 2 ** 20)} MiB, too many for the log, and ${
        found.some((one) => one)
          ? 'what this machine can read of it is another one: its SHA-256 differs'
          : 'lies where this machine cannot read it'
      }.`,
      `Copy it to ${file}, and resume.`,
    );
  await saveAdapter(folder, { ...sent, provenance: {} });
  await writeFileAtomic(file, bytes);
  const { layout, flat } = await adapterFlat(folder, job.context);
  const ordered = inOrder(layout, flat, sent.layout);
  if (!ordered) throw wrong('the adapter has other matrices than those that were trained.');
  if (!flat.every(Number.isFinite))
    throw wrong(
      'the adapter has numbers that are not finite.',
      'Lower optimizer.learningRate, and start the run over.',
    );
  return ordered;
}

/** The matrices of `from` in the order of `to`; undefined where they are not the same ones. */
function inOrder(from: Layout, flat: Float32Array, to: Layout): Float32Array | undefined {
  if (from.size !== to.size) return undefined;
  const known = new Map(from.sites.map((site) => [site.name, site]));
  const ordered = new Float32Array(to.size);
  for (const site of to.sites) {
    const own = known.get(site.name);
    if (own?.rank !== site.rank) return undefined;
    const [target, source] = [matrices(ordered, site), matrices(flat, own)];
    target.A.set(source.A);
    target.B.set(source.B);
  }
  return ordered;
}
