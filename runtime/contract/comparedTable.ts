/** What compared runs measured, as a table: a row of each result, and what differs from one of them. */
import type { Measurement } from './events.js';
import { differingKeys, type Basis, type ComparedRun, type ComparisonStrings, type Shown } from './comparedRuns.js';
import { fill, outward, type Side, type Wording } from './format.js';
import { counted, differenceInterval, wilson, type Counted } from './intervals.js';
import { goodSide, isFiniteNumber, isLeftOpen, isTask, leastOf, mostOf } from './measures.js';
import { fromOrdinary, isRecallExtrapolated } from './scanText.js';
import { MEASURES, stateName, tableOf, type ResultColumn } from './table.js';

type Words = Wording<ComparisonStrings>;

interface ComparedColumn {
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
  /** What the number rests on besides what was counted. */
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
  /**
   * `prompts` of the rows, where these may share them; `note`: what its threshold is extrapolated from; `labelled`: by
   * a person; `least` and `most`: what it is at least and at most, where answers were cut off or phrases see nothing.
   */
  | { kind: 'share'; of: Counted; prompts?: number; note?: string; labelled?: number; least?: Counted; most?: Counted }
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

function sourcesOf(rows: readonly { run: ComparedRun; state: string }[], wording: Words): Source[] {
  const { strings: s } = wording;
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
              basis: loss.basis,
            }
          : undefined,
    },
    {
      column: { id: 'auroc', title: s.columnAuroc, subtitle: '', meaning: s.describeAuroc, good: 'high' },
      read: ({ quality }) =>
        isFiniteNumber(quality?.auroc)
          ? { kind: 'ratio', value: quality.auroc, interval: quality.aurocInterval, basis: quality.basis }
          : undefined,
    },
    {
      column: { id: 'recall', title: s.columnRecall, subtitle: '', meaning: s.describeRecall, good: 'high' },
      read: ({ quality }) =>
        isFiniteNumber(quality?.recall) && quality.harmful
          ? {
              kind: 'share',
              of: counted(quality.recall, quality.harmful),
              prompts: quality.harmfulPrompts,
              basis: quality.basis,
              note: isRecallExtrapolated(quality)
                ? fromOrdinary(quality, { rows: s.extrapolated, prompts: s.extrapolatedPrompts }, wording.numbers)
                : undefined,
            }
          : undefined,
    },
  ];
  return [...measures, ...own.filter(({ read }) => rows.some(({ run, state }) => read(run, state)))];
}

function ratedOf(run: ComparedRun, state: string, column: ResultColumn): ReturnType<Source['read']> {
  const found = run.reading.measurements.findLast(
    (m: Measurement) =>
      m.state === state && m.name === column.name && m.measure === column.measure && m.judge === column.judge,
  );
  if (!found || !isFiniteNumber(found.value) || isLeftOpen(found)) return undefined;
  const set = run.sets[column.name];
  // Of a further judge nothing is asked: only who has judged this column.
  const basis = set && { ...set, how: JSON.stringify([set.how, run.judges[column.judge]]), count: found.count };
  if (column.measure === 'loss') return { kind: 'loss', value: found.value, basis };
  const { value, count, prompts, labelled } = found;
  const [least, most] = [leastOf, mostOf].map((end) => counted(end(found), count));
  return { kind: 'share', of: counted(value, count), prompts, labelled, least, most, basis };
}

function isSame(a: Basis | undefined, b: Basis | undefined): boolean {
  if (!a || !b) return true;
  const rows = a.sha256 && b.sha256 ? a.sha256 === b.sha256 : a.from === b.from && a.count === b.count;
  return a.how === b.how && rows;
}

/** Of a rated share; an earlier version did not keep it. */
const labelledOf = (rated: Rated): number => (rated.kind === 'share' && rated.labelled) || 0;

/** The share as if it were counted on prompts: rows with the same one are no further evidence. */
const byPrompts = (of: Counted, prompts: number | undefined): Counted =>
  prompts === undefined ? of : { hits: (of.hits / of.count) * prompts, count: prompts };

type RatedShare = Extract<Rated, { kind: 'share' }>;
/** The same of what it is at least, and at most. */
const atLeast = ({ of, prompts, least = of }: RatedShare): Counted => byPrompts(least, prompts);
const atMost = ({ of, prompts, most = of }: RatedShare): Counted => byPrompts(most, prompts);

const ends = (low?: [number, number], high?: [number, number]): [number, number] | undefined =>
  low && high && [low[0], high[1]];

function cellOf(
  rated: ReturnType<Source['read']>,
  base: ReturnType<Source['read']>,
  { strings: s, numbers: n }: Words,
): ComparedCell {
  if (!rated) return { text: s.noMeasurement };
  const value = valueOf(rated);
  const interval =
    rated.kind === 'share'
      ? ends(wilson(atLeast(rated)), wilson(atMost(rated)))
      : rated.kind === 'ratio'
        ? rated.interval
        : undefined;
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
  const extrapolated = rated.kind === 'share' ? rated.note : undefined;
  const labelled = labelledOf(rated);
  const note = labelled > 0 ? fill(s.labelledAnswers, n.count(labelled)) : extrapolated;
  const cell: ComparedCell = {
    value,
    text: extrapolated === undefined ? text : fill(s.about, text),
    ...(interval && { interval, intervalText }),
    ...(note !== undefined && { note }),
  };
  if (!base) return cell;
  if (base.kind !== rated.kind || !isSame(base.basis, rated.basis))
    return { ...cell, delta: { value: NaN, text: s.otherPrompts } };
  const difference = value - valueOf(base);
  const within =
    rated.kind === 'share' && base.kind === 'share'
      ? ends(differenceInterval(atMost(base), atLeast(rated)), differenceInterval(atLeast(base), atMost(rated)))
      : undefined;
  const signed = (x: number): string => `${x > 0 ? '+' : x < 0 ? '−' : '±'}${n.number(Math.abs(x))}`;
  const points = (x: number): string => signed(Math.round(1000 * x) / 10);
  const end = (x: number, side: Side): string => signed(outward(100 * x, 1, side));
  const said = rated.kind === 'loss' ? signed(difference) : fill(s.points, points(difference));
  // A person has corrected one of them: what chance alone makes is not known.
  if (labelledOf(base) !== labelled)
    return { ...cell, delta: { value: difference, text: fill(s.labelledDifferently, said) } };
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
      title,
      run,
      `${mark} ${brief}`.trim(),
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
