import type { Context } from '../../context/context.js';
import type { Example } from '../../data/examples.js';
import { lossesOf } from '../../evaluation/inference/losses.js';
import { openLearner, type RowLoss } from '../../learner/learner.js';

/** Losses of the base, without any adapter. */
export async function baseLosses(context: Context, examples: readonly Example[]): Promise<RowLoss[]> {
  const { backend, spec, model, tokenizer } = context;
  const learner = openLearner({ backend, spec, model, adapters: [], trainable: [], padId: tokenizer.padId });
  try {
    return await lossesOf(learner, {}, examples, {});
  } finally {
    await learner.dispose();
  }
}
