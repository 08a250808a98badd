import type { Feeds, Tensor } from '../../device/session.js';
import type { Learner, RowLoss } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';

/**
 * Gradients of micro-batches, added up, with their loss and those of their rows.
 * @param over gradients that nobody reads any more: the sum may take their place
 */
export async function summed(
  learner: Pick<Learner, 'gradients'>,
  batches: readonly (readonly TrainingRow[])[],
  parameters: Feeds,
  over?: readonly Tensor[],
): Promise<{ gradients: Tensor[]; loss: number; rows: RowLoss[] }> {
  let onto: Tensor[] | undefined;
  let loss = 0;
  const rows: RowLoss[] = [];
  for (const batch of batches) {
    const part = await learner.gradients(batch, parameters, { onto, over });
    loss += part.loss;
    rows.push(...part.rows);
    onto = part.gradients;
  }
  return { gradients: onto!, loss, rows };
}
