/** What a run will take, as it is said before it begins. */
import * as z from 'zod';
import { fill, formatDuration, GB, gigabytes, numbersIn, type Wording, DURATION_WORDS } from './format.js';
import { number, range, record, text } from './kept.js';
import { LIMITS } from './limits.js';

/** Parts of the memory, bytes, at the moment when their sum is highest. */
const memory = record({
  /** The model's, and copies of them in another type. */
  weights: number,
  /** Adapters and their gradients. */
  adapters: number,
  /** The optimizer's. */
  moments: number,
  activations: number,
  logits: number,
  /** The program itself. */
  program: number,
});

const remedy = record({
  key: text,
  value: text,
  /** Longer rows are left out of training then: how many, where that is known. */
  leavesOut: record({ rows: number.optional() }).optional(),
});

/** Rows of a data file that cannot be used: a run stops at them, unless its review leaves them out. */
const brokenRows = record({
  file: text,
  rows: number,
  /** Where the first of them is, and why. */
  line: number,
  reason: text,
  /** Only so many rows of the file were read. */
  read: number.optional(),
});

/** What a run is expected to take. */
export const estimateSchema = record({
  memory,
  /** Of the process, bytes. */
  peakBytes: range,
  /** That the process may use. On Linux, weights that are read in place do not count. */
  limitBytes: number,
  /** False where it will not fit: then `remedy` says what makes it fit. */
  fits: z.boolean(),
  /** A change of the recipe, such as `"batch.rows": 2`; absent where none is enough. */
  remedy: remedy.optional(),
  /** It is computed on a GPU, of which it is not known how much memory it has. */
  gpu: z.literal(true).optional(),
  /** Activations are computed again. */
  recompute: z.literal(true).optional(),
  steps: number,
  /** The data is not read to its end: `steps`, and what follows from them, are extrapolated from its first rows. */
  extrapolated: z.literal(true).optional(),
  stepSeconds: range,
  /** Of the whole run. */
  seconds: range,
  /** Tokens of the micro-batches that are no padding, as a share. */
  usefulTokens: number,
  /**
   * An earlier run of this model on this machine was measured; otherwise this rests on how fast the machine computes.
   */
  measured: z.boolean(),
  /**
   * What the run writes, at least, when that is most, and what its disk has left; of a sweep of several, all of them.
   * Absent where the file system does not say.
   */
  disk: record({ bytes: number, freeBytes: number }).optional(),
  /**
   * Of a sweep of several: how many there are. `seconds` and `disk` are then of all of them, and the rest of its largest
   * point.
   */
  points: number.optional(),
  /** Of a protected run: prompts of its smallest set of harm, where one was read to its end. */
  harmPrompts: number.optional(),
  /** Of the data files that have some. */
  broken: z.array(brokenRows).optional(),
});
export type Estimate = z.infer<typeof estimateSchema>;
export type Range = z.infer<typeof range>;
export type MemoryParts = z.infer<typeof memory>;
export type Remedy = z.infer<typeof remedy>;
export type BrokenRows = z.infer<typeof brokenRows>;

export const ESTIMATE_STRINGS = {
  about: 'about {0} · {1} GB',
  points: '{0} points · {1}',
  eachPoint: 'the largest of the {0} points:',
  tooFew: '{0} · without a verdict: harm is measured on {1} prompts, at least {2} are needed',
  fitsNot: 'needs about {0} GB, but only {1} GB are available',
  fitsWith: '{0}: use {1}',
  diskFull: 'needs at least {0} GB of disk space, but only {1} GB are free',
  disk: 'at least {0} GB of disk space for checkpoints and result, {1} GB are free',
  leavesOut: '{0} (longer rows are left out)',
  leavesOutRows: '{0} (longer rows that are left out: {1})',
  gpu: '{0} · how much memory the GPU has is not known',
  details: '{0} to {1} · {2} to {3} GB at most',
  parts: 'weights {0} GB, adapters {1}, moments {2}, activations {3}, logits {4}, program {5}',
  step: '{0} steps of {1} to {2} s, {3} of the tokens useful',
  aboutSteps: 'about {0} steps of {1} to {2} s, {3} of the tokens useful',
  recompute: 'activations are computed again: less memory, more time',
  measured: 'corrected by an earlier run of this model here',
  unmeasured: 'from how fast this machine computes; the first run corrects it',
  ...DURATION_WORDS,
} as const;
export type EstimateStrings = Record<keyof typeof ESTIMATE_STRINGS, string>;

