import { formatsOf, isPreference, suggestColumns } from '../contract/mapping.js';
import { isRead, type DataPreview, type PreviewRow } from '../contract/dataInfo.js';
import type { DataFormat } from '../contract/recipeWords.js';
import type { JsonObject } from '../support/jsonFile.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ColumnOptions } from './columns.js';
import { NOT_SUPERVISED, supervisedTokens } from './conversation.js';
import { streamExamples, type Example } from './examples.js';
import { parsedRows, type Found, type SkippedRow } from './parsedRows.js';
import type { RawRow } from './rawRow.js';
import { readRows } from './rows.js';

export interface PreviewOptions extends ColumnOptions {
  path: string;
  format?: DataFormat;
  rows?: number;
  tokenizer?: Tokenizer;
  maxTokens?: number;
  answersOptional?: boolean;
}

const ROWS = 3;
/** Rows whose keys are columns. */
const LOOKED_AT = 100;
/** Of a larger file the rows that are shown are among the first, as people wait for them. */
const READ_ROWS = 5000;
const READ_BYTES = 4 * 2 ** 20;
const MAX_CELL = 300;
const MAX_TEXT = 20_000;

/** Rows that are spread evenly over a file, which may be sorted: as they are, and as a model reads them. */
export async function previewData({
  path,
  rows: count = ROWS,
  tokenizer,
  ...options
}: PreviewOptions): Promise<DataPreview> {
  const { columns } = options;
  const given = await firstRows(path, columns, count);
  const readable = given.slice(0, LOOKED_AT).filter((raw) => 'value' in raw);
  const names = new Set(readable.flatMap((raw) => raw.names ?? Object.keys(raw.value)));
  const length = Math.min(count, given.length);
  const shown = new Set(Array.from({ length }, (_, i) => Math.floor((i * given.length) / length)));
  const found: Found = {};
  const leftOut = ({ row }: { row: number }): boolean => !shown.has(row);
  const read = { ...options, given, limit: given.length };
  const rows: PreviewRow[] = [];
  const say = (item: { row: number; line: number; reason?: string; broken?: boolean }, example?: Example): void => {
    const raw = given[item.row];
    rows.push({
      line: item.line,
      cells: 'value' in raw ? cellTexts(raw.value) : {},
      parts: [],
      ...(item.reason !== undefined && { problem: item.reason, ...(item.broken === false && { unfit: true }) }),
      ...(example && tokenizer && asRead(example, tokenizer)),
    });
  };
  if (tokenizer) {
    const answers = options.answersOptional ? ('optional' as const) : ('required' as const);
    for await (const [, result] of streamExamples(path, tokenizer, { ...read, answers, leftOut }, found))
      say(result, isExample(result) ? result : undefined);
  } else for await (const item of parsedRows(path, read, found)) if (!leftOut(item)) say(item);
  const isUsable = found.format !== undefined && rows.some(isRead);
  const all = { ...Object.fromEntries([...names].map((name) => [name, undefined])), ...readable[0]?.value };
  const suggested = !columns && (!isUsable || isPreference([...names])) ? suggestColumns(all) : undefined;
  return {
    path,
    columns: [...names],
    format: found.format ?? formatsOf(columns ?? {})[0] ?? null,
    suggested: suggested ?? null,
    rows,
  };
}

/** The first rows of a file, which may be all: `count` of them, however large they are. */
async function firstRows(path: string, columns: PreviewOptions['columns'], count: number): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  let read = 0;
  const onProgress = (bytes: number): void => void (read = bytes);
  for await (const raw of readRows(path, { columns, allColumns: true, limit: READ_ROWS, onProgress })) {
    rows.push(raw);
    // Of a packed file fewer bytes are read than its rows have.
    if (rows.length >= count && (raw.at?.end ?? read) > READ_BYTES) break;
  }
  return rows;
}

const isExample = (result: Example | SkippedRow): result is Example => !('reason' in result);

const cellTexts = (row: JsonObject): Record<string, string> =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, cellText(value)]));

function cellText(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}…` : text;
}

/** A row's text in the order of its tokens; a character of several tokens belongs to the last of them. */
function asRead({ ids, labels }: Example, tokenizer: Tokenizer): Pick<PreviewRow, 'parts' | 'tokens' | 'supervised'> {
  const counts = { tokens: ids.length, supervised: supervisedTokens(labels) };
  if (tokenizer.absent) return { parts: [], ...counts };
  const parts: PreviewRow['parts'] = [];
  let written = 0;
  for (let start = 0, end = 0; start < ids.length && written < MAX_TEXT; start = end) {
    const supervised = labels[start] !== NOT_SUPERVISED;
    while (end < ids.length && (labels[end] !== NOT_SUPERVISED) === supervised) end++;
    const text = tokenizer.decode(ids.slice(0, end));
    parts.push({ text: text.slice(written, MAX_TEXT), supervised });
    written = text.length;
  }
  return { parts, ...counts };
}
