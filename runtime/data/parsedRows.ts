/** The rows of a file as what they say, before any of them is cut into tokens. */
import { isPreference, saidFormat, suggestColumns, type Columns } from '../contract/mapping.js';
import type { DataFormat } from '../contract/recipeWords.js';
import { inOwnNames, mapRow, requireColumns } from './columns.js';
import type { RawRow } from './rawRow.js';
import { rowHash } from './rowHash.js';
import { readRows, type RowOptions } from './rows.js';
import { asWritten } from './toolFields.js';
import { InvalidRow } from './invalidRow.js';
import { isAnswered, type RowContent } from './rowContent.js';
import {
  formatAsRead,
  isMarkedBad,
  isUnmapped,
  labelOf,
  readContent,
  unknownFields,
  unreadLabel,
  type RowFormat,
} from './schemas.js';
import { unreadTexts, type UnreadTexts } from './unreadTexts.js';

export interface ParsedRow {
  row: number;
  line: number;
  lines?: number;
  label?: 'harmful' | 'benign';
  hash?: string;
  content: RowContent;
  /** Of a pair of preferences without an answer: columns that may be meant. */
  meant?: Columns;
  markedBad?: true;
  unreadLabel?: string;
}

export interface SkippedRow {
  row: number;
  line: number;
  reason: string;
  /** What the row says, named; where `hashed` asked for it and it could be read. */
  hash?: string;
  /** The row itself is wrong; else it only does not fit this model (too long, or its answer cannot be told apart). */
  broken: boolean;
  tooLong: boolean;
  /** Where it is too long, and they were counted. */
  tokens?: number;
  /** It has columns, and no known format. */
  unmapped?: true;
}

/** What is known of a file's rows once they are read. */
export interface Found {
  format?: RowFormat;
  /** A row has columns, and no known format: it may be chosen which are what. */
  unmapped?: true;
  /** What is not read of the rows so far that can be. */
  unread?: UnreadTexts;
}

export interface ParseOptions extends RowOptions {
  format?: DataFormat;
  hashed?: boolean;
  /** Rows of the file that have been read: it is not read again. */
  given?: Iterable<RawRow>;
}

/** Rows read by their format: the given one, or the one of the first row that has a known one. */
export async function* parsedRows(
  file: string,
  options: ParseOptions,
  found: Found,
): AsyncGenerator<ParsedRow | SkippedRow> {
  const { columns } = options;
  // A hash is of all that a row says.
  const raws = options.given ?? readRows(file, options.hashed === true ? { ...options, allColumns: true } : options);
  found.format = saidFormat(options);
  found.unread = unreadTexts(columns);
  /** Columns of JSON that no row has had yet, and those of the first row. */
  const unseen = new Set(Object.values(columns ?? {}));
  let first: readonly string[] | undefined;
  for await (const raw of raws) {
    const { row, line, lines } = raw;
    const hash = options.hashed === true && 'value' in raw ? { hash: rowHash(raw.value) } : {};
    const skip = (reason: string): SkippedRow => ({ row, line, reason, ...hash, broken: true, tooLong: false });
    if ('reason' in raw) {
      yield skip(raw.reason);
      continue;
    }
    const names = raw.names ?? Object.keys(raw.value);
    if (!first && raw.names) requireColumns(raw.names, options, `${file}:1`);
    first ??= names;
    if (unseen.size > 0) for (const name of names) unseen.delete(name);
    const value = mapRow(asWritten(raw), columns);
    found.format ??= formatAsRead(raw, columns);
    if (!found.format) {
      const unmapped = names.length > 0 && isUnmapped(value);
      if (unmapped) found.unmapped = true;
      yield { ...skip(unknownFields(value)), ...(unmapped && { unmapped }) };
      continue;
    }
    try {
      const place = { row, line, ...(lines && { lines }) };
      const content = readContent(value, found.format);
      found.unread.add(raw.value, content, line);
      const meant = !isAnswered(content) && isPreference(names) ? suggestColumns(raw.value) : undefined;
      const isMapped = columns?.label !== undefined;
      const unread = unreadLabel(value, isMapped);
      const told = {
        ...(meant && { meant }),
        ...(unread !== undefined && { unreadLabel: unread }),
        // Of a mapped column it is said that it tells harmful from benign rows.
        ...(!isMapped && isMarkedBad(value) && { markedBad: true as const }),
      };
      yield { ...place, label: labelOf(value), ...hash, content, ...told };
    } catch (error) {
      if (!(error instanceof InvalidRow)) throw error;
      yield skip(`${inOwnNames(error.message, names, options)} (format "${found.format}")`);
    }
  }
  // A column that only some rows have may come behind the limit.
  if (first && unseen.size > 0 && options.limit === undefined) requireColumns(first, options, file);
}

/** Skipped rows that are listed; all are counted. */
const LISTED = 10_000;
export interface SkippedRows {
  add(row: SkippedRow): void;
  count(): number;
  /** The first ones. */
  readonly listed: SkippedRow[];
}

export function collectSkipped(): SkippedRows {
  const listed: SkippedRow[] = [];
  let count = 0;
  return {
    add(row) {
      if (count++ < LISTED) listed.push(row);
    },
    count: () => count,
    listed,
  };
}
