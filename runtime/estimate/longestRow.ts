import { charactersFor, examplesOf, sizeOf, TOO_SLOW, type ExampleOptions } from '../data/examples.js';
import { parsedRows, type ParsedRow, type SkippedRow } from '../data/parsedRows.js';
import { isAnswered } from '../data/rowContent.js';
import type { DataSource } from '../contract/recipeData.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import { nextTurn } from '../support/errors.js';

/**
 * Rows that are cut into tokens: those of the most characters, which need not be those of the most tokens. How many is
 * chosen, not measured.
 */
const PLACES = 16;

interface LongestOptions
  extends Pick<DataSource, 'format' | 'columns' | 'limit'>, Pick<ExampleOptions, 'rowMs' | 'hashed' | 'leftOut'> {
  /** Longer rows do not count. */
  maxTokens: number;
  /** Given each row that has not the form of one, or no answer. */
  onBroken?: (row: SkippedRow) => void;
  signal?: AbortSignal;
  /** Bytes read so far, and of the whole file. */
  onProgress?: (bytes: number, total: number) => void;
}

/**
 * Tokens of the longest row of a file: it is read to its end, but only the longest rows in characters are cut into
 * tokens. Where all of these are too long, others may be nearly so: `maxTokens`, as where one takes too long to be cut.
 * 0 where none can be used.
 * @returns how many rows have the form of one, too, however long they are
 */
export async function longestRow(
  file: string,
  tokenizer: Tokenizer,
  { maxTokens, rowMs, signal, onBroken, leftOut, ...reading }: LongestOptions,
): Promise<{ longest: number; rows: number }> {
  const most = charactersFor(maxTokens);
  /** In descending order; without the row where it is too long by its characters alone. */
  const places: { size: number; row?: ParsedRow }[] = [];
  let rows = 0;
  for await (const row of parsedRows(file, reading, {})) {
    signal?.throwIfAborted();
    if (leftOut?.(row)) continue;
    if ('reason' in row) {
      onBroken?.(row);
      continue;
    }
    rows++;
    if (!isAnswered(row.content)) {
      onBroken?.({ ...row, reason: 'the row has no answer', broken: true, tooLong: false });
      continue;
    }
    const size = sizeOf(row.content);
    if (places.length === PLACES && size <= places.at(-1)!.size) continue;
    const at = places.findIndex((place) => place.size < size);
    places.splice(at < 0 ? places.length : at, 0, { size, ...(size <= most && { row }) });
    if (places.length > PLACES) places.pop();
  }
  const options = { maxTokens, contextLength: maxTokens, rowMs, answers: 'required' as const };
  let [longest, tooLong] = [0, 0];
  for (const { size, row } of places) {
    await nextTurn(signal);
    const [result] = row ? examplesOf([row], size, tokenizer, options, file) : [];
    // Others would, too.
    if (result && 'reason' in result && result.reason === TOO_SLOW) return { longest: maxTokens, rows };
    if (!result || ('reason' in result && result.tooLong)) tooLong++;
    else if (!('reason' in result)) longest = Math.max(longest, result.ids.length);
  }
  return { longest: tooLong === PLACES ? maxTokens : longest, rows };
}
