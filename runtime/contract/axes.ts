/** The numbers along the axes of a chart, and the lines between its points, whoever draws it. */
import { drawable } from './series.js';

/**
 * Whole powers of ten around the values, at least two, so that a logarithmic axis always has numbers to read; of no
 * value none.
 */
export function decades(values: readonly (number | null)[]): number[] {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    const shown = drawable(value, true);
    if (shown !== null) [low, high] = [Math.min(low, Math.log10(shown)), Math.max(high, Math.log10(shown))];
  }
  if (low > high) return [];
  // A power of ten itself is none beside it.
  const first = Math.floor(low + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
}

/**
 * Round numbers (1, 2 or 5 times a power of ten apart, `least` or more) around a range, which is divided into five or
 * fewer.
 */
export function roundSteps(from: number, to: number, least = 0): number[] {
  const rough = Math.max(least, (to - from || 1) / 5);
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 5].map((m) => m * power).find((one) => one >= rough) ?? 10 * power;
  const first = Math.floor(from / apart + 1e-9);
  const last = Math.max(first + 1, Math.ceil(to / apart - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * apart).toPrecision(12)));
}

/** Those within the range. */
export const roundStepsWithin = (from: number, to: number, least?: number): number[] =>
  roundSteps(from, to, least).filter((one) => one >= from && one <= to);

type XY = readonly [x: number, y: number];

/** Lines between neighbours that both have a place, as the path of an SVG; points between two gaps are given apart. */
export function outline(points: readonly (XY | null)[]): { path: string; alone: XY[] } {
  const alone: XY[] = [];
  let path = '';
  points.forEach((point, i) => {
    if (!point) return;
    const before = points[i - 1] ?? null;
    const after = points[i + 1] ?? null;
    if (!before && !after) alone.push(point);
    else path += `${before ? 'L' : 'M'}${point[0]} ${point[1]}`;
  });
  return { path, alone };
}
