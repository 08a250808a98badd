/**
 * Recipes: the JSON files that people write. One schema gives the type, the check and the JSON Schema of the editor. It
 * stands apart from the rest of the contract so that who only needs the types does not load zod.
 */
import * as z from 'zod';
import { baselineFault } from './baselines.js';
import { data, evaluationSets, heldOut, mixedData } from './recipeData.js';
import { generation, judges } from './recipeJudges.js';
import { attached, baseline, protection, protectionFault, vector } from './recipeProtection.js';
import { sweepRecipe, type SweepRecipe } from './recipeSweep.js';
import { adapter, batch, optimizer, recompute, run, type OptimizerOptions } from './recipeTraining.js';
import { count, distinct, list, MAX_STEPS, number, path, text } from './recipeValues.js';
import { HELD_OUT_SET, MOST_HELD_OUT } from './recipeWords.js';

const momentsHere = ({ on, optimizer }: { on?: unknown; optimizer: OptimizerOptions }): boolean =>
  !on || optimizer.moments !== '8bit';
const MOMENTS_HERE = {
  message: 'moments are in 8 bits on this machine only: remove "moments", or "on"',
  path: ['optimizer', 'moments'],
};

const vectorRecipe = z
  .strictObject({
    $schema: z.string().optional(),
    kind: z.literal('vector').describe('Train a security vector.'),
    model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
    harmful: data,
    benign: data.optional().describe('Rows on which the vector must not change the model (KL term).'),
    heldOut: number(0.5)
      .min(0)
      .default(0.2)
      .describe(
        `Share of both kinds of rows that is never trained on, at most ${MOST_HELD_OUT} rows of each, more only if the held-out prompts have more. They show what the vector finds and protects. All others are trained on.`,
      ),
    adapter,
    objective: z
      .strictObject({
        benignWeight: number(1e6)
          .min(0)
          .default(0.1)
          .describe('λ of CE(harmful) + λ·KL(base ‖ base+vector on benign).'),
      })
      .prefault({}),
    optimizer,
    batch,
    recompute,
    stop: z
      .strictObject({
        harmfulLoss: number(1000)
          .positive()
          .describe('Stop when the harmful loss with the vector, in nats per supervised token, is below this.'),
      })
      .optional(),
    evaluateEvery: count(MAX_STEPS).default(10),
    ...run,
  })
  .refine((r) => (r.epochs === undefined) !== (r.steps === undefined), {
    message: 'give either "epochs" or "steps"',
  })
  .refine(momentsHere, MOMENTS_HERE);

