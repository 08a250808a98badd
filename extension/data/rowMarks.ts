import type { ScanRow } from '../../runtime/contract/scan.js';
import { isByProbe } from '../../runtime/contract/scanText.js';
import { sum } from '../../runtime/contract/sum.js';
import { rowKey, type RowKey } from './rows.js';

/** How a row that a scan has found looks. */
export interface Looks {
  /** Share of the row's loss that the vector explains. */
  explained: number;
  /** How often an ordinary row looks at least as harmful. */
  p?: number;
  /** What the vector explains of the answer, or the word that decides; its beginning. */
  part?: string;
  /** No part of it: the base's own hidden states are like those of harmful rows. */
  byProbe?: true;
  /** Names what the row says; decisions about it are kept by this. */
  hash?: string;
}

/** Longer parts of an answer are cut. */
const MAX_PART = 200;

export function looksOf(row: ScanRow): Looks {
  const { explained, p, hash, parts = [] } = row;
  const text = parts.join(' … ').replace(/\s+/g, ' ');
  const part = text.length > MAX_PART ? `${text.slice(0, MAX_PART)}…` : text;
  return {
    explained,
    ...(p !== undefined && { p }),
    ...(part && { part }),
    ...(isByProbe(row) && { byProbe: true }),
    ...(hash && { hash }),
  };
}

/** Several rows of a file may stand in one line: the one that looks worse is told. */
export const isWorse = (a: Looks, b: Looks): boolean =>
  a.p === undefined || b.p === undefined ? a.explained > b.explained : a.p < b.p;

/** A row that a scan has found, as it was then. Its key is empty in files that no editor shows as text. */
export interface Mark extends RowKey {
  /** Line of the file where it begins, from 1. */
  line: number;
  looks: Looks;
}

/** A mark in an editor's text. */
export interface RowMark {
  /** The first of the row, from 0. */
  line: number;
  looks: Looks;
  /** Its text is not the one that was scanned. */
  edited: boolean;
  /** Of the text that was scanned. */
  key: string;
}

/** What an editor shows: lines from 0. */
export interface Lines {
  readonly lineCount: number;
  lineAt(line: number): { readonly text: string };
}

/** A change as editors report it: the text between two places is replaced. */
export interface Change {
  range: { start: { line: number; character: number }; end: { line: number; character: number } };
  text: string;
}

interface Region {
  /** First line. */
  from: number;
  /** Behind the last. */
  to: number;
}

/** Keys that are made between two looks at the clock. */
const ROWS_AT_ONCE = 64;
/** Changes of one edit that move what is below them. */
const MAX_MOVES = 100;
/** Rows between two that are looked at again: then those in between are, too. */
const NEAR = 64;

/**
 * The marks of a text that is being edited. A row is marked because its text is one that was scanned, so undo restores
 * a mark and a moved or copied row has one; a marked row whose text has changed keeps its place and says so.
 */
export class RowMarks {
  /** In the order of their lines, one a line. */
  private marks: RowMark[] = [];
  /**
   * By the text: how many of the scanned rows with it are not in the text, or fewer than none when they were copied.
   */
  private readonly found = new Map<string, { looks: Looks; missing: number }>();
  /** By the first line of scanned rows of several lines: how many they have. */
  private readonly blocks = new Map<string, Set<number>>();
  /** How far above a line a row may begin that has it. */
  private reach = 0;
  /** Lines whose texts have not been looked at, apart and in order. */
  private pending: Region[];

  /** How many of the scanned rows are in `found`. */
  private taken = 0;
  /** In a text of the same length a row that is not as it was is an edited one; in others nobody knows where it is. */
  private inPlace: boolean;

  /** @param lineCount of the text that was scanned */
  constructor(
    private readonly scanned: readonly Mark[],
    lineCount: number,
    text: Lines,
  ) {
    this.inPlace = text.lineCount === lineCount;
    this.pending = [{ from: 0, to: text.lineCount }];
  }

