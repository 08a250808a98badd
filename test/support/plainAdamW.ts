import type { OptimizerOptions } from '../../runtime/contract/recipeTraining.js';

/** AdamW at one rate, without decay and warm-up. */
export const plainAdamW = (learningRate: number): OptimizerOptions => ({
  learningRate,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  weightDecay: 0,
  clipNorm: 1,
  schedule: 'constant',
  warmupSteps: 0,
});
