/** Any number of runs beside each other: their lines on the same axes, and where their recipes differ. */
import type { Agreement } from './agreement.js';
import type { Clock } from './columns.js';
import type { Wording } from './format.js';
import type { HarmfulLoss, VectorQuality } from './events.js';
import { runView, VIEW_STRINGS, type RunReading, type RunView } from './runView.js';
import { smoothed, type Stretches } from './smoothing.js';
import { pointsOf, type ChartSpec, type Point, type Series } from './series.js';

/** English words of a comparison; the host translates them for its page. */
export const COMPARISON_STRINGS = {
  ...VIEW_STRINGS,
  chartTraining: 'Training',
  hitsOf: '{0} of {1}',
  intervalOf: '{0} to {1}',
  points: '{0} percentage points',
  otherPrompts: 'other prompts',
  labelledAnswers: '{0} labelled by a person',
  labelledDifferently: '{0}, labelled differently',
  columnVerdict: 'verdict',
  columnKept: 'harmful loss kept',
  describeKept: 'loss of the delivered model on harmful rows, as a share of the loss of the base; higher is better',
  columnAuroc: 'AUROC',
  describeAuroc: 'how well the vector tells harmful rows that it was not trained on from ordinary ones',
  columnRecall: 'finds',
  describeRecall: 'harmful rows that it was not trained on, found at a false-alarm rate of 1 %',
  about: 'about {0}',
  extrapolated: 'extrapolated from {0} ordinary rows',
  extrapolatedPrompts: 'extrapolated from {0} ordinary rows of {1} prompts',
} as const;
export type ComparisonStrings = Record<keyof typeof COMPARISON_STRINGS, string>;
type Words = Wording<ComparisonStrings>;

/** What numbers stand on: they compare where it is the same. */
export interface Basis {
  /** What is measured. */
  how: string;
  /** Where the rows are from. */
  from?: string;
  /** A hash of the rows, which an earlier version did not keep. */
  sha256?: string;
  /** How many of them were measured. */
  count?: number;
}

/** A run as it is compared. */
export interface ComparedRun {
  id: string;
  /** Its name, which no other of these runs has. */
  title: string;
  reading: RunReading;
  clock: Clock;
  /** Every key of its recipe with its value as text, and what its inputs contained. */
  recipe: Record<string, string>;
  /** States of the model that are its result: what it delivers, or all that an evaluation judges. */
  states: string[];
  /** What stands behind the name of a set, and behind that of a judge. */
  sets: Record<string, Basis>;
  judges: Record<string, string>;
  /** With what stands behind it. */
  harmfulLoss?: HarmfulLoss & { basis: Basis };
  quality?: VectorQuality & { basis: Basis };
  /** How far each two of its judges agree. */
  agreements: Agreement[];
}

export interface Shown {
  run: ComparedRun;
  view: RunView;
}

export const showRuns = (runs: readonly ComparedRun[], wording: Words): Shown[] =>
  runs.map((run) => ({ run, view: runView(run.reading, wording) }));

// -------------------------------------------------------------------------------------------------------------- lines

/** One curve of all runs that have it. */
export interface Overlay {
  id: string;
  /** Overlays with the same one have the same unit, and share their axis. */
  chart: string;
  title: string;
  /** What the runs call this line. */
  label: string;
  /** Which rows it was measured on, where that is known. */
  rows?: string;
  unit: string;
  logarithmic: boolean;
  lines: { run: string; series: Series }[];
}

/**
 * In the order of the charts of a run page, and below them what is measured at each step. What other rows gave is
 * another curve.
 */
