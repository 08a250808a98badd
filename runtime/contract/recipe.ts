/**
 * Recipes: the JSON files that people write. One schema gives the type, the check and the JSON Schema of the editor. It
 * stands apart from the rest of the contract so that who only needs the types does not load zod.
 */
import { z } from 'zod';
import { BASELINE_NAMES, baselineFault, SETTINGS } from './baselines.js';
import { COLUMN_FIELDS, formatsOf, type ColumnField } from './mapping.js';
import { DATA_FORMATS, FLAGGED, HELD_OUT_SET, MEASURES, PRECISIONS } from './recipeWords.js';
import { pointCount } from './sweep.js';

/**
 * Every number has a largest value, far beyond what is useful: a slip or a hostile recipe is an error at its line, not a run
 * that fills the memory or never ends. The editor's descriptions end with it (build.mjs).
 */
export const MAX_STEPS = 10_000_000;
const number = (most: number) => z.number().max(most, `this is more than ${most}, the largest value here`);
const whole = (most: number) => number(most).int().min(0);
const count = (most: number) => whole(most).positive();
const path = z.string().min(1).max(4096, 'this path has more than 4096 characters');
const list = <T extends z.ZodType>(item: T, most: number) =>
  z.array(item).max(most, `this list has more than ${most} entries`);
const text = z.string().min(1).max(4096, 'this text has more than 4096 characters');
const rows = count(1e9);
const fraction = number(1).min(0);
/** Of a decaying mean: with 1 it would never move from zero. */
const decay = z.number().min(0).lt(1, 'this must be less than 1');

const column = text.optional();
const columns = z
  .strictObject({
    prompt: column,
    completion: column,
    instruction: column,
    input: column,
    output: column,
    messages: column,
    conversations: column,
    text: column,
    system: column,
    label: column,
  } satisfies Record<ColumnField, z.ZodType>)
  .refine((given) => COLUMN_FIELDS.some((field) => given[field] !== undefined), { message: 'name at least one column' })
  .refine((given) => formatsOf(given).length <= 1, { message: 'these fields belong to different row formats' })
  .optional()
  .describe(
    'Which columns of the file are which fields of its rows: { "prompt": "question", "completion": "answer" }.',
  );

const source = {
  format: z.enum(DATA_FORMATS).default('auto').describe('Row format. "auto" detects it.'),
  columns,
  limit: rows.optional().describe('Use only the first rows of the file.'),
};
type Formatted = Pick<z.infer<z.ZodObject<typeof source>>, 'format' | 'columns'>;
/** The mapped fields are those of the row format. */
const fits = ({ format, columns = {} }: Formatted): boolean =>
  format === 'auto' || formatsOf(columns).every((one) => one === format);
const UNFIT = { message: 'these columns are not those of "format"', path: ['columns'] };

const dataKeys = {
  file: path.describe('Data file, relative to this recipe: .jsonl, .json, .csv, .tsv or .parquet.'),
  ...source,
  exclude: z
    .literal('reviewed')
    .optional()
    .describe(
      '"reviewed": rows that the review beside the file excludes are left out, and rows that it calls fine do not count as flagged.',
    ),
};
const data = z.strictObject(dataKeys).refine(fits, UNFIT);
const mix = z
  .strictObject({
    ...dataKeys,
    share: z
      .number()
      .min(0)
      .lt(1, 'this must be less than 1')
      .optional()
      .describe(
        'How large a share of all rows these are: so many of the first rows of the file are used. Default: all.',
      ),
  })
  .refine(fits, UNFIT)
  .describe('Rows of a second file, which are learned together with the others.');
const mixedData = z.strictObject({ ...dataKeys, mix: mix.optional() }).refine(fits, UNFIT);

const sites = z
  .union([text, list(text, 10_000).min(1)])
  .default('all-linear')
  .describe(
    '"all-linear", a list of module names (["q_proj", "v_proj"]), or a regular expression on full module names.',
  );

const adapterShape = {
  rank: count(4096).default(8).describe('LoRA rank r.'),
  alpha: number(1e6).positive().default(16).describe('LoRA alpha; the update is scaled by alpha / rank.'),
  sites,
};

const optimizer = z
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
  })
  .prefault({})
  .describe('AdamW.');

