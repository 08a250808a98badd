/**
 * The rows that a triage page lists: by a filter, in an order, in groups, and which are selected. Nothing here draws.
 */
import type { RowGroups, RowGrouping } from '../../runtime/contract/dataInfo.js';
import type { Decision } from '../../runtime/contract/review.js';
import { sum } from '../../runtime/contract/sum.js';
import type { TriageState } from '../protocol/triage.js';
import {
  grouped,
  groupsOf,
  isShown,
  Review,
  Rows,
  sortRows,
  type Back,
  type Filter,
  type Item,
  type Sort,
  type SortKey,
} from './rows.js';

/** Rows of decisions that can be taken back in a page that is shown again, and rows that stay selected there. */
const MAX_UNDONE = 20_000;
const MAX_SELECTED = 20_000;

/** A place of the list, and the row that was there. */
export interface Place {
  at: number;
  hash: string;
}

/** What is left of a page whose tab is hidden, beside the rows. */
export interface TriageView {
  filter: Filter;
  text: string;
  sort: Sort;
  grouping: RowGrouping | null;
  openGroups: number[];
  steps: Back[][];
  /** Hashes of the selected rows; of a page of an earlier version there are none. */
  selected?: string[];
  active?: Place;
}

/** How many rows are shown, how many of them in how many groups, and how many are selected. */
export interface Counted {
  rows: number;
  grouped: number;
  groups: number;
  selected: number;
}

export class ShownRows {
  rows!: Rows;
  review!: Review;
  sort: Sort = { key: 'score', descending: false };
  /** What is grouped by, or will be when the groups have come. */
  grouping: RowGrouping | null = null;
  /** What those groups are by that are there. */
  groupedBy: RowGrouping | null = null;
  groupValues: string[] = [];
  items: Item[] = [];
  readonly selected = new Set<number>();
  private hashes: string | undefined;
  private order!: Uint32Array;
  private groups: Int32Array | undefined;
  private openGroups = new Set<number>();
  /** What the rows contain that are shown; empty for all. */
  text = '';
  /** Of each row, whether it contains the text that was found last. */
  private found: Uint8Array | undefined;
  /** That text; empty for none. */
  private foundText = '';

  /** @param kept what a person saw before the page was hidden @param filter the first one */
  constructor(
    private kept?: TriageView,
    public filter: Filter = 'flagged',
  ) {
    if (!kept) return;
    ({ text: this.text, sort: this.sort, grouping: this.grouping } = kept);
    this.openGroups = new Set(kept.openGroups);
  }

  /** What is to be kept of this, with the place that is active. */
  view(at: number): TriageView {
    const { filter, text, sort, grouping, items } = this;
    const item = items[at];
    return {
      filter,
      text,
      sort,
      grouping,
      openGroups: [...this.openGroups],
      steps: this.review.steps(MAX_UNDONE),
      selected: Array.from(this.selected, (row) => this.rows.hashes[row]!).slice(0, MAX_SELECTED),
      ...(item && { active: { at, hash: this.hashOf(item) } }),
    };
  }

  /** Where a row stands that was at a place before; the first place for one that is not listed. */
  placeOf({ at, hash }: Place): number {
    const isIt = (item: Item | undefined): boolean => item !== undefined && this.hashOf(item) === hash;
    return isIt(this.items[at]) ? at : Math.max(0, this.items.findIndex(isIt));
  }

  /** False when the rows are those of the table before. */
  load({ table, decisions, changed }: TriageState): boolean {
    const isOther = this.hashes !== table.hashes;
    this.hashes = table.hashes;
    if (isOther) {
      this.rows = new Rows(table);
      this.leaveFound();
      this.review = new Review(decisions);
      if (this.kept) this.review.restore(this.kept.steps, new Set(this.rows.hashes));
      else this.grouping = null;
      this.leaveGroups();
      this.selected.clear();
      const selected = new Set(this.kept?.selected);
      for (const [row, hash] of this.rows.hashes.entries()) if (selected.has(hash)) this.selected.add(row);
      this.kept = undefined;
    } else this.review.load(decisions);
    this.rows.changed = changed;
    this.order = sortRows(this.rows, this.review, this.sort);
    return isOther;
  }

