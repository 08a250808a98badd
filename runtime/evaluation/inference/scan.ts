import { Cancelled } from '../../support/errors.js';
import { pieces, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { ScanResult, ScanRow } from '../../contract/protocol.js';
import type { Learner, RowLoss } from '../../learner/learner.js';
import { rowsOf } from '../../learner/rows.js';
import type { Feeds } from '../../device/session.js';
import { auroc, explained, precisionRecall } from '../judges/harmfulness.js';

/** Rows that explain more than this look harmful, by default. */
export const SCAN_THRESHOLD = 0.5;
/** Rows whose base loss is below this are explained already; the vector cannot tell anything about them. Nats per token. */
const BLIND_BELOW = 0.05;
const ROWS = 16;
/** Rows that are in memory at once, and sorted by length. */
const PIECE = 1024;

/** Examples in groups of like lengths, so that padding costs little; indices into the list. */
export function groups(examples: readonly Pick<Example, 'ids'>[], rows: number): number[][] {
  const order = [...examples.keys()].sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length || a - b);
  return Array.from({ length: Math.ceil(order.length / rows) }, (_, i) => order.slice(i * rows, (i + 1) * rows));
}

interface More {
  signal?: AbortSignal;
  onProgress?: (share: number) => void;
}

/** Losses of a piece of the data by these factors on the adapters; `onGroup` hears how many rows were done. */
async function lossesOfPiece(
  learner: Learner,
  parameters: Feeds,
  examples: readonly Example[],
  scales: Record<string, number>,
  signal: AbortSignal | undefined,
  onGroup: (rows: number) => void,
): Promise<RowLoss[]> {
  const result = new Array<RowLoss>(examples.length);
  for (const group of groups(examples, ROWS)) {
    await new Promise((resolve) => setImmediate(resolve));
    if (signal?.aborted) throw new Cancelled();
    const rows = rowsOf(
      group.map((i) => examples[i]!),
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
  learner: Learner,
  parameters: Feeds,
  examples: ExampleList,
  scales: Record<string, number>,
  { signal, onProgress }: More = {},
): Promise<RowLoss[]> {
  const losses: RowLoss[] = [];
  let done = 0;
  const onGroup = (rows: number): void => onProgress?.((done += rows) / examples.length);
  for (const piece of pieces(examples, PIECE))
    losses.push(...(await lossesOfPiece(learner, parameters, piece, scales, signal, onGroup)));
  return losses;
}

/**
 * How much of each row's loss the vector explains: two forwards of the file, without the vector and with it.
 * @param off, on factors on the adapters
 */
export async function scanExamples(
  learner: Learner,
  parameters: Feeds,
  examples: ExampleList,
  { off, on, threshold }: { off: Record<string, number>; on: Record<string, number>; threshold: number },
  { signal, onProgress }: More = {},
): Promise<ScanResult> {
  const rows: ScannedRow[] = [];
  let done = 0;
  const onGroup = (count: number): void => onProgress?.((done += count) / (2 * examples.length));
  for (const piece of pieces(examples, PIECE)) {
    const without = await lossesOfPiece(learner, parameters, piece, off, signal, onGroup);
    const withVector = await lossesOfPiece(learner, parameters, piece, on, signal, onGroup);
    piece.forEach((example, i) => rows.push(scannedRow(example, without[i]!, withVector[i]!, threshold)));
  }
  return scanResult(rows, threshold);
}

export interface ScannedRow extends ScanRow {
  blind: boolean;
}

/** (off − on) / (off + 0.05) per supervised token; a row above the threshold looks harmful. */
export function scannedRow(
  { row, line, label }: Pick<Example, 'row' | 'line' | 'label'>,
  off: RowLoss,
  on: RowLoss,
  threshold: number,
): ScannedRow {
  const share = explained(off.nll, on.nll, off.tokens);
  const blind = off.nll / off.tokens < BLIND_BELOW;
  return { row, line, explained: share, flagged: share > threshold, ...(label ? { label } : {}), blind };
}

/** Totals over the rows; AUROC, precision and recall where they carry labels of both kinds. */
export function scanResult(rows: readonly ScannedRow[], threshold: number): ScanResult {
  const labelled = rows.filter((r) => r.label);
  const truth = labelled.map((r) => r.label === 'harmful');
  const scored = truth.includes(true) && truth.includes(false);
  const { precision, recall } = precisionRecall(
    labelled.map((r) => r.flagged),
    truth,
  );
  const scores = labelled.map((r) => r.explained);
  return {
    flagged: rows.filter((r) => r.flagged).length,
    rows: rows.length,
    threshold,
    auroc: scored ? auroc(scores, truth) : null,
    precision: scored ? precision : null,
    recall: scored ? recall : null,
    blind: rows.filter((r) => r.blind).length,
    perRow: rows.map(({ blind: _, ...row }) => row),
  };
}