const finetuneRecipe = z
  .strictObject({
    $schema: z.string().optional(),
    kind: z.literal('finetune').describe('Fine-tune; protected when vectors are listed.'),
    model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
    data: mixedData,
    heldOut,
    method: z.enum(['lora', 'full']).default('lora'),
    adapter,
    vectors: list(vector, 64)
      .default([])
      .describe('Security vectors: active and frozen while training, removed afterwards.'),
    protection: z
      .union([z.boolean(), protection], {
        error: 'this is true, false, or an object with parts such as { "route": true, "anchor": {} }',
      })
      .default(false)
      .describe(
        'Strengthening beyond the paper: true is the strongest known, false follows the paper. In an object, missing parts are as in the paper; true is short for { "flagged": "auto", "route": true, "anchor": {} }.',
      ),
    baseline: baseline.optional(),
    probes: z
      .strictObject({ harmful: data.optional(), benign: data.optional() })
      .prefault({})
      .describe(
        'Rows whose loss and gradient norm are measured during training. Default: harmful rows that the vectors held out, otherwise their own; the first rows of the data.',
      ),
    evaluate: evaluationSets.default([]),
    evaluateEvery: count(MAX_STEPS).default(20).describe('Steps between two measurements of the probes.'),
    judges,
    generation,
    optimizer,
    batch,
    recompute,
    ...run,
  })
  .refine((r) => (r.epochs === undefined) !== (r.steps === undefined), {
    message: 'give either "epochs" or "steps"',
  })
  .refine(momentsHere, MOMENTS_HERE)
  .refine((r) => r.method !== 'full' || r.precision === 'float32', {
    message:
      'full fine-tuning changes the weights, which are frozen in blocks: remove "precision", or use "method": "lora"',
    path: ['precision'],
  })
  .refine((r) => r.method !== 'full' || r.adapter.init === undefined, {
    message:
      'full fine-tuning starts from the model, not from an adapter on it: export the merged model and name it as "model", or use "method": "lora"',
    path: ['adapter', 'init'],
  })
  .refine((r) => r.heldOut === 0 || r.evaluate.every(({ name }) => name !== HELD_OUT_SET), {
    message: `"${HELD_OUT_SET}" is the name of the set of "heldOut": give the other set another name`,
    path: ['evaluate'],
  })
  .superRefine(({ vectors, evaluate }, context) => {
    const harm = evaluate.filter(({ measure }) => measure === 'harm').map(({ name }) => name);
    vectors.forEach(({ adapter, sets = [] }, i) => {
      if (vectors.findIndex((one) => one.adapter === adapter) < i)
        context.addIssue({
          code: 'custom',
          message:
            'this vector is listed already, and would be added twice: remove it, or set the "scale" of the first',
          path: ['vectors', i, 'adapter'],
        });
      sets.forEach((name, k) => {
        if (!harm.includes(name))
          context.addIssue({
            code: 'custom',
            message: `there is no evaluation set of harm with the name "${name}"`,
            path: ['vectors', i, 'sets', k],
          });
      });
    });
  })
  .superRefine((recipe, context) => {
    const { baseline: followed } = recipe;
    const fault = followed ? baselineFault({ ...recipe, baseline: followed }) : protectionFault(recipe);
    if (fault) context.addIssue({ code: 'custom', ...fault });
  })
  // Defaults are filled in before a check could see that it is missing: readRecipe.ts refuses that, and editors by
  // this.
  .meta({
    if: { properties: { method: { const: 'full' } }, required: ['method'] },
    then: { properties: { optimizer: { required: ['learningRate'] } }, required: ['optimizer'] },
  });

const state = z.strictObject({ name: text, model: path.optional(), adapters: list(attached, 64).default([]) });

const evaluateRecipe = z.strictObject({
  $schema: z.string().optional(),
  kind: z.literal('evaluate').describe('Judge the answers of a model with adapters.'),
  model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
  adapters: list(attached, 64).default([]),
  states: distinct(list(state, 64), 'states')
    .optional()
    .describe(
      'Named model states side by side, for example base, plain and protected. Default: base, and the adapters above.',
    ),
  evaluate: evaluationSets.min(1),
  judges,
  generation,
  // Nothing reads it: recipes and runs of earlier versions have it.
  batch: z.unknown().optional().meta({ deprecated: true, doNotSuggest: true }),
  seed: run.seed,
  threads: run.threads,
  precision: run.precision,
  tensorboard: run.tensorboard,
  device: run.device,
  on: run.on,
  output: run.output,
});

/** One schema for all recipes: the type, the check, and the JSON Schema of the editor come from it. */
export const recipeSchemas = {
  vector: vectorRecipe,
  finetune: finetuneRecipe,
  evaluate: evaluateRecipe,
  sweep: sweepRecipe,
} as const;
export const recipeSchema = z.union(Object.values(recipeSchemas));
export type VectorRecipe = z.infer<typeof vectorRecipe>;
export type FinetuneRecipe = z.infer<typeof finetuneRecipe>;
export type EvaluateRecipe = z.infer<typeof evaluateRecipe>;
/** Recipes of one run. */
export type RunRecipe = VectorRecipe | FinetuneRecipe | EvaluateRecipe;
export type Recipe = RunRecipe | SweepRecipe;