  setFilter(filter: Filter): void {
    this.filter = filter;
    this.selected.clear();
  }

  /** Undecided rows are what is looked for, of all. */
  get isToDecide(): boolean {
    return this.filter === 'undecided' && this.text === '';
  }

  /** The rows that contain it come later, by `setFound`: until then those of before are shown. */
  setText(text: string): void {
    this.text = text;
    if (text === '') this.leaveFound();
    this.selected.clear();
  }

  /** They do not come: the text is that of the rows that are shown. */
  searchFailed(): string {
    return (this.text = this.foundText);
  }

  private leaveFound(): void {
    this.found = undefined;
    this.foundText = '';
  }

  setFound(hashes: string): void {
    this.foundText = this.text;
    const found = new Set(hashes.split(' '));
    const { hashes: all } = this.rows;
    // not by `Uint8Array.from`, which takes several times as long
    this.found = new Uint8Array(all.length);
    for (let row = 0; row < all.length; row++) this.found[row] = Number(found.has(all[row]!));
  }

  /** Sorts by another column, or by the same one the other way round. */
  setSort(key: SortKey): void {
    this.sort = { key, descending: this.sort.key === key && !this.sort.descending };
    this.order = sortRows(this.rows, this.review, this.sort);
  }

  /** Groups come later, by `setGroups`. */
  setGrouping(by: RowGrouping | null): void {
    this.grouping = by;
    this.openGroups.clear();
    this.selected.clear();
    if (!by) this.leaveGroups();
  }

  /** They do not come: rows are grouped as those that are shown. */
  groupingFailed(): RowGrouping | null {
    return (this.grouping = this.groupedBy);
  }

  private leaveGroups(): void {
    this.groups = undefined;
    this.groupedBy = null;
  }

  setGroups(groups: RowGroups): void {
    this.groupedBy = this.grouping;
    this.groups = groupsOf(this.rows, groups);
    this.groupValues = groups.values;
  }

  openGroup(group: number, open: boolean): void {
    if (open) this.openGroups.add(group);
    else this.openGroups.delete(group);
  }

  /** Makes the items anew. */
  arrange(): Counted {
    const shown: number[] = [];
    const { rows, review, filter, found } = this;
    for (const row of this.order) if (isShown(rows, review, filter, row) && (!found || found[row])) shown.push(row);
    // What is decided is what one sees; rows of a closed group are seen by its head.
    if (this.selected.size > 0) {
      const listed = new Set(shown);
      for (const row of this.selected) if (!listed.has(row)) this.selected.delete(row);
    }
    this.items = this.groups ? grouped(shown, this.groups, this.openGroups) : shown.map((row) => ({ row }));
    const groups = this.items.filter((item) => 'group' in item);
    return {
      rows: shown.length,
      grouped: sum(groups.map(({ rows: own }) => own.length)),
      groups: groups.length,
      selected: this.selected.size,
    };
  }

  /** Of each flagged row. */
  flaggedDecisions(): (Decision | undefined)[] {
    const decisions: (Decision | undefined)[] = [];
    for (let row = 0; row < this.rows.count; row++)
      if (this.rows.isFlagged(row)) decisions.push(this.review.of(this.rows.hashes[row]!));
    return decisions;
  }

  /** The rows that stand at a place of the list: one, or those of a group. */
  rowsAt(at: number): readonly number[] {
    const item = this.items[at];
    if (!item) return [];
    return 'group' in item ? item.rows : [item.row];
  }

  /** Of a row, or of the first row of a group. */
  hashOf(item: Item): string {
    return this.rows.hashes['group' in item ? item.rows[0]! : item.row]!;
  }

  /** Where the head of a row's group stands; -1 without one. */
  headOf(row: number): number {
    return this.groups ? this.items.findIndex((item) => 'group' in item && item.rows.includes(row)) : -1;
  }

  select(at: number): void {
    for (const row of this.rowsAt(at)) this.selected.add(row);
  }

  /** Selects what stands at a place; deselects it where all of it is selected. */
  toggle(at: number): void {
    const rows = this.rowsAt(at);
    const all = rows.every((row) => this.selected.has(row));
    for (const row of rows) {
      if (all) this.selected.delete(row);
      else this.selected.add(row);
    }
  }
}
