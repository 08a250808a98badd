import { random } from '../random.js';
import { NOT_SUPERVISED } from './conversation.js';

/** What a batch is made of. */
export interface Labelled {
  ids: readonly number[];
  labels: readonly number[];
}

/** A batch of B rows, right-padded to T tokens: arrays of B·T, row after row. */
export interface Batch {
  B: number;
  T: number;
  inputIds: Int32Array;
  /** 1 for tokens, 0 for padding. */
  attentionMask: Int32Array;
  /** 0 … T − 1 in every row; those of padding are never looked at. */
  positionIds: Int32Array;
  /** Positions b·T + t, ascending, whose logits predict a supervised token. */
  targets: Int32Array;
  /** The token that each of them predicts: `labels[b][t + 1]`. */
  targetIds: Int32Array;
  /** The row b of each of them. */
  rowOfTarget: Int32Array;
}

/** Batches whose rows are sorted together: large enough for like lengths, small enough to mix anew each epoch. */
const BUCKET_BATCHES = 32;

/**
 * All examples in batches of `rows` (one batch may have fewer), in an order that the seed and the epoch decide. Rows of
 * like length come together: the shuffled rows are sorted within buckets, and the batches shuffled.
 */
export function epochBatches<E extends Labelled>(
  examples: readonly E[],
  { rows, seed, epoch }: { rows: number; seed: number | string; epoch: number },
): E[][] {
  const rng = random(`${seed}/batches/${epoch}`);
  const shuffled = rng.shuffle([...examples]);
  const batches: E[][] = [];
  for (let start = 0; start < shuffled.length; start += rows * BUCKET_BATCHES) {
    const bucket = shuffled.slice(start, start + rows * BUCKET_BATCHES).sort((a, b) => a.ids.length - b.ids.length);
    for (let from = 0; from < bucket.length; from += rows) batches.push(bucket.slice(from, from + rows));
  }
  return rng.shuffle(batches);
}

/** Arrays of a batch. `padId` fills up short rows; what it is makes no difference. */
export function assemble(examples: readonly Labelled[], { padId }: { padId: number }): Batch {
  const B = examples.length;
  const T = examples.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const inputIds = new Int32Array(B * T).fill(padId);
  const attentionMask = new Int32Array(B * T);
  const positionIds = new Int32Array(B * T);
  const targets: number[] = [];
  const targetIds: number[] = [];
  const rowOfTarget: number[] = [];
  for (const [b, { ids, labels }] of examples.entries()) {
    if (labels.length !== ids.length) throw new Error(`row ${b} has ${ids.length} ids and ${labels.length} labels`);
    inputIds.set(ids, b * T);
    attentionMask.fill(1, b * T, b * T + ids.length);
    for (let t = 0; t < T; t++) positionIds[b * T + t] = t;
    for (let t = 0; t + 1 < labels.length; t++) {
      if (labels[t + 1] === NOT_SUPERVISED) continue;
      targets.push(b * T + t);
      targetIds.push(labels[t + 1]!);
      rowOfTarget.push(b);
    }
  }
  return {
    ...{ B, T, inputIds, attentionMask, positionIds },
    targets: Int32Array.from(targets),
    targetIds: Int32Array.from(targetIds),
    rowOfTarget: Int32Array.from(rowOfTarget),
  };
}
