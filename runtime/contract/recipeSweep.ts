/** A sweep: one fine-tuning recipe, run with many values. */
import * as z from 'zod';
import { list, path, text } from './recipeValues.js';
import { MAX_POINTS, pointCount } from './sweep.js';
import { axisFault } from './sweepAxes.js';

const axis = z
  .union([list(z.unknown(), 1000).min(1), z.record(text, z.record(text, z.unknown()))], {
    error: 'an axis is a list of values, or named settings: { "plain": { "vectors": [] }, … }',
  })
  .refine((given) => Object.keys(given).length > 0, { message: 'give at least one value' });
export const sweepRecipe = z.strictObject({
  $schema: z.string().optional(),
  kind: z.literal('sweep').describe('Run a fine-tuning once for each combination of values.'),
  base: path.describe('The "finetune" recipe that is varied, relative to this one. Its "output" is not used.'),
  over: z
    .record(text, axis)
    .refine((over) => Object.keys(over).length > 0, { message: 'name at least one key' })
    .refine((over) => pointCount(over) <= MAX_POINTS, {
      message: `a sweep has at most ${MAX_POINTS} points`,
      abort: true,
    })
    .superRefine((over, { addIssue }) => {
      const fault = axisFault(over);
      if (fault) addIssue({ code: 'custom', ...fault });
    })
    .describe(
      'Recipe keys with the values that they take: { "optimizer.learningRate": [0.001, 0.003], "seed": [1, 2] }. Settings of several keys have names: { "strategy": { "plain": { "vectors": [] }, "paper": { "protection": false } } }.',
    ),
  stop: z
    .literal('weakened')
    .optional()
    .describe(
      '"weakened": a protected point ends its training when the loss on harmful rows has fallen beyond chance, so that its protection is weak. Default: every point trains to its end.',
    ),
  output: path.describe('Folder of the sweep, relative to this recipe: sweep.json, and a run folder for each point.'),
});
export type SweepRecipe = z.infer<typeof sweepRecipe>;
