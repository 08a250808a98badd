import { HumanError } from '../support/errors.js';
import { sha256File } from '../support/files.js';
import { TooSlow, withTimeLimit } from '../support/timeLimit.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { supervisedTokens } from './conversation.js';
import { SAY_COLUMNS } from './columns.js';
import { checkLength, encodeRow } from './encodeRow.js';
import type { EncodedRow } from './encodeRow.js';
import type { Decision, Decisions } from '../contract/review.js';
import { sum } from '../contract/sum.js';
import {
  collectSkipped,
  parsedRows,
  type Found,
  type ParsedRow,
  type ParseOptions,
  type SkippedRow,
  type SkippedRows,
} from './parsedRows.js';
import { exampleStore } from './exampleList.js';
import type { ExampleList } from './exampleList.js';
import { collectRemarks, type Remark } from './remarks.js';
import type { Scratch } from './scratch.js';
import { InvalidRow, TooLongRow, UnfitRow } from './invalidRow.js';
import { textsIn, type RowContent } from './rowContent.js';
import { meantText, type RowFormat } from './schemas.js';

/** A row as a model sees it. */
export interface Example extends EncodedRow {
  /** From 0, over all rows of the file. */
  row: number;
  /** From 1; for Parquet the number of the row. */
  line: number;
  /** How many lines it takes, where they are more than one. */
  lines?: number;
  label?: 'harmful' | 'benign';
  /** What the row says, named; where `hashed` asked for it. */
  hash?: string;
}

export interface ExampleOptions extends ParseOptions {
  /** Longer rows are skipped (`batch.maxTokens`). */
  maxTokens?: number;
  /** Longer rows are skipped: the model cannot read them. */
  contextLength?: number;
  /**
   * Of longer rows only the tokens are counted: their answers are not looked for, which takes time in the square of
   * their length.
   */
  answersUpTo?: number;
  /** Time that a row may take, ms, besides that for its characters. */
  rowMs?: number;
  /**
   * Throw for the first broken row, with the number of others; rows that only do not fit the model are still just
   * listed.
   */
  strict?: boolean;
  /** `optional`: rows that only ask are examples, with nothing supervised (for sets whose answers are generated). */
  answers?: 'required' | 'optional';
  /** Rows that are left out, whatever is wrong with them; asked once of each. */
  leftOut?: (row: Pick<SkippedRow, 'hash' | 'row'>) => boolean;
}

export interface Examples {
  examples: ExampleList;
  format: RowFormat;
  /** How many rows cannot be used, and the first of them. */
  skippedRows: number;
  skipped: SkippedRow[];
  /** Of those that can be used. */
  remarks: Remark[];
  /** Rows that were left out, and those that are fine whatever they look like, by a review; how many it knows. */
  reviewed: { excluded: number; fine: ReadonlySet<number>; known: number };
  /** Of the file's bytes. */
  sha256: string;
}

export interface LoadOptions extends ExampleOptions {
  /** Where the rows of a large file are kept. */
  scratch: Scratch;
  /** What was decided about the rows; those that are excluded are left out. */
  decisions?: Decisions;
  /** Those are read where they can be, and what is wrong with the others stops nothing. */
  readExcluded?: boolean;
  /** Given each example as it is read. */
  onExample?: (example: Example) => void;
  /** Tokens that stay in memory: about 20 bytes each. */
  tokensInMemory?: number;
}

const TOKENS_IN_MEMORY = 2 ** 21;
/**
 * Characters of a row for each token that it may have, and at least. Longer rows are skipped before they are cut into
 * tokens, which takes much more memory than the text.
 */
const CHARACTERS_PER_TOKEN = 16;
const CHARACTERS_AT_LEAST = 2 ** 16;
const TIME_MS = 5000;
export const TOO_SLOW = 'the row takes too long to tokenize';
/** Of so many rows that take too long more would, too: the template or the tokenizer is damaged or hostile. */
const MOST_SLOW = 3;
const TIME_MS_PER_CHARACTER = 0.1;
const ROWS_AT_ONCE = 32;
const CHARACTERS_AT_ONCE = 2 ** 18;
/** After the first wrong row this many more are checked, so that all can be mended at once. */
const READ_ON = 1000;

/**
 * The rows of a file as examples, in order and in bounded memory: beyond `tokensInMemory` rows are rebuilt from the
 * scratch file when they are read. Rows that cannot be used are counted and listed with line and reason.
 * @throws HumanError for an empty file, one without a usable row (place: file and line of the first problem), and with
 * `strict` for the first row that is wrong, with the number of others among the next thousand.
 */
