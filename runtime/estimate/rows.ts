import { batchPlan, plannedSteps, stepsIn, type Batch } from '../recipes/training/steps.js';
import { askedBy, questionOf } from '../data/askedBy.js';
import { nothingLeft, nothingUsable, streamExamples, type Example } from '../data/examples.js';
import { readReview } from '../data/readReview.js';
import { collectSkipped, type Found, type SkippedRow } from '../data/parsedRows.js';
import type { Piecewise } from '../device/devices.js';
import { cutOfSizes, limitsOf, piecesOf, type PieceLimits, type Pieces } from '../learner/cut.js';
import { batchesOf, evenBatches, supervised } from '../learner/packing.js';
import type { BrokenRows } from '../contract/estimate.js';
import type { DataSource } from '../contract/recipeData.js';
import type { Decisions } from '../contract/review.js';
import type { BatchSize } from '../contract/recipeTraining.js';
import { sum } from '../contract/sum.js';
import type { HumanError } from '../support/errors.js';
import { madeOnce } from '../support/fileStamp.js';
import { keysDim } from '../models/decoder/attentionBlocks.js';
import { FRONT } from '../models/decoder/causalBlocks.js';
import { windowsOf, type DecoderSpec } from '../models/decoder/spec.js';
import type { Tokenizer } from '../models/text/tokenizer.js';
import type { Dims } from '../onnx/cost.js';
import { longestRow } from './longestRow.js';

/** Sizes of a row, tokens. */
export interface RowSize {
  readonly tokens: number;
  readonly supervised: number;
  /** Of its prompt, where it is to be answered. */
  readonly prompt: number;
}

export interface RowSizes {
  /** Of the first rows of the file. */
  readonly sizes: readonly RowSize[];
  /** How many the file has; where it was not read to its end, by the bytes that were read. */
  readonly rows: number;
  /** Tokens of the longest row of the whole file, where it was asked for. */
  readonly longest?: number;
  /** The file has rows that were not read. */
  readonly isPart?: true;
  /** The share of them that asks what no row before them asks. */
  readonly asking?: number;
  /** The same, system messages aside. */
  readonly questions?: number;
  /** Rows at which a run stops. */
  readonly broken?: Omit<BrokenRows, 'file'>;
  /** Why no row of a file can be used. */
  readonly fault?: HumanError;
}

export const sizeOf = ({ ids, labels, promptIds }: Example): RowSize => ({
  tokens: ids.length,
  supervised: supervised(labels).length,
  prompt: promptIds.length,
});

/** Rows that are cut into tokens, to know what batches look like: chosen, not measured. */
const READ = 2000;

type Source = Pick<DataSource, 'format' | 'columns' | 'limit'> & Partial<Pick<DataSource, 'exclude'>>;
interface Reading {
  maxTokens: number;
  /** The model's, where `maxTokens` may be less. */
  contextLength?: number;
  /** The rows are learned: the file is read to its end for the longest one, and those without an answer are broken. */
  longest?: boolean;
  signal?: AbortSignal;
  /** Bytes read so far, and of the whole file. */
  onProgress?: (bytes: number, total: number) => void;
}

/** Of sixteen files, as an estimate is asked for at every change of a recipe. */
const keptSizes = madeOnce<RowSizes>(16);

/**
 * Sizes of the rows of a data file, without those that a review leaves out, read once as long as both are the same.
 * Rows that do not fit, and a review that is not there, are not told here: the run does.
 * @throws HumanError for a file that cannot be read at all
 */
export async function rowSizes(
  file: string,
  { format, columns, limit, exclude }: Source,
  tokenizer: Tokenizer,
  { maxTokens, contextLength = maxTokens, longest = false, ...hooks }: Reading,
): Promise<RowSizes> {
  const source = { format, columns, limit };
  const review = exclude === 'reviewed' ? await readReview(file).catch(() => undefined) : undefined;
  return keptSizes(tokenizer, [file], [source, maxTokens, contextLength, longest, review?.sha256], () =>
    readSizes(file, { ...source, decisions: review?.decisions }, tokenizer, {
      maxTokens,
      contextLength,
      longest,
      ...hooks,
    }),
  );
}

