import { Cancelled } from '../errors.js';
import type { Example } from '../data/examples.js';
import type { ScanResult, ScanRow } from '../protocol.js';
import type { Learner, RowLoss } from '../training/learner.js';
import { rowsOf } from '../training/job.js';
import type { Feeds } from '../training/session.js';
import { auroc, explained, precisionRecall } from './harmfulness.js';

/** Rows whose base loss is below this are explained already; the vector cannot say anything about them. Nats per token. */
const BLIND_BELOW = 0.05;
const ROWS = 16;

/** Examples in groups of like lengths, so that padding costs little; indices into the list. */
export function groups(examples: readonly Pick<Example, 'ids'>[], rows: number): number[][] {
  const order = [...examples.keys()].sort((a, b) => examples[a]!.ids.length - examples[b]!.ids.length || a - b);
  return Array.from({ length: Math.ceil(order.length / rows) }, (_, i) => order.slice(i * rows, (i + 1) * rows));
}

/** Loss of every example with these factors on the adapters; two forwards of the file make a scan. */
export async function lossesOf(
  learner: Learner,
  parameters: Feeds,
  examples: readonly Example[],
  scales: Record<string, number>,
  more: { signal?: AbortSignal; onProgress?: (share: number) => void } = {},
): Promise<RowLoss[]> {
  const result = new Array<RowLoss>(examples.length);
  let done = 0;
  for (const group of groups(examples, ROWS)) {
    await new Promise((resolve) => setImmediate(resolve));
    if (more.signal?.aborted) throw new Cancelled();
    const losses = await learner.losses(
      rowsOf(
        group.map((i) => examples[i]!),
        scales,
        0,
      ),
      parameters,
    );
    group.forEach((i, j) => (result[i] = losses[j]!));
    more.onProgress?.((done += group.length) / examples.length);
  }
  return result;
}

/**
 * How much of each row's loss the vector explains: (off − on) / (off + 0.05) per supervised token; rows above the
 * threshold look harmful. AUROC, precision and recall where the rows carry labels of both kinds.
 */
export function scanResult(
  examples: readonly Example[],
  off: readonly RowLoss[],
  on: readonly RowLoss[],
  threshold: number,
): ScanResult {
  const perRow = examples.map((e, i): ScanRow => {
    const share = explained(off[i]!.nll, on[i]!.nll, off[i]!.tokens);
    return {
      row: e.row,
      line: e.line,
      explained: share,
      flagged: share > threshold,
      ...(e.label ? { label: e.label } : {}),
    };
  });
  const labelled = perRow.filter((r) => r.label);
  const truth = labelled.map((r) => r.label === 'harmful');
  const scored = truth.includes(true) && truth.includes(false);
  const { precision, recall } = precisionRecall(
    labelled.map((r) => r.flagged),
    truth,
  );
  return {
    flagged: perRow.filter((r) => r.flagged).length,
    rows: perRow.length,
    threshold,
    auroc: scored
      ? auroc(
          labelled.map((r) => r.explained),
          truth,
        )
      : null,
    precision: scored ? precision : null,
    recall: scored ? recall : null,
    blind: off.filter((l) => l.nll / l.tokens < BLIND_BELOW).length,
    perRow,
  };
}
