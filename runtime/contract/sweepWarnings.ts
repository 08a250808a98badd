/** What the points of a sweep were warned of, taken together: most of them are warned of the same. Pure. */
import { valuesText, type SweepPoint } from './sweep.js';

export type PointWarning = NonNullable<SweepPoint['warnings']>[number];

/**
 * The same for warnings that differ in numbers alone: of another seed other rows are held out. Numbers in names count.
 */
export function warningKind({ message, place = '' }: PointWarning): string {
  const words = message.replace(/"[^"]*"|\d[\d.,]*/g, (found) => (found.startsWith('"') ? found : '#'));
  return JSON.stringify([words, place.replace(/:\d+$/, '')]);
}

/** Sets whose figures some point was warned of: beside these the figures of all points are read with care. */
export const warnedSets = (points: readonly SweepPoint[]): ReadonlySet<string> =>
  new Set(points.flatMap(({ warnings = [] }) => warnings.flatMap(({ set }) => set ?? [])));

/** A line for each kind: how many points, one of them, and what it was warned of. */
export function warningLines(points: readonly SweepPoint[]): string[] {
  const kinds = new Map<string, { first: PointWarning; at: SweepPoint[] }>();
  for (const point of points)
    for (const warning of point.warnings ?? []) {
      const kind = kinds.get(warningKind(warning)) ?? { first: warning, at: [] };
      if (kind.at.at(-1) !== point) kind.at.push(point);
      kinds.set(warningKind(warning), kind);
    }
  return [...kinds.values()].map(({ first: { message, place, remedy }, at }) => {
    const where = [valuesText(at[0].values), place].filter(Boolean).join(' → ');
    return [`at ${at.length} of ${points.length} points (${where}): ${message}`, remedy].filter(Boolean).join(' ');
  });
}
