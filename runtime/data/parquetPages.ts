/**
 * The pages of a Parquet column, checked before the library decodes them: it allocates by the counts in their headers
 * and writes runs as long as they claim to be (https://parquet.apache.org/docs/file-format/data-pages/encodings/).
 */
import { snappyUncompress } from 'hyparquet';
import type { ColumnMetaData, Compressors, SchemaTree } from 'hyparquet';
import { compressors, decompressZstd } from 'hyparquet-compressors';
import { readStruct, varInt } from './thrift.js';
import type { Field, Struct, ThriftReader } from './thrift.js';

/** Bytes of the file, from `start` to before `end`. */
type Slice = (start: number, end: number) => Promise<ArrayBuffer>;

/** Values of a column in a row group: they are in memory at once, with two levels each. */
const MAX_VALUES = 2 ** 23;
const MAX_ROWS = 2 ** 21;

/** A row group that is too large to be in memory at once. */
export class LargeGroup extends Error {}

/** Pages have a megabyte by default. */
const MAX_PAGE_BYTES = 2 ** 27;
/** How much larger than its bytes a page's content can be; the other codecs know no limit. */
const MAX_GROWTH: Partial<Record<ColumnMetaData['codec'], number>> = {
  UNCOMPRESSED: 1,
  SNAPPY: 64,
  GZIP: 1040,
  LZ4: 256,
  LZ4_RAW: 256,
};

/** The library's Zstandard allocates what the frame claims, unless it is given where to write. */
export const DECOMPRESSORS: Compressors = {
  ...compressors,
  // The library's LZ4 does not know that of nothing, which is in the pages of columns without values.
  LZ4: (input, length) => (length === 0 ? new Uint8Array() : compressors.LZ4!(input, length)),
  LZ4_RAW: (input, length) => (length === 0 ? new Uint8Array() : compressors.LZ4_RAW!(input, length)),
  ZSTD: (input, length) => decompressZstd(input, new Uint8Array(length)),
};

/** A column in a row group: where it is and how its levels and values are written. */
interface Column {
  meta: ColumnMetaData;
  repetition: number;
  definition: number;
}

/**
 * The pages of one column of a row group: inside the file, no larger and with no more values than their bytes can hold.
 * `path` leads from the schema's root to the column.
 * @throws Error saying what is wrong.
 * @throws LargeGroup
 */
export async function checkPages(
  { meta, path, rows }: { meta: ColumnMetaData; path: readonly SchemaTree[]; rows: number },
  fileBytes: number,
  slice: Slice,
): Promise<void> {
  if (rows > MAX_ROWS) throw new LargeGroup(`a row group has ${rows} rows; at most ${MAX_ROWS} are read at once`);
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const end = start + Number(meta.total_compressed_size);
  if (!(start >= 4 && end > start && end <= fileBytes)) throw new Error('a column lies outside the file');
  const kinds = path.slice(1).map(({ element }) => element.repetition_type);
  const column: Column = {
    meta,
    repetition: kinds.filter((kind) => kind === 'REPEATED').length,
    definition: kinds.filter((kind) => kind !== 'REQUIRED').length,
  };
  const reader = { view: new DataView(await slice(start, end)), at: 0 };
  let values = 0;
  // The library goes on to the end of the column.
  while (reader.at < reader.view.byteLength - 1) {
    const header = readStruct(reader);
    values += checkPage(header, column, reader);
    if (values > MAX_VALUES) throw new LargeGroup(`a row group has more than ${MAX_VALUES} values in a column`);
  }
  if (values < rows || values !== Number(meta.num_values)) throw new Error('a column has fewer values than rows');
}

/** Goes behind the page; its values, 0 for a dictionary. */
function checkPage(header: Struct, column: Column, reader: ThriftReader): number {
  const [kind, content, stored] = [header.get(1), header.get(2), header.get(3)];
  if (!isCount(content) || !isCount(stored) || stored > reader.view.byteLength - reader.at)
    throw new Error('a page lies outside its column');
  if (content > Math.min(MAX_PAGE_BYTES, 64 + stored * (MAX_GROWTH[column.meta.codec] ?? Infinity)))
    throw new Error(`a page of ${stored} bytes claims to hold ${content}`);
  const bytes = new Uint8Array(reader.view.buffer, reader.view.byteOffset + reader.at, stored);
  reader.at += stored;
  const details = header.get({ 0: 5, 2: 7, 3: 8 }[kind as number] ?? -1);
  const values = details instanceof Map ? details.get(1) : undefined;
  if (!(details instanceof Map) || !isCount(values)) throw new Error('a page is of no known kind');
  if (kind === 2) {
    if (values > content) throw new Error('a dictionary has more entries than bytes');
    return 0;
  }
  if (values > MAX_VALUES) throw new Error(`a page has more than ${MAX_VALUES} values`);
  if (kind === 0) checkV1(unpacked(bytes, content, column.meta), values, Number(details.get(2)), column);
  else checkV2(bytes, content, values, details, column);
  return values;
}

