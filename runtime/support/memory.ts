/** The memory that this process may use, so that neither a hostile file nor a large batch takes the machine down. */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { Worker } from 'node:worker_threads';
import { GB, gigabytes } from '../contract/format.js';
import { HumanError } from './errors.js';

/** This share, and the times below, are chosen, not measured. */
const SHARE = 0.9;
const EVERY_MS = 100;
/** How long a process over its limit may take to end by itself; above 1.1 times the limit it is ended at once. */
const GRACE_MS = 5000;

/**
 * Nine tenths of the machine's memory, or of what its container may use; SECURITY_VECTORS_MEMORY_GB sets another limit.
 * @throws HumanError where that is no number
 */
export function memoryLimit(): number {
  const given = process.env.SECURITY_VECTORS_MEMORY_GB?.trim();
  if (given) {
    if (Number(given) > 0) return Number(given) * GB;
    throw new HumanError(`SECURITY_VECTORS_MEMORY_GB is "${given}"; a number above 0 was expected.`, {
      remedy: 'Write GB (10⁹ bytes) without the unit, such as 8 or 8.5.',
    });
  }
  // Without a container it is 0, or 2⁶⁴.
  const container = process.constrainedMemory?.() ?? 0;
  return SHARE * (container > 0 ? Math.min(container, totalmem()) : totalmem());
}

const STATUS = '/proc/self/status';
const ANONYMOUS = /RssAnon:\s+(\d+)/;

/**
 * Whether mapped weights count as memory that is used: not where they can be told apart (Linux), as the system reclaims
 * them when it needs memory. What is expected of a run counts as what it uses.
 */
export const countsMapped = (): boolean => {
  try {
    return !ANONYMOUS.test(readFileSync(STATUS, 'latin1'));
  } catch {
    return true;
  }
};

/** What {@link countsMapped} counts, in bytes; the system's own number has weights once for each session that maps them. */
export const usedMemory = (): number => {
  const anonymous = countsMapped() ? undefined : ANONYMOUS.exec(readFileSync(STATUS, 'latin1'));
  return anonymous ? 1024 * Number(anonymous[1]) : process.memoryUsage.rss();
};

/** A separate thread, because computing blocks the main one. */
const WATCH = `
  const { workerData: { bytes, over, highest, message, everyMs, graceMs, parent, mapped } } = require('node:worker_threads');
  const { readFileSync, writeSync } = require('node:fs');
  const used = () =>
    mapped ? process.memoryUsage.rss() : 1024 * Number(${ANONYMOUS}.exec(readFileSync('${STATUS}', 'latin1'))[1]);
  let since;
  setInterval(() => {
    try {
      if (parent) process.kill(parent, 0);
    } catch {
      process.kill(process.pid, 'SIGKILL');
    }
    const now = used();
    highest[0] = Math.max(highest[0], now);
    if (now <= bytes) return void ((since = undefined), Atomics.store(over, 0, 0));
    Atomics.store(over, 0, 1);
    since ??= Date.now();
    if (now < 1.1 * bytes && Date.now() - since < graceMs) return;
    writeSync(2, message + '\\n');
    process.kill(process.pid, 'SIGKILL');
  }, everyMs);`;

const over = new Int32Array(new SharedArrayBuffer(4));
const highest = new Float64Array(new SharedArrayBuffer(8));
let sentence = '';

/**
 * From now on the process ends, with a message on stderr, when it uses more than this.
 * @param parent the process that this one serves: when it ends, so does this one, even while it computes
 */
export function watchMemory(bytes: number, remedy: string, parent?: number): void {
  sentence = `the process uses more than ${gigabytes(bytes)} GB of memory, its limit.`;
  new Worker(WATCH, {
    eval: true,
    workerData: {
      bytes,
      over,
      highest,
      message: `${sentence} ${remedy}`,
      everyMs: EVERY_MS,
      graceMs: GRACE_MS,
      parent,
      mapped: countsMapped(),
    },
  }).unref();
}

/** The most bytes that the process has used since they are watched, as {@link usedMemory} counts; 0 where they are not. */
export const peakMemory = (): number => highest[0];

export const OTHER_LIMIT = 'SECURITY_VECTORS_MEMORY_GB sets another limit.';

/** What takes less memory, of a recipe that trains or of one that does not. */
export const lessMemory = (trains: boolean): string =>
  trains
    ? 'Set "recompute" to true, "precision" to "int8" or "int4" (of a full fine-tuning "optimizer.moments" to "8bit" instead), lower batch.rows or batch.maxTokens, or use a smaller model. What was saved so far is kept.'
    : 'Set "precision" to "int8" or "int4", or use a smaller model.';

/**
 * Called between two steps: ends the run while the error can still be reported and recorded.
 * @throws HumanError when the limit was passed
 */
export function requireMemory(trains: boolean): void {
  if (Atomics.load(over, 0) === 0) return;
  const remedy = `${lessMemory(trains)} ${OTHER_LIMIT}`;
  throw new HumanError(sentence, { kind: 'failed', place: 'memory', remedy });
}
