import { sum } from '../contract/sum.js';
import { NOT_SUPERVISED } from '../data/conversation.js';
import type { Example } from '../data/examples.js';
import { scaleInput } from '../adapters/inject.js';
import { float32, int64, type Feeds } from '../device/session.js';
import type { Cut } from './cut.js';

/** A row of a training batch: what it is, which adapters see it, and how its supervised tokens count. */
export interface TrainingRow {
  readonly example: Pick<Example, 'ids' | 'labels'>;
  /** Factor on each adapter, by name: 1 = on, 0 = off. */
  readonly scales: Readonly<Record<string, number>>;
  /** Weight of each supervised token in the loss. */
  readonly weight: number;
  /**
   * What the head of the model to stay close to takes [supervised tokens, E] (KL); without it, cross-entropy with the
   * labels.
   */
  readonly teacher?: Float32Array;
  /** Of a row with a teacher: whether it is held loosely (distillation.ts). */
  readonly loose?: boolean;
  /** Losses of the supervised tokens, nats, at which the row's are held (drift.ts) instead of lowered. */
  readonly heldAt?: readonly number[];
}

/** Supervised positions: t where labels[t + 1] is a token; logits at t predict it. */
export function supervised(labels: readonly number[]): number[] {
  const positions: number[] = [];
  for (let t = 0; t + 1 < labels.length; t++) if (labels[t + 1] !== NOT_SUPERVISED) positions.push(t);
  return positions;
}

/** A micro-batch is split where that saves more tokens of padding than this. */
const MIN_SAVED_TOKENS = 512;
/** Tokens of one micro-batch: the memory of its backward pass grows with them. A longer row runs alone. */
const MAX_TOKENS = 1024;

/** Share of the tokens of a micro-batch, with a budget of tokens, that are no padding. */
const USEFUL = 0.9;

/**
 * Rows as micro-batches of at most `tokens` tokens with padding, of which at least nine tenths are useful; a longer row
 * runs alone. Losses and gradients are sums over rows: which rows share a micro-batch changes nothing but time.
 */
export function evenBatches<R extends { readonly example: { readonly ids: readonly number[] } }>(
  rows: readonly R[],
  tokens: number,
): R[][] {
  const batches: { rows: R[]; longest: number; useful: number }[] = [];
  for (const row of [...rows].sort((a, b) => b.example.ids.length - a.example.ids.length)) {
    const { length } = row.example.ids;
    const last = batches.at(-1);
    const padded = last ? (last.rows.length + 1) * last.longest : Infinity;
    if (last && padded <= tokens && last.useful + length >= USEFUL * padded) {
      last.rows.push(row);
      last.useful += length;
    } else batches.push({ rows: [row], longest: length, useful: length });
  }
  return batches.map((batch) => batch.rows);
}

/**
 * Rows as the micro-batches of a step: groups of similar lengths, none of more than `maxTokens` tokens with padding.
 */
export function microBatches<R extends { readonly example: { readonly ids: readonly number[] } }>(
  rows: readonly R[],
  maxTokens = MAX_TOKENS,
): R[][] {
  return byLength(rows).flatMap((group) => {
    const longest = group.at(-1)!.example.ids.length;
    const count = Math.ceil(group.length / Math.max(1, Math.floor(maxTokens / longest)));
    const size = Math.ceil(group.length / count);
    return Array.from({ length: Math.ceil(group.length / size) }, (_, i) => group.slice(i * size, (i + 1) * size));
  });
}

/** Rows as the micro-batches of a recipe: `rows` of them at a time, or by its budget of tokens. */
export function batchesOf<R extends { readonly example: { readonly ids: readonly number[] } }>(
  rows: readonly R[],
  { rows: size = rows.length, tokens }: { readonly rows?: number; readonly tokens?: number },
): R[][] {
  if (tokens !== undefined) return evenBatches(rows, tokens);
  const count = Math.ceil(rows.length / size);
  return Array.from({ length: count }, (_, i) => rows.slice(i * size, (i + 1) * size)).flatMap((some) =>
    microBatches(some),
  );
}

/**
 * Most rows whose losses alone are computed together, and their tokens: without a backward pass they take less than
 * half as many with one.
 */
export const LOSS_BATCH = { rows: 16, tokens: 2048 };

/** Rows in their order as batches of at most so many rows and tokens, padding included; a longer row is alone. */
export function inOrder<R>(
  rows: readonly R[],
  lengthOf: (row: R) => number,
  { rows: most, tokens }: typeof LOSS_BATCH,
): R[][] {
  const batches: R[][] = [];
  let longest = 0;
  for (const row of rows) {
    const batch = batches.at(-1);
    longest = Math.max(longest, lengthOf(row));
    if (batch && batch.length < most && (batch.length + 1) * longest <= tokens) batch.push(row);
    else {
      batches.push([row]);
      longest = lengthOf(row);
    }
  }
  return batches;
}

/**
 * Rows cut into groups of similar lengths, so that long rows do not make short ones pay for padding. Losses and
 * gradients are sums over rows: the cut changes nothing but time. A cut is made where it saves more than
 * `MIN_SAVED_TOKENS` tokens of padding.
 */
