import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { pipeline, Readable } from 'node:stream';
import { constants, createGunzip, gunzipSync } from 'node:zlib';
import { HumanError, nextTurn } from '../support/errors.js';
import { requireNoPointer } from '../support/lfsPointer.js';
import type { ColumnOptions } from './columns.js';
import { csvRows, type CsvTable } from './csv.js';
import { jsonArrayRows } from './jsonArray.js';
import { jsonLineRows } from './jsonl.js';
import { MAX_ROW_BYTES, type RawRow, type RowSource } from './rawRow.js';

export interface RowOptions extends ColumnOptions {
  /** Only the first rows of the file. */
  limit?: number;
  /** Bytes read so far, and of the whole file. */
  onProgress?: (bytes: number, total: number) => void;
  /** Longest row in bytes (8 MB); longer ones are unreadable. */
  maxRowBytes?: number;
  /** Of Parquet files also columns that belong to no row format and are not mapped. */
  allColumns?: boolean;
  /** Ends the reading. */
  signal?: AbortSignal;
  /** Told of a table before its first row. */
  onTable?: (table: CsvTable) => void;
}

const ROWS_A_TURN = 500;

/**
 * The rows of a .jsonl, .json (lines or one list), .csv, .tsv (each also as .gz) or .parquet file, one after the other:
 * memory is bounded by the longest row (Parquet: by the largest row group).
 * @throws HumanError for an unknown kind of file and for one that cannot be read at all, and Cancelled.
 */
export async function* readRows(file: string, options: RowOptions = {}): AsyncGenerator<RawRow> {
  const { limit = Infinity, onProgress, maxRowBytes = MAX_ROW_BYTES, columns, signal } = options;
  if (limit <= 0) return;
  const { size, kind } = await inspectFile(file);
  let bytes = 0;
  const progress = (read: number): void => {
    bytes = Math.min(size, bytes + read);
    onProgress?.(bytes, size);
  };
  const source: RowSource = { file, pieces: readPieces(file, progress), maxRowBytes, columns };
  const rows =
    kind === 'parquet'
      ? (await import('./parquet.js')).parquetRows(file, options, (done) => progress(done * size - bytes))
      : READERS[kind](source, options.onTable);
  let count = 0;
  for await (const row of rows) {
    yield row;
    if (++count >= limit) return;
    if (count % ROWS_A_TURN === 0) await nextTurn(signal);
  }
  // Of no bytes there is no share.
  if (size > 0) onProgress?.(size, size);
}

export type TextKind = 'lines' | 'array' | 'csv' | 'tsv';
type Kind = TextKind | 'parquet';

const READERS: Record<TextKind, (source: RowSource, onTable?: (table: CsvTable) => void) => AsyncIterable<RawRow>> = {
  lines: jsonLineRows,
  array: jsonArrayRows,
  csv: (source, onTable) => csvRows(source, undefined, onTable),
  tsv: (source, onTable) => csvRows(source, '\t', onTable),
};

export async function inspectFile(file: string): Promise<{ size: number; kind: Kind }> {
  // Before it is opened: opening a pipe waits for a writer.
  const info = await stat(file);
  if (!info.isFile()) throw new HumanError('this is not a file.', { place: file, remedy: 'Name a data file.' });
  const handle = await open(file, 'r');
  try {
    const start = Buffer.alloc(4096);
    const { bytesRead } = await handle.read(start, 0, start.length, 0);
    const read = start.subarray(0, bytesRead);
    requireNoPointer(read, file);
    return {
      size: info.size,
      kind: isGzip(file) ? kindOf(file.slice(0, -3), unpacked(read, file)) : kindOf(file, read),
    };
  } finally {
    await handle.close();
  }
}

const isGzip = (file: string): boolean => /\.gz$/i.test(file);

/** What the first bytes of a gzip file hold. */
function unpacked(start: Buffer, file: string): Buffer {
  try {
    return gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (error) {
    throw notGzip(file, error);
  }
}

const notGzip = (place: string, cause: unknown): HumanError =>
  new HumanError(`this is not a whole gzip file: ${(cause as Error).message}.`, {
    place,
    remedy: 'It may be damaged: copy or download it again.',
    cause,
  });

function kindOf(file: string, start: Buffer): Kind {
  const extension = extname(file).toLowerCase();
  if (extension === '.parquet') return 'parquet';
  if (start.length >= 2 && (start.readUInt16LE(0) === 0xfeff || start.readUInt16BE(0) === 0xfeff)) {
    throw new HumanError('this file is UTF-16; data files must be UTF-8.', {
      place: file,
      remedy: 'Save it as UTF-8.',
    });
  }
  if (extension === '.csv') return 'csv';
  if (extension === '.tsv') return 'tsv';
  if (extension === '.json') requireNotWrapped(start.toString(), file);
  if (extension === '.jsonl' || extension === '.ndjson' || extension === '.json')
    return start
      .toString('latin1')
      .replace(/^\u00ef\u00bb\u00bf/, '')
      .trimStart()
      .startsWith('[')
      ? 'array'
      : 'lines';
  throw new HumanError(
    `data files ${extension ? `of type "${extension}"` : 'without an extension'} are not supported.`,
    {
      place: file,
      remedy: 'Use .jsonl, .json, .csv, .tsv or .parquet.',
    },
  );
}

/**
 * A file of JSON that is indented is one value: rows are told apart only in a list.
 * @throws HumanError where it is an object, with the key that has a list of objects
 */
function requireNotWrapped(start: string, file: string): void {
  const object = /^\s*\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*(?:\[\s*\{?)?\s*)?\r?\n/.test(start);
  if (!object) return;
  const key =
    /^\s*\{\s*(?:"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|[\w.+-]+)\s*,\s*)*"((?:[^"\\]|\\.)*)"\s*:\s*\[\s*\{/.exec(
      start,
    )?.[1];
  throw new HumanError(
    `the rows must be a list at the top level of the file; here this is an object${key === undefined ? '' : `, whose "${key}" has a list`}.`,
    {
      place: file,
      remedy: `Write ${key === undefined ? 'a list of rows' : 'that list alone'} into the file: [{…}, {…}]. Or write each row on a line of its own.`,
    },
  );
}

/** The bytes of a file in pieces, unpacked, without a UTF-8 byte order mark. */
async function* readPieces(file: string, progress: (read: number) => void): AsyncGenerator<Buffer> {
  let first = true;
  const stored = counted(createReadStream(file, { highWaterMark: 2 ** 18 }), progress);
  for await (const piece of isGzip(file) ? inflated(stored, file) : stored) {
    const mark = first && piece.length >= 3 && piece[0] === 0xef && piece[1] === 0xbb && piece[2] === 0xbf;
    first = false;
    yield mark ? piece.subarray(3) : piece;
  }
}

async function* counted(pieces: AsyncIterable<Buffer>, progress: (read: number) => void): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    progress(piece.length);
    yield piece;
  }
}

async function* inflated(pieces: AsyncIterable<Buffer>, file: string): AsyncGenerator<Buffer> {
  try {
    // the error of the pipeline is that of its last part
    yield* pipeline(Readable.from(pieces), createGunzip(), () => undefined) as AsyncIterable<Buffer>;
  } catch (error) {
    // Only those of zlib are about what is in the file.
    throw (error as NodeJS.ErrnoException).code?.startsWith('Z_') ? notGzip(file, error) : error;
  }
}
