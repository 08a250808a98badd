/**
 * PEFT adapter folders: adapter_config.json, adapter_model.safetensors, and our own security_vector.json beside them.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ADAPTER_FILES, RUN_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import { sha256, sha256File, writeFileAtomic } from '../support/files.js';
import { isObject } from '../contract/isObject.js';
import { readJsonObject } from '../support/jsonFile.js';
import { requireCommitted } from '../models/hub/commit.js';
import { bytesOf, readAllFloat32, readSafetensors, writeSafetensors } from '../models/weights/safetensors.js';
import type { TensorInfo } from '../models/weights/safetensors.js';
import { withTimeLimit } from '../support/timeLimit.js';
import { formatAdapterConfig, parseAdapterConfig } from './adapterConfig.js';
import type { AdapterConfig } from './adapterConfig.js';
import { PATTERN_LIMIT_MS, patternValues, targeted } from './peftPatterns.js';
import { runWithoutAdapter } from './runWithoutAdapter.js';
import { isOfTextModel, lastPart } from './sites.js';

export const CONFIG_FILE = ADAPTER_FILES.config;
export const WEIGHTS_FILE = ADAPTER_FILES.weights;
/**
 * Role and provenance. PEFT knows no such keys, and warns of unknown ones in its own file. The header of a vector's
 * weights has the role, too: this file may be left behind where an adapter is copied.
 */
export const ROLE_FILE = ADAPTER_FILES.role;

/** A security vector is active only while other weights train; a task adapter is for use. */
export type AdapterRole = 'task' | 'security';

/** What an adapter was trained on, or made of. */
export interface AdapterProvenance {
  name?: string;
  /** `computation`: what config.json makes of the weights; `tokens`: how its tokenizer writes a conversation */
  baseModel?: { name?: string; architecture?: string; sha256?: string; computation?: string; tokens?: string };
  made?: MadeFrom;
}

/** Of an adapter that was computed from others. */
export interface MadeFrom {
  /** Each with its factor, or how it was projected on; by its name and the SHA-256 of its matrices. */
  from: { path: string; sha256: string; scale?: number; projected?: 'off' | 'onto' }[];
  /** The rank that all of it takes, and the one that it was cut to, with the share of the norm that was lost. */
  exactRank: number;
  rank?: number;
  error?: number;
}

/** ΔW = scale · B A. */
export interface AdapterModule {
  /** [rank, in], row-major. */
  A: Float32Array;
  aShape: [rank: number, inputs: number];
  /** [out, rank], row-major. */
  B: Float32Array;
  bShape: [outputs: number, rank: number];
  /** alpha / rank, or alpha / √rank for rsLoRA. */
  scale: number;
}

export interface AdapterFile {
  /** The folder. */
  path: string;
  config: AdapterConfig;
  role: AdapterRole;
  provenance: AdapterProvenance;
  /** By module name as in the base model: `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, AdapterModule>;
}

interface AdapterToWrite {
  config: AdapterConfig;
  role: AdapterRole;
  provenance?: AdapterProvenance;
  /** Where a scale is given, the config must give it, too. */
  modules: ReadonlyMap<string, Omit<AdapterModule, 'scale'> & Partial<Pick<AdapterModule, 'scale'>>>;
}

/** The adapter folder that a path means: itself, or `adapter/` in a run folder. */
export async function adapterFolder(path: string): Promise<string> {
  const folder = resolve(path);
  const files = await readdir(folder);
  if (!files.includes(CONFIG_FILE) && files.includes('adapter')) return join(folder, 'adapter');
  return folder;
}

/**
 * Reads an adapter folder, or the `adapter/` of a run folder.
 * @throws HumanError for whatever PEFT would compute differently, and for damaged files, naming file and tensor.
 */
