/** What may be asked of the engine's process: every parameter is checked before anything is done with it. */
import * as z from 'zod';
import { EXPORT_FORMATS } from './exports.js';
import type { ChatMessage } from './generation.js';
import { LABELS } from './labels.js';
import { COLUMN_FIELDS, type ColumnField } from './mapping.js';
import { judgeSchema } from './recipeJudges.js';
import { DATA_FORMATS, DEVICE_CHOICES, PRECISIONS } from './recipeWords.js';

const text = z.string().max(2 ** 24);
/** File systems take no character 0. */
const path = z
  .string()
  .min(1)
  .max(32_768)
  .regex(/^[^\0]*$/, 'a path was expected');
const flag = z.boolean().optional();
const name = z.string().min(1).max(4096);
const column = name.optional();
const columns = z
  .strictObject(Object.fromEntries(COLUMN_FIELDS.map((field) => [field, column])) as Record<ColumnField, typeof column>)
  .optional();
const readAs = { format: z.enum(DATA_FORMATS).optional(), columns };
const device = z.enum(DEVICE_CHOICES).optional();
const computing = { device, precision: z.enum(PRECISIONS).optional() };
const scale = z.number().min(-1e6).max(1e6);
const model = { model: path, adapters: z.array(z.strictObject({ path, scale })).max(1000) };
const message: z.ZodType<ChatMessage> = z.strictObject({
  role: z.enum(['system', 'user', 'assistant']),
  content: text,
});
const options = z.strictObject({
  maxNewTokens: z.int().min(1).max(1e6),
  temperature: z.number().min(0).max(1e6),
  topP: z.number().gt(0).max(1),
  seed: z.int().min(0).optional(),
});

const hash = z.string().max(64);
const row = z.int().min(0);
const rate = z.number().gt(0).lt(1);
const limit = z.union([
  z.strictObject({ falseAlarms: rate }),
  z.strictObject({ falseDiscoveries: rate }),
  z.strictObject({ share: z.number().min(-1e6).max(1e6) }),
]);
/** See Cleaning. */
const cleaning = {
  keep: z.array(z.tuple([row, row])).max(1e8),
  cut: z.array(z.tuple([row, z.union([text, z.array(row)])])).max(1e8),
  unscanned: z
    .strictObject({
      stay: z.boolean(),
      left: z.array(z.tuple([row, row])).max(1e8),
      exclude: z.array(hash).max(1e8).optional(),
      fine: z.array(hash).max(1e8).optional(),
    })
    .optional(),
  hashes: z.array(hash).max(1e8),
};
/** Of a cluster and of judges, by `secretKey`; who gives any gives all. Default: the environment's. */
const secrets = z.record(name, text).optional();
/** Of the Hub. */
const token = text.optional();
/** Replaces what else stops with the error code `exists`. */
const force = flag;

/** Of a repository of the Hub. */
const dataset = { repository: text, revision: text.optional(), split: text.optional(), token };
const published = {
  /** A run folder, an adapter or a model. */
  folder: path,
  /** OWNER/NAME. */
  repository: text,
  isPublic: flag,
  /** Hub name of the base model, where the folder does not tell. */
  base: text.optional(),
  /** Run folder that the folder's content comes from. */
  run: path.optional(),
  /** With a vector's training prompts, of harmful rows with their answers, and of ordinary ones (prompts.jsonl). */
  prompts: flag,
  token,
};

