import { HumanError } from '../support/errors.js';
import { sha256File } from '../support/files.js';
import { withTimeLimit } from '../support/timeLimit.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { ChatMessage, DataFormat, DataInfo } from '../contract/protocol.js';
import { supervisedTokens } from './conversation.js';
import { checkIds, checkLength, encodeSample } from './encodeSample.js';
import type { EncodedSample } from './encodeSample.js';
import { readRows } from './rows.js';
import type { RowOptions } from './rows.js';
import { exampleStore } from './exampleList.js';
import type { ExampleList } from './exampleList.js';
import type { Scratch } from './scratch.js';
import { formatOf, labelOf, readSample, RefusedRow, TooLongRow, UnfitRow, unknownFields } from './schemas.js';
import type { RowFormat, Sample } from './schemas.js';

/** A row as a model sees it. */
export interface Example {
  /** From 0, over all rows of the file. */
  row: number;
  /** From 1; for Parquet the number of the row. */
  line: number;
  ids: number[];
  /** Unshifted: `labels[t]` is `ids[t]`, or −100 where it is not supervised. `logits[t]` predicts `labels[t + 1]`. */
  labels: number[];
  label?: 'harmful' | 'benign';
  /** Messages before the last answer; only for conversations. */
  prompt?: ChatMessage[];
  /** Tokens up to the last answer, with the generation prompt. Empty for `text`. */
  promptIds: number[];
  promptText: string;
  /** The last answer; '' for rows that only ask. */
  answer: string;
}

export interface RefusedExample {
  row: number;
  line: number;
  reason: string;
  /** The row itself is wrong; else it only does not fit this model (too long, or its answer cannot be told apart). */
  broken: boolean;
  tooLong: boolean;
}

export interface ExampleOptions extends RowOptions {
  format?: DataFormat;
  /** Longer rows are refused (`batch.maxTokens`). */
  maxTokens?: number;
  /** Longer rows are refused: the model cannot read them. */
  contextLength?: number;
  /** Throw at the first broken row; rows that only do not fit the model are still just listed. */
  strict?: boolean;
  /** `optional`: rows that only ask are examples, with nothing supervised (for sets whose answers are generated). */
  answers?: 'required' | 'optional';
}

export interface Examples {
  examples: ExampleList;
  format: RowFormat;
  /** How many rows cannot be used, and the first of them. */
  refusedRows: number;
  refused: RefusedExample[];
  /** Of the file's bytes. */
  sha256: string;
}

export interface LoadOptions extends ExampleOptions {
  /** Where the rows of a large file rest. */
  scratch: Scratch;
  /** Tokens that stay in memory: about 20 bytes each. */
  tokensInMemory?: number;
}

const TOKENS_IN_MEMORY = 2 ** 21;
/** Refused rows that are listed; all are counted. */
const LISTED = 10_000;
/**
 * Characters of a row for each token that it may have, and at least. Longer rows are refused before they are cut into
 * tokens, which takes much more memory than the text.
 */
const CHARACTERS_PER_TOKEN = 16;
const CHARACTERS_AT_LEAST = 2 ** 16;
const TIME_MS = 5000;
const TIME_MS_PER_CHARACTER = 0.1;
const ROWS_AT_ONCE = 32;
const CHARACTERS_AT_ONCE = 2 ** 18;

/**
 * The rows of a file as examples, in order and in bounded memory: beyond `tokensInMemory` rows are made again from the
 * scratch file when they are asked for. Rows that cannot be used are counted and listed with line and reason.
 * @throws HumanError for an empty file, one without a usable row (place: file and line of the first problem), and with
 * `strict` for the first row that is wrong.
 */
