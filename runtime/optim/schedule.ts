import type { OptimizerOptions } from '../contract/recipeTraining.js';

/** Steps of linear warm-up; a number below 1 is a share of all steps. */
export const warmupSteps = (options: OptimizerOptions, steps: number): number =>
  options.warmupSteps < 1 ? Math.ceil(options.warmupSteps * steps) : Math.round(options.warmupSteps);

/**
 * Learning rate of optimizer step `step` (from 1) of `steps`: linear warm-up, then constant, or down to zero linearly
 * or along a half cosine, as transformers' schedules, but that the first step of a warm-up is not lost to a rate of
 * zero.
 */
export function learningRate(options: OptimizerOptions, step: number, steps: number): number {
  const warmup = warmupSteps(options, steps);
  const done = step - 1;
  if (done < warmup) return (options.learningRate * (done + 1)) / (warmup + 1);
  if (options.schedule === 'constant') return options.learningRate;
  const progress = (done - warmup) / Math.max(1, steps - warmup);
  return (
    options.learningRate * (options.schedule === 'linear' ? 1 - progress : 0.5 * (1 + Math.cos(Math.PI * progress)))
  );
}