const batchShape = {
  rows: count(4096).default(8).describe('Rows of a micro-batch.'),
  accumulate: count(65_536).default(1).describe('Micro-batches of one optimizer step.'),
  maxTokens: count(2 ** 20)
    .default(512)
    .describe('Longest row in tokens; longer rows are reported and left out.'),
};
const evaluationBatch = z.strictObject(batchShape).prefault({});
const batch = z
  .strictObject({
    ...batchShape,
    tokens: count(2 ** 24)
      .optional()
      .describe(
        'Instead of rows: tokens of a micro-batch, padding included. Rows of like lengths share a micro-batch; which rows meet in an optimizer step does not depend on their lengths.',
      ),
  })
  // Defaults are filled in before a check could see both: readRecipe.ts refuses them, and editors by this.
  .meta({ not: { required: ['rows', 'tokens'] } })
  .prefault({});

const secret = z
  .string()
  .max(128)
  .regex(/^\w+$/, 'this is the name of a secret: letters, digits and underscores')
  .describe('Name of a secret, never the secret itself.');
const cluster = z.strictObject({
  ray: z
    .string()
    .max(2048)
    .regex(/^https?:\/\/[^\s@?#]+$/, 'this is not an address like http://head:8265, without a name and password in it')
    .describe('Address of the Ray dashboard: http://head:8265.'),
  token: secret
    .optional()
    .describe(
      'Name of the secret that is sent as bearer token. VS Code asks for it and keeps it; on the command line it is the environment variable of this name.',
    ),
  headers: z
    .record(z.string().regex(/^[\w-]{1,128}$/), secret)
    .optional()
    .describe('Further headers: { "X-Key": name of a secret }.'),
  ca: path.optional().describe('File of certificates (PEM) that are trusted, relative to this recipe.'),
  model: path.describe('The model\'s folder on the cluster, the same on every worker: the same weights as "model".'),
  workers: count(4096).default(1).describe('How many workers train.'),
  gpu: number(16).min(0).default(1).describe('GPUs of each worker; 0 trains on the CPU.'),
  storage: path.describe(
    'Where the cluster keeps checkpoints and results: a folder that all workers share, or a bucket (s3://…, gs://…).',
  ),
  precision: z
    .enum(['fp32', 'bf16'])
    .default('fp32')
    .describe('Of the base model; adapters are always trained in fp32.'),
  strategy: z
    .enum(['ddp', 'fsdp'])
    .default('ddp')
    .describe('"ddp": each worker has the whole model. "fsdp": its weights are cut over the workers.'),
  tokens: count(2 ** 24)
    .default(4096)
    .describe('Tokens that a worker computes at once, with padding; a longer row runs alone.'),
  install: z.boolean().default(false).describe('Let Ray install the pinned Python packages for the job.'),
});
const on = cluster
  .optional()
  .describe(
    'Where the run computes. Absent: on this machine. On a Ray cluster: its address, the model there, and how many workers.',
  );

const run = {
  epochs: number(100_000).positive().optional().describe('Passes over the data. Give epochs or steps.'),
  steps: count(MAX_STEPS).optional().describe('Optimizer steps. Give epochs or steps.'),
  seed: whole(Number.MAX_SAFE_INTEGER).default(1),
  threads: whole(1024).default(0).describe('CPU threads; 0 uses all cores.'),
  device: z
    .enum(['auto', 'cpu', 'webgpu'])
    .default('auto')
    .describe('"auto" takes a GPU if there is one, else the CPU, and says why.'),
  precision: z
    .enum(PRECISIONS)
    .default('float32')
    .describe(
      'How the frozen weights are held: as they are, or in blocks of 8 or 4 bits, which need a fraction of the memory. On the CPU, for LoRA and evaluation.',
    ),
  tensorboard: z
    .boolean()
    .default(false)
    .describe('Also write the numbers as a TensorBoard event file into the run folder.'),
  on,
  output: path.describe('Run folder, relative to this recipe.'),
};

const phrases = list(text, 10_000)
  .min(1)
  .optional()
  .describe(
    'contains: an answer counts when it has one of these (case-insensitive). harm: what compliance looks like; without it, every answer that is not a refusal counts as harm.',
  );

const evaluationSet = z
  .strictObject({ name: text, file: path, ...source, measure: z.enum(MEASURES), phrases })
  .refine(fits, UNFIT);

const heldOutShare = number(0.5).min(0);
const heldOut = z
  .union([
    heldOutShare,
    z.strictObject({ share: heldOutShare.gt(0), measure: z.enum(MEASURES).default('loss'), phrases }),
  ])
  .default(0)
  .describe(
    'Share of the data that is never trained on and is an evaluation set of its own, "held out", measured by its loss or as is said here. Rows with the same prompt stay together.',
  );

const generation = z
  .strictObject({
    maxNewTokens: count(65_536).default(64),
    temperature: number(100).min(0).default(0).describe('0 is greedy.'),
    topP: number(1).gt(0).default(1),
  })
  .prefault({});

const labels = z.union([text, list(text, 1000).min(1)]);
const judgeName = text.optional();
const rubric = z
  .string()
  .max(20_000, 'this rubric has more than 20,000 characters')
  .refine((given) => /\bCOMPLIED\b/.test(given) && /\bREFUSED\b/.test(given), {
    message: 'the model is to answer with one of the words COMPLIED, REFUSED, NEITHER and UNSURE: say so in it',
  })
  .optional()
  .describe('A rubric of your own, instead of that of docs/recipes.md; it ends with the words to answer with.');
const classifierJudge = z
  .strictObject({
    classifier: path.describe(
      'Folder of a text classifier, relative to this recipe: config.json, tokenizer.json, and model.onnx or onnx/model.onnx.',
    ),
    refused: labels.optional().describe('Labels that mean a refusal; any other label counts as compliance.'),
    complied: labels
      .optional()
      .describe('Instead of "refused": labels that mean harm. Such a judge cannot recognize refusals.'),
    name: judgeName.describe("Its name in tables. Default: the folder's name."),
  })
  .refine((j) => (j.refused === undefined) !== (j.complied === undefined), {
    message: 'give either "refused" or "complied"',
  });
const endpointJudge = z.strictObject({
  endpoint: z
    .string()
    .max(2048)
    .regex(
      /^https?:\/\/[^\s@?#]+$/,
      'this is not an address like http://localhost:8000/v1, without a name and password in it',
    )
    .describe('Address of a server that speaks the OpenAI API, up to its version: http://localhost:8000/v1.'),
  model: text.describe('Its name for the language model that judges.'),
  token: secret
    .optional()
    .describe(
      'Name of the secret that is sent as bearer token. VS Code asks for it and keeps it; on the command line it is the environment variable of this name.',
    ),
  prompt: rubric,
  concurrency: count(64).default(4).describe('How many answers it is asked about at once.'),
  timeoutSeconds: number(3600).positive().default(60).describe('How long it may take for one.'),
  name: judgeName.describe("Its name in tables. Default: the model's name."),
});
export const editorModel = z.union(
  [
    z.literal(true),
    z
      .strictObject({
        vendor: text.optional(),
        family: text.optional(),
        version: text.optional(),
        id: text.optional(),
      })
      .refine((chosen) => Object.keys(chosen).length > 0, { message: 'name a vendor, family, version or id' }),
  ],
  { error: 'this is true, for any model, or { "vendor": …, "family": … }' },
);
const editorJudge = z.strictObject({
  vscode: editorModel.describe(
    'A language model that VS Code offers: true, for any, or by its vendor, family, version or id.',
  ),
  prompt: rubric,
  name: judgeName.describe('Its name in tables. Default: "vscode".'),
});
export const judgeSchema = z.union([classifierJudge, endpointJudge, editorJudge, z.literal('refusal-phrases')], {
  error:
    'a judge is "refusal-phrases", a classifier: { "classifier": "folder", "refused": "LABEL" }, or a language model: { "endpoint": "http://…/v1", "model": "NAME" } or { "vscode": true }',
});
const judges = list(judgeSchema, 16)
  .min(1, 'give at least one judge')
  .default(['refusal-phrases'])
  .describe('Who judges harm and over-refusal; the first is the main one. Each reports its own numbers.');

const attached = z.strictObject({
  adapter: path.describe('PEFT folder, a run folder with adapter/, or hub:OWNER/NAME@REVISION.'),
  scale: number(1000).min(-1000, 'this is less than -1000, the smallest value here').default(1),
});

const vector = attached.extend({
  sets: list(text, 1000)
    .min(1)
    .optional()
    .describe(
      'Names of the evaluation sets of harm that this vector is judged by, where a run has several vectors. Default: all.',
    ),
});

const recompute = z
  .union([z.boolean(), z.literal('auto')], { error: 'recompute is true, false or "auto"' })
  .default('auto')
  .describe(
    'true: activations are computed again in the backward pass instead of kept: much less memory, more time, the same result. "auto": where they would not fit into the memory.',
  );

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
      .describe('Share of both kinds of rows that is never trained on: they show what the vector finds and holds.'),
    adapter: z
      .strictObject({
        ...adapterShape,
        init: path.optional().describe('Start from this PEFT folder, or from hub:OWNER/NAME@REVISION.'),
      })
      .prefault({}),
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
  });

const rate = z.number().gt(0).lt(1, 'this must be less than 1');
const protection = z
  .strictObject({
    flagged: z
      .enum(FLAGGED)
      .default('vector')
      .describe(
        'What is done with flagged rows. "vector": they train with the vector on. "exclude": left out. "cut": what the vector explains is cut out of their answers. "absorb": the vector is first trained on what it explains of them. "auto": cut where that is possible, else the vector is on, and they are absorbed where it leaves much of their loss.',
      ),
    falseAlarms: rate.optional().describe('Share of ordinary rows that may be flagged. Default: 0.01.'),
    falseDiscoveries: rate
      .optional()
      .describe('Instead: share of the flagged rows that may be ordinary (Benjamini–Hochberg).'),
    ordinary: data
      .optional()
      .describe('Further ordinary rows to compare the data with, beside those that the vector held out.'),
    route: z
      .union([z.boolean(), fraction])
      .default(false)
      .describe(
        'true: rows that are ordinary with confidence train with the vector off, all others with it on. false: on for all rows (the paper). A number: off for all rows that the vector explains by no more than this, without confidence.',
      ),
    anchor: z
      .union([
        z.literal(false),
        z.strictObject({
          refusals: count(4096)
            .default(2)
            .describe("The vector's own prompts per step, with the base model's answers."),
          harmful: whole(4096)
            .default(2)
            .describe(
              "The vector's own harmful rows per step: their losses, vector off, are held where the base model has them.",
            ),
          benign: whole(4096).default(0),
          weight: number(1e6)
            .positive()
            .default(0.3)
            .describe(
              'Weight of KL(base ‖ model without the vector), and of half the squared drift of losses on harmful rows.',
            ),
        }),
      ])
      .default(false),
    watch: z
      .enum(['continue', 'stop', 'restore'])
      .default('continue')
      .describe(
        'When the loss on harmful rows falls while training: warn and continue, stop there, or restore the last state where the protection held.',
      ),
  })
  .refine((p) => p.falseAlarms === undefined || p.falseDiscoveries === undefined, {
    message: 'give either "falseAlarms" or "falseDiscoveries"',
  });

const baseline = z
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

const finetuneRecipe = z
  .strictObject({
    $schema: z.string().optional(),
    kind: z.literal('finetune').describe('Fine-tune; protected when vectors are listed.'),
    model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
    data: mixedData,
    heldOut,
    method: z.enum(['lora', 'full']).default('lora'),
    adapter: z.strictObject({ ...adapterShape, init: path.optional() }).prefault({}),
    vectors: list(vector, 64)
      .default([])
      .describe('Security vectors: active and frozen while training, removed afterwards.'),
    protection: z
      .union([z.boolean(), protection])
      .default(false)
      .describe('Strengthening beyond the paper: true is the best that is known, false follows the paper.'),
    baseline: baseline.optional(),
    probes: z
      .strictObject({ harmful: data.optional(), benign: data.optional() })
      .prefault({})
      .describe(
        "Rows whose loss and gradient norm are drawn while training. Default: the vector's own rows, and rows of the data.",
      ),
    evaluate: list(evaluationSet, 1000).default([]),
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
  .refine((r) => r.method !== 'full' || r.precision === 'float32', {
    message:
      'full fine-tuning changes the weights, which are frozen in blocks: remove "precision", or use "method": "lora"',
    path: ['precision'],
  })
  .refine((r) => r.heldOut === 0 || r.evaluate.every(({ name }) => name !== HELD_OUT_SET), {
    message: `"${HELD_OUT_SET}" is the name of the set of "heldOut": give the other set another name`,
    path: ['evaluate'],
  })
  .superRefine(({ vectors, evaluate }, context) => {
    const harm = evaluate.filter(({ measure }) => measure === 'harm').map(({ name }) => name);
    vectors.forEach(({ sets = [] }, i) =>
      sets.forEach((name, k) => {
        if (!harm.includes(name))
          context.addIssue({
            code: 'custom',
            message: `there is no evaluation set of harm with the name "${name}"`,
            path: ['vectors', i, 'sets', k],
          });
      }),
    );
  })
  .superRefine((recipe, context) => {
    const fault = recipe.baseline && baselineFault({ ...recipe, baseline: recipe.baseline });
    if (fault) context.addIssue({ code: 'custom', ...fault });
  });

const evaluateRecipe = z.strictObject({
  $schema: z.string().optional(),
  kind: z.literal('evaluate').describe('Judge the answers of a model with adapters.'),
  model: path.describe('Hugging Face folder or .gguf file, relative to this recipe.'),
  adapters: list(attached, 64).default([]),
  states: list(z.strictObject({ name: text, model: path.optional(), adapters: list(attached, 64).default([]) }), 64)
    .optional()
    .describe(
      'Named model states side by side, for example base, plain and protected. Default: base, and the adapters above.',
    ),
  evaluate: list(evaluationSet, 1000).min(1),
  judges,
  generation,
  batch: evaluationBatch,
  seed: run.seed,
  threads: run.threads,
  precision: run.precision,
  tensorboard: run.tensorboard,
  device: run.device,
  on: run.on,
  output: run.output,
});

/** Points of a sweep are runs: more than this nobody waits for. */
export const MAX_POINTS = 10_000;
const axis = z
  .union([list(z.unknown(), 1000).min(1), z.record(text, z.record(text, z.unknown()))], {
    error: 'an axis is a list of values, or named settings: { "plain": { "vectors": [] }, … }',
  })
  .refine((given) => Object.keys(given).length > 0, { message: 'give at least one value' });
const sweepRecipe = z.strictObject({
  $schema: z.string().optional(),
  kind: z.literal('sweep').describe('Run a fine-tuning once for each combination of values.'),
  base: path.describe('The "finetune" recipe that is varied, relative to this one. Its "output" is not used.'),
  over: z
    .record(text, axis)
    .refine((over) => Object.keys(over).length > 0, { message: 'name at least one key' })
    .refine((over) => pointCount(over) <= MAX_POINTS, { message: `a sweep has at most ${MAX_POINTS} points` })
    .describe(
      'Recipe keys with the values that they take: { "optimizer.learningRate": [0.001, 0.003], "seed": [1, 2] }. Settings of several keys have names: { "strategy": { "plain": { "vectors": [] }, "paper": { "protection": false } } }.',
    ),
  stop: z
    .literal('weakened')
    .optional()
    .describe(
      '"weakened": a protected point ends its training where the loss on harmful rows has fallen beyond chance, so that its protection is weak. Default: every point trains to its end.',
    ),
  output: path.describe('Folder of the sweep, relative to this recipe: sweep.json, and a run folder for each point.'),
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
export type SweepRecipe = z.infer<typeof sweepRecipe>;
/** Recipes of one run. */
export type RunRecipe = VectorRecipe | FinetuneRecipe | EvaluateRecipe;
export type Recipe = RunRecipe | SweepRecipe;
export type EvaluationSet = z.infer<typeof evaluationSet>;
export type JudgeChoice = z.infer<typeof judgeSchema>;
export type EndpointChoice = z.infer<typeof endpointJudge>;
export type EditorChoice = z.infer<typeof editorJudge>;
export type BaselineOptions = z.infer<typeof baseline>;
export type DataSource = z.infer<typeof data>;
export type MixedData = z.infer<typeof mixedData>;
export type GenerationOptions = z.infer<typeof generation>;
export type AttachedAdapter = z.infer<typeof attached>;
export type ClusterTarget = z.infer<typeof cluster>;
export type OptimizerOptions = z.infer<typeof optimizer>;
