import { Readable } from 'node:stream';
import { parse } from 'csv-parse';
import type { CsvError } from 'csv-parse';
import { HumanError } from '../support/errors.js';
import { parseJson } from '../support/jsonFile.js';
import { decodeText, NEWLINE, newlines, tooLong } from './rawRow.js';
import type { Place, RawRow, RowSource } from './rawRow.js';

/** How a table is written. */
export interface CsvTable {
  columns: string[];
  delimiter: string;
  /** The byte behind its header, counted from behind a byte order mark. */
  end: number;
}

/** Fields whose cells hold JSON. */
const JSON_FIELDS = ['messages', 'conversations', 'input_ids', 'labels', 'attention_mask'];

/**
 * A table with a header line, in the CSV of RFC 4180. The delimiter is the comma, semicolon or tab that the
 * header has most often outside of quotes. Cells are texts; those of `messages`, `conversations`, `input_ids` and `labels` are JSON.
 */
export async function* csvRows(
  source: RowSource,
  delimiter?: string,
  onTable?: (table: CsvTable) => void,
): AsyncGenerator<RawRow> {
  const { file, maxRowBytes, columns: mapped = {} } = source;
  const json = new Set(JSON_FIELDS.map((field) => (mapped as Record<string, string>)[field] ?? field));
  /** `last`: where the next row begins cannot be known. */
  const skipped: { line: number; reason: string; last: boolean }[] = [];
  const [pieces, header] = await peek(source.pieces);
  const found = delimiter ?? delimiterOf(header);
  const parser = parse({
    delimiter: found,
    // Bytes, so that a cell that is not UTF-8 is noticed.
    encoding: null,
    info: true,
    relax_column_count: true,
    // A quote inside a cell is text; the parser cannot go on behind one that is an error.
    relax_quotes: true,
    skip_empty_lines: true,
    skip_records_with_error: true,
    max_record_size: maxRowBytes,
    on_skip: (error) => {
      const last = error?.code === 'CSV_MAX_RECORD_SIZE';
      const reason = last ? tooLong(maxRowBytes) : `this row is not CSV: ${error?.message}`;
      if (error) skipped.push({ line: lineOf(error), reason, last });
      return undefined;
    },
  });
  const counted = new LineCount();
  const input = Readable.from(counted.through(pieces));
  // Without this, an error of the file would be an unhandled event.
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  let columns: string[] | undefined;
  let row = 0;
  let end = 0;
  /** The byte where the next record begins; unknown behind one that was skipped. */
  let start: number | undefined = 0;
  try {
    for await (const record of parser as AsyncIterable<{ record: Buffer[]; info: { lines: number; bytes: number } }>) {
      // The parser is ahead by a piece of the file: only what lies before this record comes before it.
      while (skipped.length > 0 && skipped[0].line < record.info.lines + (skipped[0].last ? 1 : 0)) {
        const { line, reason, last } = skipped.shift()!;
        end = Math.max(end, line);
        start = undefined;
        yield { row: row++, line, reason };
        if (last) return;
      }
      end = record.info.lines;
      const lines = 1 + record.record.reduce((sum, cell) => sum + newlines(cell), 0);
      // The parser takes the two bytes of a line break in a cell for two lines.
      const line = counted.before(record.info.bytes - 1) + 2 - lines;
      const at = start === undefined ? {} : { at: { start, end: record.info.bytes } };
      start = record.info.bytes;
      if (columns) yield rowOf(record.record, columns, json, { row: row++, line, ...(lines > 1 && { lines }), ...at });
      else {
        columns = headerOf(record.record, file);
        onTable?.({ columns, delimiter: found, end: start });
      }
    }
  } catch (error) {
    const { code } = error as { code?: string };
    if (code?.startsWith('CSV_')) yield { row: row++, line: end + 1, reason: (error as Error).message };
    else throw error;
  } finally {
    input.destroy();
  }
  for (const { line, reason, last } of skipped) {
    yield { row: row++, line, reason };
    if (last) return;
  }
}

/** How many lines end before a byte, of pieces that have gone by. */
class LineCount {
  private count = 0;
  private bytes = 0;
  /** Where the lines end that are not counted yet. */
  private readonly ahead: number[] = [];

  async *through(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const piece of pieces) {
      for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, at + 1))
        this.ahead.push(this.bytes + at);
      this.bytes += piece.length;
      yield piece;
    }
  }

  before(byte: number): number {
    for (; this.ahead[0] < byte; this.count++) this.ahead.shift();
    return this.count;
  }
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
    try {
      value[name] = json.has(name) ? parseJson(text) : text;
    } catch (error) {
      return { ...place, reason: `the cell "${name}" is not JSON: ${(error as Error).message}` };
    }
  }
  return { ...place, value, names: columns };
}

function lineOf(error: CsvError): number {
  const { lines } = error as CsvError & { lines?: number };
  return typeof lines === 'number' ? lines : 1;
}

/** Of two that are as frequent, the comma before the semicolon before the tab; a comma where there is none. */
function delimiterOf(header: string): string {
  const counts = new Map([',', ';', '\t'].map((sign) => [sign, 0]));
  let [quoted, isStart] = [false, true];
  for (const sign of header) {
    // Elsewhere than at the start of a cell, a quote that opens nothing is text.
    if (sign === '"' && (quoted || isStart)) quoted = !quoted;
    if (quoted) continue;
    if (sign === '\n') break;
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
    if (!first.done) yield start;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  };
  return [replay(), header];
}