export function byLength<R extends { readonly example: { readonly ids: readonly number[] } }>(
  rows: readonly R[],
  gain = MIN_SAVED_TOKENS,
): R[][] {
  const sorted = [...rows].sort((a, b) => a.example.ids.length - b.example.ids.length);
  const longest = sorted.at(-1)?.example.ids.length ?? 0;
  // what the rows before a cut at n save: each is padded to the longest of them instead of the longest of all
  const saved = (n: number): number => n * (longest - sorted[n - 1].example.ids.length);
  let best = 0;
  for (let n = 1; n < sorted.length; n++) if (saved(n) > (best > 0 ? saved(best) : gain)) best = n;
  return best === 0 ? [sorted] : [...byLength(sorted.slice(0, best), gain), ...byLength(sorted.slice(best), gain)];
}

export interface Packed {
  readonly feeds: Feeds;
  /** Index of the row each cross-entropy position belongs to, [L]. */
  readonly rowOf: readonly number[];
  /** Positions with a teacher. */
  readonly held: number;
}

/**
 * Rows as one right-padded batch: `input_ids`, `attention_mask`, `position_ids` [B, T], `scale.<adapter>` [B], and the
 * positions with their targets: `targets`, `target_ids`, `target_weights` [L] for cross-entropy, with `held_at` and
 * `held_weights` [L] for losses that are held; `kl_targets`, `kl_weights`, `loose_weights` [M] and `teacher` [M, E] for
 * KL, firm and loose.
 *
 * A batch in blocks has `query_blocks` [N, Q] too, and T is padded to N·Q; in chunks the others are [X, L], [Y, M] and
 * [Y, M, E], with positions of weight 0 behind the last. A batch without a label has one of weight 0.
 */
export function pack(rows: readonly TrainingRow[], adapters: readonly string[], padId = 0, cut: Cut = {}): Packed {
  const B = rows.length;
  const longest = Math.max(...rows.map((row) => row.example.ids.length));
  const { blocks = 1 } = cut;
  const Q = Math.ceil(longest / blocks);
  const T = Q * blocks;
  const ids = new Int32Array(B * T).fill(padId);
  const mask = new Int32Array(B * T);
  const positions = new Int32Array(B * T);
  const ce = { targets: [] as number[], ids: [] as number[], weights: [] as number[], rowOf: [] as number[] };
  const drift = { heldAt: [] as number[], weights: [] as number[] };
  const kl = {
    targets: [] as number[],
    weights: [] as number[],
    loose: [] as number[],
    teachers: [] as Float32Array[],
  };
  rows.forEach(({ example, weight, teacher, loose = false, heldAt }, b) => {
    example.ids.forEach((id, t) => {
      ids[b * T + t] = id;
      mask[b * T + t] = 1;
      positions[b * T + t] = t;
    });
    for (const [i, t] of supervised(example.labels).entries()) {
      if (teacher) {
        kl.targets.push(b * T + t);
        kl.weights.push(loose ? 0 : weight);
        kl.loose.push(loose ? weight : 0);
      } else {
        ce.targets.push(b * T + t);
        ce.ids.push(example.labels[t + 1]);
        ce.weights.push(heldAt ? 0 : weight);
        drift.heldAt.push(heldAt?.[i] ?? 0);
        drift.weights.push(heldAt ? weight : 0);
        ce.rowOf.push(b);
      }
    }
    if (teacher) kl.teachers.push(teacher);
  });
  const L = chunked(ce.targets.length, cut.chunks?.labels);
  const feeds: Feeds = {
    input_ids: int64(ids, [B, T]),
    attention_mask: int64(mask, [B, T]),
    position_ids: int64(positions, [B, T]),
    targets: int64(L.fill(ce.targets), L.dims),
    target_ids: int64(L.fill(ce.ids), L.dims),
    target_weights: float32(Float32Array.from(L.fill(ce.weights)), L.dims),
    held_at: float32(Float32Array.from(L.fill(drift.heldAt)), L.dims),
    held_weights: float32(Float32Array.from(L.fill(drift.weights)), L.dims),
  };
  if (cut.blocks)
    feeds.query_blocks = int64(
      Array.from({ length: T }, (_, t) => t),
      [cut.blocks, Q],
    );
  const held = kl.targets.length;
  if (held > 0) {
    const M = chunked(held, cut.chunks?.held);
    const E = sum(kl.teachers.map((t) => t.length)) / held;
    feeds.kl_targets = int64(M.fill(kl.targets), M.dims);
    feeds.kl_weights = float32(Float32Array.from(M.fill(kl.weights)), M.dims);
    feeds.loose_weights = float32(Float32Array.from(M.fill(kl.loose)), M.dims);
    feeds.teacher = float32(joined(kl.teachers, M.count * E), [...M.dims, E]);
  }
  for (const name of adapters)
    feeds[scaleInput(name)] = float32(
      Float32Array.from(rows, (row) => row.scales[name] ?? 0),
      [B],
    );
  return { feeds, rowOf: ce.rowOf, held };
}

/** A list of numbers as [chunks, n], with zeros behind its end, or as it is; never empty, which WebGPU refuses. */
function chunked(length: number, chunks?: number): { dims: number[]; count: number; fill: (x: number[]) => number[] } {
  const n = Math.max(1, Math.ceil(length / (chunks ?? 1)));
  const count = n * (chunks ?? 1);
  const dims = chunks === undefined ? [n] : [chunks, n];
  return { dims, count, fill: (x) => [...x, ...new Array<number>(count - length).fill(0)] };
}

function joined(parts: readonly Float32Array[], length: number): Float32Array {
  if (parts.length === 1 && parts[0].length === length) return parts[0];
  const all = new Float32Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
