/** Lines of a chart, whoever draws it, and the same in words. */
import type { Column } from './columns.js';
import { fill, NO_NUMBER, type Wording } from './format.js';
import { isFiniteNumber } from './measures.js';
import type { Stretches } from './smoothing.js';

/** Roles of colour; each keeps its meaning in all charts. A surface gives each a colour of its theme. */
export const SERIES_COLORS = ['delivered', 'vector', 'harmful', 'benign', 'plain', 'goal'] as const;
export type SeriesColor = (typeof SERIES_COLORS)[number];

/** Lengths of dashes and gaps in pixels; empty is a solid line. */
export const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3], 'dash-dot': [9, 3, 2, 3] } as const;
export type Dash = keyof typeof DASHES;

export interface Series {
  label: string;
  /** Ascending; as long as `values`. */
  steps: readonly number[];
  values: Readonly<Column>;
  /** Where steps are left out. */
  stretches?: Stretches;
  color: SeriesColor;
  /** Differs within a chart, so that hue is not needed. */
  dash: Dash;
  /** Its points are measurements, which may be marked; not those of a line that has one at each step. */
  marked: boolean;
  /** The rows that it was measured on, where that is known: a name that only they have, and words. */
  rows?: { id: string; text: string };
}

export type ChartTopic = 'harmful-loss' | 'benign-loss' | 'gradients';

export interface ChartSpec {
  /** Of one chart of the run only. */
  id: string;
  /** The page of the walkthrough that explains it. */
  topic: ChartTopic;
  title: string;
  unit: string;
  /** One sentence or two: what to see. */
  caption: string;
  logarithmic: boolean;
  series: Series[];
}

/** A value that the chart can show, else null: a gap. A logarithmic scale has no zero. */
export const drawable = (value: number | null, logarithmic: boolean): number | null =>
  isFiniteNumber(value) && !(logarithmic && value <= 0) ? value : null;

export interface Point {
  x: number;
  /** null: a gap in the line. */
  y: number | null;
}

/** More points than this cannot be distinguished on a chart of a few hundred pixels. */
const MAX_POINTS = 1200;

/** What is drawn of a line. */
export const pointsOf = ({ steps, values }: Pick<Series, 'steps' | 'values'>, logarithmic: boolean): Point[] =>
  thin(
    steps.map((x, index) => ({ x, y: drawable(values[index] ?? null, logarithmic) })),
    MAX_POINTS,
  );

/**
 * At most about `limit` points that look the same: of each stretch of steps the smallest and the largest value, in
 * their order, so that no spike is lost. A gap anywhere in a stretch stays a gap.
 */
export function thin(points: Point[], limit: number): Point[] {
  if (points.length <= limit) return points;
  const stretch = Math.ceil((2 * points.length) / limit);
  const kept: Point[] = [];
  for (let start = 0; start < points.length; start += stretch) {
    let low: Point | undefined;
    let high: Point | undefined;
    let gap: Point | undefined;
    for (const point of points.slice(start, start + stretch)) {
      if (point.y === null) gap = point;
      else {
        if (low?.y == null || point.y < low.y) low = point;
        if (high?.y == null || point.y > high.y) high = point;
      }
    }
    const few = new Set([low, high, gap].filter((point) => point !== undefined));
    kept.push(...[...few].sort((a, b) => a.x - b.x));
  }
  return kept;
}

/** First and last number of a series, and the steps where it has none. */
export interface Summary {
  first?: { step: number; value: number };
  last?: { step: number; value: number };
  gaps: number[];
  /** Steps with a zero or negative value, which a logarithmic scale cannot show. */
  zeros: number[];
}

export function summary({ steps, values }: Pick<Series, 'steps' | 'values'>): Summary {
  const found: Summary = { gaps: [], zeros: [] };
  values.forEach((value, index) => {
    const step = steps[index];
    if (!isFiniteNumber(value)) return found.gaps.push(step);
    if (value <= 0) found.zeros.push(step);
    found.first ??= { step, value };
    found.last = { step, value };
  });
  return found;
}

export const DESCRIBE_STRINGS = {
  describeSeries: '{0}: from {1} at step {2} to {3} at step {4}',
  describeNothing: '{0}: no number',
  unitLog: '{0} (log scale)',
  noNumber: NO_NUMBER,
} as const;
type DescribeStrings = Record<keyof typeof DESCRIBE_STRINGS, string>;

/** What is on the vertical axis, and how. */
export const unitText = (
  { unit, logarithmic }: Pick<ChartSpec, 'unit' | 'logarithmic'>,
  s: Pick<DescribeStrings, 'unitLog'>,
): string => (logarithmic ? fill(s.unitLog, unit) : unit);

/** The chart in words, for who does not see it: "Harmful rows, loss. model: from 0.5 at step 0 to 0.1 at step 9." */
export function describeChart(chart: ChartSpec, wording: Wording<DescribeStrings>): string {
  const { strings: s, numbers: n } = wording;
  const lines = chart.series.map((one) => {
    const { first, last } = summary(one);
    return first && last
      ? fill(s.describeSeries, one.label, n.number(first.value), first.step, n.number(last.value), last.step)
      : fill(s.describeNothing, one.label);
  });
  return `${chart.title}, ${unitText(chart, s)}. ${lines.join('. ')}.`;
}
