/** How much a generator computes, and keeps, at once. */
export interface RunLimits {
  /** Tokens of one run, padding included. */
  readonly tokens: number;
  /** Scores of one head in one run: queries · keys, of all rows. */
  readonly scores: number;
  /** Positions in the cache of a batch, of all rows, when prompts join it. */
  readonly cached: number;
}

/** 32 prompts of 128 tokens are read at once, as one of 1000. */
export const RUN_LIMITS: RunLimits = { tokens: 2 ** 12, scores: 2 ** 20, cached: 2 ** 14 };

/** Positions of a chunk, where each of so many rows has `count` of them to read and the last is at `end`. */
export function chunkOf(rows: number, count: number, end: number, { tokens, scores }: RunLimits): number {
  const most = Math.max(1, Math.floor(Math.min(tokens, scores / end) / rows));
  return Math.ceil(count / Math.ceil(count / most));
}

/** How many rows of so many tokens the cache has room for. */
export const roomFor = (length: number, { cached }: RunLimits): number => Math.max(1, Math.floor(cached / length));

/** How many of the prompts that wait join a batch together, by their lengths; the first does. */
export function joining(
  waiting: readonly number[],
  { rows, longest }: { readonly rows: number; readonly longest: number },
  limits: RunLimits,
): number {
  let own = waiting[0];
  let count = 1;
  for (; count < waiting.length; count++) {
    own = Math.max(own, waiting[count]);
    const isTooMuch = (count + 1) * own > limits.tokens;
    if (isTooMuch || rows + count + 1 > roomFor(Math.max(own, longest), limits)) break;
  }
  return count;
}
