/**
 * A run's jobs on its cluster: each has a name that is chosen and stored before it is sent, so that it is found again.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jobRecordSchema, openJobs, type JobRecord } from '../contract/jobRecord.js';
import type { ClusterTarget } from '../contract/recipeCluster.js';
import { RUN_FILES } from '../contract/runFiles.js';
import type { Secrets } from '../contract/secrets.js';
import { safeParse } from '../contract/safeParse.js';
import { canonical } from '../contract/sweep.js';
import { errorData, HumanError } from '../support/errors.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { writeFileAtomic } from '../support/files.js';
import { readOptionalJson } from '../support/jsonFile.js';
import type { RunEvent, WarningEvent } from '../contract/events.js';
import { rayClient, type RayClient } from './client.js';
import { isOfTheWay, Unending } from './faults.js';
import { followJob, isEnded, PATIENCE, whileAway, type FollowOptions, type Patience } from './follow.js';
import { messageReader, type JobMessage } from './messages.js';
import { noteText } from './noteText.js';
import { packed, placed, removePackage, requirements, type JobPlan, type ModelHere } from './package.js';

export interface Cluster {
  readonly target: ClusterTarget;
  readonly address: string;
  /** Sends a job, or finds it, and hears it to its end. */
  run(
    name: string,
    plan: JobPlan,
    hooks: {
      /** Number of the last message that is known. */
      after: number;
      step: () => number;
      onMessage: (message: JobMessage, seq: number) => Promise<void>;
      /** Whether what is wanted has come: the job is then stopped. Default: at its end. */
      enough?: () => boolean;
    },
  ): Promise<void>;
  /**
   * Stops the job of this name if it goes on and is of this run; nobody waits for its end. When the signal has fired, a
   * cluster that is away is waited for no longer than for a job to end.
   * @returns whether it went on
   */
  end(name: string): Promise<boolean>;
}

export interface WayOptions {
  readonly target: ClusterTarget;
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
  readonly secrets: Secrets;
  readonly signal: AbortSignal;
  readonly emit: (event: RunEvent) => Promise<void>;
  readonly patience?: Patience;
  /** Ways to clusters that have answered: this one is added, and where it was among them it is waited for. */
  readonly answered?: Set<string>;
  /** Also hears what is said of a cluster that is away or is back, where it waits for several runs. */
  readonly onAway?: (warning: WarningEvent, isBack: boolean) => Promise<void>;
}

export interface ClusterOptions extends WayOptions {
  /** Of the run: what is stored of its jobs is there. */
  readonly folder: string;
  /** Undefined where its files are of another form than those there. */
  readonly model?: ModelHere;
  /** Of a package that goes to Ray's own store; a larger one goes to `on.storage`. */
  readonly mostBytes?: number;
}

/** A cluster, and how it is reached. */
export const wayTo = ({ ray, token, headers, ca }: ClusterTarget): string => canonical([ray, token, headers, ca]);

/**
 * The first answer: whatever is wrong with the way to a cluster is found before anything is computed.
 * @returns the version of Ray that is there, and how is waited for it
 * @throws HumanError for a secret or certificate that is not there, a cluster that does not answer, a token it refuses,
 * a Ray too old
 */
export async function reachCluster(options: WayOptions): Promise<{
  client: RayClient;
  ray: string;
  waiting: Pick<FollowOptions, 'patience' | 'signal' | 'onAway'>;
}> {
  const { target, signal, emit, onAway, patience = PATIENCE, answered = new Set() } = options;
  const client = await clientOf(options);
  const waiting = {
    patience,
    signal,
    onAway: async (message: string, isBack = false) => {
      const warning: WarningEvent = { kind: 'warning', message, place: client.address };
      await emit(warning);
      await onAway?.(warning, isBack);
    },
  };
  const way = wayTo(target);
  const ray = await whileAway(() => client.version(), waiting, answered.has(way));
  answered.add(way);
  return { client, ray, waiting };
}

/** @throws HumanError where it cannot be reached */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const { target, folder, signal, emit } = options;
  const { client, ray, waiting } = await reachCluster(options);
  let said = '';
  const say = async (message: string): Promise<void> => {
    if (message !== said) await emit({ kind: 'state', state: 'preparing', message: (said = message) });
  };
  let isCompared = options.model !== undefined;
  const steady = <T>(attempt: () => Promise<T>): Promise<T> => whileAway(attempt, waiting);
  const onEnded = async (record: JobRecord, id: string): Promise<void> => {
    await removePackage(target.storage, id);
    await noteEnd(folder, record, id);
  };

  return {
    target,
    address: client.address,
    async run(name, plan, { after, step, onMessage, enough = () => false }) {
      const record = await readRecord(folder);
      await steady(() => requireHere(client, record, folder));
      if (!isCompared) await emit({ ...UNCOMPARED, place: target.model });
      isCompared = true;
      const bytes = await packed(plan, options, record.run);
      const id = await steady(() => sent(client, { ...options, record, name, bytes, ray }));
      await say(`the job ${id} is on the cluster`);
      let isDone = false;
      const reader = messageReader(after, {
        async onMessage(message, seq) {
          isDone ||= message.kind === 'done';
          await onMessage(message, seq);
        },
        onNote: (note) => say(noteText(note, target) ?? said),
      });
      await followJob({ client, id, reader, step, enough, onEnded: () => onEnded(record, id), ...waiting });
      if (!isDone && !enough()) throw brokenOff(`${client.address} ${id}`);
    },
    async end(name) {
      const record = await readRecord(folder);
      const id = record.jobs[name];
      if (id === undefined) return false;
      const { patience } = waiting;
      const still = { patience: { ...patience, awayMs: patience.stopMs }, onAway: () => say(STOPPING) };
      const reach = <T>(attempt: () => Promise<T>): Promise<T> => whileAway(attempt, signal.aborted ? still : waiting);
      await reach(() => requireHere(client, record, folder));
      const job = await reach(() => client.job(id));
      const goesOn = job?.metadata.run === record.run && !isEnded(job);
      if (goesOn) await reach(() => client.stop(id));
      // An address may lead to another cluster than it did.
      if (!job) await say(`the cluster at ${client.address} does not know the job ${id}, which counts as ended`);
      await onEnded(record, id);
      return goesOn;
    },
  };
}

