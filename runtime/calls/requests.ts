/** What may be asked of the child process: every parameter is checked before anything is done with it. */
import { safeParse } from '../contract/safeParse.js';
import * as z from 'zod';
import { HumanError } from '../support/errors.js';
import { isObject } from '../contract/isObject.js';
import { judgeSchema } from '../contract/recipeJudges.js';
import { LABELS } from '../contract/labels.js';
import { COLUMN_FIELDS, type ColumnField } from '../contract/mapping.js';
import { EXPORT_FORMATS } from '../contract/exports.js';
import type { RequestName, Requests } from '../contract/protocol.js';
import { DATA_FORMATS, DEVICE_CHOICES, PRECISIONS } from '../contract/recipeWords.js';

const text = z.string().max(2 ** 24);
/** File systems take no character 0. */
const path = z
  .string()
  .min(1)
  .max(32_768)
  .regex(/^[^\0]*$/, 'a path was expected');
const format = z.enum(DATA_FORMATS).optional();
const name = z.string().min(1).max(4096).optional();
const columns = z
  .strictObject(Object.fromEntries(COLUMN_FIELDS.map((field) => [field, name])) as Record<ColumnField, typeof name>)
  .optional();
const readAs = { format, columns };
const device = z.enum(DEVICE_CHOICES).optional();
const computing = { device, precision: z.enum(PRECISIONS).optional() };
const scale = z.number().min(-1e6).max(1e6);
const model = { model: path, adapters: z.array(z.strictObject({ path, scale })).max(1000) };
const message = z.strictObject({ role: z.enum(['system', 'user', 'assistant']), content: text });
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

const published = {
  folder: path,
  repository: text,
  isPublic: z.boolean().optional(),
  base: text.optional(),
  run: path.optional(),
  prompts: z.boolean().optional(),
  token: text.optional(),
};

/** A parameter that the contract has and this table has not is an error of types. */
const PARAMS: {
  [K in RequestName]: { [P in keyof Required<Requests[K]['params']>]: z.ZodType<Requests[K]['params'][P]> };
} = {
  run: {
    recipe: path,
    output: path.optional(),
    resume: z.boolean().optional(),
    force: z.boolean().optional(),
    device,
    token: text.optional(),
    secrets: z.record(name.unwrap(), text).optional(),
  },
  scan: {
    model: path,
    vector: path,
    data: path,
    ...readAs,
    limit: limit.optional(),
    ordinary: path.optional(),
    reviewed: z.enum(['leave', 'read']).optional(),
    ...computing,
  },
  judge: {
    run: path,
    judges: z.array(judgeSchema).max(16).optional(),
    labels: z
      .array(
        z.strictObject({ state: text, set: text, row, prompt: text, answer: text, label: z.enum(LABELS).nullable() }),
      )
      .max(100_000)
      .optional(),
    export: path.optional(),
    secrets: z.record(name.unwrap(), text).optional(),
  },
  rowTexts: { data: path, ...readAs, hashes: z.array(hash).max(1000), most: z.int().min(1).max(1e6) },
  rowsWith: { data: path, ...readAs, text },
  rowGroups: {
    data: path,
    ...readAs,
    by: z
      .union([z.strictObject({ similar: z.enum(['prompt', 'answer']) }), z.strictObject({ column: text })])
      .optional(),
  },
  explain: { model: path, vector: path, data: path, ...readAs, hash, ...computing },
  explainAnswer: {
    model: path,
    vector: path,
    messages: z.array(message).min(1).max(100_000),
    answer: text.min(1),
    cut: z.boolean().optional(),
    ...computing,
  },
  clean: {
    data: path,
    ...readAs,
    out: path,
    force: z.boolean().optional(),
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
  },
  score: { ...model, data: path, ...readAs, ...computing },
  generate: {
    ...model,
    messages: z.array(message).max(100_000).optional(),
    prompt: text.optional(),
    ids: z
      .array(z.number())
      .max(2 ** 24)
      .optional(),
    options,
    ...computing,
  },
  inspect: { path },
  inspectAdapter: { model: path, adapter: path },
  inspectData: {
    path,
    ...readAs,
    model: path.optional(),
    maxTokens: z
      .int()
      .min(1)
      .max(2 ** 20)
      .optional(),
    limit: z.int().min(1).optional(),
  },
  previewData: {
    path,
    ...readAs,
    rows: z.int().min(1).max(100).optional(),
    model: path.optional(),
    answersOptional: z.boolean().optional(),
  },
  export: {
    ...model,
    format: z.enum(EXPORT_FORMATS),
    out: path,
    quantization: z.enum(['F16', 'Q8_0', 'F32']).optional(),
    what: z.enum(['model', 'adapter']).optional(),
  },
  combine: {
    ...model,
    out: path,
    off: path.optional(),
    onto: path.optional(),
    rank: z.int().min(1).max(4096).optional(),
  },
  describeDataset: {
    repository: text,
    revision: text.optional(),
    split: text.optional(),
    token: text.optional(),
  },
  downloadDataset: {
    repository: text,
    revision: text.optional(),
    split: text.optional(),
    limit: z.int().min(1).max(1e9).optional(),
    out: path,
    token: text.optional(),
    force: z.boolean().optional(),
  },
  planPublish: published,
  publish: { ...published, planned: text },
  download: {
    repository: text,
    kind: z.literal('adapter').optional(),
    revision: text.optional(),
    folder: path,
    token: text.optional(),
    force: z.boolean().optional(),
  },
  defaults: {
    model: path,
    data: z
      .array(
        z.strictObject({
          file: path,
          ...readAs,
          limit: z.int().min(1).optional(),
          exclude: z.literal('reviewed').optional(),
        }),
      )
      .min(1)
      .max(10),
    method: z.enum(['lora', 'full', 'vector']),
    anchored: z.boolean().optional(),
    vectors: z.array(path).optional(),
    // of a recipe that may have faults
    judges: z.array(z.unknown()).max(16).optional(),
  },
  estimate: { recipe: path, text: text.optional(), device },
  cache: { clear: z.boolean().optional() },
};

/**
 * The parameters of a request, and its number.
 * @throws HumanError for a missing, unknown or wrong parameter, with its name
 */
export function checkedRequest<K extends RequestName>(
  name: K,
  sent: unknown,
): { id: number; params: Requests[K]['params'] } {
  const { id, ...params } = isObject(sent) ? sent : {};
  if (!Number.isSafeInteger(id)) throw badRequest(name, 'id', 'it has no number');
  const checked = safeParse(z.strictObject(PARAMS[name] as z.ZodRawShape), params);
  if (checked.success) return { id: id as number, params: checked.data };
  const issue = checked.error.issues[0];
  throw badRequest(name, issue.path.join('.'), issue.message.slice(0, 500));
}

const badRequest = (name: string, parameter: string, why: string): HumanError =>
  new HumanError(`the request "${name}" is not understood: ${why}.`, {
    place: parameter || undefined,
    remedy: 'Report this: the extension and its engine do not match.',
  });
