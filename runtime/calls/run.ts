/** Runs a recipe, the same for the child process and the command line. */
import { basename, dirname, join } from 'node:path';
import { endJobs, openCluster, stopJobs, type Cluster } from '../cluster/cluster.js';
import type { Patience } from '../cluster/follow.js';
import { supported } from '../cluster/supported.js';
import { openContext, scratchFolder } from '../context/context.js';
import { openScratch } from '../data/scratch.js';
import { recorder } from '../estimate/recorder.js';
import { Cancelled, HumanError } from '../support/errors.js';
import type { AskEditor } from '../evaluation/judges/editor.js';
import { evaluateRun } from '../recipes/evaluation/evaluateRun.js';
import { isTraining, KINDS } from '../contract/kinds.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { requireMemory } from '../support/memory.js';
import { oneByOne } from '../support/oneByOne.js';
import { useOf } from '../adapters/base.js';
import { sha256Copies, sha256Weights } from '../models/weights/hashes.js';
import type { SweepValues } from '../contract/sweep.js';
import type { DoneEvent, RunEvent } from '../contract/events.js';
import { resumedFrom, type Manifest } from '../contract/manifest.js';
import type { RunRecipe } from '../contract/recipe.js';
import { recomputes } from '../contract/recipeTraining.js';
import { readRecipe } from '../recipes/reading/readRecipe.js';
import { isSameCheckpoint, openCheckpoint } from '../runs/checkpoint.js';
import { withRemedy } from '../runs/resuming.js';
import {
  dependenciesOf,
  digestOf,
  machineOf,
  requireAsBegun,
  requireAsRead,
  requireSame,
  type Dependencies,
} from '../recipes/training/dependencies.js';
import { fineTuneRun } from '../recipes/fineTune/fineTuneRun.js';
import { requireWatched, watchAction } from '../recipes/protection/harmfulLoss.js';
import { expectation, planned, type Given, type Planned, type PlanOptions } from './plannedRun.js';
import { withoutGpu } from './withoutGpu.js';
import { warnOfContext, warnOfMachine, warnOfRevisions } from './runWarnings.js';
import { secretsFrom } from './secrets.js';
import type { Shared } from './sweepShared.js';
import type { Ending, Job } from '../recipes/training/job.js';
import { changedMeanwhile, finishReplacement, requireAsPlanned } from '../runs/output.js';
import { runFiles } from '../runs/ownFiles.js';
import { openRunFolder, stepsMade, type RunFolder } from '../runs/runFolder.js';
import { trainSecurityVector } from '../recipes/securityVector/securityVector.js';
import { writeReport } from '../evaluation/report/runReport.js';

export interface RunOptions extends PlanOptions {
  /** Of a cluster and of judges, by `secretKey`. Default: the environment's. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** How long is waited for a cluster. */
  readonly patience?: Patience;
  /** Asks a language model of the editor, for judges that are one. */
  readonly askEditor?: AskEditor;
  /** The folder was taken, and nothing in it is changed yet. */
  readonly onTaken?: () => Promise<void>;
  /** Of a point of a sweep: its values, what it depends on, and what it has in common with the others. */
  readonly values?: SweepValues;
  readonly depends?: Dependencies;
  readonly shared?: Shared;
  /** Ends a protected training where its protection is weak, whose recipe says nothing of it. */
  readonly watch?: 'stop';
  /** Why it computes where it does, if that is not what the device itself says. */
  readonly reason?: string;
}

/** The recipe of a file, run. @throws HumanError for a sweep, which is many runs */
export async function runRecipe(recipeFile: string, options: RunOptions): Promise<DoneEvent> {
  const { recipe, ...given } = await readRecipe(recipeFile);
  if (recipe.kind === 'sweep')
    throw new HumanError('a sweep is many runs, and this takes one.', {
      place: recipeFile,
      remedy: 'Run it by train.',
    });
  return runOne({ ...given, recipe }, options);
}

type Opened = Awaited<ReturnType<typeof opened>>;