export async function loadExamples(file: string, tokenizer: Tokenizer, options: LoadOptions): Promise<Examples> {
  const store = exampleStore(
    options.scratch,
    options.tokensInMemory ?? TOKENS_IN_MEMORY,
    (row: SampleRow) => [...examplesOf([row], sizeOf(row.sample), tokenizer, options, file)][0] as Example,
  );
  const refused = refusals();
  const found: { format?: RowFormat } = {};
  for await (const [source, result] of streamExamples(file, tokenizer, options, found)) {
    if ('reason' in result) refused.add(result);
    else store.add(result, result.ids.length + result.promptIds.length, source as SampleRow);
  }
  const examples = store.list();
  if (examples.length === 0) throw nothingUsable(file, refused);
  return {
    examples,
    format: found.format!,
    refusedRows: refused.count(),
    refused: refused.listed,
    sha256: await sha256File(file),
  };
}

type Source = SampleRow | RefusedExample;

/** Each row with its example, in order. `found.format` is set before the first. */
export async function* streamExamples(
  file: string,
  tokenizer: Tokenizer,
  options: ExampleOptions = {},
  found: { format?: RowFormat } = {},
): AsyncGenerator<[Source, Example | RefusedExample]> {
  let waiting: Source[] = [];
  let size = 0;
  const results = function* (): Generator<[Source, Example | RefusedExample]> {
    let i = 0;
    for (const result of examplesOf(waiting, size, tokenizer, options, file)) yield [waiting[i++]!, result];
    [waiting, size] = [[], 0];
  };
  for await (const item of samples(file, options, found)) {
    waiting.push(item);
    size += 'reason' in item ? 0 : sizeOf(item.sample);
    if (waiting.length >= ROWS_AT_ONCE || size >= CHARACTERS_AT_ONCE) yield* results();
  }
  yield* results();
}

/** What a file holds, without a model: format, rows, labels, and rows that no model could use. */
export async function inspectData(file: string, options: RowOptions & { format?: DataFormat } = {}): Promise<DataInfo> {
  const found: { format?: RowFormat } = {};
  const labels = { harmful: 0, benign: 0 };
  const refused = refusals();
  let rows = 0;
  for await (const item of samples(file, options, found)) {
    if ('reason' in item) {
      refused.add(item);
      continue;
    }
    rows++;
    if (item.label) labels[item.label]++;
  }
  if (!found.format || rows === 0) throw nothingUsable(file, refused);
  return {
    path: file,
    format: found.format,
    rows: rows + refused.count(),
    labels,
    refusedRows: refused.count(),
    refused: refused.listed.map(({ line, reason }) => ({ line, reason })),
  };
}

interface Refusals {
  add(row: RefusedExample): void;
  count(): number;
  /** The first ones. */
  readonly listed: RefusedExample[];
}

function refusals(): Refusals {
  const listed: RefusedExample[] = [];
  let count = 0;
  return {
    add(row) {
      if (count++ < LISTED) listed.push(row);
    },
    count: () => count,
    listed,
  };
}

interface SampleRow {
  row: number;
  line: number;
  label?: 'harmful' | 'benign';
  sample: Sample;
}

/** Rows read by their format: the given one, or the one of the first row that has a known one. */
async function* samples(
  file: string,
  options: RowOptions & { format?: DataFormat },
  found: { format?: RowFormat },
): AsyncGenerator<SampleRow | RefusedExample> {
  if (options.format && options.format !== 'auto') found.format = options.format;
  for await (const raw of readRows(file, options)) {
    const { row, line } = raw;
    const refuse = (reason: string): RefusedExample => ({ row, line, reason, broken: true, tooLong: false });
    if ('refused' in raw) {
      yield refuse(raw.refused);
      continue;
    }
    found.format ??= formatOf(raw.value);
    if (!found.format) {
      yield refuse(unknownFields(raw.value));
      continue;
    }
    try {
      yield { row, line, label: labelOf(raw.value), sample: readSample(raw.value, found.format) };
    } catch (error) {
      if (!(error instanceof RefusedRow)) throw error;
      yield refuse(`${error.message} (format "${found.format}")`);
    }
  }
}

