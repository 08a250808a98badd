import { nextTurn } from '../../support/errors.js';
import { pieces, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Learner, RowLoss } from '../../learner/learner.js';
import { LOSS_BATCH } from '../../learner/packing.js';
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

/** Losses of a piece of the data by these factors on the adapters; `onGroup` hears how many rows were done. */
export async function lossesOfPiece(
  learner: Pick<Learner, 'losses'>,
  parameters: Feeds,
  examples: readonly Example[],
  scales: Record<string, number>,
  signal: AbortSignal | undefined,
  onGroup: (rows: number) => void,
): Promise<RowLoss[]> {
  const result = new Array<RowLoss>(examples.length);
  for (const group of groups(examples, LOSS_BATCH.rows)) {
    await nextTurn(signal);
    const rows = rowsOf(
      group.map((i) => examples[i]),
      scales,
      0,
    );
    const losses = await learner.losses(rows, parameters);
    group.forEach((i, j) => (result[i] = losses[j]!));
    onGroup(group.length);
  }
  return result;
}

/** Loss of every example with these factors on the adapters. */
export async function lossesOf(
  learner: Pick<Learner, 'losses'>,
  parameters: Feeds,
  examples: ExampleList,
  scales: Record<string, number>,
  { signal, onProgress }: LossHooks = {},
): Promise<RowLoss[]> {
  const losses: RowLoss[] = [];
  let done = 0;
  const onGroup = (rows: number): void => onProgress?.((done += rows) / examples.length);
  for (const piece of pieces(examples, PIECE))
    losses.push(...(await lossesOfPiece(learner, parameters, piece, scales, signal, onGroup)));
  return losses;
}
