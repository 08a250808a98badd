/**
 * Everything the result of a training run depends on, by name: values of recipe keys, and hashes of the files they lead
 * to. A checkpoint keeps it, and a run is resumed only where all of it is as it was.
 */
import { readdir, stat } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { adapterFolder, CONFIG_FILE, ROLE_FILE, WEIGHTS_FILE } from '../../adapters/files.js';
import type { Context } from '../../context/context.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { HumanError } from '../../support/errors.js';
import { modelFile } from '../../evaluation/judges/classifierFiles.js';
import { sha256 } from '../../support/files.js';
import { isObject } from '../../contract/isObject.js';
import { rememberedHash } from '../../support/rememberedHash.js';
import { companions, FOR_IMAGES } from '../../models/weights/saveModel.js';
import type { TrainingRecipe } from '../../contract/kinds.js';
import { recipeInputs, valueAt } from '../../contract/recipeInputs.js';
import { reviewFile } from '../../contract/review.js';
import { beside } from '../vectorFiles/calibrationFile.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import { ONNXRUNTIME } from '../../device/session.js';

/** Goes up when the same recipe gives other bytes than with the version before. */
const ARITHMETIC = 31;

/**
 * Recipe keys that may change before a run is resumed: the bytes of the result do not depend on them, or the run names
 * what differs (`device`, `threads`: see `machine`). Paths may change, too: what they lead to is compared. Of `on` the
 * address and the secrets may change.
 */
export const MAY_CHANGE: ReadonlySet<string> = new Set([
  '$schema',
  'output',
  'device',
  'threads',
  'recompute',
  'tensorboard',
  'on',
]);
/** What a run is judged by, after it: a run that is resumed may change it, and two with other values are not one. */
const JUDGED_BY = /^recipe vectors\.\d+\.sets\b/;
/** Files of a model that only full fine-tuning copies to its result. */
const HANDED_ON = /^(README|LICENSE)/i;
/** Files in a classifier's folder that are not read. */
const NOT_READ = /^(\.|README|LICENSE)|\.(safetensors|pt|pth|h5|msgpack)$/i;

const ABSENT = 'absent';

export type Dependencies = Readonly<Record<string, string>>;

/** A recipe key that names a file or folder, what a person calls it, and the files of it that are read. */
interface Reference {
  readonly key: string;
  readonly noun: string;
  readonly written: string;
  readonly files: (path: string) => Promise<string[]>;
}

interface DependencyOptions {
  /** Absolute path of a path written in the recipe. */
  readonly path: (relative: string) => string;
  readonly context: Pick<Context, 'model'>;
  readonly modelSha256: string;
}

/** Files that cannot be read are "absent" here; whatever needs them reports it. */
export async function dependenciesOf(
  recipe: TrainingRecipe,
  { path, context, modelSha256 }: DependencyOptions,
): Promise<Dependencies> {
  const found: Record<string, string> = { arithmetic: String(ARITHMETIC), 'model weights': modelSha256 };
  Object.assign(found, await filesOf(recipe, context));

  const references = referencesOf(recipe);
  for (const { key, written, files } of references) {
    const folder = path(written);
    for (const file of await files(folder).catch(() => []))
      found[file === folder ? key : `${key} ${relative(folder, file)}`] = await hashed(file);
  }
  const paths = new Set(references.map(({ key }) => key));
  for (const [key, value] of leaves(recipe)) if (!paths.has(key)) found[`recipe ${key}`] = value;
  const { on } = recipe;
  if (on) {
    const { model, workers, precision, strategy, storage } = on;
    found['recipe on'] = JSON.stringify({ model, workers, precision, strategy, storage });
  }
  return found;
}

/** Files of the model beside its weights. */
async function filesOf(recipe: TrainingRecipe, { model: { folder } }: Pick<Context, 'model'>): Promise<Dependencies> {
  const full = recipe.kind === 'finetune' && recipe.method === 'full';
  const names = (await companions(folder)).filter((name) => !FOR_IMAGES.test(name) && (full || !HANDED_ON.test(name)));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [`model ${name}`, await hashed(join(folder, name))] as const)),
  );
}

/**
 * Before a model takes over config, tokenizer and template of its base.
 * @throws ChangedInputs where they are not those that it was trained with
 */
