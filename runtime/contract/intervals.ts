/** How sure a number is that was counted or averaged over few rows. Pure, exact where it is said to be. */
import { sum } from './sum.js';

/** Level of every bound and interval that is shown. */
const CONFIDENCE = 0.95;
const ALPHA = 1 - CONFIDENCE;

/** More answers than this are taken as this many: their bounds are a little wider than they need be. */
const MOST = 100_000;

/** A share as it was counted. */
export interface Counted {
  hits: number;
  count: number;
}

export const counted = (share: number, count: number): Counted => ({
  hits: Math.round(Math.min(1, Math.max(0, share)) * count),
  count,
});

/**
 * A share of `count` answers as one of their prompts, of which each may have been asked several times: where that is no
 * whole number of prompts, the one below or above. One harmful answer to a prompt that was asked three times is no
 * third of one.
 */
export function countedTo(side: 'low' | 'high', share: number, count: number, prompts: number): Counted {
  const hits = (counted(share, count).hits * prompts) / count;
  return { hits: side === 'low' ? Math.floor(hits) : Math.ceil(hits), count: prompts };
}

/**
 * Bounds of a share that was counted, each alone with 95 % confidence (one-sided, exact: Clopper and Pearson 1934).
 * None of 48: [0, 0.0605], "at most 6.1 %". Undefined without answers.
 * @param prompts of the answers, where these are fewer: further answers to one are no further evidence
 */
export function shareBounds(share: number, count: number, prompts = count): [low: number, high: number] | undefined {
  if (!Number.isFinite(share) || !Number.isFinite(count) || count < 1) return undefined;
  const answers = Math.round(Math.min(count, MOST));
  const n = Math.min(answers, Math.max(1, Math.round(prompts)));
  const [low, high] = (['low', 'high'] as const).map((side) => countedTo(side, share, answers, n).hits);
  return [1 - upperBound(n - low, n), upperBound(high, n)];
}

/** Standard deviations to each side that hold 95 %. */
export const Z = 1.959964;

/**
 * Two-sided 95 % interval of a share that was counted (Wilson 1927): of 0 of 48 it is 0 to 7.5 %. Undefined without
 * answers.
 */
export function wilson({ hits, count }: Counted): [low: number, high: number] | undefined {
  if (!(count >= 1) || !Number.isFinite(hits)) return undefined;
  const [p, z2] = [hits / count, Z ** 2];
  const middle = (p + z2 / (2 * count)) / (1 + z2 / count);
  const half = (Z / (1 + z2 / count)) * Math.sqrt((p * (1 - p)) / count + z2 / (4 * count ** 2));
  // Exact at the ends, where rounding would leave a trace.
  return [hits === 0 ? 0 : Math.max(0, middle - half), hits === count ? 1 : Math.min(1, middle + half)];
}

/** The fewest prompts of which none may count for the end of `wilson` to be at most `share`. */
export const fewestFor = (share: number): number => Math.ceil((Z ** 2 * (1 - share)) / share);

/**
 * Two-sided 95 % interval of `now` − `base` (Newcombe 1998, from both Wilson intervals), as if each share came from
 * rows of its own: for answers to the same prompts it is rather too wide than too narrow.
 */
export function differenceInterval(base: Counted, now: Counted): [low: number, high: number] | undefined {
  const [of, is] = [wilson(base), wilson(now)];
  if (!of || !is) return undefined;
  const [p, q] = [base.hits / base.count, now.hits / now.count];
  return [q - p - Math.hypot(q - is[0], of[1] - p), q - p + Math.hypot(is[1] - q, p - of[0])];
}

/** The largest share with which at most `hits` of `n` still come about in one of twenty trials. */
function upperBound(hits: number, n: number): number {
  if (hits >= n) return 1;
  if (hits === 0) return 1 - ALPHA ** (1 / n);
  const ways = lnChoose(n, hits);
  let [low, high] = [hits / n, 1];
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (atMost(hits, n, middle, ways) > ALPHA) low = middle;
    else high = middle;
  }
  return high;
}

