/** A job, from where it is to its end: its log read again and again, its state, and how it is stopped. */
import { Cancelled, HumanError } from '../support/errors.js';
import { TERMINAL, type JobInfo, type RayClient } from './client.js';
import { jobFault, staysAway, Unanswered, Unending } from './faults.js';
import { MARK, type MessageReader } from './messages.js';

/** How long is waited for what. */
export interface Patience {
  /** Between two looks at the log. */
  readonly pollMs: number;
  /** For a cluster that has answered before and now does not. */
  readonly awayMs: number;
  /** For a job to end that was told to. */
  readonly stopMs: number;
}
export const PATIENCE: Patience = { pollMs: 1000, awayMs: 15 * 60_000, stopMs: 60_000 };
/** The whole log comes each time: at most this share of the time is spent on reading it. */
const READING = 0.1;

export interface FollowOptions {
  readonly client: RayClient;
  readonly id: string;
  readonly reader: MessageReader;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  /** Says once that the cluster is away, and that it is back. */
  readonly onAway: (message: string, isBack?: boolean) => Promise<void>;
  /** Step of the last checkpoint, for errors. */
  readonly step: () => number;
  /** Whether what is wanted of the job has come: it is then stopped, and not at fault. */
  readonly enough: () => boolean;
  /** Hears that the job has ended, however it did. */
  readonly onEnded: () => Promise<void>;
}

/**
 * Returns when the job has succeeded and its log was read to the end, or has ended after it was enough.
 * @throws Cancelled when the signal fired and the job has ended; HumanError for a job that failed, was stopped by
 * others or is gone, and for a cluster that stays away
 */
export async function followJob(options: FollowOptions): Promise<void> {
  const { client, id, reader, patience, signal } = options;
  let read = 0;
  let end = '';
  let stopped = 0;
  const steady = <T>(attempt: () => Promise<T>): Promise<T> => whileAway(attempt, options);
  /** Of a job that failed with its node nobody may be able to read it. */
  const logOf = async (job: JobInfo | undefined): Promise<string> => {
    if (job?.status !== 'FAILED') return steady(() => client.logs(id));
    const short = { ...options, patience: { ...patience, awayMs: patience.stopMs } };
    return whileAway(() => client.logs(id), short).catch((error: unknown) => {
      if (error instanceof HumanError && error.code === 'away') return '';
      throw error;
    });
  };
  const look = async (): Promise<{ job: JobInfo | undefined; tookMs: number }> => {
    // The state first: what a job that has ended said is then in the log.
    const job = await steady(() => client.job(id));
    const began = performance.now();
    const log = await logOf(job);
    const tookMs = performance.now() - began;
    const last = job && !isEnded(job) ? log.lastIndexOf('\n') + 1 : log.length;
    const fresh = log.slice(read, last);
    read = Math.max(read, last);
    const lines = fresh.split('\n');
    // Numbers as text hold any word.
    end = `${end}${lines.filter((line) => !line.includes(MARK)).join('\n')}`.slice(-20_000);
    for (const line of lines) await reader.line(line);
    return { job, tookMs };
  };
  try {
    for (;;) {
      const { job, tookMs } = await look();
      if (!job || isEnded(job)) await options.onEnded();
      if (!job) throw jobFault({ id, status: 'LOST', message: '', log: end, step: options.step() }, client.address);
      if (isEnded(job)) {
        if (options.enough()) return;
        if (stopped > 0) throw new Cancelled();
        if (job.status === 'SUCCEEDED') return;
        throw jobFault({ id, ...job, log: end, step: options.step() }, client.address);
      }
      if ((signal.aborted || options.enough()) && stopped === 0) {
        stopped = performance.now();
        await steady(() => client.stop(id));
      }
      if (stopped > 0 && performance.now() - stopped > patience.stopMs)
        throw new Unending('the job does not end although it was asked to.', {
          place: `${client.address} ${id}`,
          remedy: 'Stop it on the Ray dashboard.',
          kind: 'failed',
        });
      await pause(Math.max(patience.pollMs, tookMs / READING), stopped > 0 ? undefined : signal);
    }
  } catch (error) {
    // What is wrong here, not there: nobody would listen to the job any more.
    if (error instanceof HumanError || error instanceof Cancelled) throw error;
    await client.stop(id).catch(() => undefined);
    throw error;
  }
}

export const isEnded = ({ status }: JobInfo): boolean => (TERMINAL as readonly string[]).includes(status);

/**
 * Milliseconds of an attempt that count, besides what a package takes: beyond them the machine has slept, which a clock
 * may count and patience does not.
 */
const LONGEST = 60_000;

/** Tries again while the cluster is away, for as long as patience allows. @param isKnown it has answered before */
export async function whileAway<T>(
  attempt: () => Promise<T>,
  { patience, onAway, signal }: Pick<FollowOptions, 'patience' | 'onAway'> & { signal?: AbortSignal },
  isKnown = true,
): Promise<T> {
  let away = 0;
  let told = false;
  for (let wait = patience.pollMs; ; wait = Math.min(2 * wait, 30_000)) {
    const began = performance.now();
    try {
      const result = await attempt();
      if (told && !signal?.aborted) await onAway('the cluster answers again', true);
      return result;
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      if (!isKnown && error.isAbsent) throw error.final;
      away += Math.min(performance.now() - began, LONGEST + error.sendingMs);
      if (signal?.aborted || away > patience.awayMs) throw isKnown ? staysAway(error) : error.final;
      if (!told) await onAway(awayText(error.final, patience, isKnown));
      told = true;
      await pause(wait, signal);
      away += wait;
    }
  }
}

const awayText = ({ message }: HumanError, { awayMs }: Patience, isKnown: boolean): string =>
  `${message.replace(/\.$/, '')}. Trying again for ${Math.ceil(awayMs / 60_000)} min. ${isKnown ? KNOWN : UNKNOWN}`;
const KNOWN = 'A running job goes on: nothing is lost, and you need not do anything.';
const UNKNOWN = 'If it has never answered, check on.ray. A job that runs there goes on.';

/** Ends early when the signal fires. */
function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}