export async function loadExamples(file: string, tokenizer: Tokenizer, options: LoadOptions): Promise<Examples> {
  const store = exampleStore(
    options.scratch,
    options.tokensInMemory ?? TOKENS_IN_MEMORY,
    (row: ParsedRow) => [...examplesOf([row], sizeOf(row.content), tokenizer, options, file)][0] as Example,
  );
  const skipped = collectSkipped();
  const reviewed = { excluded: 0, fine: new Set<number>(), known: 0 };
  const found: Found = {};
  const remarks = collectRemarks(tokenizer, found);
  const decisionOf = ({ hash = '' }: Pick<SkippedRow, 'hash'>): Decision | undefined => options.decisions?.get(hash);
  const reading = {
    ...options,
    hashed: options.hashed === true || options.decisions !== undefined,
    leftOut(row: Pick<SkippedRow, 'hash'>) {
      const decision = decisionOf(row);
      if (decision) reviewed.known++;
      if (decision === 'exclude') reviewed.excluded++;
      return decision === 'exclude' && !options.readExcluded;
    },
  };
  let wrong: { first: SkippedRow; rows: number; readOn: number } | undefined;
  for await (const [source, result] of streamExamples(file, tokenizer, { ...reading, strict: false }, found)) {
    if (wrong && wrong.readOn++ === READ_ON) break;
    if ('reason' in result) {
      if (options.readExcluded && result.broken && decisionOf(source) === 'exclude') continue;
      skipped.add(result);
      if (!options.strict || !result.broken) continue;
      (wrong ??= { first: result, rows: 0, readOn: 0 }).rows++;
      // Others would take as long, or have no columns that are known either.
      if (result.reason === TOO_SLOW || result.unmapped) break;
    } else if (!wrong) {
      // Rows of another file go on behind the last one that can be used: numbers of others are theirs.
      if (decisionOf(source) === 'fine') reviewed.fine.add(source.row);
      const parsed = source as ParsedRow;
      store.add(result, result.ids.length + result.promptIds.length, parsed);
      options.onExample?.(result);
      remarks.add(parsed, result.ids);
    }
  }
  if (wrong) throw wrongRow(file, wrong.first, { others: wrong.rows - 1, isAll: wrong.readOn <= READ_ON });
  const examples = store.list();
  if (examples.length === 0)
    throw reviewed.excluded > 0 ? nothingLeft(file, reviewed.excluded) : nothingUsable(file, skipped, found);
  return {
    examples,
    format: found.format!,
    skippedRows: skipped.count(),
    skipped: skipped.listed,
    remarks: remarks.list(examples.length, examples.length + skipped.count()),
    reviewed,
    sha256: await sha256File(file),
  };
}

type Source = ParsedRow | SkippedRow;

/** Each row that is not left out, with its example, in order. `found.format` is set before the first. */
export async function* streamExamples(
  file: string,
  tokenizer: Tokenizer,
  options: ExampleOptions = {},
  found: Found = {},
): AsyncGenerator<[Source, Example | SkippedRow]> {
  let waiting: Source[] = [];
  let size = 0;
  let slow = 0;
  const results = function* (): Generator<[Source, Example | SkippedRow]> {
    let i = 0;
    for (const result of examplesOf(waiting, size, tokenizer, options, file)) {
      if ('reason' in result && result.reason === TOO_SLOW && ++slow === MOST_SLOW) throw wrongRow(file, result);
      yield [waiting[i++], result];
    }
    [waiting, size] = [[], 0];
  };
  for await (const item of parsedRows(file, options, found)) {
    if (options.leftOut?.(item)) continue;
    waiting.push(item);
    size += 'reason' in item ? 0 : sizeOf(item.content);
    if (waiting.length >= ROWS_AT_ONCE || size >= CHARACTERS_AT_ONCE) yield* results();
  }
  yield* results();
}

/** Under one time limit, as a limit costs as much as a short row; where it is over, each under its own. */
export function* examplesOf(
  items: (ParsedRow | SkippedRow)[],
  size: number,
  tokenizer: Tokenizer,
  options: ExampleOptions,
  file: string,
): Generator<Example | SkippedRow> {
  const limit = (options.rowMs ?? TIME_MS) + TIME_MS_PER_CHARACTER * size;
  let results: (Example | SkippedRow)[];
  try {
    results = withTimeLimit(limit, TOO_SLOW, file, () =>
      items.map((item) => ('reason' in item ? item : exampleOf(item, tokenizer, options))),
    );
  } catch (error) {
    if (!(error instanceof TooSlow)) throw error;
    if (items.length > 1) {
      for (const item of items)
        yield* examplesOf([item], 'reason' in item ? 0 : sizeOf(item.content), tokenizer, options, file);
      return;
    }
    const [{ row, line }] = items;
    results = [{ row, line, reason: TOO_SLOW, broken: true, tooLong: false }];
  }
  for (const result of results) {
    if (options.strict && 'reason' in result && result.broken) throw wrongRow(file, result);
    yield result;
  }
}