/** The model, and what is known of the run before it begins. */
async function opened({ recipe, file }: Given, { started, progress, path, plan }: Planned, options: RunOptions) {
  const { values, depends, shared } = options;
  progress('opening the model');
  const scratch = scratchFolder(dirname(file));
  const own = await (shared?.context ?? openContext)(path(recipe.model), {
    device: options.device ?? recipe.device,
    threads: recipe.threads,
    precision: recipe.precision,
    scratch,
    onMessage: progress,
    signal: options.signal,
  });
  const context = shared ? { ...own, scratch: openScratch(scratch) } : own;
  const hashes = await context.hashes();
  const [modelSha256] = hashes;
  const copiesSha256 = await sha256Copies(context.model);
  const kind = KINDS[recipe.kind];
  const found = async (): Promise<Dependencies> =>
    isTraining(recipe) ? dependenciesOf(recipe, { path, context, modelSha256 }) : {};
  const dependencies = await found();
  if (depends && isTraining(recipe)) requireAsBegun(depends, dependencies, recipe);
  const first: Manifest = {
    version: 1,
    kind: recipe.kind,
    name: basename(plan.output),
    recipe: file,
    outcome: 'running',
    started,
    device: context.backend.device,
    ...(recipe.precision !== 'float32' && { precision: recipe.precision }),
    model: {
      path: path(recipe.model),
      architecture: context.spec.architecture,
      sha256: modelSha256,
      ...useOf(context),
    },
    data: [],
    vectors: [],
    ...('role' in kind && { role: kind.role }),
    ...(values && { point: { values, depends: digestOf(dependencies) } }),
  };
  const baseUnchanged = async (): Promise<boolean> =>
    hashes.includes(await sha256Weights(context.model)) && (await sha256Copies(context.model)) === copiesSha256;
  const asRead = async (): Promise<void> => {
    if (isTraining(recipe)) requireAsRead(dependencies, await found(), recipe);
  };
  return { context, modelSha256, dependencies, first, baseUnchanged, asRead };
}

/** What the recipe's own work is given. */
const jobOf = (
  { recipe }: Given,
  { path, progress, estimate, context, modelSha256, dependencies, first, asRead }: Planned & Opened,
  { signal, watch, askEditor, shared }: RunOptions,
  own: Pick<Job<RunRecipe>, 'cluster' | 'emit' | 'folder' | 'seconds' | 'secrets'>,
): Job<RunRecipe> => ({
  ...own,
  recipe,
  name: first.name,
  path,
  context,
  signal,
  modelSha256,
  dependencies,
  machine: machineOf(context),
  watch,
  askEditor,
  once: shared?.once ?? ((_, make) => make()),
  sessions: shared?.sessions,
  // By the base, and by the model that is delivered.
  evaluations: shared?.evaluations ?? 2,
  recompute: isTraining(recipe) && (recomputes(recipe) ?? estimate?.recompute === true),
  async begin() {
    await asRead();
    await own.folder.begin();
  },
  progress,
});

/** How a run ends that was stopped. @throws the error that ended any other one; manifest.json has it then */
async function stoppedOrThrown(
  thrown: unknown,
  { recipe }: Given,
  { resume = false, signal }: RunOptions,
  { context, folder, cluster, emit }: Pick<Job<RunRecipe>, 'context' | 'folder' | 'cluster' | 'emit'>,
): Promise<Pick<DoneEvent, 'outcome'> & Ending> {
  // A model that was taken away is the reason for whatever failed.
  const error: unknown = await context.intact().then(
    () => thrown,
    (changed: unknown) => changed,
  );
  if (!(error instanceof Cancelled || signal.aborted)) await failed(error, folder, recipe);
  // If this run had not begun, the folder holds another run, which nobody asked to stop.
  const jobs = recipe.on && (resume || folder.begun) && (await stopJobs(folder.path, cluster, error));
  if (jobs && jobs.left) await emit(jobs.left);
  return { outcome: 'stopped', measurements: [] };
}

/** @throws the error as people are told of it; manifest.json has it then */
async function failed(error: unknown, folder: RunFolder, recipe: RunRecipe): Promise<never> {
  const told = withRemedy(error, folder, isTraining(recipe));
  await folder.failed(told);
  throw told;
}

/** Writes what a run that has begun leaves at its end. */
async function close(folder: RunFolder, done: DoneEvent): Promise<void> {
  const finished = done.outcome === 'finished';
  const ended = { outcome: done.outcome, ended: new Date().toISOString(), done };
  // What the manifest counts is on disk before it says so.
  await folder.marks();
  if (finished) await writeReport(folder, { ...(await folder.manifest({})), ...ended });
  await folder.manifest({ ...ended, files: finished ? await runFiles(folder.path) : undefined });
}

/**
 * Runs a recipe into its run folder: events as they come and in events.jsonl, the end in manifest.json. The folder is
 * not touched before everything that can be wrong with the inputs was found; a finished run that is replaced stays
 * whole until the new one is done.
 * @returns the last event; `stopped` when the signal fired, with everything up to the last step kept
 * @throws the error that ended the run; if the run had begun, it is written to manifest.json first
 */
