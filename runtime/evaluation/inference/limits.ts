import { sum } from '../../contract/sum.js';
import type { DecoderSpec } from '../../models/decoder/spec.js';

/** How much a generator computes, and keeps, at once. */
export interface RunLimits {
  /** Tokens of one run, padding included. */
  readonly tokens: number;
  /** Scores of one head in one run: queries · keys, of all rows. */
  readonly scores: number;
  /** Positions in the cache of a batch, of all rows, when prompts join it. */
  readonly cached: number;
  /** The same, when their answers are as long as they may be. */
  readonly grown: number;
}

/** Bytes of the cache of a batch when its answers are as long as they may be. */
const CACHE_BYTES = 2 ** 30;

/** Of all layers, keys and values. */
export const positionBytes = ({ layers }: Pick<DecoderSpec, 'layers'>): number =>
  sum(layers.map(({ attention: a }) => 8 * a.kvHeads * a.headDim));

/** 32 prompts of 128 tokens are read at once, as one of 1000. */
export const runLimits = (spec: Pick<DecoderSpec, 'layers'>): RunLimits => ({
  tokens: 2 ** 12,
  scores: 2 ** 20,
  cached: 2 ** 14,
  grown: Math.floor(CACHE_BYTES / positionBytes(spec)),
});

/** Tokens of a row, and with the longest answer that it may get. */
export interface RowLength {
  readonly now: number;
  readonly grown: number;
}

export const longestOf = (rows: readonly RowLength[]): RowLength => ({
  now: Math.max(0, ...rows.map(({ now }) => now)),
  grown: Math.max(0, ...rows.map(({ grown }) => grown)),
});

/** Positions of a chunk, where each of so many rows has `count` of them to read and the last is at `end`. */
export function chunkOf(rows: number, count: number, end: number, { tokens, scores }: RunLimits): number {
  const most = Math.max(1, Math.floor(Math.min(tokens, scores / end) / rows));
  return Math.ceil(count / Math.ceil(count / most));
}

/** How many rows the cache has room for, none of which is longer. */
export const roomFor = (longest: RowLength, { cached, grown }: RunLimits): number =>
  Math.max(1, Math.floor(Math.min(cached / longest.now, grown / longest.grown)));

/** How many of the prompts that wait join a batch together; the first does. */
export function joining(
  waiting: readonly RowLength[],
  { rows, longest }: { readonly rows: number; readonly longest: RowLength },
  limits: RunLimits,
): number {
  let own = waiting[0];
  let count = 1;
  for (; count < waiting.length; count++) {
    own = longestOf([own, waiting[count]]);
    const isTooMuch = (count + 1) * own.now > limits.tokens;
    if (isTooMuch || rows + count + 1 > roomFor(longestOf([own, longest]), limits)) break;
  }
  return count;
}
