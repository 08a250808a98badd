import { createHash } from 'node:crypto';
import type { DataInfo, FoundRows } from '../contract/dataInfo.js';
import type { DataFormat } from '../contract/recipeWords.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { nothingUsable, sizeOf, streamExamples, type Example, type ExampleOptions } from './examples.js';
import { collectSkipped, parsedRows, type Found, type ParsedRow, type SkippedRow } from './parsedRows.js';
import type { RowOptions } from './rows.js';
import { isAnswered, type RowContent } from './rowContent.js';

export interface InspectOptions extends RowOptions {
  format?: DataFormat;
  /** Counts tokens, too. */
  tokenizer?: Tokenizer;
  /** Longer rows are counted as too long. */
  maxTokens?: number;
  rowMs?: ExampleOptions['rowMs'];
}

/** Lines that are listed; all are counted. */
const LISTED = 1000;
/** Rows with more are too long for any model, and not cut into tokens to the end. */
const MOST_TOKENS = 2 ** 16;
/** Rows that are compared with each other, in a table of 16 MB. */
const COMPARED = 1_000_000;

/**
 * What a file holds: format, rows, labels, rows that no model could use, repeated ones, and with a tokenizer their
 * tokens.
 */
export async function inspectData(file: string, options: InspectOptions = {}): Promise<DataInfo> {
  const { tokenizer, maxTokens = Infinity } = options;
  const found: Found = {};
  const labels = { harmful: 0, benign: 0 };
  const skipped = collectSkipped();
  const longest = { line: 0, characters: -1 };
  const same = repeated();
  const unanswered = none();
  const unreadLabels = none();
  const tokens = { total: 0, longest: { line: 0, tokens: -1 }, tooLong: none(), limit: maxTokens };
  let rows = 0;
  for await (const [item, result] of sources(file, options, found)) {
    if ('reason' in item) {
      skipped.add(item);
      continue;
    }
    const { line, label, unreadLabel, content } = item;
    if (result && 'reason' in result && result.broken) {
      skipped.add(result);
      continue;
    }
    if (result) {
      const count = 'reason' in result ? (result.tokens ?? 0) : result.ids.length;
      tokens.total += count;
      if (count > tokens.longest.tokens) Object.assign(tokens.longest, { line, tokens: count });
      if (count > maxTokens || ('reason' in result && result.tooLong)) add(tokens.tooLong, line);
    }
    rows++;
    if (label) labels[label]++;
    if (unreadLabel !== undefined) add(unreadLabels, line);
    const characters = sizeOf(content);
    if (characters > longest.characters) Object.assign(longest, { line, characters });
    if (!isAnswered(content)) add(unanswered, line);
    if (same.has(content)) add(same.found, line);
  }
  if (!found.format || rows === 0) throw nothingUsable(file, skipped, found);
  const unreadColumns = found.unread?.columns() ?? [];
  return {
    path: file,
    format: found.format,
    rows: rows + skipped.count(),
    labels,
    ...(unreadLabels.count > 0 && { unreadLabels }),
    ...(unreadColumns.length > 0 && { unreadColumns }),
    refusedRows: skipped.count(),
    refused: skipped.listed.map(({ line, reason }) => ({ line, reason })),
    longest,
    ...(unanswered.count > 0 && { unanswered }),
    duplicates: same.found,
    ...(tokenizer && { tokens }),
  };
}

/**
 * Each row and, where there is a tokenizer, its tokens. Rows that only ask are right here: a file may be a set of
 * prompts.
 */
async function* sources(
  file: string,
  { tokenizer, maxTokens, ...options }: InspectOptions,
  found: Found,
): AsyncGenerator<[ParsedRow | SkippedRow, (Example | SkippedRow)?]> {
  const reading = { ...options, contextLength: MOST_TOKENS, answersUpTo: maxTokens, answers: 'optional' as const };
  if (tokenizer) yield* streamExamples(file, tokenizer, reading, found);
  else for await (const item of parsedRows(file, options, found)) yield [item];
}

const none = (): FoundRows => ({ count: 0, lines: [] });

function add(found: FoundRows, line: number): void {
  if (found.count++ < LISTED) found.lines.push(line);
}

function repeated(): { has(content: RowContent): boolean; found: FoundRows } {
  const table = new Float64Array(2 ** 21);
  let rows = 0;
  return {
    found: none(),
    has(content) {
      // 48 bits: among a million rows, two different ones are taken for equal once in 500 files. 0 is an empty place.
      const key = 1 + createHash('sha256').update(JSON.stringify(content)).digest().readUIntBE(0, 6);
      let at = key % table.length;
      while (table[at] !== 0 && table[at] !== key) at = (at + 1) % table.length;
      if (table[at] === key) return true;
      if (rows++ < COMPARED) table[at] = key;
      return false;
    },
  };
}