export async function readAdapter(path: string): Promise<AdapterFile> {
  const folder = await adapterFolder(path);
  requireCommitted(folder);
  const files = new Set(await readdir(folder));
  if (!files.has(CONFIG_FILE) && files.has(RUN_FILES.manifest)) throw await runWithoutAdapter(folder, files);
  if (!files.has(CONFIG_FILE)) {
    const remedy = files.has('config.json')
      ? 'This is a model, not an adapter.'
      : existsSync(join(folder, '..', RUN_FILES.next, RUN_FILES.manifest))
        ? 'The run that takes its place was cut off at that. Run its recipe again: it is completed first.'
        : 'Name a PEFT adapter folder or a run folder.';
    throw new HumanError(`the folder has no ${CONFIG_FILE}.`, { place: folder, remedy });
  }
  const configFile = join(folder, CONFIG_FILE);
  const config = parseAdapterConfig(await readJsonObject(configFile), configFile);
  if (!files.has(WEIGHTS_FILE)) {
    const remedy = files.has('adapter_model.bin')
      ? 'adapter_model.bin is a PyTorch file, which can run code when it is opened: save the adapter again with PEFT, as safetensors.'
      : 'Copy the whole adapter folder.';
    throw new HumanError(`the folder has no ${WEIGHTS_FILE}.`, { place: folder, remedy });
  }
  const weightsFile = join(folder, WEIGHTS_FILE);
  const { tensors, metadata } = await readSafetensors(weightsFile);
  const modules = await readModules(pairs(tensors.values(), weightsFile), config, configFile, weightsFile);
  const own = files.has(ROLE_FILE)
    ? parseRole(await readJsonObject(join(folder, ROLE_FILE)), join(folder, ROLE_FILE))
    : undefined;
  const role = metadata.role === 'security' ? 'security' : (own?.role ?? 'task');
  return { path: folder, config, role, provenance: own?.provenance ?? {}, modules };
}

/** Tensors of forms of LoRA that are not supported, even if the config does not mention them. */
const FOREIGN: [RegExp, string][] = [
  [/\.lora_embedding_[AB]/, 'LoRA on an embedding'],
  [/\.lora_magnitude_vector/, 'DoRA'],
  [/\.lora_[AB](\.[^.]+)?\.bias$/, 'a bias on LoRA'],
  [/\.(lm_head|embed_out)\.(base_layer|lora_)/, 'LoRA on the vocabulary projection'],
  [/\.(modules_to_save|base_layer|original_module)\./, 'a trained copy of a whole layer'],
  [/\.token_adapter\./, 'trained token embeddings'],
  [
    /^base_model\.model\..*(?<!\.lora_[AB](?:\.[^.]+)?)\.(weight|bias)$/,
    'weights of a layer besides its LoRA matrices',
  ],
];

interface Pair {
  A: TensorInfo;
  B: TensorInfo;
}

/** `base_model.model.<module>.lora_A.weight`; older files keep the adapter's name: `.lora_A.default.weight`. */
function pairs(tensors: Iterable<TensorInfo>, place: string): Map<string, Pair> {
  const found = new Map<string, Partial<Pair>>();
  for (const info of tensors) {
    const match = /^base_model\.model\.(.+)\.lora_([AB])(?:\.default)?\.weight$/.exec(info.name);
    const wrong = (message: string, remedy: string): HumanError =>
      new HumanError(message, { place: `${place}: ${info.name}`, remedy });
    const foreign = FOREIGN.find(([expression]) => expression.test(info.name))?.[1];
    if (foreign) throw wrong(`the adapter has ${foreign}, which is not supported.`, 'Train a plain LoRA.');
    if (!match) throw wrong('the name is not that of a LoRA matrix.', 'Save the adapter again with PEFT.');
    const side = match[2] as 'A' | 'B';
    const pair = found.get(match[1]) ?? {};
    if (pair[side])
      throw wrong(`the matrix ${side} of ${match[1]} appears twice.`, 'Save the adapter again with PEFT.');
    if (info.shape.length !== 2 || info.shape[0] === 0 || info.shape[1] === 0) {
      throw wrong(
        `the shape is [${info.shape.join(', ')}]; a LoRA matrix on a linear layer has two dimensions.`,
        'Train a LoRA on linear layers only.',
      );
    }
    found.set(match[1], { ...pair, [side]: info });
  }
  if (found.size === 0)
    throw new HumanError('the adapter has no LoRA matrices.', { place, remedy: 'Copy the adapter folder again.' });
  for (const [name, { A, B }] of found) {
    if (A && B) continue;
    throw new HumanError(`the matrix ${A ? 'B' : 'A'} of ${name} is missing.`, {
      place,
      remedy: 'Copy the adapter folder again.',
    });
  }
  return found as Map<string, Pair>;
}

