import { supervised, type TrainingRow } from './packing.js';

/** How large a piece of a batch may be: what is larger is computed piece by piece, and computed again in the backward pass. */
export interface PieceLimits {
  /** Positions of a row whose attention scores are alive together. */
  readonly queries: number;
  /** Logits that are alive together: positions · V. */
  readonly logits: number;
}

/** 64 MiB of logits; their softmax and gradient take as much again. */
export const PIECE_LIMITS: PieceLimits = { queries: 256, logits: 2 ** 24 };
/** Rows up to this many blocks of queries long are not cut: the whole is faster, and small. */
const WHOLE_BLOCKS = 2;

/** In how many pieces a batch is computed: blocks of queries, and chunks of positions with a label and with a teacher. */
export interface Cut {
  readonly blocks: number;
  readonly chunks: number;
  readonly heldChunks: number;
}

/** How a batch is cut; undefined for one that is small enough as it is. */
export function cutOf(
  rows: readonly TrainingRow[],
  vocabSize: number,
  { queries, logits }: PieceLimits = PIECE_LIMITS,
): Cut | undefined {
  const T = Math.max(...rows.map((row) => row.example.ids.length));
  const count = (held: boolean): number =>
    rows.reduce((n, { example, teacher }) => n + (held === !!teacher ? supervised(example.labels).length : 0), 0);
  const pieces = (n: number, size: number): number => Math.max(1, Math.ceil(n / size));
  const chunks = pieces(count(false) * vocabSize, logits);
  // a teacher's logits are there too
  const heldChunks = pieces(2 * count(true) * vocabSize, logits);
  if (T <= WHOLE_BLOCKS * queries && chunks === 1 && heldChunks === 1) return undefined;
  return { blocks: pieces(T, queries), chunks, heldChunks };
}
