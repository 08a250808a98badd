import type { Feeds, Tensor } from '../device/session.js';
import type { Learner, RowLoss } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import type { Optimizer } from '../optim/optimizer.js';

/**
 * Gradients of micro-batches, added up, with their loss and those of their rows.
 * @param old gradients that may be written over, kept for the next call: of a first micro-batch, and of one that was
 * added to them
 */
export async function summed(
  { learner, optimizer }: { learner: Pick<Learner, 'gradients'>; optimizer: Pick<Optimizer, 'add'> },
  batches: readonly (readonly TrainingRow[])[],
  parameters: Feeds,
  old: Tensor[][] = [],
): Promise<{ gradients: Tensor[]; loss: number; rows: RowLoss[] }> {
  let sum: Tensor[] | undefined;
  let loss = 0;
  const rows: RowLoss[] = [];
  for (const [i, batch] of batches.entries()) {
    const at = Math.min(i, 1);
    const part = await learner.gradients(batch, parameters, old[at]);
    old[at] = part.gradients;
    loss += part.loss;
    rows.push(...part.rows);
    sum = sum ? await optimizer.add(sum, part.gradients) : part.gradients;
  }
  return { gradients: sum!, loss, rows };
}
