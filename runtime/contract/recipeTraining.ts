/** How a recipe trains: adapters, the optimizer, batches, and what every run has. */
import * as z from 'zod';
import { on } from './recipeCluster.js';
import { count, decay, list, MAX_STEPS, number, path, text, whole } from './recipeValues.js';
import { DEVICE_CHOICES, PRECISIONS, type Precision } from './recipeWords.js';

export interface Lora {
  rank: number;
  alpha: number;
  /** "all-linear", names of modules, or a regular expression. */
  sites: string | string[];
}
/** Where a recipe says nothing. */
export const LORA: Lora = { rank: 8, alpha: 16, sites: 'all-linear' };

/** A new LoRA, or one that training starts from: that has settings of its own, and the recipe only what is written. */
export const adapter = z
  .strictObject({
    rank: count(4096).optional().meta({ description: 'LoRA rank r.', default: LORA.rank }),
    alpha: number(1e6)
      .positive()
      .optional()
      .meta({ description: 'LoRA alpha; the update is scaled by alpha / rank.', default: LORA.alpha }),
    sites: z
      .union([text, list(text, 10_000).min(1)], { error: 'this is "all-linear", a list of names, or a pattern' })
      .optional()
      .meta({
        description:
          '"all-linear", a list of module names (["q_proj", "v_proj"]), or a regular expression on full module names.',
        default: LORA.sites,
      }),
    init: path
      .optional()
      .describe(
        'Start from this PEFT folder, or from hub:OWNER/NAME@REVISION. Rank, alpha and sites are those of that adapter.',
      ),
  })
  .transform(({ init, ...written }): (Lora & { init?: undefined }) | (Partial<Lora> & { init: string }) =>
    init === undefined ? { ...LORA, ...written } : { ...written, init },
  )
  .prefault({});

export const optimizer = z
  .strictObject({
    learningRate: number(1e4).positive().default(1e-3),
    betas: z.tuple([decay, decay]).default([0.9, 0.999]),
    epsilon: number(1).positive().default(1e-8),
    weightDecay: number(1000).min(0).default(0),
    clipNorm: number(1e6).min(0).default(1).describe('Clip the global gradient norm; 0 switches clipping off.'),
    schedule: z.enum(['constant', 'linear', 'cosine']).default('constant'),
    warmupSteps: number(MAX_STEPS)
      .min(0)
      .default(0)
      .describe('Steps of linear warm-up; below 1: the share of all steps.'),
    moments: z
      .enum(['float32', '8bit'])
      .optional()
      .describe('How AdamW\'s two moments are kept: "8bit" takes a quarter of their memory, on the CPU.'),
  })
  .prefault({})
  .describe('AdamW.');

const ROWS = 8;

/** How large micro-batches are: so many rows, or so many tokens, padding included. */
export type BatchSize = { rows: number; tokens?: undefined } | { rows?: undefined; tokens: number };
export const batch = z
  .strictObject({
    rows: count(4096).optional().meta({ description: 'Rows of a micro-batch.', default: ROWS }),
    accumulate: count(65_536).default(1).describe('Micro-batches of one optimizer step.'),
    maxTokens: count(2 ** 20)
      .default(512)
      .describe('Longest row in tokens; longer rows are reported and left out.'),
    tokens: count(2 ** 24)
      .optional()
      .describe(
        'Instead of rows: tokens of a micro-batch, padding included. Rows of like lengths share a micro-batch; which rows meet in an optimizer step does not depend on their lengths.',
      ),
  })
  // readRecipe.ts refuses both, and editors by this.
  .meta({ not: { required: ['rows', 'tokens'] } })
  .transform(({ rows = ROWS, tokens, ...others }): BatchSize & typeof others =>
    tokens === undefined ? { rows, ...others } : { ...others, tokens },
  )
  .prefault({});

export const run = {
  epochs: number(100_000).positive().optional().describe('Passes over the data. Give epochs or steps.'),
  steps: count(MAX_STEPS).optional().describe('Optimizer steps. Give epochs or steps.'),
  seed: whole(Number.MAX_SAFE_INTEGER).default(1),
  threads: whole(1024).default(0).describe('CPU threads; 0 uses all cores.'),
  device: z
    .enum(DEVICE_CHOICES)
    .default('auto')
    .describe(
      '"auto" takes a GPU if there is one and it is faster, otherwise the CPU, and says why. "cuda" needs the CUDA provider of onnxruntime, "dml" is DirectML on Windows; both are untested, and "auto" never takes "dml".',
    ),
  precision: z
    .enum(PRECISIONS)
    .default('float32')
    .describe(
      'How the frozen weights are held: as they are, or in blocks of 8 or 4 bits, which need a fraction of the memory. For LoRA and evaluation.',
    ),
  tensorboard: z
    .boolean()
    .default(false)
    .describe('Also write the numbers as a TensorBoard event file into the run folder.'),
  on,
  output: path.describe('Run folder, relative to this recipe.'),
};

export const recompute = z
  .union([z.boolean(), z.literal('auto')], { error: 'recompute is true, false or "auto"' })
  .default('auto')
  .describe(
    'true: activations are computed again in the backward pass instead of being kept: much less memory, more time, the same result. "auto": if they would not fit into the memory, and with "precision": "int8" or "int4". A GPU is assumed to have as much memory as the machine: write true for one with less, false for one with more.',
  );

/** Whether activations are computed again, as the recipe says; undefined: the memory of the machine decides. */
export const recomputes = (recipe: { recompute: boolean | 'auto'; precision: Precision }): boolean | undefined =>
  recipe.recompute !== 'auto' ? recipe.recompute : recipe.precision === 'float32' ? undefined : true;
export type OptimizerOptions = z.infer<typeof optimizer>;
