import type { Columns } from '../contract/mapping.js';
import { isObject } from '../contract/isObject.js';
import { parseJson } from '../support/jsonFile.js';
import type { JsonObject } from '../support/jsonFile.js';

/** A row of a data file as it was read, or the reason why it could not be read. */
export type RawRow = ReadRow | UnreadableRow;

export interface Place {
  /** From 0, over all rows of the file, readable or not; blank lines are no rows. */
  row: number;
  /** Line of the file where the row begins, from 1. Parquet has no lines: the number of the row, from 1. */
  line: number;
  /** How many lines of the file it takes, where they are more than one. */
  lines?: number;
  /**
   * Its bytes in a file of text, counted from behind a byte order mark: [start, end). Absent where they are not known.
   */
  at?: { start: number; end: number };
}
export interface ReadRow extends Place {
  value: JsonObject;
  /** As it stands in a file of JSON. */
  text?: string;
  /** All columns of a table; those without a value are not in `value`. */
  names?: readonly string[];
}
interface UnreadableRow extends Place {
  reason: string;
  /** What stands behind it is not read. */
  isEnd?: true;
}

/** What the readers of the formats are given. */
export interface RowSource {
  file: string;
  pieces: AsyncIterable<Buffer>;
  maxRowBytes: number;
  columns?: Columns;
}

/** A row of a million tokens as text has about 5 MB. */
export const MAX_ROW_BYTES = 8 * 2 ** 20;

export const NEWLINE = 0x0a;
export const RETURN = 0x0d;

/** A line ends with a newline, a carriage return, or both, as in editors: the line behind is another one. */
export const endsLine = (byte: number, next: number | undefined): boolean =>
  byte === NEWLINE || (byte === RETURN && next !== NEWLINE);

/** @param from line of the first of these bytes */
export function linesOf(bytes: Uint8Array, from: number): Pick<Place, 'line' | 'lines'> & { next: number } {
  let next = from;
  let [first, last]: (number | undefined)[] = [];
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (endsLine(byte, bytes[i + 1])) next++;
    else if (byte !== RETURN) {
      first ??= next;
      last = next;
    }
  }
  const lines = first === undefined ? 1 : last - first + 1;
  return { line: first ?? next, ...(lines > 1 && { lines }), next };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 bytes as text; undefined when they are not UTF-8. */
export function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** A row out of the bytes of one JSON object. `what` names the bytes in the reason: "this line". */
export function parseRow(bytes: Uint8Array, place: Place, what: string): RawRow {
  const text = decodeText(bytes);
  if (text === undefined) return { ...place, reason: `${what} is not valid UTF-8` };
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    // Newer versions of Node count lines of the row, not of the file.
    const message = (error as Error).message.replace(/ \(line \d+ column \d+\)$/, '');
    return { ...place, reason: `${what} is not JSON: ${message}` };
  }
  return isObject(value) ? { ...place, value, text } : { ...place, reason: `${what} is JSON, but not an object` };
}

/** JSON whose whole numbers keep their digits: those that are no double are texts. @throws SyntaxError */
export function parseExact(text: string): unknown {
  const value = parseJson(text);
  if (!/\d{16}/.test(text)) return value;
  return parseJson(outsideStrings(text, /-?\d[\d.eE+-]*/, (part) => (isInexact(part) ? `"${part}"` : part)));
}

const isInexact = (part: string): boolean => /^-?\d+$/.test(part) && !Number.isSafeInteger(Number(part));

/** JSON with other text for what matches outside of its strings. */
export function outsideStrings(json: string, wanted: RegExp, replace: (part: string) => string): string {
  let inString = false;
  return json.replace(new RegExp(`\\\\.|"|${wanted.source}`, 'g'), (part) => {
    if (part === '"') inString = !inString;
    return inString || part === '"' ? part : replace(part);
  });
}

/** Says that a row is longer than what is read. */
export function tooLong(maxRowBytes: number): string {
  return `the row is longer than ${Math.round(maxRowBytes / 2 ** 20) || maxRowBytes} ${maxRowBytes >= 2 ** 20 ? 'MB' : 'bytes'}`;
}
