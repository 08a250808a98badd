import { color } from 'chart.js/helpers';
import type { ChartDataset } from 'chart.js';
import type { Point } from '../../runtime/contract/series.js';
import { LINE_WIDTH, radiusOf } from '../plot.js';
import type { LineLook } from './state.js';

/** The line of a run as a chart holds it. */
type Line = ChartDataset<'line', Point[]>;

/** A line as it is drawn. */
export interface DrawnLine extends LineLook {
  title: string;
  points: Point[];
}

export const lineOf = ({ title, dash, points }: DrawnLine): Line => ({
  label: title,
  data: points,
  borderDash: [...dash],
  pointRadius: radiusOf(points),
  pointHoverRadius: 3,
  spanGaps: false,
  tension: 0,
});

/** Where lines of a run stand out, they are wide and in front, and the others are pale. */
export function standOut(lines: readonly { line: Line; run: string; hue: string }[], run: string | undefined): void {
  const width = lines.length > 12 ? LINE_WIDTH * 0.7 : LINE_WIDTH;
  for (const { line, run: own, hue } of lines) {
    const isOut = own === run;
    const shade = run === undefined || isOut ? hue : color(hue).alpha(0.25).rgbString();
    line.borderColor = line.backgroundColor = shade;
    line.borderWidth = isOut ? 2 * width : width;
    line.order = isOut ? 0 : 1;
  }
}

/** The index of the point that is nearest along the axis; -1 where there is none. */
export function nearest(points: readonly Point[], x: number): number {
  let best = -1;
  points.forEach(({ x: at, y }, i) => {
    if (y !== null && (best < 0 || Math.abs(at - x) < Math.abs(points[best]!.x - x))) best = i;
  });
  return best;
}

/** As many as there is room for, from the first on; what stands out is always among them. */
export function named<T>(all: readonly T[], isOut: (one: T) => boolean, room: number): T[] {
  const first = all.slice(0, room);
  const out = first.some(isOut) ? undefined : all.find(isOut);
  return out === undefined ? first : [...first.slice(0, -1), out];
}