async function readModules(
  found: Map<string, Pair>,
  config: AdapterConfig,
  configFile: string,
  weightsFile: string,
): Promise<Map<string, AdapterModule>> {
  const names = [...found.keys()];
  // Together, as one config may have thousands of patterns.
  const { unused, scales } = withTimeLimit(
    PATTERN_LIMIT_MS,
    'the name patterns take too long to match.',
    configFile,
    () => ({
      unused: targeted(config, names, configFile).indexOf(false),
      scales: moduleScales(config, names, configFile),
    }),
  );
  if (unused >= 0) {
    throw new HumanError(
      `the adapter has matrices for ${names[unused]}, which its config does not target; PEFT would drop them.`,
      {
        place: configFile,
        remedy: 'Config and weights are of different adapters, or the config was edited: check "target_modules".',
      },
    );
  }
  for (const [i, name] of names.entries()) {
    const { A, B } = found.get(name)!;
    const { rank } = scales[i];
    if (A.shape[0] !== rank || B.shape[1] !== rank) {
      throw new HumanError(
        `${name} has A [${A.shape.join(', ')}] and B [${B.shape.join(', ')}]; the config gives it rank ${rank}.`,
        {
          place: `${weightsFile}: ${A.name}`,
          remedy: 'Config and weights are of different adapters: check "r" and "rank_pattern".',
        },
      );
    }
  }
  const infos = [...found.values()].flatMap(({ A, B }) => [A, B]);
  const values = await readAllFloat32(infos);
  infos.forEach((info, i) => requireFinite(values[i], info, weightsFile));
  return new Map(
    Array.from(found, ([name, { A, B }], i): [string, AdapterModule] => [
      name,
      {
        A: values[2 * i],
        aShape: A.shape as [number, number],
        B: values[2 * i + 1],
        bShape: B.shape as [number, number],
        scale: scales[i].scale,
      },
    ]),
  );
}

function requireFinite(values: Float32Array, info: TensorInfo, file: string): void {
  for (let i = 0; i < values.length; i++)
    if (!Number.isFinite(values[i]))
      throw new HumanError(`the matrix has a value that is not a number (${values[i]}).`, {
        place: `${file}: ${info.name}`,
        remedy: 'The training of this adapter went wrong: take an earlier checkpoint.',
      });
}

/** Rank and scale of each module: rank_pattern and alpha_pattern where they match, else r and lora_alpha. */
export function moduleScales(
  config: AdapterConfig,
  names: readonly string[],
  place: string,
): { rank: number; alpha: number; scale: number }[] {
  const ranks = patternValues(config.rankPattern, names, place);
  const alphas = patternValues(config.alphaPattern, names, place);
  return names.map((_, i) => {
    const rank = ranks[i] ?? config.rank;
    const alpha = alphas[i] ?? config.alpha;
    return { rank, alpha, scale: alpha / (config.useRslora ? Math.sqrt(rank) : rank) };
  });
}

/** Of the factors of all modules, which the config decides and the hash of the weights does not see. */
export const scalesHash = ({ modules }: Pick<AdapterFile, 'modules'>): string =>
  sha256(JSON.stringify(Array.from(modules, ([name, { scale }]) => [name, scale]).sort()));

