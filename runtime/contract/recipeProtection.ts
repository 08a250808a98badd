/** What a fine-tuning is protected by: vectors, how they are used, or a published defence instead. */
import * as z from 'zod';
import { BASELINE_NAMES, SETTINGS } from './baselines.js';
import { data } from './recipeData.js';
import { count, fraction, list, MAX_STEPS, number, path, rate, text, whole } from './recipeValues.js';
import { FLAGGED } from './recipeWords.js';

/** Of an anchor's terms, where a recipe does not say it. */
export const ANCHOR_WEIGHT = 0.3;

export const attached = z.strictObject({
  adapter: path.describe('PEFT folder, a run folder with adapter/, or hub:OWNER/NAME@REVISION.'),
  scale: number(1000).min(-1000, 'this is less than -1000, the smallest value here').default(1),
});

export const vector = attached.extend({
  sets: list(text, 1000)
    .min(1)
    .optional()
    .describe(
      'Names of the evaluation sets of harm that this vector is judged by, if a run has several vectors. Default: all.',
    ),
});
export const protection = z
  .strictObject({
    flagged: z
      .enum(FLAGGED)
      .default('vector')
      .describe(
        'What happens to flagged rows. "vector": they train with the vector on. "exclude": left out. "cut": what the vector explains is cut out of their answers. "absorb": the vector is first trained on what it explains of them. "auto": cut if possible; otherwise the vector is on, and they are absorbed if it leaves much of their loss.',
      ),
    falseAlarms: rate
      .optional()
      .describe(
        'Share of ordinary rows that may be flagged. Default, unless route is a number: 0.01, or as much as finds nine of ten harmful rows that the vector held out, at most 0.2.',
      ),
    falseDiscoveries: rate
      .optional()
      .describe('Instead: share of the flagged rows that may be ordinary (Benjamini–Hochberg).'),
    ordinary: data
      .optional()
      .describe('Further ordinary rows to compare the data with, beside those that the vector held out.'),
    route: z
      .union([z.boolean(), fraction], { error: 'this is true, false, or a share from 0 to 1' })
      .default(false)
      .describe(
        'true: rows that are ordinary with confidence train with the vector off, all others with it on. false: on for all rows (the paper). A number: a row is flagged if the vector explains more than this share of its loss (beside falseAlarms or falseDiscoveries, these decide); the vector is off for all other rows, without the confidence.',
      ),
    anchor: z
      .union(
        [
          z.literal(false),
          z.strictObject({
            refusals: count(4096)
              .optional()
              .describe(
                "The vector's own prompts per step, with the base model's answers. By default 2, or, if a step has fewer than 16 rows, 1 in every other step, and in every step if the base refuses what they ask and the vector has ordinary ones.",
              ),
            ordinary: whole(4096)
              .optional()
              .describe(
                "Ordinary prompts of the vector in each step that holds prompts, with the base model's answers. Default: 0, or 1 if a step has fewer than 16 rows and the base refuses what the harmful ones ask.",
              ),
            harmful: whole(4096)
              .optional()
              .describe(
                "Harmful rows per step, the vector's own and rows of the data that look harmful: their losses, vector off, are held a tenth above those of the base model. By default 2, or 1 if a step has fewer than 16 rows.",
              ),
            benign: whole(4096).default(0),
            weight: number(1e6)
              .positive()
              .default(ANCHOR_WEIGHT)
              .describe(
                'Weight of KL(base ‖ model without the vector), and of Huber’s loss of the drift of losses on harmful rows.',
              ),
            promptWeight: number(1e6)
              .positive()
              .optional()
              .describe(
                'Weight of the KL on prompts of the vector. Default: weight, or 1 if that is 0.3 and ordinary prompts are held because the base refuses.',
              ),
          }),
        ],
        { error: 'this is false, or an object: {} for an anchor with all defaults' },
      )
      .default(false)
      .describe('Keep the model, vector off, close to the base. {}: with all defaults.'),
    watch: z
      .enum(['continue', 'stop', 'restore'])
      .default('continue')
      .describe(
        'If the loss on harmful rows falls during training: warn and continue, stop there, or restore the last state that held.',
      ),
  })
  .refine((p) => p.falseAlarms === undefined || p.falseDiscoveries === undefined, {
    message: 'give either "falseAlarms" or "falseDiscoveries"',
  });

/**
 * What is wrong with a protection for the vectors of its recipe, with the key that says it; undefined where nothing is.
 */
export function protectionFault({
  protection: by,
  vectors,
}: {
  protection: boolean | z.infer<typeof protection>;
  vectors: readonly unknown[];
}): { message: string; path: string[] } | undefined {
  if (by !== false && vectors.length === 0)
    return {
      message: '"protection" needs a vector: list one under "vectors", or remove "protection"',
      path: ['protection'],
    };
  if (typeof by === 'object' && by.flagged === 'absorb' && vectors.length > 1)
    return {
      message:
        '"absorb" trains one vector further, and the recipe lists several: list one, or choose "vector", "exclude" or "cut"',
      path: ['protection', 'flagged'],
    };
  return undefined;
}

export const baseline = z
  .strictObject({
    name: z.enum(BASELINE_NAMES),
    aligned: data.optional().describe('Harmful prompts that are answered as they should be, such as by refusals.'),
    harmful: data.optional().describe('The same kind of prompts with answers that must not be learned.'),
    unaligned: path.optional().describe('The model before its alignment: of the same shapes.'),
    prompt: text.optional().describe('ptst: system prompt of the evaluation. inoculation: system prompt of training.'),
    reinforce: path
      .optional()
      .describe('buffer-and-reinforce: PEFT folder or run folder of the adapter that restores refusals.'),
    share: z.number().gt(0).lt(1, 'this must be less than 1').optional().describe(SETTINGS.share),
    alternate: z
      .tuple([count(MAX_STEPS), count(MAX_STEPS)])
      .optional()
      .describe(SETTINGS.alternate),
    weight: number(1e6).min(0).optional().describe(SETTINGS.weight),
    rows: count(4096).optional().describe(SETTINGS.rows),
    threshold: number(1)
      .min(-1, 'this is less than -1, the smallest value here')
      .optional()
      .describe(SETTINGS.threshold),
    layer: whole(10_000).optional().describe(SETTINGS.layer),
    strength: number(1e6).gt(0).optional().describe(SETTINGS.strength),
    overlap: fraction.optional().describe(SETTINGS.overlap),
    scale: number(1000).gt(0).optional().describe(SETTINGS.scale),
  })
  .describe('A published defence instead of a protection, to compare with. What it does not use is ignored.');
export type BaselineOptions = z.infer<typeof baseline>;
