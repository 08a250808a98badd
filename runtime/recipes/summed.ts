import type { Feeds, Tensor } from '../device/session.js';
import type { Learner, RowLoss } from '../learner/learner.js';
import type { TrainingRow } from '../learner/packing.js';
import type { Optimizer } from '../optim/optimizer.js';

/** Gradients of micro-batches, added up, and the losses of their rows. */
export async function summed(
  { learner, optimizer }: { learner: Pick<Learner, 'gradients'>; optimizer: Pick<Optimizer, 'add'> },
  batches: readonly (readonly TrainingRow[])[],
  parameters: Feeds,
): Promise<{ gradients: Tensor[]; rows: RowLoss[] }> {
  let sum: Tensor[] | undefined;
  let added: Tensor[] | undefined;
  const rows: RowLoss[] = [];
  for (const batch of batches) {
    const part = await learner.gradients(batch, parameters, added);
    rows.push(...part.rows);
    if (sum) sum = await optimizer.add(sum, (added = part.gradients));
    else sum = part.gradients;
  }
  return { gradients: sum!, rows };
}
