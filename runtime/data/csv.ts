import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import type { CsvError } from 'csv-parse';
import type { Columns } from '../contract/mapping.js';
import { HumanError } from '../support/errors.js';
import { entries } from './columns.js';
import { decodeText, linesOf, NEWLINE, parseExact, RETURN, tooLong } from './rawRow.js';
import type { Place, RawRow, RowSource } from './rawRow.js';
import { MASKS, PACKED } from './schemas.js';

/** How a table is written. */
export interface CsvTable {
  columns: string[];
  delimiter: string;
  /** The byte behind its header, counted from behind a byte order mark. */
  end: number;
}

/** Fields whose cells hold JSON. */
const JSON_FIELDS = ['messages', 'conversations', 'input_ids', 'labels', 'attention_mask', ...MASKS, ...PACKED];

/** The columns of these fields, without those that are mapped to others: they are text, whatever they are called. */
function jsonColumns(mapped: Columns): Set<string> {
  const others = entries(mapped).flatMap(([field, column]) => (JSON_FIELDS.includes(field) ? [] : [column]));
  const columns = JSON_FIELDS.map((field) => (mapped as Record<string, string>)[field] ?? field);
  return new Set(columns.filter((column) => !others.includes(column)));
}

const QUOTE = 0x22;

/** @param lines of the file that the row takes; those behind the first may have been meant as rows */
function unclosed(lines = 1): string {
  const behind = lines === 1 ? '' : `, and takes in the ${lines === 2 ? 'line' : `${lines - 1} lines`} behind it`;
  return `a cell begins with a quote and does not end with one${behind}: put the cell in quotes, and double those in it`;
}

/**
 * A table with a header line, in the CSV of RFC 4180; each line may have its own kind of end. The delimiter is the
 * comma, semicolon or tab that the header has most often outside of quotes. Cells are texts; those of `messages`,
 * `conversations`, `input_ids` and `labels` are JSON, where they can be read as that: whoever needs it refuses the
 * others.
 */
export async function* csvRows(
  source: RowSource,
  delimiter?: string,
  onTable?: (table: CsvTable) => void,
): AsyncGenerator<RawRow> {
  const { file, maxRowBytes, columns: mapped = {} } = source;
  const json = jsonColumns(mapped);
  /** Behind so many records; the parser cannot go on behind it. */
  let fault: CsvFault | undefined;
  const [pieces, header] = await peek(source.pieces);
  const found = delimiter ?? delimiterOf(header);
  const parser = parse({
    delimiter: found,
    record_delimiter: ['\r\n', '\n', '\r'],
    // Bytes, so that a cell that is not UTF-8 is noticed.
    encoding: null,
    info: true,
    relax_column_count: true,
    // A quote inside a cell is text.
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: maxRowBytes,
    on_skip: (error) => {
      fault ??= error as CsvFault;
      return undefined;
    },
  });
  const passed = passing(pieces, () => fault !== undefined);
  const input = Readable.from(passed.pieces);
  // Without this, an error of the file would be an unhandled event.
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  let columns: string[] | undefined;
  let row = 0;
  let end = 0;
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      // The parser is ahead by a piece of the file.
      if (fault && info.records > fault.records) break;
      const at = { start: end, end: info.bytes };
      const { bytes, ...lines } = passed.take(info.bytes - end);
      end = info.bytes;
      if (record.some((cell) => isTorn(cell, bytes))) {
        yield { row: row++, ...lines, at, reason: unclosed(lines.lines), ...(!columns && { isEnd: true }) };
        if (!columns) return;
      } else if (columns) yield rowOf(record, columns, json, { row: row++, ...lines, at });
      else {
        columns = headerOf(record, file);
        onTable?.({ columns, delimiter: found, end });
      }
    }
  } finally {
    input.destroy();
  }
  if (!fault) return;
  const { line, lines, bytes } = passed.take(Infinity);
  const isLong = fault.code === 'CSV_MAX_RECORD_SIZE';
  const long = `${tooLong(maxRowBytes)}${bytes.includes(QUOTE) ? ', as if a quote in it were not closed' : ''}, and nothing behind it is read`;
  yield { row, line, reason: isLong ? long : unclosed(lines), isEnd: true };
}