export async function requireFilesAsBegun({
  recipe,
  dependencies,
  context,
}: {
  recipe: TrainingRecipe;
  dependencies: Dependencies;
  context: Pick<Context, 'model'>;
}): Promise<void> {
  const isFile = ([name]: [string, string]): boolean => name.startsWith('model ') && name !== 'model weights';
  const before = Object.fromEntries(Object.entries(dependencies).filter(isFile));
  const place = context.model.path;
  const remedy = 'Put back what changed and resume the run.';
  requireNoChange(before, await filesOf(recipe, context), recipe, 'while the run was at work', { place, remedy });
}

/** A name for all of it: the same where a run would give the same result. */
export const digestOf = (dependencies: Dependencies, which = /./): string =>
  sha256(
    Object.entries(dependencies)
      .filter(([name]) => which.test(name))
      .map(([name, value]) => JSON.stringify([name, value]))
      .sort()
      .join('\n'),
  );

/** What the run computes on. A difference does not prevent resuming, but the result is no longer bit-identical. */
export function machineOf({ backend }: Pick<Context, 'backend'>): Dependencies {
  const cores = cpus();
  return {
    device: backend.device,
    threads: String(backend.threads || `all of ${cores.length}`),
    processor: `${process.platform} ${process.arch} ${cores[0]?.model ?? ''}`.trim(),
    onnxruntime: String(ONNXRUNTIME),
  };
}

/** "threads 1 → 2", for each that differs. */
export const machineChanges = (before: Dependencies, now: Dependencies): string[] =>
  Object.keys(now).flatMap((name) =>
    before[name] === now[name] ? [] : [`${name} ${before[name] ?? 'unknown'} → ${now[name]}`],
  );

/** @throws HumanError that names what is not as it was */
export function requireSame(
  { file: place, facts: { dependencies: before } }: Checkpoint,
  now: Dependencies,
  recipe: TrainingRecipe,
): void {
  const changes = changesOf(before, now, recipe);
  if (changes === undefined) return;
  throw new HumanError(`the run cannot be resumed: ${changes} since its checkpoint.`, {
    place,
    remedy: 'Put back what changed, or start the run over.',
    code: 'restart',
  });
}

/**
 * Of a sweep that is at work: its points are no longer those that it was to compare. Of a run that begins: its rows are
 * others.
 */
export class ChangedInputs extends HumanError {}

function requireNoChange(
  before: Dependencies,
  now: Dependencies,
  recipe: TrainingRecipe,
  when: string,
  rest: { readonly place?: string; readonly remedy: string },
): void {
  const changes = changesOf(before, now, recipe);
  if (changes !== undefined) throw new ChangedInputs(`${changes} ${when}.`, { ...rest, kind: 'failed' });
}

/**
 * @param before what a point of a sweep depended on when the sweep began
 * @throws ChangedInputs that names what is not as it was
 */
export function requireAsBegun(before: Dependencies, now: Dependencies, recipe: TrainingRecipe): void {
  requireNoChange(before, now, recipe, 'since the sweep began', {
    remedy: 'Put back what changed, and resume; or start the sweep over: the points that are done are then run again.',
  });
}

/**
 * When all inputs were read, before anything is made of them.
 * @param now the same of the files as they are by then
 * @throws ChangedInputs where one is not what the run is known to depend on
 */
export function requireAsRead(before: Dependencies, now: Dependencies, recipe: TrainingRecipe): void {
  const remedy = 'Start the run again; to resume it, put back what changed.';
  requireNoChange(before, now, recipe, 'while the run began', { remedy });
}

/** @throws ChangedInputs where a file was changed between the look at what the run depends on and its reading */
export function requireAsHashed(
  dependencies: Dependencies,
  key: string,
  { path: place, sha256: read }: { path: string; sha256: string },
): void {
  const known = dependencies[key] ?? ABSENT;
  if (known === ABSENT || known === read) return;
  throw new ChangedInputs(`${basename(place)} was changed while the run began.`, {
    place,
    remedy: 'Start the run again; to resume it, put the file back as it was.',
    kind: 'failed',
  });
}

/** The first of what differs, in words; undefined where the result would be the same. */
export function changesOf(before: Dependencies, now: Dependencies, recipe: TrainingRecipe): string | undefined {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => before[name] !== now[name] && !JUDGED_BY.test(name),
  );
  if (names.length === 0) return undefined;
  const references = referencesOf(recipe);
  const phrases = [...new Set(names.map((name) => phrase(name, before[name], now[name], references)))];
  return phrases.slice(0, 3).join('; ') + (phrases.length > 3 ? `; and ${phrases.length - 3} more` : '');
}