  list(): readonly RowMark[] {
    return this.marks;
  }

  /** Marks with a line in `from` to `to`, from 0, the last one included. */
  between(from: number, to: number): RowMark[] {
    return this.marks.slice(this.indexOf(from), this.indexOf(to + 1));
  }

  /** How many rows were edited, and how many that were marked are nowhere in the text. */
  counts(): { edited: number; gone: number } {
    const edited = sum(this.marks.map((mark) => Number(mark.edited)));
    return { edited, gone: Math.max(0, this.scanned.length - this.marks.length) };
  }

  /** Takes changes that have been made to the text; `work` then looks at the rows that they touched. */
  edit(changes: readonly Change[], text: Lines): void {
    // Before anything is known, or so many that each would move all marks: the text is looked at anew, and rows that
    // are not as they were are counted as gone.
    const isBegun = this.taken === this.scanned.length;
    if (!isBegun || changes.filter((change) => deltaOf(change) !== 0).length > MAX_MOVES) {
      this.inPlace = false;
      this.replace(0, Infinity, []);
      this.pending = [{ from: 0, to: text.lineCount }];
      return;
    }
    // From the end on, so that each finds the lines above it where they were.
    const sorted = [...changes].sort((a, b) => b.range.start.line - a.range.start.line);
    /** By how much the changes that are still to come will move what is below them. */
    let toCome = sum(sorted.map(deltaOf));
    for (const change of sorted) {
      const { start, end } = change.range;
      const delta = deltaOf(change);
      toCome -= delta;
      const last = end.line + delta;
      if (delta === 0) {
        // As many rows as before: each in its place.
        this.markEdited(start.line, end.line);
        this.pending.push({ from: start.line - this.reach, to: last + 1 });
        continue;
      }
      const lastLine = last + toCome < text.lineCount ? text.lineAt(last + toCome).text : '';
      const kept = new Map<number, RowMark>();
      for (const mark of this.between(start.line, end.line)) {
        const line = survivor(mark.line, change, lastLine);
        if (line !== undefined) kept.set(line, { ...mark, line, edited: true });
      }
      this.replace(start.line, end.line + 1, []);
      for (const mark of this.marks.slice(this.indexOf(start.line))) mark.line += delta;
      this.replace(start.line, start.line, [...kept.values()]);
      this.pending = this.pending.flatMap((region) => moved(region, start.line, end.line, delta));
      this.pending.push({ from: start.line - this.reach, to: last + 1 });
    }
    this.pending = joined(this.pending, text.lineCount);
  }

  /** Looks at rows until `isTime` says that it was long enough; true when there are no more. */
  work(text: Lines, isTime: () => boolean): boolean {
    for (let mark; (mark = this.scanned[this.taken]);) {
      this.take(mark);
      if (++this.taken % ROWS_AT_ONCE === 0 && isTime()) return false;
    }
    for (let region; (region = this.pending[0]);) {
      const { from } = region;
      const to = Math.min(region.to, text.lineCount);
      const rows: RowMark[] = [];
      let line = from;
      for (; line < to; line++) {
        if ((line - from) % ROWS_AT_ONCE === ROWS_AT_ONCE - 1 && isTime()) break;
        const { text: row } = text.lineAt(line);
        if (!row) continue;
        const first = rowKey(row);
        const blocks = this.blocks.get(first);
        const key = blocks ? this.blockAt(text, line, blocks) : first;
        const found = this.found.get(key);
        if (found) rows.push({ line, looks: found.looks, edited: false, key });
        else rows.push(...this.between(line, line).map((mark) => ({ ...mark, edited: true })));
        if (blocks && isTime()) {
          line++;
          break;
        }
      }
      this.replace(from, line, rows);
      region.from = line;
      if (line < to) return false;
      this.pending.shift();
      if (isTime()) return this.pending.length === 0 && this.dropMoved();
    }
    return this.dropMoved();
  }