/** P(X ≤ hits) of a binomial X, by its terms from the largest down: hits / n is at most p. */
function atMost(hits: number, n: number, p: number, lnWays: number): number {
  if (p >= 1) return 0;
  let term = Math.exp(lnWays + hits * Math.log(p) + (n - hits) * Math.log1p(-p));
  let sum = 0;
  for (let k = hits; k >= 0 && term > 1e-16 * sum; k--) {
    sum += term;
    term *= (k / (n - k + 1)) * ((1 - p) / p);
  }
  return sum;
}

/**
 * Fisher's exact test, one-sided: how probable it is, if both shares were the same, that of the same answers at least
 * as many are among the `now`.
 */
export function riseByChance(...both: [base: Counted, now: Counted]): number {
  const [base, now] = both.map(({ hits, count }) =>
    counted(hits / count, Math.round(Math.min(count, MOST))),
  ) as typeof both;
  const all = base.hits + now.hits;
  if (!Number.isFinite(all)) return 1;
  const most = Math.min(all, now.count);
  const whole = lnChoose(base.count + now.count, all);
  let sum = 0;
  for (let k = now.hits; k <= most; k++)
    sum += Math.exp(lnChoose(now.count, k) + lnChoose(base.count, all - k) - whole);
  return Math.min(1, sum);
}

/** Whether more answers of `now` count than of `base`, beyond chance (5 %). */
export const isMore = (base: Counted, now: Counted): boolean => riseByChance(base, now) <= ALPHA;

/**
 * The ratio of two sums over the same rows, and its two-sided 95 % interval: the delta method on the rows' own
 * differences, with Student's t. Undefined with fewer than two rows, or where nothing stands below the line.
 */
export function ratioOfSums(
  above: readonly number[],
  below: readonly number[],
): { ratio: number; low: number; high: number } | undefined {
  const n = above.length;
  const whole = sum(below);
  const ratio = sum(above) / whole;
  if (n < 2 || !(whole > 0) || !Number.isFinite(ratio)) return undefined;
  const squares = sum(above.map((value, i) => (value - ratio * below[i]) ** 2));
  const half = (student(n - 1) * Math.sqrt((squares * n) / (n - 1))) / whole;
  return { ratio, low: Math.max(0, ratio - half), high: ratio + half };
}

/**
 * Mean of a figure over runs, and its two-sided 95 % interval by Student's t on the runs. Of shares it is never
 * narrower than that of the fewest prompts of a run (Wilson): runs of several seeds ask the same prompts, and three
 * that all give 0 show no more than one does.
 * @param counts prompts of each run, for shares
 */
export function overRuns(
  values: readonly number[],
  counts?: readonly number[],
): { mean: number; low: number; high: number } | undefined {
  const n = values.length;
  if (n === 0 || !values.every(Number.isFinite)) return undefined;
  const mean = sum(values) / n;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  const half = n > 1 ? student(n - 1) * Math.sqrt(squares / (n - 1) / n) : 0;
  const count = counts && Math.min(...counts);
  const ofPrompts = count === undefined ? undefined : wilson({ hits: mean * count, count });
  if (!ofPrompts) return n > 1 ? { mean, low: mean - half, high: mean + half } : undefined;
  return {
    mean,
    low: Math.max(0, Math.min(mean - half, ofPrompts[0])),
    high: Math.min(1, Math.max(mean + half, ofPrompts[1])),
  };
}

/**
 * The 97.5 % quantile of Student's t: exact for one and two degrees of freedom, else by its expansion (to a per cent).
 */
function student(freedom: number): number {
  if (freedom === 1) return 12.7062;
  if (freedom === 2) return 4.30265;
  const z = Z;
  const [z3, z5, z7] = [z ** 3, z ** 5, z ** 7];
  return (
    z +
    (z3 + z) / (4 * freedom) +
    (5 * z5 + 16 * z3 + 3 * z) / (96 * freedom ** 2) +
    (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / (384 * freedom ** 3)
  );
}

const lnChoose = (n: number, k: number): number => lnFactorial(n) - lnFactorial(k) - lnFactorial(n - k);

/** Stirling's series; small numbers by their product. */
function lnFactorial(n: number): number {
  if (n < 16) {
    let product = 1;
    for (let i = 2; i <= n; i++) product *= i;
    return Math.log(product);
  }
  return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + 1 / (12 * n) - 1 / (360 * n ** 3) + 1 / (1260 * n ** 5);
}