/** Why the parser cannot go on, and behind how many records. */
type CsvFault = CsvError & { records: number };

interface CsvRecord {
  record: Buffer[];
  /** Records so far, and bytes with the end of this one. */
  info: { records: number; bytes: number };
}

/** A cell of several lines that begins with a quote which was no end of it: the lines behind were meant as rows. */
const isTorn = (cell: Buffer, row: Buffer): boolean =>
  cell[0] === QUOTE &&
  cell.some(isLineEnd) &&
  !row.includes(`"${cell.toString('latin1').replaceAll('"', '""')}"`, 0, 'latin1');

const isLineEnd = (byte: number): boolean => byte === NEWLINE || byte === RETURN;

/**
 * The same pieces. `take` gives the next bytes of what has passed, the line of the first that is not blank, and how
 * many lines they are.
 */
function passing(
  from: AsyncIterable<Buffer>,
  isEnough: () => boolean,
): { pieces: AsyncIterable<Buffer>; take(count: number): { line: number; lines?: number; bytes: Buffer } } {
  const held: Buffer[] = [];
  let line = 1;
  return {
    pieces: (async function* () {
      for await (const piece of from) {
        if (isEnough()) return;
        held.push(piece);
        yield piece;
      }
    })(),
    take(count) {
      const parts: Buffer[] = [];
      for (let left = count; left > 0 && held.length > 0; left -= parts.at(-1)!.length) {
        parts.push(held[0].subarray(0, left));
        if (held[0].length > left) held[0] = held[0].subarray(left);
        else held.shift();
      }
      const bytes = parts.length === 1 ? parts[0] : Buffer.concat(parts);
      const { next, ...lines } = linesOf(bytes, line);
      line = next;
      return { ...lines, bytes };
    },
  };
}

function headerOf(cells: Buffer[], file: string): string[] {
  const names = cells.map((cell) => {
    const name = decodeText(cell);
    if (name !== undefined) return name.trim();
    const remedy = 'Save the table as UTF-8 (in a spreadsheet: "CSV UTF-8").';
    throw new HumanError('the header is not valid UTF-8.', { place: `${file}:1`, remedy });
  });
  if (new Set(names).size < names.length)
    throw new HumanError('two columns have the same name.', { place: `${file}:1`, remedy: 'Rename one of them.' });
  return names;
}

function rowOf(cells: Buffer[], columns: string[], json: ReadonlySet<string>, place: Place): RawRow {
  if (cells.length !== columns.length)
    return { ...place, reason: `this row has ${cells.length} cells, the header ${columns.length}` };
  const value: Record<string, unknown> = {};
  for (const [i, name] of columns.entries()) {
    const text = decodeText(cells[i]);
    if (text === undefined) return { ...place, reason: `the cell "${name}" is not valid UTF-8` };
    // An empty cell is a field that is not there.
    if (text === '') continue;
    value[name] = json.has(name) ? jsonOr(text) : text;
  }
  return { ...place, value, names: columns };
}

function jsonOr(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

/** Of two that are as frequent, the comma before the semicolon before the tab; a comma where there is none. */
function delimiterOf(header: string): string {
  const counts = new Map([',', ';', '\t'].map((sign) => [sign, 0]));
  let [quoted, isStart] = [false, true];
  for (const sign of header) {
    // Elsewhere than at the start of a cell, a quote that opens nothing is text.
    if (sign === '"' && (quoted || isStart)) quoted = !quoted;
    if (quoted) continue;
    if (sign === '\n' || sign === '\r') break;
    isStart = counts.has(sign);
    if (isStart) counts.set(sign, counts.get(sign)! + 1);
  }
  return [...counts].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/** The same pieces, and the beginning of the file as text. */
async function peek(pieces: AsyncIterable<Buffer>): Promise<[AsyncIterable<Buffer>, string]> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  const start = first.done ? Buffer.alloc(0) : first.value;
  const header = start.subarray(0, 65_536).toString('utf8');
  const replay = async function* (): AsyncGenerator<Buffer> {
    try {
      if (!first.done) yield start;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    } finally {
      await iterator.return?.();
    }
  };
  return [replay(), header];
}