  /** The key of the scanned row that begins in this line, or of the line alone. */
  private blockAt(text: Lines, line: number, blocks: ReadonlySet<number>): string {
    const texts: string[] = [];
    const keyOf = (lines: number): string => {
      while (texts.length < lines) texts.push(text.lineAt(line + texts.length).text);
      return rowKey(texts.slice(0, lines).join('\n'));
    };
    const there = [...blocks].filter((lines) => line + lines <= text.lineCount);
    return there.map(keyOf).find((key) => this.found.has(key)) ?? keyOf(1);
  }

  private take({ line, key, block, looks }: Mark): void {
    if (block) {
      const known = this.blocks.get(block.first);
      if (known) known.add(block.lines);
      else this.blocks.set(block.first, new Set([block.lines]));
      this.reach = Math.max(this.reach, block.lines - 1);
    }
    const known = this.found.get(key);
    if (known) known.missing++;
    else this.found.set(key, { looks, missing: 1 });
    if (this.inPlace) this.marks.push({ line: line - 1, looks, edited: true, key });
  }

  /** A row that is somewhere else as it was is not an edited one where it has been. */
  private dropMoved(): true {
    const isElsewhere = ({ key, edited }: RowMark): boolean => edited && this.found.get(key)!.missing <= 0;
    if (this.marks.some(isElsewhere)) this.marks = this.marks.filter((mark) => !isElsewhere(mark));
    return true;
  }

  private markEdited(from: number, to: number): void {
    for (const mark of this.between(from, to)) {
      if (!mark.edited) this.found.get(mark.key)!.missing++;
      mark.edited = true;
    }
  }

  /**
   * Puts marks in the place of those of the lines `from` to `to`, and keeps count of the rows that are as they were.
   */
  private replace(from: number, to: number, rows: readonly RowMark[]): void {
    const [first, behind] = [this.indexOf(from), this.indexOf(to)];
    for (const { key, edited } of this.marks.slice(first, behind)) if (!edited) this.found.get(key)!.missing++;
    for (const { key, edited } of rows) if (!edited) this.found.get(key)!.missing--;
    this.marks = [...this.marks.slice(0, first), ...rows, ...this.marks.slice(behind)];
  }

  /** Of the first mark whose line is not before `line`. */
  private indexOf(line: number): number {
    let low = 0;
    let high = this.marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const mark = this.marks[middle];
      if (mark && mark.line < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** How many lines the text has more after the change. */
const deltaOf = ({ range, text }: Change): number => text.split('\n').length - 1 - (range.end.line - range.start.line);

/**
 * Where a row that a change touches goes on, undefined for one that is removed whole. `lastLine`: the last one of it
 * now.
 */
function survivor(line: number, change: Change, lastLine: string): number | undefined {
  const { start, end } = change.range;
  const delta = deltaOf(change);
  const inserted = change.text.slice(change.text.lastIndexOf('\n') + 1).length;
  const before = inserted === change.text.length ? start.character : 0;
  const hasTail = lastLine.length > before + inserted;
  if (line === start.line && start.character > 0) return line;
  if (line === end.line && hasTail) return line + delta;
  // One row that was replaced by several.
  return start.line === end.line ? line : undefined;
}

/** A region after a change of the lines `start` to `end`, which is looked at anyway. */
function moved({ from, to }: Region, start: number, end: number, delta: number): Region[] {
  const parts = [
    { from, to: Math.min(to, start) },
    { from: Math.max(from, end + 1) + delta, to: to + delta },
  ];
  return parts.filter((part) => part.from < part.to);
}

/** In order, and those that are near each other as one. */
function joined(regions: readonly Region[], lineCount: number): Region[] {
  const result: Region[] = [];
  for (const region of [...regions].sort((a, b) => a.from - b.from)) {
    const last = result.at(-1);
    const to = Math.min(region.to, lineCount);
    if (last && region.from <= last.to + NEAR) last.to = Math.max(last.to, to);
    else if (region.from < to) result.push({ from: Math.max(0, region.from), to });
  }
  return result;
}