export const runOne = (given: Given, options: RunOptions): Promise<DoneEvent> =>
  withoutGpu(options.device ?? given.recipe.device, options, (changed) => runOn(given, changed));

async function runOn(given: Given, options: RunOptions): Promise<DoneEvent> {
  const { recipe } = given;
  const { resume = false, signal, onEvent } = options;
  // What a cluster does not know is found before weights are packed here.
  const target = recipe.on && supported(recipe).on;
  const plans = await planned(given, options);
  const { began, hub, plan, expected } = plans;
  const model = await opened(given, plans, options);
  const { context, modelSha256, dependencies, first, baseUnchanged } = model;
  const checkpoint = resume ? await openCheckpoint(join(plan.folder, RUN_FILES.checkpoint)) : undefined;
  if (checkpoint && isTraining(recipe)) requireSame(checkpoint, dependencies, recipe);
  if (checkpoint && recipe.kind === 'finetune') requireWatched(checkpoint, watchAction(recipe, options.watch));
  const before = checkpoint?.facts.seconds ?? 0;
  const seconds = (): number => before + (performance.now() - began) / 1000;
  const manifest = { ...first, ...(checkpoint && resumedFrom(plan.standing.at(-1), first)) };
  const folder = openRunFolder(plan.folder, recipe, manifest, checkpoint, async () => {
    await requireAsPlanned(plan);
    if (!checkpoint) await endJobs(plan.folder, cluster);
    else if (!(await isSameCheckpoint(checkpoint))) throw changedMeanwhile(checkpoint.file);
    await options.onTaken?.();
  });
  const secrets = secretsFrom(options.secrets);
  let cluster: Cluster | undefined;
  // Steps still count after the run went back to an earlier one.
  let step = checkpoint ? await stepsMade(folder.path) : 0;
  // Of the last checkpoint, which is what a run that is stopped keeps: on a cluster none is made for it.
  let saved = step;
  const record = expected && recorder(expected);

  /** One after the other: not all who warn wait. */
  const emit = oneByOne(async (event: RunEvent): Promise<void> => {
    if (event.kind === 'step') step = event.step;
    if (event.kind === 'checkpoint') saved = step;
    record?.hear(event);
    await context.intact();
    requireMemory(isTraining(recipe));
    await folder.record(event);
    onEvent(event);
  });

  /** The recipe's ending, or how it was stopped. */
  async function work(): Promise<Pick<DoneEvent, 'outcome'> & Ending> {
    try {
      if (target)
        cluster = await openCluster({
          target,
          path: given.path,
          folder: plan.folder,
          secrets,
          model: context.model.gguf === undefined ? { folder: context.model.folder, sha256: modelSha256 } : undefined,
          signal,
          emit,
          patience: options.patience,
          answered: options.shared?.clusters,
          onAway: options.shared?.onAway,
        });
      const job = jobOf(given, { ...plans, ...model }, options, { cluster, emit, folder, seconds, secrets });
      await warnOfContext(context, emit, options.reason);
      await warnOfRevisions(hub, emit);
      if (checkpoint) await warnOfMachine(checkpoint, job);
      if (expected) await emit(expectation(expected));
      return { outcome: 'finished', ...(await runKind(job, baseUnchanged)) };
    } catch (thrown) {
      return stoppedOrThrown(thrown, given, options, { context, folder, cluster, emit });
    }
  }

  try {
    const ending = await work();
    await record?.done();
    const output = ending.outcome === 'finished' ? plan.output : plan.folder;
    const kept = ending.outcome === 'stopped' ? saved : step;
    const done: DoneEvent = { kind: 'done', ...ending, output, step: kept, seconds: seconds() };
    try {
      await emit(done);
      if (folder.begun) await close(folder, done);
    } catch (error) {
      await failed(error, folder, recipe);
    }
    if (done.outcome === 'finished' && output !== plan.folder) await finishReplacement(output);
    return done;
  } finally {
    context.scratch.close();
    await folder.release();
  }
}

/** The recipe's own work, then what every training owes: the base's bytes are unchanged. */
async function runKind(job: Job<RunRecipe>, baseUnchanged: () => Promise<boolean>): Promise<Ending> {
  const { recipe } = job;
  switch (recipe.kind) {
    case 'vector': {
      const vector = await trainSecurityVector({ ...job, recipe });
      return { ...vector, measurements: [], laws: { baseUnchanged: await baseUnchanged() } };
    }
    case 'finetune': {
      const ending = await fineTuneRun({ ...job, recipe });
      return { ...ending, laws: { ...ending.laws, baseUnchanged: await baseUnchanged() } };
    }
    case 'evaluate':
      return evaluateRun({ ...job, recipe });
  }
}
