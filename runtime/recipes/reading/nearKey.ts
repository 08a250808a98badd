/** Which key of a recipe is likely meant by one that it does not have. */
import * as z from 'zod';
import { recipeSchemas } from '../../contract/recipe.js';

/** What the configurations of PEFT, TRL, transformers and axolotl call what a recipe has. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  r: 'adapter.rank',
  lora_r: 'adapter.rank',
  lora_alpha: 'adapter.alpha',
  target_modules: 'adapter.sites',
  lora_target_modules: 'adapter.sites',
  lr: 'optimizer.learningRate',
  adam_epsilon: 'optimizer.epsilon',
  max_grad_norm: 'optimizer.clipNorm',
  lr_scheduler_type: 'optimizer.schedule',
  lr_scheduler: 'optimizer.schedule',
  warmup_ratio: 'optimizer.warmupSteps',
  num_train_epochs: 'epochs',
  num_epochs: 'epochs',
  max_steps: 'steps',
  per_device_train_batch_size: 'batch.rows',
  micro_batch_size: 'batch.rows',
  batch_size: 'batch.rows',
  gradient_accumulation_steps: 'batch.accumulate',
  max_length: 'batch.maxTokens',
  max_seq_length: 'batch.maxTokens',
  sequence_len: 'batch.maxTokens',
  gradient_checkpointing: 'recompute',
  eval_steps: 'evaluateEvery',
  val_set_size: 'heldOut',
  max_new_tokens: 'generation.maxNewTokens',
  output_dir: 'output',
  base_model: 'model',
  model_name_or_path: 'model',
  dataset: 'data',
  train_file: 'data',
};

interface Schema {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
}

function* keysOf(
  { properties = {}, anyOf = [], allOf = [], items }: Schema,
  path: readonly string[] = [],
): Generator<string> {
  for (const [key, inner] of Object.entries(properties)) {
    yield [...path, key].join('.');
    yield* keysOf(inner, [...path, key]);
  }
  for (const form of [...anyOf, ...allOf, ...(items ? [items] : [])]) yield* keysOf(form, path);
}

const lastOf = (key: string): string => key.slice(key.lastIndexOf('.') + 1);
const plain = (key: string): string => key.toLowerCase().replace(/[_\s-]/g, '');

const schemaOf = (kind: keyof typeof recipeSchemas): Schema =>
  z.toJSONSchema(recipeSchemas[kind] as z.ZodType, { io: 'input' }) as Schema;

/** Of an object in a recipe the one key that it cannot be without, if that is a text: `file` of a data source. */
export function textOf(path: readonly PropertyKey[], kind: keyof typeof recipeSchemas): string | undefined {
  let schemas = [schemaOf(kind)];
  for (const part of path) {
    const forms = schemas.flatMap(formsOf);
    schemas = forms.flatMap(({ properties, items }) => (typeof part === 'number' ? items : properties?.[String(part)]) ?? []); // oxfmt-ignore
  }
  const [object, ...others] = schemas.flatMap(formsOf).filter(({ properties }) => properties);
  const [key, ...more] = object?.required ?? [];
  const isAlone = object && others.length === 0 && key !== undefined && more.length === 0;
  return isAlone && object.properties?.[key]?.type === 'string' ? key : undefined;
}

const formsOf = (schema: Schema): Schema[] => [
  schema,
  ...[...(schema.anyOf ?? []), ...(schema.allOf ?? [])].flatMap(formsOf),
];

/**
 * @param within the object that has the key, as a path: "optimizer", or "" for the recipe itself
 * @returns a path of a recipe of this kind, such as "optimizer.learningRate"; of several the nearest to where it stands
 */
export function nearKey(key: string, within: string, kind: keyof typeof recipeSchemas): string | undefined {
  const keys = [...new Set(keysOf(schemaOf(kind)))];
  const elsewhere = ELSEWHERE[key];
  if (elsewhere !== undefined && keys.includes(elsewhere)) return elsewhere;
  const wanted = plain(key);
  // A short word is near many others, and so is one among all keys of a recipe.
  const most = (path: string): number =>
    key.length < 5 ? 1 : stepsBetween(path, within) === 0 ? 2 : key.length < 8 ? 1 : 2;
  const own = within === '' ? key : `${within}.${key}`;
  const near = keys
    .filter((path) => path !== own)
    .map((path) => ({ path, edits: editsBetween(wanted, plain(lastOf(path))), away: stepsBetween(path, within) }))
    .filter(({ path, edits }) => edits <= most(path));
  return near.sort((a, b) => a.edits - b.edits || a.away - b.away)[0]?.path;
}

/** How many objects lie between a key and the object where another one stands. */
function stepsBetween(path: string, within: string): number {
  const [own, other] = [path.split('.').slice(0, -1), within === '' ? [] : within.split('.')];
  let same = 0;
  while (same < Math.min(own.length, other.length) && own[same] === other[same]) same++;
  return own.length + other.length - 2 * same;
}

/** Levenshtein's distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length];
}