async function readSizes(
  file: string,
  { decisions, ...source }: Omit<Source, 'exclude'> & { decisions: Decisions | undefined },
  tokenizer: Tokenizer,
  { maxTokens, contextLength, longest: isAsked, signal, onProgress }: Reading,
): Promise<RowSizes> {
  const sizes: RowSize[] = [];
  const [asked, questioned] = [new Set<string>(), new Set<string>()];
  let read = { bytes: 0, total: 1 };
  let isPart = false;
  /** Rows that have the form of one; some of them may not fit. */
  let formed = 0;
  const skipped = collectSkipped();
  let broken: RowSizes['broken'];
  const stopsAt = ({ line, reason }: SkippedRow): void => {
    broken = { ...(broken ?? { line, reason }), rows: 1 + (broken?.rows ?? 0) };
  };
  let last = 0;
  let excluded = 0;
  const leaving = decisions && {
    hashed: true,
    leftOut({ hash = '' }: { hash?: string }): boolean {
      const isOut = decisions.get(hash) === 'exclude';
      if (isOut) excluded++;
      return isOut;
    },
  };
  const found: Found = {};
  const options = {
    ...source,
    ...leaving,
    maxTokens,
    contextLength,
    answers: isAsked ? ('required' as const) : ('optional' as const),
    onProgress: (bytes: number, total: number): void => {
      // what is read on only tells whether there are more rows
      if (sizes.length < READ) read = { bytes, total };
      onProgress?.(bytes, total);
    },
  };
  for await (const [parsed, row] of streamExamples(file, tokenizer, options, found)) {
    signal?.throwIfAborted();
    if (sizes.length === READ) {
      isPart = true;
      break;
    }
    last = parsed.row;
    if (!('reason' in parsed)) formed++;
    if ('reason' in row) {
      skipped.add(row);
      if (row.broken) stopsAt(row);
    } else {
      asked.add(askedBy(row));
      questioned.add(questionOf(row));
      sizes.push(sizeOf(row));
    }
  }
  if (sizes.length === 0) {
    const fault = excluded > 0 ? nothingLeft(file, excluded) : nothingUsable(file, skipped, found);
    return { sizes, rows: 0, fault };
  }
  const [asking, questions] = [asked, questioned].map(({ size }) => size / Math.max(1, sizes.length));
  let longest = sizes.reduce((most, { tokens }) => Math.max(most, tokens), 0);
  if (!isPart)
    return { sizes, rows: sizes.length, asking, questions, ...(isAsked && { longest }), ...(broken && { broken }) };
  let all = Math.round((sizes.length * read.total) / Math.max(1, read.bytes));
  if (isAsked) {
    const onBroken = (row: SkippedRow): void => (row.row > last ? stopsAt(row) : undefined);
    const whole = await longestRow(file, tokenizer, { ...source, ...leaving, maxTokens, signal, onProgress, onBroken });
    longest = Math.max(longest, whole.longest);
    all = Math.round((sizes.length * whole.rows) / formed);
  } else if (broken) broken = { ...broken, read: sizes.length + skipped.count() };
  const rows = Math.min(source.limit ?? Infinity, Math.max(all, sizes.length));
  return { sizes, rows, asking, questions, isPart: true, ...(isAsked && { longest }), ...(broken && { broken }) };
}

/** A micro-batch as the dims of its graph, and its tokens that are no padding. */
export interface MicroBatch {
  readonly dims: Dims;
  readonly useful: number;
  readonly distill: boolean;
  readonly pieces: Pieces;
}

export interface BatchSizes {
  readonly rows: number;
  /** Tokens of the longest row. */
  readonly longest: number;
  /** Positions with a label, and with a teacher. */
  readonly labels: number;
  readonly held: number;
}

/** How batches are cut: logits of each position, and when; and the windows of the layers. */
export interface Cutting {
  readonly vocabSize: number;
  readonly limits: PieceLimits;
  readonly windows: readonly number[];
}

/** @param trainsHead whether the head is trained; @param pieces how the device computes them */
export const cuttingOf = (spec: DecoderSpec, trainsHead: boolean, pieces: Piecewise): Cutting => ({
  vocabSize: spec.vocabSize,
  limits: limitsOf(spec, trainsHead, pieces),
  windows: windowsOf(spec),
});

/** What blocks of Q queries meet, in the mean. @param before keys before each of them */
function keysOf(before: readonly number[], Q: number, windows: readonly number[]): Dims {
  const mean = (window = Infinity): number => sum(before.map((keys) => Math.min(keys, window - 1))) / before.length;
  const through = windows.map((window) => [keysDim(window), mean(window) + Q]);
  return { I: FRONT + mean(), [keysDim()]: mean() + Q, ...Object.fromEntries(through) };
}

/** The same dims with the keys of the last block, which meets most. */
export const atLastBlock = (dims: Dims, windows: readonly number[]): Dims =>
  dims.Q === undefined ? dims : { ...dims, ...keysOf([dims.T - dims.Q], dims.Q, windows) };

/** The dims of a batch, as learner/packing.ts packs it. */
export function dimsOf(sizes: BatchSizes, cutting: Cutting): Pick<MicroBatch, 'dims' | 'distill' | 'pieces'> {
  const { rows: B, longest, labels, held } = sizes;
  const cut = cutOfSizes(sizes, cutting.vocabSize, cutting.limits);
  const { blocks: N = 1, chunks: { labels: X, held: Y } = { labels: 1, held: 1 } } = cut;
  const Q = Math.ceil(longest / N);
  const T = N * Q;
  const before = Array.from({ length: N }, (_, block) => block * Q);
  const keys = keysOf(before, Q, cutting.windows);
  const dims = { B, T, N, Q, W: FRONT + T, ...keys, X, Y, L: Math.ceil(labels / X), M: Math.ceil(held / Y) };
  return { dims, distill: held > 0, pieces: piecesOf(cut) };
}