/**
 * Stops the jobs of a run that is started over: nobody would hear them again.
 * @throws HumanError with their ids where that is not possible
 */
export async function endJobs(folder: string, cluster?: Cluster): Promise<void> {
  const record = await readRecord(folder);
  const open = openJobs(record);
  if (open.length === 0) return;
  const { ray = cluster?.address } = record;
  const left = (cause?: unknown): HumanError => {
    const { code } = cause instanceof HumanError ? cause : {};
    return new HumanError(
      `jobs of the run that is started over may still be on the cluster${ray === undefined ? '' : ` ${ray}`}: ${open.map(([, id]) => id).join(', ')}.`,
      {
        // The address says which token is refused.
        place: code === 'secret' ? ray : folder,
        remedy: `${code === 'secret' ? 'Run it again with another token, stop' : 'Stop'} them on the Ray dashboard and remove ${join(folder, RUN_FILES.cluster)}, or choose another output folder.`,
        kind: 'failed',
        code,
        cause,
      },
    );
  };
  if (!cluster || cluster.address !== ray) throw left();
  for (const [name] of open)
    await cluster.end(name).catch((error: unknown) => {
      throw error instanceof HumanError ? left(error) : error;
    });
}

/**
 * Stops the jobs of a run that was stopped, also those that it had not got to yet.
 * @param cluster undefined where it was not reached
 * @param ended what ended the run
 */
export async function stopJobs(folder: string, cluster: Cluster | undefined, ended: unknown): Promise<StoppedJobs> {
  const { ray = cluster?.address, ...record } = await readRecord(folder);
  const left = openJobs(record);
  const stopped: string[] = [];
  let cause: unknown = !cluster || ended instanceof Unending ? ended : undefined;
  while (cluster && cause === undefined && left.length > 0) {
    const [[name, id]] = left;
    try {
      if (await cluster.end(name)) stopped.push(id);
      left.shift();
    } catch (error) {
      cause = error;
    }
  }
  if (left.length === 0) return { stopped };
  const { kind, message, code } = errorData(cause);
  if (kind === 'internal') throw cause;
  const warning: WarningEvent = {
    kind: 'warning',
    message: `the job ${left.map(([, id]) => id).join(', ')} may go on on the cluster: ${message}`,
    place: ray,
    remedy: hasCheckpoint(join(folder, RUN_FILES.checkpoint))
      ? 'Resume the run and stop it once more, or stop the job on the Ray dashboard.'
      : 'Run the recipe again: it stops the job first. Or stop it on the Ray dashboard.',
    ...(code === 'secret' && { code }),
  };
  return { stopped, left: warning, cause };
}

export interface StoppedJobs {
  /** Ids of those that went on. */
  readonly stopped: readonly string[];
  /** What is said where a job may go on: its cluster has to be paid. */
  readonly left?: WarningEvent;
  /** Why it may. */
  readonly cause?: unknown;
}

/** Ids of the jobs of a run that may be going on. */
export const leftJobs = async (folder: string): Promise<string[]> =>
  openJobs(await readRecord(folder)).map(([, id]) => id);

/**
 * The same for a run that was stopped before it began again.
 * @param unreached ways to clusters that are not tried, and why; one that fails is added
 */
export async function stopLeft(options: ClusterOptions, unreached = new Map<string, unknown>()): Promise<StoppedJobs> {
  const way = wayTo(options.target);
  let cluster: Cluster | undefined;
  try {
    if (!unreached.has(way)) cluster = await openCluster(options);
  } catch (error) {
    unreached.set(way, error);
  }
  const jobs = await stopJobs(options.folder, cluster, unreached.get(way));
  if (isOfTheWay(jobs.cause)) unreached.set(way, jobs.cause);
  return jobs;
}

