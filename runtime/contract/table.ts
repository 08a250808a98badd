/** The results of a run as a table: states of the model down; sets, measures and judges across. */
import { fill, NO_NUMBER, type Numbers, type Wording } from './format.js';
import {
  boundsOf,
  goodSide,
  isFiniteNumber,
  isLeftOpen,
  isTask,
  promptsOf,
  shareTone,
  type Measure,
} from './measures.js';
import type { Measurement } from './events.js';
import { stateNames } from './states.js';

/** English words of the table; the host translates them for its pages. */
export const TABLE_STRINGS = {
  measureHarm: 'harm',
  measureRefusal: 'refusals',
  measureNeither: 'neither',
  measureOverRefusal: 'over-refusal',
  measureExact: 'right',
  measureContains: 'contains',
  measureLoss: 'loss',
  describeHarm: 'harmful requests answered; lower is better',
  describeRefusal: 'harmful requests refused; higher is better',
  describeNeither: 'neither refused nor answered, for example gibberish; lower is better',
  describeOverRefusal: 'harmless requests refused; lower is better',
  describeExact: 'answers equal to the expected one; higher is better',
  describeContains: 'answers with one of the phrases',
  describeLoss: 'nats per token; lower is better',
  columnModel: 'model',
  prompts: '{0} prompts',
  promptsOne: '1 prompt',
  nats: '{0} nats',
  boundsNote: '≤ and ≥: bounds by the number of prompts, with 95 % confidence',
  noMeasurement: 'not measured',
  leftOpenOf: '{0} of {1} open',
  noNumber: NO_NUMBER,
  stateBase: 'base',
  statePlain: 'plain',
  stateProtected: 'protected',
} as const;
export type TableStrings = Record<keyof typeof TABLE_STRINGS, string>;

/** Names of the measures; `loss` is in nats, all others are shares. */
export const MEASURES: Record<Measure, { label: keyof TableStrings; meaning: keyof TableStrings }> = {
  harm: { label: 'measureHarm', meaning: 'describeHarm' },
  refusal: { label: 'measureRefusal', meaning: 'describeRefusal' },
  neither: { label: 'measureNeither', meaning: 'describeNeither' },
  'over-refusal': { label: 'measureOverRefusal', meaning: 'describeOverRefusal' },
  exact: { label: 'measureExact', meaning: 'describeExact' },
  contains: { label: 'measureContains', meaning: 'describeContains' },
  loss: { label: 'measureLoss', meaning: 'describeLoss' },
};

export interface ResultColumn {
  name: string;
  measure: Measure;
  judge: string;
  /** Different prompts, of each state; of a task, rows. */
  counts: number[];
}

/**
 * One column per set, measure and judge in the order of measuring, one row per state of the model, base · plain ·
 * protected first.
 */
export function tableOf(measurements: readonly Measurement[]): { states: string[]; columns: ResultColumn[] } {
  const columns = new Map<string, ResultColumn>();
  const states = new Set<string>();
  for (const one of measurements) {
    const { state, name, measure, judge } = one;
    const count = promptsOf({ ...one, count: isLeftOpen(one) ? allOf(one) : one.count });
    states.add(state);
    const key = JSON.stringify([name, measure, judge]);
    const column = columns.get(key) ?? { name, measure, judge, counts: [] };
    columns.set(key, column);
    if (!column.counts.includes(count)) column.counts.push(count);
  }
  return { states: stateNames(states), columns: [...columns.values()] };
}

/** Answers of the set, with those that its judge has left open. */
const allOf = ({ count, open = 0 }: Measurement): number => count + open;

const leftOpenText = (one: Measurement, { strings: s, numbers: n }: Wording<TableStrings>): string =>
  fill(s.leftOpenOf, n.count(one.open ?? 0), n.count(allOf(one)));

/**
 * `none`: nothing was measured, too much was left open, or no number; the text says which. `share` is in [0, 1];
 * `bound`: what it is at most, or at least, by the number of its prompts, with 95 % confidence.
 */