/** Parameters of the requests to the child process. */
export const REQUESTS = {
  /** Runs a recipe; sends `events` while it runs. */
  run: z.strictObject({
    recipe: path,
    output: path.optional(),
    resume: flag,
    /** Replace a finished run in the output folder when the new one is done. */
    force,
    /** instead of the recipe's */
    device,
    /** For adapters that the recipe names by it. */
    token,
    secrets,
  }),
  /**
   * Judges the kept answers of a finished run, or of all points of a sweep that are done: by further judges, and by
   * what people have said of them. Changes the run's answers, measurements and report, and the table of its sweep, and
   * sends `events` while it works.
   */
  judge: z.strictObject({
    run: path,
    /** Further judges; paths are absolute. One of a name that the run has already takes its place. */
    judges: z.array(judgeSchema).max(16).optional(),
    labels: z
      .array(
        z.strictObject({ state: text, set: text, row, prompt: text, answer: text, label: z.enum(LABELS).nullable() }),
      )
      .max(100_000)
      .optional(),
    /** File of an evaluation set that all labelled answers are written to, as JSON lines; must not be there yet. */
    export: path.optional(),
    secrets,
  }),
  /** Sends `rows` before it ends. */
  scan: z.strictObject({
    model: path,
    vector: path,
    data: path,
    ...readAs,
    limit: limit.optional(),
    /** Data file of ordinary rows to compare with, beside those that the vector held out. */
    ordinary: path.optional(),
    /**
     * Rows that the review of the file excludes are left out as in a run, or scanned where they can be, and what is
     * wrong with the others stops nothing. Absent: the review is not read.
     */
    reviewed: z.enum(['leave', 'read']).optional(),
    ...computing,
  }),
  /** Texts of rows by their hashes; those that are not in the file any more are left out. `most`: characters of each. */
  rowTexts: z.strictObject({ data: path, ...readAs, hashes: z.array(hash).max(1000), most: z.int().min(1).max(1e6) }),
  /** Hashes of the rows whose prompt or answer contains the text, whatever its case, with a space between two. */
  rowsWith: z.strictObject({ data: path, ...readAs, text }),
  rowGroups: z.strictObject({
    data: path,
    ...readAs,
    by: z
      .union([z.strictObject({ similar: z.enum(['prompt', 'answer']) }), z.strictObject({ column: text })])
      .optional(),
  }),
  /** What a vector explains of one row. */
  explain: z.strictObject({ model: path, vector: path, data: path, ...readAs, hash, ...computing }),
  /** The same of an answer in a chat, as if it were a row to train on, by the base model. */
  explainAnswer: z.strictObject({
    model: path,
    vector: path,
    /** Up to the question. */
    messages: z.array(message).min(1).max(100_000),
    answer: text.min(1),
    /** The model has not ended it: the end that the chat template writes is none of it. */
    cut: flag,
    ...computing,
  }),
  /** Writes a data file without what a scan found in it: as JSON lines, or as a file of the same kind. */
  clean: z.strictObject({ data: path, ...readAs, out: path, force, ...cleaning }),
  score: z.strictObject({ ...model, data: path, ...readAs, ...computing }),
  /** Sends `token` while it runs. */
  generate: z.strictObject({
    ...model,
    /** One of the three. */
    messages: z.array(message).max(100_000).optional(),
    prompt: text.optional(),
    ids: z
      .array(z.number())
      .max(2 ** 24)
      .optional(),
    options,
    ...computing,
  }),
  inspect: z.strictObject({ path }),
  /**
   * Whether an adapter fits a model: by its layers, and by the hash of the base that it was trained on, where both are
   * known.
   */
  inspectAdapter: z.strictObject({ model: path, adapter: path }),
  inspectData: z.strictObject({
    path,
    ...readAs,
    /** Counts tokens as this model reads the rows. */
    model: path.optional(),
    maxTokens: z
      .int()
      .min(1)
      .max(2 ** 20)
      .optional(),
    /** Reads no more rows than these. */
    limit: z.int().min(1).optional(),
  }),
  previewData: z.strictObject({
    path,
    ...readAs,
    /** How many rows; default 3. */
    rows: z.int().min(1).max(100).optional(),
    model: path.optional(),
    /** Rows that only ask are right, too. */
    answersOptional: flag,
  }),
  export: z.strictObject({
    ...model,
    format: z.enum(EXPORT_FORMATS),
    /** Folder, or .gguf file; must not be there yet. */
    out: path,
    /** Type of the matrices in a GGUF file; default F16, and F32 for an adapter. */
    quantization: z.enum(['F16', 'Q8_0', 'F32']).optional(),
    /** gguf only: the model with its adapters merged (default), or the adapters alone as a LoRA. */
    what: z.enum(['model', 'adapter']).optional(),
  }),
  /** One adapter that does what several do together, less or only what lies along another one. */
  combine: z.strictObject({
    ...model,
    /** Folder; must not be there yet. */
    out: path,
    /** At most one of both. */
    off: path.optional(),
    onto: path.optional(),
    /** Largest rank of the result; without it the result is exact. */
    rank: z.int().min(1).max(4096).optional(),
  }),
  /** What a data set of the Hub is, before it is downloaded. */
  describeDataset: z.strictObject(dataset),
  /** `repository` may be `owner/name/file.parquet`, too, for one file as it is. */
  downloadDataset: z.strictObject({
    ...dataset,
    /** Rows of each file that is written. Default: 1000 for a set of the table, else all. */
    limit: z.int().min(1).max(1e9).optional(),
    out: path,
    force,
  }),
  /** What `publish` would send, and, with a token, what it would remove there; sends nothing. */
  planPublish: z.strictObject(published),
  /** `planned`: `sha256` of the plan that a person has seen. */
  publish: z.strictObject({ ...published, planned: text }),
  download: z.strictObject({
    repository: text,
    /** Default: a model. */
    kind: z.literal('adapter').optional(),
    revision: text.optional(),
    folder: path,
    token,
    force,
  }),
  /**
   * What suits a training on these files, of which the first is learned, at most `limit` rows of it; their rows are
   * read with the model's tokenizer.
   */
  defaults: z.strictObject({
    model: path,
    data: z
      .array(
        z.strictObject({
          file: path,
          ...readAs,
          limit: z.int().min(1).optional(),
          /** Without the rows that the review beside the file excludes. */
          exclude: z.literal('reviewed').optional(),
        }),
      )
      .min(1)
      .max(10),
    method: z.enum(['lora', 'full', 'vector']),
    /** Each step holds rows of an anchor, too. */
    anchored: flag,
    /** Security vectors, of which rows are held and measured. */
    vectors: z.array(path).readonly().optional(),
    /**
     * As in a recipe, which may have faults: by the phrases of one a base may refuse, and then further rows are held.
     */
    judges: z.array(z.unknown()).max(16).readonly().optional(),
  }),
  /** What a training recipe or sweep will take; reads no weight. */
  estimate: z.strictObject({
    recipe: path,
    /** The recipe as it stands in an editor, instead of the file's content. */
    text: text.optional(),
    device,
  }),
  /** What is in the cache of converted models; `clear` first removes what no process uses. */
  cache: z.strictObject({ clear: flag }),
};