function exampleOf(item: ParsedRow, tokenizer: Tokenizer, options: ExampleOptions): Example | SkippedRow {
  const { row, line, lines, label, hash, content, meant } = item;
  const skip = (reason: string, broken = true): SkippedRow => ({ row, line, reason, broken, tooLong: false });
  if (meant && options.answers !== 'optional') return skip(`the row has no answer${meantText(meant)}`);
  let parts: EncodedRow;
  try {
    checkCharacters(content, options);
    parts = encodeRow(content, tokenizer, { ...options, maxTokens: options.answersUpTo ?? options.maxTokens });
    checkLength(parts.ids.length, options);
  } catch (error) {
    if (error instanceof TooLongRow)
      return {
        ...skip(error.message, false),
        tooLong: true,
        ...(error.tokens !== undefined && { tokens: error.tokens }),
      };
    if (error instanceof InvalidRow) return skip(error.message, !(error instanceof UnfitRow));
    // A template that rejects these messages or a text without tokens is the row's fault; a missing tokenizer is not.
    if (error instanceof HumanError && !tokenizer.absent) return skip(error.message.replace(/\.$/, ''));
    throw error;
  }
  if (options.answers !== 'optional' && supervisedTokens(parts.labels) === 0)
    return skip('no token of the row is supervised');
  return { row, line, ...(lines && { lines }), ...parts, ...(label && { label }), ...(hash && { hash }) };
}

/** An example that does not come from a data file. Its length is not checked. */
export function exampleFrom(content: RowContent, tokenizer: Tokenizer, place: { row: number; line: number }): Example {
  return { ...place, ...encodeRow(content, tokenizer, {}) };
}

/** Longer rows are too long for so many tokens. */
export const charactersFor = (tokens: number): number => Math.max(CHARACTERS_AT_LEAST, CHARACTERS_PER_TOKEN * tokens);

function checkCharacters(
  content: RowContent,
  { maxTokens = Infinity, contextLength = Infinity }: ExampleOptions,
): void {
  const tokens = Math.min(maxTokens, contextLength);
  const most = charactersFor(tokens);
  if (sizeOf(content) > most)
    throw new TooLongRow(`the row has ${sizeOf(content)} characters; at most ${most} are read for ${tokens} tokens`);
}

/** Characters. */
export function sizeOf(content: RowContent): number {
  return content.kind === 'tokens' ? content.ids.length : sum(textsIn(content).map((text) => text.length));
}

function wrongRow(
  file: string,
  { line, reason, unmapped }: SkippedRow,
  { others, isAll } = { others: 0, isAll: true },
): HumanError {
  const more = ` and ${isAll ? '' : 'at least '}${others} more: the Data view, or "inspect FILE", lists those that no model can use`;
  return new HumanError(`${reason}.`, {
    place: `${file}:${line}`,
    remedy: unmapped ? SAY_COLUMNS : `Correct or remove this row${others > 0 ? more : ''}.`,
  });
}

export function nothingLeft(file: string, excluded: number): HumanError {
  return new HumanError(`no row is left: ${excluded} are excluded by the review.`, {
    place: file,
    remedy: 'Review them again, or remove "exclude" from the recipe (of scan: leave out --reviewed).',
  });
}

export function nothingUsable(file: string, skipped: SkippedRows, { format, unmapped }: Found): HumanError {
  const first = skipped.listed[0];
  if (!first) return new HumanError('the data set is empty.', { place: file, remedy: 'Put at least one row into it.' });
  // How many there are is not known where the file could not be read to its end.
  const all = skipped.count() === 1 ? 'its only row cannot be used' : 'none of its rows can be used; the first';
  return new HumanError(`${all}: ${first.reason}.`, {
    place: `${file}:${first.line}`,
    remedy: first.tooLong
      ? 'Shorten the rows, or raise "maxTokens" (up to the model’s context).'
      : !format && unmapped
        ? SAY_COLUMNS
        : 'Correct the row; docs/data.md lists the row formats.',
    ...(!format && unmapped && { code: 'columns' as const }),
  });
}