interface PlannedRow {
  readonly ids: readonly number[];
  readonly example: { readonly ids: readonly number[] };
  readonly size: RowSize;
  readonly teacher: boolean;
}
function planned(size: RowSize, teacher: boolean): PlannedRow {
  const ids = new Array<number>(size.tokens);
  return { ids, example: { ids }, size, teacher };
}

export interface StepPlan {
  readonly steps: number;
  /** Micro-batches of some steps, as training makes them. */
  readonly sampled: readonly (readonly MicroBatch[])[];
  /** Micro-batches of a step that has the longest rows. */
  readonly longest: readonly MicroBatch[];
}

/** Steps whose batches are looked at: chosen, not measured. */
const STEPS = 64;

/**
 * The batches of a training on rows like these.
 * @param held rows with a teacher in each step, in the mean, or with `perBatch`, in each micro-batch; `longest` is of
 * them, where it is known
 */
export function stepPlan(
  recipe: { epochs?: number; steps?: number; batch: Batch; seed: number },
  data: RowSizes,
  held: { readonly rows: number; readonly size: RowSize; readonly longest?: RowSize; readonly perBatch: boolean },
  cutting: Cutting,
): StepPlan {
  const list = data.sizes.map((size) => planned(size, false));
  /** Of a half each other step has one. */
  const teachers = (i: number, first = held.size): PlannedRow[] =>
    Array.from({ length: Math.ceil((i + 1) * held.rows) - Math.ceil(i * held.rows) }, (_, n) =>
      planned(n === 0 ? first : held.size, true),
    );
  const { tokens } = recipe.batch;
  const batchAt = batchPlan(list, { ...recipe.batch, seed: recipe.seed });
  const perEpoch = plannedSteps({ epochs: 1, batch: recipe.batch }, list);
  const batchesIn = (batches: readonly (readonly PlannedRow[])[], i: number, first?: RowSize): MicroBatch[] =>
    batches
      .map((batch, at) => [...batch, ...(held.perBatch || at === 0 ? teachers(i, first) : [])])
      .flatMap((batch) => batchesOf(batch, { tokens }))
      .map((batch) => microBatch(batch, cutting));
  const sampled = Array.from({ length: Math.min(STEPS, perEpoch) }, (_, i) =>
    batchesIn(batchAt(1 + Math.floor((i * perEpoch) / Math.min(STEPS, perEpoch))), i),
  );
  // Of the rows that are trained on, which are not those that were read, as the run counts them.
  const read = sum(data.sizes.map((size) => size.tokens));
  const amount = { rows: data.rows, tokens: (read * data.rows) / list.length };
  const steps = recipe.steps ?? stepsIn(recipe.epochs!, amount, recipe.batch);
  return { steps, sampled, longest: batchesIn([longestFirst(withLongest(data), recipe.batch)], 0, held.longest) };
}

/**
 * The rows that were read, and the longest of the file where it is longer: what it has more is taken to be its answer.
 */
export function withLongest({ sizes, longest = 0 }: RowSizes): readonly RowSize[] {
  const most = longestOf(sizes);
  const more = longest - most.tokens;
  return more > 0 ? [...sizes, { ...most, tokens: longest, supervised: most.supervised + more }] : sizes;
}

/** Tokens of the longest row of the whole file, as far as it is known. */
export const longestIn = ({ sizes, longest = 0 }: RowSizes): number =>
  sizes.reduce((most, { tokens }) => Math.max(most, tokens), longest);

export const longestOf = (sizes: readonly RowSize[]): RowSize => sizes.reduce((a, b) => (b.tokens > a.tokens ? b : a));

/** The longest rows, as many as a batch has. */
function longestFirst(sizes: readonly RowSize[], { rows, tokens }: Batch): readonly PlannedRow[] {
  const sorted = [...sizes].sort((a, b) => b.tokens - a.tokens).map((size) => planned(size, false));
  return tokens === undefined ? sorted.slice(0, rows) : evenBatches(sorted, tokens)[0];
}

/** Rows that are measured while training, in its micro-batches. */
export const probeBatches = (sizes: readonly RowSize[], batch: BatchSize, cutting: Cutting): MicroBatch[] =>
  batchesOf(
    sizes.map((size) => planned(size, false)),
    batch,
  ).map((rows) => microBatch(rows, cutting));

function microBatch(batch: readonly PlannedRow[], cutting: Cutting): MicroBatch {
  const count = (held: boolean): number =>
    sum(batch.map(({ size, teacher }) => (teacher === held ? size.supervised : 0)));
  const longest = Math.max(...batch.map(({ size }) => size.tokens));
  return {
    ...dimsOf({ rows: batch.length, longest, labels: count(false), held: count(true) }, cutting),
    useful: sum(batch.map(({ size }) => size.tokens)),
  };
}

const meanOf = (sizes: readonly RowSize[], part: keyof RowSize): number =>
  Math.round(sum(sizes.map((row) => row[part])) / Math.max(1, sizes.length));

export const meanSize = (sizes: readonly RowSize[]): RowSize => ({
  tokens: Math.max(2, meanOf(sizes, 'tokens')),
  supervised: Math.max(1, meanOf(sizes, 'supervised')),
  prompt: Math.max(1, meanOf(sizes, 'prompt')),
});
