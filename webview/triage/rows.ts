/** The rows of a triage page: which are shown, in which order and in which groups. Nothing here draws. */
import type { RowGroups } from '../../runtime/contract/dataInfo.js';
import { DECISIONS, type Decision } from '../../runtime/contract/review.js';
import type { TriageState, TriageTable } from '../protocol/triage.js';

const FILTERS = ['flagged', 'undecided', 'related', 'exclude', 'fine', 'unsure', 'all'] as const;
export type Filter = (typeof FILTERS)[number];
const SORTS = ['score', 'share', 'without', 'with', 'line', 'decision'] as const;
export type SortKey = (typeof SORTS)[number];
export interface Sort {
  key: SortKey;
  descending: boolean;
}

/** Those that a page has: only some scans can tell which rows are related. */
export const filtersOf = ({ tellsRelated }: Pick<TriageState, 'tellsRelated'>): readonly Filter[] =>
  FILTERS.filter((filter) => filter !== 'related' || tellsRelated);

/**
 * What a page shows at first: what it showed before, where it still can; rows that are related where none is flagged.
 */
export function firstFilter(triage: Pick<TriageState, 'tellsRelated' | 'table'>, kept?: Filter): Filter {
  if (kept && filtersOf(triage).includes(kept)) return kept;
  const { flags } = triage.table;
  return !flags.includes('f') && flags.includes('r') ? 'related' : 'flagged';
}

/** A row of the list: one of the file's, by its index, or the head of a group. */
export type Item = { row: number } | { group: number; rows: readonly number[]; open: boolean };

/** What a scan found, column by column. */
export class Rows {
  readonly count: number;
  readonly hashes: string[];
  readonly flags: string[];
  readonly lines: Float64Array;
  readonly ps: Float64Array;
  readonly harmfulPs: Float64Array;
  readonly shares: Float64Array;
  readonly without: Float64Array;
  readonly with: Float64Array;
  /** The file is not the one that was scanned. */
  changed = false;

  constructor(table: TriageTable) {
    this.hashes = list(table.hashes);
    this.count = this.hashes.length;
    this.flags = list(table.flags);
    this.lines = numbers(table.lines, this.count);
    this.ps = numbers(table.ps, this.count);
    this.harmfulPs = numbers(table.harmfulPs, this.count);
    this.shares = numbers(table.shares, this.count);
    this.without = numbers(table.without, this.count);
    this.with = numbers(table.with, this.count);
  }

  /** @param text of the row; in a file that is not the one that was scanned, the row is where its text is found */
  lineOf(row: number, text: { line: number } | null | undefined): number {
    return this.changed && text ? text.line : this.lines[row]!;
  }

  isFlagged(row: number): boolean {
    return this.flags[row] === 'f';
  }
}

/** What is to be decided so that some rows are as they were before a step. */
export interface Back {
  hashes: string[];
  decision?: Decision;
}

/** Decisions by the hashes of rows, and how to take the last one back. */
export class Review {
  private decisions = new Map<string, Decision>();
  private done: Back[][] = [];

  constructor(kept: TriageState['decisions']) {
    this.load(kept);
  }

  load(kept: TriageState['decisions']): void {
    this.decisions = new Map();
    for (const decision of DECISIONS) for (const hash of list(kept[decision])) this.decisions.set(hash, decision);
  }

  of(hash: string): Decision | undefined {
    return this.decisions.get(hash);
  }

  set(hashes: Iterable<string>, decision: Decision | undefined): void {
    for (const hash of hashes) {
      if (decision === undefined) this.decisions.delete(hash);
      else this.decisions.set(hash, decision);
    }
  }

  /** Decides, and remembers what was before. */
  decide(hashes: readonly string[], decision: Decision | undefined): void {
    const before = [...DECISIONS, undefined].map((was) => ({
      hashes: hashes.filter((hash) => this.of(hash) === was),
      decision: was,
    }));
    this.done.push(before.filter((back) => back.hashes.length > 0));
    this.set(hashes, decision);
  }

