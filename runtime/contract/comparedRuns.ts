/** Any number of runs beside each other: their lines on the same axes, where their recipes differ, and what they measured. */
import type { Agreement } from './agreement.js';
import type { Clock } from './columns.js';
import { fill, outward, type Side, type Wording } from './format.js';
import { counted, differenceInterval, wilson, type Counted } from './intervals.js';
import { goodSide, isFiniteNumber, isTask } from './measures.js';
import type { HarmfulLoss, Measurement, VectorQuality } from './events.js';
import { runView, VIEW_STRINGS, type RunReading, type RunView } from './runView.js';
import { isRecallExtrapolated } from './scanText.js';
import { smoothed, type Stretches } from './smoothing.js';
import { drawable, pointsOf, type ChartSpec, type Point, type Series } from './series.js';
import { MEASURES, stateName, tableOf, type ResultColumn } from './table.js';

/** English words of a comparison; the host translates them for its page. */
export const COMPARISON_STRINGS = {
  ...VIEW_STRINGS,
  chartTraining: 'Training',
  hitsOf: '{0} of {1}',
  intervalOf: '{0} to {1}',
  points: '{0} points',
  otherPrompts: 'other prompts',
  columnVerdict: 'verdict',
  columnKept: 'harmful loss kept',
  describeKept: 'loss of the delivered model on harmful rows, as a share of the loss of the base; higher is better',
  columnAuroc: 'AUROC',
  describeAuroc: 'how well the vector tells harmful rows that it was not trained on from ordinary ones',
  columnRecall: 'finds',
  describeRecall: 'harmful rows that it was not trained on, found at a false-alarm rate of 1 %',
  about: 'about {0}',
  extrapolated: 'extrapolated from {0} ordinary rows',
} as const;
export type ComparisonStrings = Record<keyof typeof COMPARISON_STRINGS, string>;
type Words = Wording<ComparisonStrings>;

