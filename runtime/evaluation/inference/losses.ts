import { nextTurn } from '../../support/errors.js';
import { pieces, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Comparison, Learner, Probe, RowLoss } from '../../learner/learner.js';
import { LOSS_BATCH, type TrainingRow } from '../../learner/packing.js';
import { rowsOf } from '../../learner/rows.js';
import type { Feeds } from '../../device/session.js';

/** Rows that are in memory at once, and sorted by length. */
export const PIECE = 1024;

/** Examples in groups of like lengths, so that padding costs little; indices into the list. */
export function groups(examples: readonly Pick<Example, 'ids'>[], rows: number): number[][] {
  const order = [...examples.keys()].sort((a, b) => examples[a].ids.length - examples[b].ids.length || a - b);
  return Array.from({ length: Math.ceil(order.length / rows) }, (_, i) => order.slice(i * rows, (i + 1) * rows));
}

export interface LossHooks {
  signal?: AbortSignal;
  onProgress?: (share: number) => void;
}

/**
 * What is computed of each row of a piece of the data, in groups of like lengths; `onGroup` hears how many rows were
 * done.
 */
export async function ofPiece<T>(
  examples: readonly Example[],
  scales: Record<string, number>,
  compute: (rows: TrainingRow[]) => Promise<T[]>,
  signal: AbortSignal | undefined,
  onGroup: (rows: number) => void,
): Promise<T[]> {
  const result = new Array<T>(examples.length);
  for (const group of groups(examples, LOSS_BATCH.rows)) {
    await nextTurn(signal);
    const rows = rowsOf(
      group.map((i) => examples[i]),
      scales,
      0,
    );
    const computed = await compute(rows);
    group.forEach((i, j) => (result[i] = computed[j]!));
    onGroup(group.length);
  }
  return result;
}

async function ofAll<T>(
  examples: ExampleList,
  scales: Record<string, number>,
  compute: (rows: TrainingRow[]) => Promise<T[]>,
  { signal, onProgress }: LossHooks = {},
): Promise<T[]> {
  const results: T[] = [];
  let done = 0;
  const onGroup = (rows: number): void => onProgress?.((done += rows) / examples.length);
  for (const piece of pieces(examples, PIECE))
    results.push(...(await ofPiece(piece, scales, compute, signal, onGroup)));
  return results;
}

/** Loss of every example with these factors on the adapters. */
export const lossesOf = (
  learner: Pick<Learner, 'losses'>,
  parameters: Feeds,
  examples: ExampleList,
  scales: Record<string, number>,
  hooks?: LossHooks,
): Promise<RowLoss[]> => ofAll(examples, scales, (rows) => learner.losses(rows, parameters), hooks);

/** What these factors on the adapters change of every example. */
export const comparisonsOf = (
  learner: Pick<Learner, 'compare'>,
  parameters: Feeds,
  examples: ExampleList,
  scales: Record<string, number>,
  { probe, ...hooks }: LossHooks & { probe?: Probe } = {},
): Promise<Comparison[]> => ofAll(examples, scales, (rows) => learner.compare(rows, parameters, probe), hooks);

/** What a probe reads of every example. */
export const statesOf = (learner: Pick<Learner, 'states'>, examples: ExampleList): Promise<Float32Array[]> =>
  ofAll(examples, {}, (rows) => learner.states(rows));