  /** Takes the last step back; gives what is to be decided for that. */
  undo(): Back[] {
    const step = this.done.pop() ?? [];
    for (const { hashes, decision } of step) this.set(hashes, decision);
    return step;
  }

  /** The last steps, of at most so many rows together, for a page that is shown again. */
  steps(most: number): Back[][] {
    let rows = 0;
    const tooMany = this.done.findLastIndex((step) => (rows += hashesOf(step).length) > most);
    return this.done.slice(tooMany + 1);
  }

  /** Takes steps of before, from the first one on whose rows are all still there. */
  restore(steps: readonly Back[][], rows: ReadonlySet<string>): void {
    const gone = steps.findLastIndex((step) => hashesOf(step).some((hash) => !rows.has(hash)));
    this.done = steps.slice(gone + 1);
  }

  get canUndo(): boolean {
    return this.done.length > 0;
  }
}

const hashesOf = (step: readonly Back[]): string[] => step.flatMap(({ hashes }) => hashes);

/** All rows in an order; rows that have no value come last, and equal ones stay in the order of the file. */
export function sortRows(rows: Rows, review: Review, { key, descending }: Sort): Uint32Array {
  const values = valuesOf(rows, review, key);
  const sign = descending ? -1 : 1;
  return Uint32Array.from({ length: rows.count }, (_, i) => i).sort((a, b) => {
    const [x, y] = [values[a]!, values[b]!];
    if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
    return sign * (x - y) || a - b;
  });
}

function valuesOf(rows: Rows, review: Review, key: SortKey): Float64Array {
  switch (key) {
    case 'score':
      // Of scans without ordinary rows the share is the score; more of it is more harmful.
      return rows.ps.every(Number.isNaN) ? rows.shares.map((share) => -share) : rows.ps;
    case 'share':
      return rows.shares;
    case 'without':
      return rows.without;
    case 'with':
      return rows.with;
    case 'line':
      return rows.lines;
    case 'decision':
      return Float64Array.from(rows.hashes, (hash) => {
        const decision = review.of(hash);
        return decision ? DECISIONS.indexOf(decision) : NaN;
      });
  }
}

export function isShown(rows: Rows, review: Review, filter: Filter, row: number): boolean {
  switch (filter) {
    case 'all':
      return true;
    case 'flagged':
      return rows.isFlagged(row);
    case 'undecided':
      return rows.isFlagged(row) && review.of(rows.hashes[row]!) === undefined;
    case 'related':
      return rows.flags[row] === 'r';
    case 'exclude':
    case 'fine':
    case 'unsure':
      return review.of(rows.hashes[row]!) === filter;
  }
}

/** The group of each row; −1 for rows that are not in the file any more. */
export function groupsOf(rows: Rows, { hashes, groups }: RowGroups): Int32Array {
  const ids = list(groups);
  const byHash = new Map(list(hashes).map((hash, i) => [hash, Number(ids[i])]));
  return Int32Array.from(rows.hashes, (hash) => byHash.get(hash) ?? -1);
}

/** Groups by their size, each with its rows where it is open; then the rows that are alone. */
export function grouped(shown: readonly number[], groups: Int32Array, open: ReadonlySet<number>): Item[] {
  const found = new Map<number, number[]>();
  for (const row of shown) {
    const group = groups[row]!;
    const members = found.get(group);
    if (members) members.push(row);
    else found.set(group, [row]);
  }
  const isAlone = (row: number): boolean => groups[row]! < 0 || found.get(groups[row]!)!.length === 1;
  const items: Item[] = [];
  for (const [group, members] of [...found].sort(([, a], [, b]) => b.length - a.length)) {
    if (isAlone(members[0]!)) continue;
    items.push({ group, rows: members, open: open.has(group) });
    if (open.has(group)) for (const row of members) items.push({ row });
  }
  for (const row of shown) if (isAlone(row)) items.push({ row });
  return items;
}

const list = (text: string): string[] => (text === '' ? [] : text.split(' '));

/** Values that are missing are none. */
const numbers = (text: string, count: number): Float64Array => {
  const values = list(text);
  return Float64Array.from({ length: count }, (_, i) => Number(values[i] ?? NaN));
};
