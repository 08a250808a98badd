/**
 * Writes some rows of a data file as a file of the same kind: the bytes of a row that stays are those that it had, and
 * what stands between rows of a JSON list, before them and behind them stays, too.
 */
import { open } from 'node:fs/promises';
import type { Handle } from '../support/replaceFile.js';
import { NEWLINE, RETURN, type RawRow, type ReadRow } from './rawRow.js';
import type { CsvTable } from './csv.js';
import { lineOf } from './rowLine.js';
import type { TextKind } from './rows.js';

interface RowWriter {
  /** A row that stays as it is. */
  keep(row: ReadRow): Promise<void>;
  /** A row with another value and text. @returns what is written, and the line on which it begins */
  put(row: ReadRow): Promise<{ text: string; line: number }>;
  /** A row of the data file in the form of those that are written. */
  read(row: ReadRow): Promise<string>;
  /** A row that is left out. */
  leave(row: RawRow): void;
  /** The last line so far, from 1; 0 before the first. */
  line(): Promise<number>;
  end(): Promise<void>;
}

const AT_ONCE = 2 ** 20;
const BYTE_ORDER_MARK = 3;

/** As JSON lines, whatever the kind of file. */
export function lineWriter(to: Handle): RowWriter {
  let waiting = '';
  let lines = 0;
  const write = async (text: string): Promise<void> => {
    waiting += `${text}\n`;
    lines++;
    if (waiting.length < AT_ONCE) return;
    await to.writeFile(waiting);
    waiting = '';
  };
  return {
    keep: (row) => write(lineOf(row)),
    async put(row) {
      const text = lineOf(row);
      await write(text);
      return { text, line: lines };
    },
    read: async (row) => lineOf(row),
    leave: () => undefined,
    line: () => Promise.resolve(lines),
    end: () => to.writeFile(waiting),
  };
}

/** Counts the lines of what it writes. */
function counted(to: Handle): {
  write(data: string | Buffer): Promise<void>;
  readonly begun: number;
  readonly ended: number;
} {
  let ended = 0;
  let last = NEWLINE;
  return {
    async write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let i = 0; i < bytes.length; i++) {
        // A return ends its line at once, and a newline behind it ends no other.
        if (bytes[i] === RETURN || (bytes[i] === NEWLINE && last !== RETURN)) ended++;
        last = bytes[i];
      }
      await to.writeFile(bytes);
    },
    get begun() {
      return last === NEWLINE || last === RETURN ? ended : ended + 1;
    },
    get ended() {
      return ended;
    },
  };
}

/** @param table of a file of CSV, known when its first row is */
export async function sameWriter(
  data: string,
  kind: TextKind,
  to: Handle,
  table: () => CsvTable | undefined,
): Promise<RowWriter & { close(): Promise<void> }> {
  const from = await open(data, 'r');
  const out = counted(to);
  const { size } = await from.stat();
  const start = Buffer.alloc(BYTE_ORDER_MARK);
  await from.read(start, 0, BYTE_ORDER_MARK, 0);
  /** Places of rows count from behind a byte order mark. */
  const base = start.equals(Buffer.from([0xef, 0xbb, 0xbf])) ? BYTE_ORDER_MARK : 0;

  /** What is to be written next: neighbouring rows are copied together. */
  let range = { start: 0, end: 0 };
  const flush = async (): Promise<void> => {
    for (let at = range.start; at < range.end;) {
      const piece = Buffer.alloc(Math.min(AT_ONCE, range.end - at));
      const { bytesRead } = await from.read(piece, 0, piece.length, at);
      if (bytesRead === 0) break;
      await out.write(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
    range = { start: range.end, end: range.end };
  };
  const copy = async (first: number, behind: number): Promise<void> => {
    if (first !== range.end) {
      await flush();
      range = { start: first, end: first };
    }
    range.end = behind;
    if (range.end - range.start >= AT_ONCE) await flush();
  };
  const text = async (added: string): Promise<void> => {
    await flush();
    await out.write(added);
  };
  const bytes = async (start: number, end: number): Promise<Buffer> => {
    const found = Buffer.alloc(end - start);
    await from.read(found, 0, found.length, base + start);
    return found;
  };

  /** None behind the last row of a file. */
  const lineEnd = async ({ end }: NonNullable<ReadRow['at']>): Promise<string> =>
    /[\r\n]*$/.exec((await bytes(end - 2, end)).toString('latin1'))![0];

  const isList = kind === 'array';
  let written = 0;
  /** Where the row before ended; undefined where that is not known. */
  let before: number | undefined;
  let isHeaded = false;
  /** What stands before the rows of lines or a table. */
  const head = async (): Promise<void> => {
    if (!isHeaded) await copy(0, base + (table()?.end ?? 0));
    isHeaded = true;
  };
  /** What stands before the first row, or between a row and the one before. */
  const lead = async ({ at }: ReadRow): Promise<void> => {
    if (!isList) await head();
    if (written++ === 0) {
      if (isList && at) await copy(0, first ?? base + at.start);
      else if (isList) await text('[');
    } else if (isList) {
      if (at && before !== undefined) await copy(before, base + at.start);
      else await text(',\n');
    }
  };
  /** Where the first row of the file begins. */
  let first: number | undefined;
  const passed = ({ at }: RawRow): void => {
    if (at) first ??= base + at.start;
    before = at && base + at.end;
  };
  return {
    async keep(row) {
      const { start, end } = placeOf(row);
      first ??= base + start;
      await lead(row);
      await copy(base + start, base + end);
      passed(row);
    },
    async put(row) {
      first ??= base + placeOf(row).start;
      await lead(row);
      await flush();
      const line = out.ended + 1;
      const written = rowOf(row, table());
      await text(isList ? row.text! : `${written}${await lineEnd(placeOf(row))}`);
      passed(row);
      return { text: written, line };
    },
    async read(row) {
      if (!table()) return lineOf(row);
      const { start, end } = placeOf(row);
      // Empty lines before it belong to it.
      return (await bytes(start, end)).toString().replace(/^[\r\n]+|[\r\n]+$/g, '');
    },
    leave: passed,
    async line() {
      // The bracket of a list is written before the first row that stays, on a line of its own or with it.
      if (isList && written === 0) return 1;
      if (table()) await head();
      await flush();
      return out.begun;
    },
    async end() {
      if (isList && written === 0) await text('[]\n');
      else if (isList && before === undefined) await text('\n]\n');
      else if (isList) await copy(before!, size);
      else await head();
      await flush();
    },
    close: () => from.close(),
  };
}

/** Every row of a file of text that could be read has a place. */
const placeOf = ({ at }: ReadRow): NonNullable<ReadRow['at']> => at!;

function rowOf(row: ReadRow, table: CsvTable | undefined): string {
  if (!table) return lineOf(row);
  return table.columns.map((name) => cellOf(row.value[name], table.delimiter)).join(table.delimiter);
}

/** RFC 4180. */
function cellOf(value: unknown, delimiter: string): string {
  const text = typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
  return /["\r\n]/.test(text) || text.includes(delimiter) ? `"${text.replaceAll('"', '""')}"` : text;
}