function phrase(name: string, before = ABSENT, now = ABSENT, references: readonly Reference[]): string {
  const what = before === ABSENT ? 'was added' : now === ABSENT ? 'is gone or cannot be read' : 'changed';
  if (name === 'arithmetic') return 'the program now computes differently';
  if (name.startsWith('recipe ')) {
    const values = [before, now].every((value) => value !== ABSENT) ? ` from ${before} to ${now}` : '';
    return `"${name.slice('recipe '.length)}" in the recipe ${what}${values}`;
  }
  if (name.startsWith('model ')) return `the model's ${name.slice('model '.length)} ${what}`;
  const [key] = name.split(' ') as [string];
  const reference = references.find((one) => one.key === key);
  if (!reference) return `"${key}" in the recipe ${what}`;
  const file = name.slice(key.length + 1);
  return `${reference.noun} ${reference.written}${file ? ` (${file})` : ''} ${what}`;
}

/** What the inputs of a recipe are called, and the files that are read where they lead. */
const INPUTS: readonly [key: RegExp, noun: string, files: Reference['files']][] = [
  [/^model$/, 'the model', async () => []], // its files are named one by one
  [/^harmful\./, 'the harmful rows', async (path) => [path]],
  [/^benign\./, 'the benign rows', async (path) => [path]],
  [/^data\./, 'the data file', async (path) => [path]],
  [/^probes\./, 'the probe file', async (path) => [path]],
  [/^protection\./, 'the file of ordinary rows', async (path) => [path]],
  [/^baseline\.(aligned|harmful)\./, 'the rows of the method', async (path) => [path]],
  [/^baseline\.unaligned$/, 'the unaligned model', weightFiles],
  [/^baseline\.reinforce$/, 'the adapter of the method', adapterFiles],
  [/^evaluate\./, 'the evaluation file', async (path) => [path]],
  [
    /^vectors\./,
    'the vector',
    async (path) => [
      ...(await adapterFiles(path)),
      beside(path, RUN_FILES.prompts),
      beside(path, RUN_FILES.calibration),
      beside(path, RUN_FILES.trained),
    ],
  ],
  [/^judges\./, 'the judge', classifierFiles],
  [/^adapter\./, 'the first adapter', async (path) => [...(await adapterFiles(path)), beside(path, RUN_FILES.trained)]],
];

const referencesOf = (recipe: TrainingRecipe): Reference[] =>
  recipeInputs(recipe).flatMap(({ key, path: written }) => {
    const found = INPUTS.find(([expression]) => expression.test(key));
    if (!found) throw new Error(`the result depends on "${key}", which is not compared`);
    const [, noun, files] = found;
    const review = key.replace(/file$/, 'exclude');
    return [
      { key, noun, written, files },
      ...(valueAt(recipe, review) === 'reviewed'
        ? [{ key: review, noun: 'the review', written: reviewFile(written), files: async (path: string) => [path] }]
        : []),
    ];
  });

async function adapterFiles(path: string): Promise<string[]> {
  const folder = await adapterFolder(path);
  return [CONFIG_FILE, WEIGHTS_FILE, ROLE_FILE].map((name) => join(folder, name));
}

/** A folder's weights, or the file that a path names. */
async function weightFiles(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  return (await readdir(path)).filter((name) => name.endsWith('.safetensors')).map((name) => join(path, name));
}

/** The graph and its external data, whose names are in the graph alone; config and tokenizer. */
async function classifierFiles(folder: string): Promise<string[]> {
  const graph = await modelFile(folder, '');
  const found: string[] = [];
  for (const part of new Set([dirname(graph), folder])) {
    const entries = await readdir(part, { withFileTypes: true });
    const names = entries.filter((entry) => !entry.isDirectory() && !NOT_READ.test(entry.name)).map(({ name }) => name);
    found.push(...names.sort().map((name) => join(part, name)));
  }
  return found;
}

/** Pipes and devices, which have no end, count as absent. */
async function hashed(file: string): Promise<string> {
  const found = await stat(file).catch(() => undefined);
  return found?.isFile() ? rememberedHash(file).catch(() => ABSENT) : ABSENT;
}

/** Every value of a recipe with its place: `optimizer.betas.0`. */
function leaves(value: unknown, at = ''): [string, string][] {
  const inner: [string, unknown][] | undefined = Array.isArray(value)
    ? value.map((item, i) => [String(i), item])
    : isObject(value)
      ? Object.entries(value)
      : undefined;
  if (!inner || inner.length === 0) return value === undefined ? [] : [[at, JSON.stringify(value)]];
  return inner.flatMap(([key, item]) =>
    at === '' && MAY_CHANGE.has(key) ? [] : leaves(item, at === '' ? key : `${at}.${key}`),
  );
}
