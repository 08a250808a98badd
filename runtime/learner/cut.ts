import { sum } from '../contract/sum.js';
import type { Piecewise } from '../device/devices.js';
import { embeddingSize, type DecoderSpec } from '../models/decoder/spec.js';
import { supervised, type TrainingRow } from './packing.js';

/**
 * How large a piece of a batch may be: what is larger is computed piece by piece, and computed again in the backward
 * pass.
 */
export interface PieceLimits {
  /** Positions of a row whose attention scores are alive together, at most. */
  readonly queries: number;
  /**
   * Scores of one head that are alive together, where there are fewer of such positions for it: queries · keys, of all
   * rows.
   */
  readonly scores: number;
  /** Logits that may be alive together as they are: positions · V. */
  readonly whole: number;
  /** Positions of a chunk of more logits than that: fewer are slow, since each chunk reads the whole head. */
  readonly positions: number;
  /** Logits of such a chunk, at most. */
  readonly logits: number;
  /** Numbers of pieces are powers of two: a device without Scans loads a graph for each number. */
  readonly doubled?: boolean;
}

/**
 * Scores of 20 MiB, over all heads: memory of 32 MiB and more is asked of the system again for each operator, which
 * takes as long as to compute it.
 */
const SCORES = 5 * 2 ** 20;
/** Fewer queries at once are slow products. */
const FEWEST_QUERIES = 32;

/**
 * Logits of 64 MiB stay whole, others go in chunks of at most as many; their softmax and gradient take as much again.
 */
export const PIECE_LIMITS: PieceLimits = {
  queries: 128,
  scores: SCORES,
  whole: 2 ** 24,
  positions: 128,
  logits: 2 ** 24,
};
/** How much larger pieces are where a graph has the nodes of each. */
const LARGE = 4;
const WHOLE: PieceLimits = {
  queries: Infinity,
  scores: Infinity,
  whole: Infinity,
  positions: Infinity,
  logits: Infinity,
};

/**
 * Limits for a model whose head is trained or not, and how the device computes pieces. Chunks of a trained head add up
 * its gradient, of as many numbers as its weight, again and again: as many logits stay whole.
 */
export function limitsOf(spec: DecoderSpec, trainsHead: boolean, pieces: Piecewise): PieceLimits {
  if (pieces === 'whole') return WHOLE;
  const { queries, positions, logits } = PIECE_LIMITS;
  const whole = trainsHead ? Math.max(PIECE_LIMITS.whole, spec.vocabSize * embeddingSize(spec)) : PIECE_LIMITS.whole;
  if (pieces === 'unrolled')
    return {
      queries: LARGE * queries,
      scores: Infinity,
      whole,
      positions: LARGE * positions,
      logits: LARGE * logits,
      doubled: true,
    };
  const scores = Math.floor(SCORES / Math.max(...spec.layers.map(({ attention }) => attention.heads)));
  return { ...PIECE_LIMITS, scores, whole };
}

/** Rows up to this many blocks of queries long are not cut: the whole is faster, and small. */
const WHOLE_BLOCKS = { scans: 4, doubled: 2 };

/** In how many pieces a batch is computed; what has no number is small enough as it is. */
export interface Cut {
  /** Blocks of queries. */
  readonly blocks?: number;
  /** Chunks of positions with a label, and with a teacher. */
  readonly chunks?: { readonly labels: number; readonly held: number };
}

/** What is computed in pieces, as graphs have to know: attention, or the head with its losses. */
export interface Pieces {
  readonly attention: boolean;
  readonly head: boolean;
}
export const piecesOf = ({ blocks, chunks }: Cut): Pieces => ({
  attention: blocks !== undefined,
  head: chunks !== undefined,
});

/** How a batch is cut. */
export function cutOf(rows: readonly TrainingRow[], vocabSize: number, limits?: PieceLimits): Cut {
  const longest = Math.max(...rows.map((row) => row.example.ids.length));
  const count = (held: boolean): number =>
    sum(rows.map(({ example, teacher }) => (held === !!teacher ? supervised(example.labels).length : 0)));
  return cutOfSizes({ rows: rows.length, longest, labels: count(false), held: count(true) }, vocabSize, limits);
}

/** The same by the number of rows, the tokens of the longest, and the positions with a label and with a teacher. */
export function cutOfSizes(
  { rows, longest, labels, held }: { rows: number; longest: number; labels: number; held: number },
  vocabSize: number,
  { queries, scores, whole, positions, logits, doubled }: PieceLimits = PIECE_LIMITS,
): Cut {
  const pieces = (n: number, size: number): number => {
    const fewest = Math.max(1, Math.ceil(n / size));
    return doubled ? 2 ** Math.ceil(Math.log2(fewest)) : fewest;
  };
  /** `tables`: how many logits a position has. */
  const chunksOf = (n: number, tables: number): number =>
    tables * n * vocabSize <= whole ? 1 : Math.max(pieces(n, positions), pieces(tables * n * vocabSize, logits));
  // a teacher's logits are there too
  const chunks = { labels: chunksOf(labels, 1), held: chunksOf(held, 2) };
  const together = Math.min(queries, Math.max(FEWEST_QUERIES, Math.floor(scores / (rows * longest))));
  return {
    ...(longest > WHOLE_BLOCKS[doubled ? 'doubled' : 'scans'] * queries && { blocks: pieces(longest, together) }),
    ...((chunks.labels > 1 || chunks.held > 1) && { chunks }),
  };
}
