/**
 * Recipes: the JSON files that people write. One schema gives the type, the check and the JSON Schema of the editor. It
 * stands apart from the rest of the contract so that who only needs the types does not load zod.
 */
import { z } from 'zod';
import { DATA_FORMATS, MEASURES } from '../protocol.js';

const path = z.string().min(1);
const count = z.int().positive();
const fraction = z.number().min(0).max(1);

const data = z.strictObject({
  file: path.describe('Data file, relative to this recipe: .jsonl, .json, .csv, .tsv or .parquet.'),
  format: z.enum(DATA_FORMATS).default('auto').describe('Row format. "auto" finds it and says so.'),
  limit: count.optional().describe('Use only the first rows of the file.'),
});

const sites = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .default('all-linear')
  .describe(
    '"all-linear", a list of module names (["q_proj", "v_proj"]), or a regular expression on full module names.',
  );

const adapterShape = {
  rank: count.default(8).describe('LoRA rank r.'),
  alpha: z.number().positive().default(16).describe('LoRA alpha; the update is scaled by alpha / rank.'),
  sites,
};

const optimizer = z
  .strictObject({
    learningRate: z.number().positive().default(1e-3),
    betas: z.tuple([fraction, fraction]).default([0.9, 0.999]),
    epsilon: z.number().positive().default(1e-8),
    weightDecay: z.number().min(0).default(0),
    clipNorm: z.number().min(0).default(1).describe('Clip the global gradient norm; 0 switches clipping off.'),
    schedule: z.enum(['constant', 'linear', 'cosine']).default('constant'),
    warmupSteps: z.number().min(0).default(0).describe('Steps of linear warm-up; below 1: the share of all steps.'),
  })
  .prefault({})
  .describe('AdamW.');

const batch = z
  .strictObject({
    rows: count.default(8).describe('Rows of a micro-batch.'),
    accumulate: count.default(1).describe('Micro-batches of one optimizer step.'),
    maxTokens: count.default(512).describe('Longest row in tokens; longer rows are reported and left out.'),
  })
  .prefault({});

const run = {
  epochs: z.number().positive().optional().describe('Passes over the data. Give epochs or steps.'),
  steps: count.optional().describe('Optimizer steps. Give epochs or steps.'),
  seed: z.int().min(0).default(1),
  threads: z.int().min(0).default(0).describe('CPU threads; 0 uses all cores.'),
  device: z
    .enum(['auto', 'cpu', 'webgpu'])
    .default('auto')
    .describe('"auto" takes a GPU if there is one, else the CPU, and says why.'),
  output: path.describe('Run folder, relative to this recipe.'),
};

const evaluationSet = z.strictObject({
  name: z.string().min(1),
  file: path,
  format: z.enum(DATA_FORMATS).default('auto'),
  measure: z.enum(MEASURES),
  limit: count.optional(),
  phrases: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .describe(
      'contains: an answer counts when it has one of these (case-insensitive). harm: what compliance looks like; without it, every answer that is not a refusal counts as harm.',
    ),
});

const generation = z
  .strictObject({
    maxNewTokens: count.default(64),
    temperature: z.number().min(0).default(0).describe('0 is greedy.'),
    topP: z.number().gt(0).max(1).default(1),
  })
  .prefault({});

const labels = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const judge = z.union(
  [
    z
      .strictObject({
        classifier: path.describe(
          'Folder of a text classifier, relative to this recipe: config.json, tokenizer.json, and model.onnx or onnx/model.onnx.',
        ),
        refused: labels.optional().describe('Its labels that mean a refusal; any other answer complied.'),
        complied: labels
          .optional()
          .describe('Instead of "refused": its labels that mean harm. Such a judge knows nothing of refusals.'),
        name: z.string().min(1).optional().describe("Its name in tables. Default: the folder's name."),
      })
      .refine((j) => (j.refused === undefined) !== (j.complied === undefined), {
        message: 'give "refused" or "complied", one of them',
      }),
    z.literal('refusal-phrases'),
  ],
  { error: 'a judge is "refusal-phrases", or a classifier: { "classifier": "folder", "refused": "LABEL" }' },
);
const judges = z
  .array(judge)
  .min(1, 'give at least one judge')
  .default(['refusal-phrases'])
  .describe('Who judges harm and over-refusal; the first is the main one. Each gives numbers of its own.');

const attached = z.strictObject({
  adapter: path.describe('PEFT folder, or a run folder with adapter/.'),
  scale: z.number().default(1),
});

