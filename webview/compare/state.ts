import type { Shown, XAxis } from '../../runtime/contract/comparedRuns.js';
import type { Numbers } from '../../runtime/contract/format.js';
import { DASHES, type Dash } from '../../runtime/contract/series.js';
import type { CompareStrings } from '../protocol/compare.js';
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
}

export interface Words {
  strings: CompareStrings;
  numbers: Numbers;
}

export interface LineLook {
  color: string;
  dash: readonly number[];
}

const DASH_NAMES = Object.keys(DASHES) as Dash[];

/** Hue and dash differ from one run to the next, so that neither is needed alone; after 28 runs they repeat. */
export const lookOf = (index: number, { runs }: Theme): LineLook => ({
  color: runs[index % runs.length]!,
  dash: DASHES[DASH_NAMES[index % DASH_NAMES.length]!],
});

export const visible = ({ shown, hidden }: State): { one: Shown; index: number }[] =>
  shown.flatMap((one, index) => (hidden.has(one.run.id) ? [] : [{ one, index }]));