/** SHA-256 over an adapter's files. */
export async function hashAdapter(folder: string): Promise<string> {
  return sha256(
    (await Promise.all([WEIGHTS_FILE, CONFIG_FILE].map((name) => sha256File(join(folder, name))))).join('\n'),
  );
}

function parseRole(json: Record<string, unknown>, place: string): { role: AdapterRole; provenance: AdapterProvenance } {
  const { role, name, baseModel } = json;
  if (role !== 'task' && role !== 'security') {
    throw new HumanError(`"role" is ${String(JSON.stringify(role)).slice(0, 40)}; "task" or "security" was expected.`, {
      place,
      remedy: 'Correct the file; a security vector must never be used as a task adapter.',
    });
  }
  const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
  const base = isObject(baseModel)
    ? {
        name: text(baseModel.name),
        architecture: text(baseModel.architecture),
        sha256: text(baseModel.sha256),
        ...(typeof baseModel.computation === 'string' && { computation: baseModel.computation }),
        ...(typeof baseModel.tokens === 'string' && { tokens: baseModel.tokens }),
      }
    : undefined;
  return { role, provenance: { name: text(name), baseModel: base } };
}

/**
 * Writes a folder that PEFT loads. Each file is replaced as a whole, the config last. A pattern or "all-linear" is
 * written as a list of names, which every tool reads alike, and so is what would mean layers for images, too.
 * @throws Error when matrices and config do not belong together.
 */
export async function writeAdapter(
  folder: string,
  { config, role, provenance, modules }: AdapterToWrite,
): Promise<void> {
  const names = [...modules.keys()];
  const written = { ...config, targetModules: targetList(config.targetModules, names) };
  const ranks = moduleScales(written, names, folder);
  const missed = targeted(written, names, folder).indexOf(false);
  if (missed >= 0)
    throw new Error(`adapter: ${names[missed]} is not targeted by ${JSON.stringify(config.targetModules)}`);
  const tensors = [...modules].flatMap(([name, { A, aShape, B, bShape, scale }], i) => {
    if (aShape[0] !== ranks[i].rank || bShape[1] !== ranks[i].rank)
      throw new Error(`adapter: ${name} is not of rank ${ranks[i].rank}`);
    if (scale !== undefined && Math.abs(scale - ranks[i].scale) > 1e-6 * Math.abs(scale))
      throw new Error(`adapter: ${name} is not of scale ${ranks[i].scale}`);
    return [
      {
        name: `base_model.model.${name}.lora_A.weight`,
        dtype: 'F32' as const,
        shape: aShape,
        bytes: A.byteLength,
        data: () => bytesOf(A),
      },
      {
        name: `base_model.model.${name}.lora_B.weight`,
        dtype: 'F32' as const,
        shape: bShape,
        bytes: B.byteLength,
        data: () => bytesOf(B),
      },
    ];
  });
  const metadata = { format: 'pt', ...(role === 'security' && { role }) };
  await writeSafetensors(join(folder, WEIGHTS_FILE), tensors, metadata);
  await writeFileAtomic(join(folder, ROLE_FILE), `${JSON.stringify({ role, ...provenance }, undefined, 2)}\n`);
  await writeFileAtomic(join(folder, CONFIG_FILE), `${JSON.stringify(formatAdapterConfig(written), undefined, 2)}\n`);
}

/**
 * Last parts of the names for "all-linear" (as in q_proj); a pattern may mean some layers only, and in a model with
 * images layers for these have the same last parts, so whole names.
 */
function targetList(targetModules: string | string[], names: readonly string[]): string[] {
  if (names.some(isOfTextModel)) return [...names].sort();
  if (typeof targetModules !== 'string') return targetModules;
  const all = targetModules.toLowerCase() === 'all-linear';
  return [...new Set(names.map((name) => (all ? lastPart(name) : name)))].sort();
}
