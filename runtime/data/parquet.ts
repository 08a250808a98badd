import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet';
import type { SchemaTree } from 'hyparquet';
import { isPreference } from '../contract/mapping.js';
import { isObject } from '../contract/isObject.js';
import { sum } from '../contract/sum.js';
import { HumanError } from '../support/errors.js';
import type { JsonObject } from '../support/jsonFile.js';
import { requireColumns } from './columns.js';
import { checkColumns, checkFooter, checkMetadata } from './parquetCheck.js';
import { checkPages, DECOMPRESSORS, LargeGroup } from './parquetPages.js';
import { MAX_ROW_BYTES, tooLong, type RawRow } from './rawRow.js';
import type { RowOptions } from './rows.js';
import { FIELDS, formatsOfTable } from './schemas.js';

const NUMBER_BYTES = 4;

/** A row group is in memory at once; larger ones are refused. */
const MAX_GROUP_BYTES = 2 ** 30;

/**
 * The rows of a Parquet file, a row group at a time, only the columns that are mapped or that a row format has, and
 * texts, as it is told which of them nobody reads, unless all are asked for or it is not clear what they are. Whole
 * numbers come as numbers, those that are no double as texts.
 * `onProgress` is given the share that is done.
 * @throws HumanError when the file is no Parquet, is damaged, or has a row group that is too large.
 */
export async function* parquetRows(
  file: string,
  options: RowOptions,
  onProgress: (share: number) => void,
): AsyncGenerator<RawRow> {
  const { limit = Infinity, maxRowBytes = MAX_ROW_BYTES } = options;
  const failed = (error: unknown): unknown =>
    error instanceof HumanError || (error as NodeJS.ErrnoException).syscall
      ? error
      : new HumanError(`this Parquet file cannot be read: ${(error as Error).message}.`, {
          place: file,
          remedy: 'It may be damaged: copy or write it again.',
          cause: error,
        });
  const opened = await open(file, options).catch((error: unknown) => {
    throw failed(error);
  });
  const { buffer, metadata, tree, names, columns, counted } = opened;
  let start = 0;
  for (const group of metadata.row_groups) {
    const count = Number(group.num_rows);
    // Some writers end a file with one, in which no column has a place.
    if (count === 0) continue;
    const place = `${file}:${start + 1}`;
    const rowEnd = Math.min(start + count, limit);
    const read = async (): Promise<Record<string, unknown>[]> => {
      if (Number(group.total_byte_size) > MAX_GROUP_BYTES) throw new LargeGroup('a row group is larger than 1 GB');
      const slice = async (from: number, to: number): Promise<ArrayBuffer> => buffer.slice(from, to);
      for (const { meta, path } of checkColumns(group, tree))
        if (columns.includes(meta.path_in_schema[0]))
          await checkPages({ meta, path, rows: count }, buffer.byteLength, slice);
      return parquetReadObjects({
        file: buffer,
        metadata,
        columns,
        rowStart: start,
        rowEnd,
        compressors: DECOMPRESSORS,
      });
    };
    const rows = await read().catch((error: unknown) => {
      if (!(error instanceof LargeGroup)) throw failed(error);
      const remedy = 'Write the file with smaller row groups.';
      throw new HumanError(`${error.message}.`, { place, remedy, cause: error });
    });
    for (const [i, given] of rows.entries()) {
      const place = { row: start + i, line: start + i + 1 };
      const value = plainObject(given);
      const bytes = sum(counted.map((name) => bytesOf(value[name])));
      yield bytes > maxRowBytes ? { ...place, reason: tooLong(maxRowBytes) } : { ...place, value, names };
    }
    start += count;
    onProgress(start / Math.max(1, Number(metadata.num_rows)));
    if (start >= limit) return;
  }
}

async function open(
  file: string,
  options: RowOptions,
): Promise<{
  buffer: Awaited<ReturnType<typeof asyncBufferFromFile>>;
  metadata: Awaited<ReturnType<typeof parquetMetadataAsync>>;
  tree: SchemaTree;
  names: string[];
  columns: string[];
  /** Columns that make a row long, whichever others are read, too. */
  counted: string[];
}> {
  const buffer = await asyncBufferFromFile(file);
  if (buffer.byteLength < 12) throw new Error('it is too short');
  const tail = new DataView(await buffer.slice(buffer.byteLength - 8, buffer.byteLength));
  const footer = Math.min(buffer.byteLength, tail.getUint32(0, true) + 8);
  checkFooter(await buffer.slice(buffer.byteLength - footer, buffer.byteLength));
  // The library's search for geographic columns never ends where a number of columns is negative.
  const metadata = await parquetMetadataAsync(buffer, { geoparquet: false });
  checkMetadata(metadata);
  const tree = parquetSchema(metadata);
  const names = tree.children.map((child) => child.element.name);
  requireColumns(names, options, file);
  // What is said of columns that are no answer, or of no format, rests on all of them.
  const isKnown = formatsOfTable(names, options.columns).length > 0 && !isPreference(names);
  const mapped = Object.values(options.columns ?? {});
  const counted = names.filter((name) => !isKnown || FIELDS.has(name) || mapped.includes(name));
  const columns = tree.children.flatMap(({ element }) =>
    options.allColumns === true || counted.includes(element.name) || isText(element) ? element.name : [],
  );
  return { buffer, metadata, tree, names, columns, counted };
}

const isText = ({ type, converted_type: converted, logical_type: logical }: SchemaTree['element']): boolean =>
  type === 'BYTE_ARRAY' && (converted === 'UTF8' || logical?.type === 'STRING');

/** About as many as it has in a file of JSON. */
function bytesOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return sum(value.map(bytesOf));
  if (isObject(value)) return sum(Object.entries(value).map(([key, part]) => key.length + bytesOf(part)));
  return value === undefined ? 0 : NUMBER_BYTES;
}

function plainObject(row: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(row)
      .filter(([, v]) => v !== null && v !== undefined)
      .map(([k, v]) => [k, plain(v)]),
  );
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.from(value as unknown as ArrayLike<unknown>, plain);
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
    ? plainObject(value as JsonObject)
    : value;
}