/** Under one time limit, as a limit costs as much as a short row. */
function* examplesOf(
  items: (SampleRow | RefusedExample)[],
  size: number,
  tokenizer: Tokenizer,
  options: ExampleOptions,
  file: string,
): Generator<Example | RefusedExample> {
  let at = 0;
  const place = (): string => `${file}:${items[at]!.line}`;
  const results = withTimeLimit(TIME_MS + TIME_MS_PER_CHARACTER * size, 'this row does not become tokens.', place, () =>
    items.map((item, i) => {
      at = i;
      return 'reason' in item ? item : exampleOf(item, tokenizer, options);
    }),
  );
  for (const result of results) {
    if (options.strict && 'reason' in result && result.broken) throw wrongRow(file, result);
    yield result;
  }
}

function exampleOf(item: SampleRow, tokenizer: Tokenizer, options: ExampleOptions): Example | RefusedExample {
  const { row, line, label, sample } = item;
  const refuse = (reason: string, broken = true, tooLong = false): RefusedExample => ({
    row,
    line,
    reason,
    broken,
    tooLong,
  });
  let parts: EncodedSample;
  try {
    checkCharacters(sample, options);
    parts = encodeSample(sample, tokenizer, options);
    checkIds(parts, tokenizer.modelVocabSize ?? tokenizer.vocabSize);
    checkLength(parts.ids.length, options);
  } catch (error) {
    if (error instanceof RefusedRow)
      return refuse(error.message, !(error instanceof UnfitRow), error instanceof TooLongRow);
    // A template that refuses these messages, a text without tokens: the row's fault; that there is no tokenizer is not.
    if (error instanceof HumanError && !tokenizer.absent) return refuse(error.message.replace(/\.$/, ''));
    throw error;
  }
  if (options.answers !== 'optional' && supervisedTokens(parts.labels) === 0)
    return refuse('no token of the row is supervised');
  return { row, line, ...parts, ...(label ? { label } : {}) };
}

/** An example of a conversation or a prompt with its completion that stands in no data file. Its length is not checked. */
export function exampleFrom(sample: Sample, tokenizer: Tokenizer, place: { row: number; line: number }): Example {
  return { ...place, ...encodeSample(sample, tokenizer, {}) };
}

function checkCharacters(sample: Sample, { maxTokens = Infinity, contextLength = Infinity }: ExampleOptions): void {
  const tokens = Math.min(maxTokens, contextLength);
  const most = Math.max(CHARACTERS_AT_LEAST, CHARACTERS_PER_TOKEN * tokens);
  if (sizeOf(sample) > most)
    throw new TooLongRow(`the row has ${sizeOf(sample)} characters; at most ${most} are read for ${tokens} tokens`);
}

/** Characters. */
function sizeOf(sample: Sample): number {
  if (sample.kind === 'chat') return sample.messages.reduce((sum, { content }) => sum + content.length, 0);
  if (sample.kind === 'completion') return sample.prompt.length + (sample.completion?.length ?? 0);
  return sample.kind === 'text' ? sample.text.length : sample.ids.length;
}

function wrongRow(file: string, { line, reason }: RefusedExample): HumanError {
  return new HumanError(`${reason}.`, { place: `${file}:${line}`, remedy: 'Correct or remove this row.' });
}

function nothingUsable(file: string, refused: Refusals): HumanError {
  const first = refused.listed[0];
  if (!first) return new HumanError('the data set is empty.', { place: file, remedy: 'Put at least one row into it.' });
  const all =
    refused.count() === 1
      ? 'its only row cannot be used'
      : `none of its ${refused.count()} rows can be used; the first`;
  return new HumanError(`${all}: ${first.reason}.`, {
    place: `${file}:${first.line}`,
    remedy: first.tooLong
      ? 'Shorten the rows, or raise "maxTokens" (up to the model’s context).'
      : 'Correct the row; README.md lists the row formats.',
  });
}
