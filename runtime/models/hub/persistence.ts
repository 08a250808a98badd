import { setTimeout as sleep } from 'node:timers/promises';
import { Cancelled } from '../../support/errors.js';
import { Interrupted } from './responseErrors.js';

/** How long is waited and how often something is tried again. */
export interface Patience {
  /** Attempts without any progress in between. */
  attempts: number;
  /** Before the second attempt; doubles with each further one. */
  pauseMs: number;
  /** For the head of an answer. */
  answerMs: number;
  /** For the next `LEAST_BYTES` of a body, or its end. */
  silenceMs: number;
  /** For an answer that is read whole. */
  wholeMs: number;
}

/** What is less is no progress: of a body within `silenceMs`, and of a file from one attempt to the next. */
export const LEAST_BYTES = 16 * 2 ** 10;

const MAX_WAIT_MS = 60_000;
/** Of one file, with or without progress in between. */
const MAX_ATTEMPTS = 1000;

/** Calls `attempt` again while it ends with `Interrupted`. `progress` are the bytes that are there, at most so far. */
export async function persistently<T>(
  attempt: () => Promise<T>,
  { signal, patience, onLog }: { signal: AbortSignal; patience: Patience; onLog: (message: string) => void },
  progress: () => number = () => 0,
): Promise<T> {
  let failures = 0;
  let before = progress();
  for (let attempts = 1; ; attempts++) {
    if (signal.aborted) throw new Cancelled();
    try {
      return await attempt();
    } catch (error) {
      if (signal.aborted) throw new Cancelled();
      if (!(error instanceof Interrupted)) throw error;
      const isFurther = progress() - before >= LEAST_BYTES;
      failures = isFurther ? 1 : failures + 1;
      if (isFurther) before = progress();
      if (failures >= patience.attempts || attempts >= MAX_ATTEMPTS) throw error.final;
      onLog(`${error.message} Trying again.`);
      const waitMs = Math.max(error.waitMs, patience.pauseMs * 2 ** (failures - 1));
      await sleep(Math.min(waitMs, MAX_WAIT_MS), undefined, { signal }).catch(() => undefined);
    }
  }
}