const ENGLISH: Wording<EstimateStrings> = { strings: ESTIMATE_STRINGS, numbers: numbersIn() };
/** The middle of a range of factors. */
const middle = ([low, high]: Range): number => Math.sqrt(low * high);
/** Bytes that are said. */
const SMALLEST = 0.01 * GB;
const rounded = (seconds: number): number => {
  const unit = seconds < 60 ? 5 : seconds < 600 ? 30 : seconds < 3600 ? 60 : 600;
  return Math.max(unit === 5 ? 1 : unit, seconds < 10 ? Math.round(seconds) : Math.round(seconds / unit) * unit);
};

/** Whether the disk has room for it, as far as is known. */
export const hasRoom = ({ disk }: Pick<Estimate, 'disk'>): boolean =>
  disk === undefined || disk.bytes <= disk.freeBytes;

/** "about 40 s · 0.4 GB", and whether there can be a verdict; or that it does not fit and what does. */
export function estimateText(estimate: Estimate, { strings: s, numbers } = ENGLISH): string {
  const gb = (bytes: number): string => gigabytes(bytes, numbers);
  const { fits, remedy, peakBytes, limitBytes, seconds, points, harmPrompts = Infinity, gpu, disk } = estimate;
  if (fits && disk && !hasRoom({ disk })) return fill(s.diskFull, gb(disk.bytes), gb(disk.freeBytes));
  if (fits) {
    const run = fill(s.about, formatDuration(rounded(middle(seconds)), s), gb(middle(peakBytes)));
    const there = gpu ? fill(s.gpu, run) : run;
    const about = points === undefined ? there : fill(s.points, numbers.count(points), there);
    return harmPrompts < LIMITS.fewestPrompts ? fill(s.tooFew, about, harmPrompts, LIMITS.fewestPrompts) : about;
  }
  const needed = fill(s.fitsNot, gb(middle(peakBytes)), gb(limitBytes));
  return remedy ? fill(s.fitsWith, needed, remedyText(remedy, { strings: s, numbers })) : needed;
}

/** The key with its value, and what that costs. */
export function remedyText({ key, value, leavesOut }: Remedy, { strings: s, numbers } = ENGLISH): string {
  const change = `"${key}": ${value}`;
  if (!leavesOut) return change;
  const { rows } = leavesOut;
  return rows === undefined ? fill(s.leavesOut, change) : fill(s.leavesOutRows, change, numbers.count(rows));
}

/** What the estimate consists of, a line each. */
export function estimateDetails(estimate: Estimate, { strings: s, numbers } = ENGLISH): string[] {
  const gb = (bytes: number): string => gigabytes(bytes, numbers);
  const n = (value: number): string => numbers.number(Number(value.toPrecision(2)));
  const { memory: m, peakBytes, seconds, stepSeconds, usefulTokens, points, recompute, measured } = estimate;
  const { steps, extrapolated, disk } = estimate;
  const duration = (value: number): string => formatDuration(rounded(value), s);
  const range = fill(s.details, duration(seconds[0]), duration(seconds[1]), gb(peakBytes[0]), gb(peakBytes[1]));
  const small = (bytes: number): string => (bytes < SMALLEST ? `<${gb(SMALLEST)}` : gb(bytes));
  const parts = [m.weights, m.adapters, m.moments, m.activations, m.logits, m.program].map(small);
  const [low, high] = stepSeconds.map(n);
  return [
    range,
    ...(points === undefined ? [] : [fill(s.eachPoint, numbers.count(points))]),
    fill(s.parts, ...parts),
    fill(extrapolated ? s.aboutSteps : s.step, numbers.count(steps), low, high, numbers.percent(usefulTokens)),
    ...(disk ? [fill(s.disk, small(disk.bytes), gb(disk.freeBytes))] : []),
    ...(recompute ? [s.recompute] : []),
    measured ? s.measured : s.unmeasured,
  ];
}
