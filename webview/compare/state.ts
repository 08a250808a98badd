import type { Shown, XAxis } from '../../runtime/contract/comparedRuns.js';
import type { Numbers } from '../../runtime/contract/format.js';
import { DASHES } from '../../runtime/contract/series.js';
import type { CompareStrings } from '../protocol/compare.js';
import type { AnswersView } from '../run/answers.js';
import type { Theme } from '../theme.js';

/** What the page shows, and how. */
export interface State {
  shown: Shown[];
  hidden: Set<string>;
  /** The run that stands out. */
  highlighted?: string;
  x: XAxis;
  /** 0 to below 1. */
  smoothing: number;
  /** undefined: as each chart is by itself. */
  logarithmic?: boolean;
  /** Of the horizontal axis; undefined: all. */
  range?: [number, number];
  /** The row that results are compared with. */
  reference: string;
  /** By the names of the tables. */
  orders: Record<string, Order>;
  /** Which answers are shown below; undefined: none. */
  answers?: AnswersView;
}

/** Which column a table is sorted by, kept also while the column is not there. */
export interface Order {
  column: string;
  down: boolean;
}

/** What is left of a page whose tab is hidden. */
export type CompareView = Omit<State, 'shown' | 'highlighted' | 'hidden'> & { hidden: string[] };

export const viewOf = ({ shown: _, highlighted: __, hidden, ...view }: State): CompareView => ({
  ...view,
  hidden: [...hidden],
});

export const stateOf = (view: CompareView | undefined): State => ({
  shown: [],
  x: 'step',
  smoothing: 0,
  reference: '',
  orders: {},
  ...view,
  hidden: new Set(view?.hidden),
});

export interface Words {
  strings: CompareStrings;
  numbers: Numbers;
}

export interface LineLook {
  color: string;
  dash: readonly number[];
}

const RUN_DASHES: readonly (readonly number[])[] = [...Object.values(DASHES), [14, 4], [9, 3, 2, 3, 2, 3], [2, 7]];

/**
 * Hue and dash differ from one run to the next, so that neither is needed alone: seven runs differ by dash. There is
 * one hue less, so that a run of the same dash has the next hue, and the two repeat together after 42 runs.
 */
export const lookOf = (index: number, { runs }: Theme): LineLook => ({
  color: runs[index % runs.length]!,
  dash: RUN_DASHES[index % RUN_DASHES.length]!,
});

/** Of a piece of a line in a legend: every dash is there twice. */
export const SWATCH = 44;

export const visible = ({ shown, hidden }: State): { one: Shown; index: number }[] =>
  shown.flatMap((one, index) => (hidden.has(one.run.id) ? [] : [{ one, index }]));