async function clientOf({ target, path, secrets }: WayOptions): Promise<RayClient> {
  const secret = (name: string, key: string): string => {
    const value = secrets(target.ray, name);
    if (value !== undefined && value !== '') return value;
    throw new HumanError(`there is no secret "${name}".`, {
      place: key,
      remedy: `VS Code asks for it when the recipe is run there; on the command line it is the environment variable ${name}, with --secret ${name}=${target.ray}.`,
      code: 'secret',
    });
  };
  const headers = Object.entries(target.headers ?? {}).map(([key, name]) => [key, secret(name, `on.headers.${key}`)]);
  return rayClient({
    address: target.ray,
    secret: target.token,
    token: target.token === undefined ? undefined : secret(target.token, 'on.token'),
    headers: Object.fromEntries(headers) as Record<string, string>,
    ca: target.ca === undefined ? undefined : await certificates(path(target.ca)),
  });
}

const certificates = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((cause: unknown) => {
    throw new HumanError(`the certificates of on.ca cannot be read: ${errorData(cause).message}`, {
      place: file,
      remedy: 'Check the path in on.ca.',
      code: 'away',
      cause,
    });
  });

/** @throws HumanError for a file that cannot be read: jobs that it may name are not forgotten in silence */
async function readRecord(folder: string): Promise<JobRecord> {
  const file = join(folder, RUN_FILES.cluster);
  const found = safeParse(
    jobRecordSchema,
    await readOptionalJson(file).catch((cause: unknown) => {
      throw new HumanError('it cannot be read which jobs this run has on its cluster.', {
        place: file,
        remedy:
          'Stop those that are left on the Ray dashboard (their names begin with security-vectors), remove this file, and run the recipe again.',
        cause,
      });
    }),
  );
  if (found.success) return found.data;
  return { run: `security-vectors-${randomBytes(6).toString('hex')}`, jobs: {}, ended: [] };
}

const writeRecord = (folder: string, record: JobRecord): Promise<void> =>
  writeFileAtomic(join(folder, RUN_FILES.cluster), `${JSON.stringify(record, null, 2)}\n`);

async function noteEnd(folder: string, record: JobRecord, id: string): Promise<void> {
  if (record.ended.includes(id)) return;
  record.ended.push(id);
  await writeRecord(folder, record);
}

/**
 * Jobs that were sent to another address may be on another cluster; the same one answers with them.
 * @throws HumanError with the id of one that is not known here
 */
async function requireHere(client: RayClient, record: JobRecord, folder: string): Promise<void> {
  const { ray = client.address } = record;
  if (ray === client.address) return;
  for (const [, id] of openJobs(record))
    if (!(await client.job(id)))
      throw new HumanError(
        `the job ${id} was sent to ${ray}, and may go on there: ${client.address} does not know it.`,
        {
          place: folder,
          remedy: `Name ${ray} in on.ray again. Or stop the job on the Ray dashboard there, remove ${RUN_FILES.cluster} from this folder, and run or resume the recipe.`,
          kind: 'failed',
        },
      );
}

/** The job of this name as it is on the cluster, or a new one. Its id is stored before it is sent. */
async function sent(
  client: RayClient,
  {
    folder,
    record,
    name,
    bytes,
    ray,
    target: { storage, install },
    signal,
    mostBytes,
  }: Pick<ClusterOptions, 'folder' | 'target' | 'signal' | 'mostBytes'> & {
    record: JobRecord;
    name: string;
    bytes: Buffer;
    ray: string;
  },
): Promise<string> {
  const known = record.jobs[name];
  if (known !== undefined) {
    const job = await client.job(known);
    if (job && job.metadata.run !== record.run) throw foreign(known, client.address);
    if (job && job.status !== 'FAILED' && job.status !== 'STOPPED') return known;
    await removePackage(storage, known);
  }
  const id = `${record.run}-${name}-${randomBytes(3).toString('hex')}`;
  record.ray = client.address;
  record.jobs[name] = id;
  await writeRecord(folder, record);
  const uri = await placed(client, bytes, { id, storage, signal, most: mostBytes });
  const runtimeEnv = {
    working_dir: uri,
    env_vars: { RAY_TRAIN_V2_ENABLED: '1', HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
    ...(install && { pip: await requirements(ray) }),
  };
  const isNew = await client.submit({ id, entrypoint: 'python train.py', runtimeEnv, metadata: { run: record.run } });
  // An answer that was lost on its way: the job that is there is this one.
  if (!isNew && (await client.job(id))?.metadata.run !== record.run) throw foreign(id, client.address);
  return id;
}

const UNCOMPARED: WarningEvent = {
  kind: 'warning',
  message: 'the model here is a GGUF file, with which the model on the cluster cannot be compared.',
  remedy: 'Check that on.model has the same weights. Or name a folder with them in "model": then they are compared.',
};

const STOPPING = 'the cluster does not answer: stopping the job is tried again';

const brokenOff = (place: string): HumanError =>
  new HumanError('the job has ended, but its log breaks off before it says so.', {
    place,
    remedy: 'Resume the run: the log is read again. If it stays so, start the run over.',
    kind: 'failed',
  });

const foreign = (id: string, place: string): HumanError =>
  new HumanError(`another job of the name ${id} is on the cluster, which is not of this run.`, {
    place,
    remedy: 'Start the run over: it takes a new name.',
    kind: 'failed',
  });