/** What numbers stand on: they compare where it is the same. */
export interface Basis {
  /** What is measured, and who judges. */
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
  /** What stands behind the name of a set. */
  sets: Record<string, Basis>;
  harmfulLoss?: HarmfulLoss;
  quality?: VectorQuality;
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

/** In the order of the charts of a run page, and below them what is measured at each step. What other rows gave is another curve. */
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
    ...{ id, chart, title, unit, logarithmic, lines },
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
            ...{ id, title: s.chartTraining, unit, logarithmic, topic: 'benign-loss', caption: '' },
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

/** What is drawn of a line: along which axis, how smooth (0: as it is, towards 1: an ever longer mean), on which scale. */
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
export function rangeOf(lines: readonly Point[][], logarithmic: boolean): [number, number] | undefined {
  let range: [number, number] | undefined;
  for (const points of lines)
    for (const { y } of points) {
      const value = drawable(y, logarithmic);
      if (value !== null) range = range ? [Math.min(range[0], value), Math.max(range[1], value)] : [value, value];
    }
  return range;
}

// ------------------------------------------------------------------------------------------------------------- recipes

/** What stands for a key that a recipe does not have. */
export const NO_VALUE = '–';

export interface RecipeKey {
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

// ------------------------------------------------------------------------------------------------------------- results

export interface ComparedColumn {
  id: string;
  title: string;
  subtitle: string;
  meaning: string;
  /** Which way is good. */
  good: 'low' | 'high' | 'either';
}

export interface ComparedCell {
  /** To sort by; undefined where there is none. */
  value?: number;
  text: string;
  /** Two-sided, 95 %. */
  interval?: [low: number, high: number];
  intervalText?: string;
  /** What the number rests on, where it is not counted. */
  note?: string;
  /** Against the row that all are compared with: `beyond` chance, where that is known. */
  delta?: { value: number; text: string; interval?: [low: number, high: number]; isBeyondChance?: boolean };
}

export interface ComparedRow {
  /** The run, and where it has several results the state. */
  id: string;
  run: string;
  title: string;
  mark: string;
  brief: string;
  cells: ComparedCell[];
}

export interface ComparedTable {
  columns: ComparedColumn[];
  rows: ComparedRow[];
}

type Rated =
  /** `from`: rows that its threshold is extrapolated from. */
  | { kind: 'share'; of: Counted; from?: number }
  | { kind: 'ratio'; value: number; interval?: [number, number] }
  | { kind: 'loss'; value: number };
interface Source {
  column: ComparedColumn;
  /** What the row measured; `sets` names what stands behind it. */
  read(run: ComparedRun, state: string): (Rated & { basis?: Basis }) | undefined;
}

/** @param reference the id of the row that the others are compared with */
export function comparedTable(shown: readonly Shown[], reference: string, wording: Words): ComparedTable {
  const rows = shown.flatMap(({ run, view }) => {
    const states = run.states.length > 0 ? run.states : [''];
    const own = states.map((state) => ({ run, view, state }));
    return own.map((row) => ({ ...row, id: rowId(run, row.state) }));
  });
  const sources = sourcesOf(rows, wording);
  const base = rows.find(({ id }) => id === reference);
  return {
    columns: sources.map(({ column }) => column),
    rows: rows.map(({ id, run, view, state }) => ({
      id,
      run: run.id,
      title: run.states.length > 1 ? `${run.title} · ${stateName(state, wording.strings)}` : run.title,
      mark: view.mark,
      brief: view.brief,
      cells: sources.map(({ read }) => {
        const compared = base && base.id !== id ? read(base.run, base.state) : undefined;
        return cellOf(read(run, state), compared, wording);
      }),
    })),
  };
}

export const rowId = (run: Pick<ComparedRun, 'id' | 'states'>, state: string): string =>
  run.states.length > 1 ? `${run.id}\n${state}` : run.id;

function sourcesOf(rows: readonly { run: ComparedRun; state: string }[], { strings: s }: Words): Source[] {
  const measured = rows.flatMap(({ run, state }) => run.reading.measurements.filter((m) => m.state === state));
  const measures = tableOf(measured).columns.map((column): Source => {
    const { label, meaning } = MEASURES[column.measure];
    const [title, subtitle] = isTask(column.measure) ? [column.name, s[label]] : [s[label], column.name];
    const judged = tableOf(measured).columns.filter(
      ({ name, measure }) => name === column.name && measure === column.measure,
    );
    return {
      column: {
        id: [column.name, column.measure, column.judge].join(' · '),
        title,
        subtitle: judged.length > 1 ? `${subtitle} · ${column.judge}` : subtitle,
        meaning: s[meaning],
        good: goodSide(column.measure),
      },
      read: (run, state) => ratedOf(run, state, column),
    };
  });
  const own: Source[] = [
    {
      column: { id: 'kept', title: s.columnKept, subtitle: '', meaning: s.describeKept, good: 'high' },
      read: ({ harmfulLoss: loss }) =>
        loss && isFiniteNumber(loss.delivered / loss.base)
          ? {
              kind: 'ratio',
              value: loss.delivered / loss.base,
              interval: [loss.low, loss.high],
              basis: { how: loss.rows },
            }
          : undefined,
    },
    {
      column: { id: 'auroc', title: s.columnAuroc, subtitle: '', meaning: s.describeAuroc, good: 'high' },
      read: ({ quality }) =>
        isFiniteNumber(quality?.auroc)
          ? { kind: 'ratio', value: quality.auroc, interval: quality.aurocInterval }
          : undefined,
    },
    {
      column: { id: 'recall', title: s.columnRecall, subtitle: '', meaning: s.describeRecall, good: 'high' },
      read: ({ quality }) =>
        isFiniteNumber(quality?.recall) && quality.harmful
          ? { kind: 'share', of: counted(quality.recall, quality.harmful), from: extrapolatedFrom(quality) }
          : undefined,
    },
  ];
  return [...measures, ...own.filter(({ read }) => rows.some(({ run, state }) => read(run, state)))];
}

const extrapolatedFrom = (of: VectorQuality): number | undefined =>
  isRecallExtrapolated(of) ? of.ordinary : undefined;

function ratedOf(run: ComparedRun, state: string, column: ResultColumn): ReturnType<Source['read']> {
  const found = run.reading.measurements.findLast(
    (m: Measurement) =>
      m.state === state && m.name === column.name && m.measure === column.measure && m.judge === column.judge,
  );
  if (!found || !isFiniteNumber(found.value)) return undefined;
  const set = run.sets[column.name];
  const basis = set && { ...set, count: found.count };
  if (column.measure === 'loss') return { kind: 'loss', value: found.value, basis };
  return { kind: 'share', of: counted(found.value, found.count), basis };
}

function isSame(a: Basis | undefined, b: Basis | undefined): boolean {
  if (!a || !b) return true;
  const rows = a.sha256 && b.sha256 ? a.sha256 === b.sha256 : a.from === b.from && a.count === b.count;
  return a.how === b.how && rows;
}

function cellOf(
  rated: ReturnType<Source['read']>,
  base: ReturnType<Source['read']>,
  { strings: s, numbers: n }: Words,
): ComparedCell {
  if (!rated) return { text: s.noMeasurement };
  const value = valueOf(rated);
  const interval = rated.kind === 'share' ? wilson(rated.of) : rated.kind === 'ratio' ? rated.interval : undefined;
  const isExtreme = rated.kind === 'share' && (rated.of.hits === 0 || rated.of.hits === rated.of.count);
  const text =
    rated.kind === 'loss'
      ? n.number(value)
      : rated.kind === 'ratio'
        ? n.percent(value)
        : [
            fill(s.hitsOf, n.count(rated.of.hits), n.count(rated.of.count)),
            ...(isExtreme ? [] : [n.percent(value)]),
          ].join(' · ');
  const intervalText = interval && fill(s.intervalOf, n.bound(interval[0], 'low'), n.bound(interval[1], 'high'));
  const from = rated.kind === 'share' ? rated.from : undefined;
  const cell: ComparedCell = {
    ...{ value, text: from === undefined ? text : fill(s.about, text) },
    ...(interval && { interval, intervalText }),
    ...(from !== undefined && { note: fill(s.extrapolated, n.count(from)) }),
  };
  if (!base) return cell;
  if (base.kind !== rated.kind || !isSame(base.basis, rated.basis))
    return { ...cell, delta: { value: NaN, text: s.otherPrompts } };
  const difference = value - valueOf(base);
  const within = rated.kind === 'share' && base.kind === 'share' ? differenceInterval(base.of, rated.of) : undefined;
  const signed = (x: number): string => `${x > 0 ? '+' : x < 0 ? '−' : '±'}${n.number(Math.abs(x))}`;
  const points = (x: number): string => signed(Math.round(1000 * x) / 10);
  const end = (x: number, side: Side): string => signed(outward(100 * x, 1, side));
  const said = rated.kind === 'loss' ? signed(difference) : fill(s.points, points(difference));
  const bounds = within && ` (${fill(s.intervalOf, end(within[0], 'low'), end(within[1], 'high'))})`;
  return {
    ...cell,
    delta: {
      value: difference,
      text: `${said}${bounds ?? ''}`,
      ...(within && { interval: within, isBeyondChance: within[0] > 0 || within[1] < 0 }),
    },
  };
}

const valueOf = (rated: Rated): number => (rated.kind === 'share' ? rated.of.hits / rated.of.count : rated.value);

/** Keys in which the runs differ and all that was measured, a line for each result. */
export function comparisonCsv(shown: readonly Shown[], reference: string, wording: Words): string {
  const keys = differingKeys(shown.map(({ run }) => run));
  const { columns, rows } = comparedTable(shown, reference, wording);
  const head = ['run', 'folder', 'verdict', ...keys.map(({ key }) => key)];
  const measured = columns.flatMap(({ title, subtitle, id }) => {
    const name = [title, subtitle].filter(Boolean).join(' ') || id;
    return [name, `${name} low`, `${name} high`, `${name} delta`, `${name} delta low`, `${name} delta high`];
  });
  const number = (value: number | undefined): string => (isFiniteNumber(value) ? String(value) : '');
  const lines = rows.map(({ run, title, mark, brief, cells }) => {
    const at = shown.findIndex((one) => one.run.id === run);
    return [
      ...[title, run, `${mark} ${brief}`.trim()],
      ...keys.map(({ values }) => values[at]),
      ...cells.flatMap(({ value, interval, delta }) =>
        [value, interval?.[0], interval?.[1], delta?.value, delta?.interval?.[0], delta?.interval?.[1]].map(number),
      ),
    ];
  });
  return [[...head, ...measured], ...lines].map((line) => `${line.map(csvField).join(',')}\r\n`).join('');
}

/** Quoted where it must be; a text that a spreadsheet would take for a formula is no formula any more. */
function csvField(text: string): string {
  const safe = /^[=+@\t\r]|^-(?![\d.])/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