export function overlays(shown: readonly Shown[], s: ComparisonStrings): Overlay[] {
  const found = new Map<string, Omit<Overlay, 'rows'> & { labels: Set<string>; rows: Set<string> }>();
  for (const { run, view } of shown)
    for (const chart of [...view.charts, ...everyStep(run.reading, view.charts, s)])
      for (const series of chart.series) {
        if (series.color === 'goal' || series.values.every((value) => value === null)) continue;
        const group = `${run.reading.kind} ${chart.id}`;
        const { rows } = series;
        const id = [group, series.color, series.marked ? 'probes' : 'steps', ...(rows ? [rows.id] : [])].join(' ');
        const overlay = found.get(id) ?? {
          ...chart,
          id,
          chart: group,
          label: '',
          lines: [],
          labels: new Set<string>(),
          rows: new Set<string>(),
        };
        found.set(id, overlay);
        overlay.labels.add(series.label);
        if (rows) overlay.rows.add(rows.text);
        overlay.lines.push({ run: run.id, series });
      }
  return [...found.values()].map(({ labels, rows, id, chart, title, unit, logarithmic, lines }) => ({
    id,
    chart,
    title,
    unit,
    logarithmic,
    lines,
    label: [...labels].join(' / '),
    ...(rows.size > 0 && { rows: [...rows].join(' / ') }),
  }));
}

/** What the charts of a run page leave out where it has probes. */
function everyStep({ train }: RunReading, charts: readonly ChartSpec[], s: ComparisonStrings): ChartSpec[] {
  const known = new Set(charts.flatMap(({ series }) => series.map(({ label }) => label)));
  const chart = (
    id: string,
    label: string,
    values: Series['values'],
    stretches: Stretches | undefined,
    unit: string,
    logarithmic: boolean,
  ): ChartSpec[] =>
    known.has(label) || train.step.length === 0
      ? []
      : [
          {
            id,
            title: s.chartTraining,
            unit,
            logarithmic,
            topic: 'benign-loss',
            caption: '',
            series: [{ label, steps: train.step, values, stretches, color: 'benign', dash: 'solid', marked: false }],
          },
        ];
  return [
    ...chart('train-loss', s.seriesTrainLoss, train.loss, train.stretches?.loss, s.unitLoss, false),
    ...chart('train-norm', s.seriesGradNorm, train.gradNorm, train.stretches?.gradNorm, s.unitGradient, true),
  ];
}

export const X_AXES = ['step', 'tokens', 'seconds'] as const;
export type XAxis = (typeof X_AXES)[number];

/**
 * What is drawn of a line: along which axis, how smooth (0: as it is, towards 1: an ever longer mean), on which scale.
 */
export function linePoints(
  series: Series,
  clock: Clock,
  { x, smoothing, logarithmic }: { x: XAxis; smoothing: number; logarithmic: boolean },
): Point[] {
  const smooth = { ...series, values: smoothed(series.values, smoothing, series.stretches) };
  const points = pointsOf(smooth, logarithmic);
  if (x === 'step') return points;
  return points.map(({ x: step, y }) => ({ x: clockAt(clock, step, x), y }));
}

/** Where a training was at a step; 0 before its first. */
export function clockAt(clock: Clock, step: number, axis: Exclude<XAxis, 'step'>): number {
  let [low, high] = [0, clock.step.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (clock.step[middle] <= step) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : clock[axis][low - 1];
}

/** The smallest and largest value of some lines; undefined where nothing can be drawn. */
export function rangeOf(lines: readonly Point[][]): [number, number] | undefined {
  let range: [number, number] | undefined;
  for (const points of lines)
    for (const { y } of points) if (y !== null) range = range ? [Math.min(range[0], y), Math.max(range[1], y)] : [y, y];
  return range;
}

// ------------------------------------------------------------------------------------------------------------- recipes

/** What stands for a key that a recipe does not have. */
export const NO_VALUE = '–';

interface RecipeKey {
  key: string;
  /** By run, in the order of the runs. */
  values: string[];
}

/** The keys in which the recipes differ. */
export function differingKeys(runs: readonly ComparedRun[]): RecipeKey[] {
  const keys = new Set(runs.flatMap(({ recipe }) => Object.keys(recipe)));
  return [...keys].flatMap((key) => {
    const values = runs.map(({ recipe }) => recipe[key] ?? NO_VALUE);
    return new Set(values).size > 1 ? [{ key, values }] : [];
  });
}