const vectorRecipe = z
  .strictObject({
    $schema: z.string().optional(),
    kind: z.literal('vector').describe('Train a security vector.'),
    model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
    harmful: data,
    benign: data.optional().describe('Rows on which the vector must not change the model (KL term).'),
    adapter: z
      .strictObject({ ...adapterShape, init: path.optional().describe('Start from this PEFT folder.') })
      .prefault({}),
    objective: z
      .strictObject({
        benignWeight: z.number().min(0).default(0.1).describe('λ of CE(harmful) + λ·KL(base ‖ base+vector on benign).'),
      })
      .prefault({}),
    optimizer,
    batch,
    stop: z
      .strictObject({
        harmfulLoss: z
          .number()
          .positive()
          .describe('Stop when the harmful loss with the vector, in nats per supervised token, is below this.'),
      })
      .optional(),
    evaluateEvery: count.default(10),
    ...run,
  })
  .refine((r) => (r.epochs === undefined) !== (r.steps === undefined), {
    message: 'give "epochs" or "steps", one of them',
  });

const finetuneRecipe = z
  .strictObject({
    $schema: z.string().optional(),
    kind: z.literal('finetune').describe('Fine-tune; protected when vectors are listed.'),
    model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
    data,
    method: z.enum(['lora', 'full']).default('lora'),
    adapter: z.strictObject({ ...adapterShape, init: path.optional() }).prefault({}),
    vectors: z
      .array(attached)
      .default([])
      .describe('Security vectors: active and frozen while training, removed afterwards.'),
    protection: z
      .union([
        z.literal(false),
        z.strictObject({
          route: z
            .union([z.literal(false), fraction])
            .default(false)
            .describe(
              'Rows explained by the vector by more than this train with it on, all others with it off. false: on for all rows (the paper).',
            ),
          anchor: z
            .union([
              z.literal(false),
              z.strictObject({
                refusals: count
                  .default(2)
                  .describe("The vector's own prompts per step, with the base model's answers."),
                benign: z.int().min(0).default(0),
                weight: z.number().positive().default(0.3).describe('Weight of KL(base ‖ model without the vector).'),
              }),
            ])
            .default(false),
        }),
      ])
      .default(false)
      .describe('Strengthening beyond the paper; false is the paper.'),
    probes: z
      .strictObject({ harmful: data.optional(), benign: data.optional() })
      .prefault({})
      .describe(
        "Rows whose loss and gradient norm are drawn while training. Default: the vector's own rows, and rows of the data.",
      ),
    evaluate: z.array(evaluationSet).default([]),
    evaluateEvery: count.default(20).describe('Steps between two measurements of the probes.'),
    judges,
    generation,
    optimizer,
    batch,
    ...run,
  })
  .refine((r) => (r.epochs === undefined) !== (r.steps === undefined), {
    message: 'give "epochs" or "steps", one of them',
  });

const evaluateRecipe = z.strictObject({
  $schema: z.string().optional(),
  kind: z.literal('evaluate').describe('Judge the answers of a model with adapters.'),
  model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
  adapters: z.array(attached).default([]),
  states: z
    .array(z.strictObject({ name: z.string().min(1), model: path.optional(), adapters: z.array(attached).default([]) }))
    .optional()
    .describe(
      'Named model states side by side, for example base, plain and protected. Default: base, and the adapters above.',
    ),
  evaluate: z.array(evaluationSet).min(1),
  judges,
  generation,
  batch,
  seed: run.seed,
  threads: run.threads,
  device: run.device,
  output: run.output,
});

/** One schema for all recipes: the type, the check, and the JSON Schema of the editor come from it. */
export const recipeSchema = z.union([vectorRecipe, finetuneRecipe, evaluateRecipe]);
export const recipeSchemas = { vector: vectorRecipe, finetune: finetuneRecipe, evaluate: evaluateRecipe } as const;
export type VectorRecipe = z.infer<typeof vectorRecipe>;
export type FinetuneRecipe = z.infer<typeof finetuneRecipe>;
export type EvaluateRecipe = z.infer<typeof evaluateRecipe>;
export type Recipe = VectorRecipe | FinetuneRecipe | EvaluateRecipe;
export type EvaluationSet = z.infer<typeof evaluationSet>;
export type JudgeChoice = z.infer<typeof judge>;
export type DataSource = z.infer<typeof data>;
export type GenerationOptions = z.infer<typeof generation>;
export type AttachedAdapter = z.infer<typeof attached>;
export type OptimizerOptions = z.infer<typeof optimizer>;
