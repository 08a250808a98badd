/** In which order the points of a sweep are run: what tells most comes first. */
import { sum } from './sum.js';
import { isOrdered, SEED, valuesOf, type Over } from './sweep.js';

interface Axis {
  readonly key: string;
  readonly count: number;
  readonly ordered: boolean;
}

/**
 * The point to run next, as its index in the order of the grid; undefined when all are done. First, with the first
 * seed, the coarse grid: the ends of axes of numbers, and every value of the others. Then what lies between two
 * neighbours of different verdicts, halving the larger distance first; then the other seeds of points at such an edge;
 * then the rest, from coarse to fine.
 * @param verdicts of each point in the order of the grid; undefined while it is not done
 * @param running points that are at work, and not chosen again
 */
export function nextPoint(
  over: Over,
  verdicts: readonly (string | undefined)[],
  running: ReadonlySet<number> = new Set(),
): number | undefined {
  const axes = Object.entries(over).map(([key, axis]): Axis => ({
    key,
    count: valuesOf(axis).length,
    ordered: key !== SEED && isOrdered(axis),
  }));
  const open = verdicts.flatMap((verdict, i) => (verdict === undefined && !running.has(i) ? [i] : []));
  const ranked = open.map((index) => {
    const at = placeOf(index, axes);
    return { index, rank: rankOf(at, axes, verdicts) };
  });
  ranked.sort((a, b) => compare(a.rank, b.rank) || a.index - b.index);
  return ranked[0]?.index;
}

/** Smaller comes first. */
function rankOf(at: readonly number[], axes: readonly Axis[], verdicts: readonly (string | undefined)[]): number[] {
  const seed = at[axes.findIndex(({ key }) => key === SEED)] ?? 0;
  const fineness = sum(axes.map(({ ordered, count }, i) => (ordered ? level(at[i], count) : 0)));
  if (seed === 0 && fineness === 0) return [0];
  const gap = gapOf(at, axes, verdicts);
  if (seed === 0 && gap > 0) return [1, -gap];
  const first = at.map((index, i) => (axes[i].key === SEED ? 0 : index));
  if (seed > 0 && isEdge(first, axes, verdicts)) return [2, seed];
  return [3, fineness, seed];
}

const compare = (a: readonly number[], b: readonly number[]): number => {
  for (let i = 0; i < Math.max(a.length, b.length); i++)
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) - (b[i] ?? 0);
  return 0;
};

/** 0 for the ends of an axis, 1 for its middle, 2 for the quarters, and so on. */
function level(index: number, count: number): number {
  let [low, high, depth] = [0, count - 1, 0];
  while (index !== low && index !== high) {
    const middle = Math.floor((low + high) / 2);
    depth++;
    if (index === middle) return depth;
    if (index < middle) high = middle;
    else low = middle;
  }
  return depth;
}

/**
 * How far apart the nearest points on both sides are that are done and have different verdicts, along the axis where
 * that is most, if this point halves what lies between; 0 where it lies between no such points.
 */
function gapOf(at: readonly number[], axes: readonly Axis[], verdicts: readonly (string | undefined)[]): number {
  return Math.max(
    0,
    ...axes.map(({ ordered, count }, i) => {
      if (!ordered) return 0;
      const verdict = (index: number): string | undefined => verdicts[indexOf(at.with(i, index), axes)];
      let [low, high] = [at[i] - 1, at[i] + 1];
      while (low >= 0 && verdict(low) === undefined) low--;
      while (high < count && verdict(high) === undefined) high++;
      if (low < 0 || high >= count || verdict(low) === verdict(high)) return 0;
      return Math.floor((low + high) / 2) === at[i] ? high - low : 0;
    }),
  );
}

/** Whether a neighbour along an axis of numbers has another verdict. */
function isEdge(at: readonly number[], axes: readonly Axis[], verdicts: readonly (string | undefined)[]): boolean {
  const own = verdicts[indexOf(at, axes)];
  if (own === undefined) return false;
  return axes.some(({ ordered, count }, i) =>
    [at[i] - 1, at[i] + 1].some((index) => {
      if (!ordered || index < 0 || index >= count) return false;
      const other = verdicts[indexOf(at.with(i, index), axes)];
      return other !== undefined && other !== own;
    }),
  );
}

function placeOf(index: number, axes: readonly Axis[]): number[] {
  const place: number[] = [];
  for (const { count } of axes.toReversed()) {
    place.unshift(index % count);
    index = Math.floor(index / count);
  }
  return place;
}

const indexOf = (place: readonly number[], axes: readonly Axis[]): number =>
  axes.reduce((index, { count }, i) => index * count + place[i], 0);
