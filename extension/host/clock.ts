import { performance } from 'node:perf_hooks';

/**
 * Seconds of a clock that nobody sets: for how long something takes. The clock on the wall may jump by hours, and says
 * only when something was.
 */
export const now = (): number => performance.now() / 1000;

/** Seconds since a time that another process wrote down by the clock on the wall; 0 when that is not in the past. */
export const sinceThen = (iso: string): number => Math.max(0, (Date.now() - Date.parse(iso)) / 1000 || 0);