/** Levels with their lengths before them, then the values, all compressed together. */
function checkV1(page: Uint8Array, values: number, encoding: number, column: Column): void {
  const reader = { view: viewOf(page), at: 0 };
  for (const largest of [column.repetition, column.definition]) {
    if (largest === 0) continue;
    const length = reader.view.getUint32(reader.at, true);
    const end = reader.at + 4 + length;
    if (end > page.length) throw new Error('a page has more levels than bytes');
    checkRuns({ view: viewOf(page.subarray(reader.at + 4, end)), at: 0 }, bitsOf(largest), values, true);
    reader.at = end;
  }
  checkIndices(reader, values, encoding, column.meta.type === 'BOOLEAN');
}

/** Levels as they are, their lengths in the header, then the values, compressed or not. */
function checkV2(bytes: Uint8Array, content: number, values: number, details: Struct, column: Column): void {
  const [nulls, rows, definitions, repetitions] = [details.get(2), details.get(3), details.get(5), details.get(6)];
  if (!isCount(nulls) || nulls > values || !isCount(rows) || rows > values)
    throw new Error('a page has more rows than values');
  if (!isCount(definitions) || !isCount(repetitions) || definitions + repetitions > Math.min(bytes.length, content))
    throw new Error('a page has more levels than bytes');
  const levels = definitions + repetitions;
  for (const [largest, from, to] of [
    [column.repetition, 0, repetitions],
    [column.definition, repetitions, levels],
  ] as const)
    if (largest > 0) checkRuns({ view: viewOf(bytes.subarray(from, to)), at: 0 }, bitsOf(largest), values, true);
  const rest = bytes.subarray(levels);
  const page = details.get(7) === 0 ? rest : unpacked(rest, content - levels, column.meta);
  checkIndices({ view: viewOf(page), at: 0 }, values, Number(details.get(4)), column.meta.type === 'BOOLEAN');
}

const [PLAIN_DICTIONARY, RLE, RLE_DICTIONARY] = [2, 3, 8];

/** Values that are written as runs: of a dictionary's indices, whose width is before them, or of bits. */
function checkIndices(reader: ThriftReader, values: number, encoding: number, boolean: boolean): void {
  if (encoding !== PLAIN_DICTIONARY && encoding !== RLE && encoding !== RLE_DICTIONARY) return;
  if (reader.at >= reader.view.byteLength) return;
  if (boolean) reader.at += 4;
  const width = boolean ? 1 : reader.view.getUint8(reader.at++);
  if (width > 32) throw new Error('a page has indices of more than 32 bits');
  if (width > 0) checkRuns(reader, width, values, false);
}

/**
 * Runs of one value, and of values of `width` bits in groups of eight. None is longer than the page has values; a
 * packed one may be, as writers fill up their last one, but not longer than the page has bytes.
 */
function checkRuns(reader: ThriftReader, width: number, values: number, all: boolean): void {
  let seen = 0;
  while (seen < values && reader.at < reader.view.byteLength) {
    const header = varInt(reader);
    const packed = header % 2 === 1;
    const count = packed ? ((header - 1) / 2) * 8 : header / 2;
    const bytes = packed ? (count / 8) * width : Math.ceil(width / 8);
    const most = packed
      ? Math.max(values - seen + 7, ((reader.view.byteLength - reader.at) * 8) / width)
      : values - seen;
    if (count > most) throw new Error('a page has runs that are longer than its values');
    seen += count;
    reader.at += bytes;
  }
  if (all && seen < values) throw new Error('a page has fewer levels than values');
}

/** As the library does it. */
function unpacked(bytes: Uint8Array, content: number, { codec }: ColumnMetaData): Uint8Array {
  if (codec === 'UNCOMPRESSED') return bytes;
  const decompress = DECOMPRESSORS[codec];
  if (decompress) return decompress(bytes, content);
  if (codec !== 'SNAPPY') throw new Error(`the compression ${codec} is not known`);
  const page = new Uint8Array(content);
  snappyUncompress(bytes, page);
  return page;
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const bitsOf = (largest: number): number => 32 - Math.clz32(largest);
const isCount = (field: Field): field is number => typeof field === 'number' && field >= 0;