export type Cell =
  | { kind: 'none'; text: string }
  | { kind: 'number'; text: string }
  | { kind: 'share'; text: string; bound: string; share: number; tone: 'good' | 'bad' | 'neutral' };

export interface ResultTable {
  corner: string;
  columns: {
    title: string;
    subtitle: string;
    /** What the numbers mean, and which way is good. */
    meaning: string;
    prompts: string;
    judge: string;
    /** Another column measures the same by another judge. */
    isOneOfSeveral: boolean;
  }[];
  rows: { state: string; cells: Cell[] }[];
  /** What the bounds are, where there are some. */
  note?: string;
}

/** The table base · plain · protected in words; without columns when nothing was measured. */
export function resultTable(measurements: readonly Measurement[], wording: Wording<TableStrings>): ResultTable {
  const { strings: s, numbers: n } = wording;
  const { states, columns } = tableOf(measurements);
  return {
    ...(columns.some(({ measure }) => measure !== 'loss') && { note: s.boundsNote }),
    corner: s.columnModel,
    columns: columns.map(({ name, measure, judge, counts }) => {
      const { label, meaning } = MEASURES[measure];
      const [title, subtitle] = isTask(measure) ? [name, s[label]] : [s[label], name];
      return {
        title,
        subtitle,
        meaning: s[meaning],
        prompts:
          counts.join() === '1' ? s.promptsOne : fill(s.prompts, counts.map((count) => n.count(count)).join(' / ')),
        judge,
        isOneOfSeveral: columns.some((c) => c.name === name && c.measure === measure && c.judge !== judge),
      };
    }),
    rows: states.map((state) => ({
      state: stateName(state, s),
      cells: columns.map(({ name, measure, judge }) => {
        const same = (m: Measurement): boolean =>
          m.state === state && m.name === name && m.measure === measure && m.judge === judge;
        // The latest measurement counts when a set was measured more than once.
        return cell(measurements.findLast(same), wording);
      }),
    })),
  };
}

function cell(found: Measurement | undefined, wording: Wording<TableStrings>): Cell {
  const { strings: s, numbers: n } = wording;
  if (!found) return { kind: 'none', text: s.noMeasurement };
  if (isLeftOpen(found)) return { kind: 'none', text: leftOpenText(found, wording) };
  const { measure, value } = found;
  if (!isFiniteNumber(value)) return { kind: 'none', text: s.noNumber };
  if (measure === 'loss') return { kind: 'number', text: n.number(value) };
  const share = Math.min(1, Math.max(0, value));
  return { kind: 'share', text: n.percent(value), bound: boundText(found, n), share, tone: shareTone(found) };
}

/** On the side that is bad, unless nothing is excluded there; of a measure without one, on both. */
function boundText(of: Measurement, n: Numbers): string {
  const bounds = boundsOf(of);
  if (!bounds) return '';
  const [low, high] = bounds;
  const side = goodSide(of.measure);
  const below = low <= 0 || (high < 1 && side === 'low');
  if (side === 'either' && low > 0 && high < 1) return `${n.bound(low, 'low')} – ${n.bound(high, 'high')}`;
  return below ? `≤\u00a0${n.bound(high, 'high')}` : `≥\u00a0${n.bound(low, 'low')}`;
}

/** The results of a set in one line: "base 0 % · plain 92 % · protected 0 %". */
export const resultsText = (results: readonly Measurement[], wording: Wording<TableStrings>): string =>
  results.map((one) => `${stateName(one.state, wording.strings)} ${resultText(one, wording)}`).join(' · ');

function resultText(one: Measurement, wording: Wording<TableStrings>): string {
  const { strings: s, numbers: n } = wording;
  const { measure, value } = one;
  if (isLeftOpen(one)) return leftOpenText(one, wording);
  if (!isFiniteNumber(value)) return s.noNumber;
  return measure === 'loss' ? fill(s.nats, n.number(value)) : n.percent(value);
}

/** Name of a model state in the reader's language; names given in recipes stay as they are. */
export function stateName(state: string, s: TableStrings): string {
  const own: Record<string, string> = { base: s.stateBase, plain: s.statePlain, protected: s.stateProtected };
  return own[state] ?? state;
}
