/**
 * A GGUF file as a Hugging Face folder in a cache: made once, found again by the file's SHA-256. Tensors whose bytes
 * are the same in both are not copied: `mapped.json` says where the GGUF file has them.
 */
import { realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { HumanError } from '../../support/errors.js';
import { freeSpace } from '../../support/freeSpace.js';
import { makeCache, makeEntry, removeAbandoned, SOURCE, useEntry } from '../cache/userCache.js';
import { onOneDrive, sha256, sha256File, writeFileAtomic } from '../../support/files.js';
import { decoderSpec } from '../families/config.js';
import { ARCHITECTURES, architectureOf } from './architectures/table.js';
import { SIZE_NAMES } from './architectures/shared/layout.js';
import type { Architecture, Sizes } from './architectures/shared/layout.js';
import { readMetadata } from './file/metadata.js';
import type { Metadata } from './file/metadata.js';
import { withRope } from './architectures/shared/rope.js';
import type { GgufSource } from './architectures/shared/rope.js';
import { partsOf, readModelGguf } from './file/split.js';
import { megabytes } from '../../contract/format.js';
import type { Precision } from '../../contract/recipeWords.js';
import { sum } from '../../contract/sum.js';
import { packGgufTensors } from './packTensors.js';
import { huggingFaceTensors, numberTensors } from './tensors.js';
import type { Tensor } from './tensors.js';
import { convertTokenizer } from './tokenizer.js';
import type { ConvertedTokenizer } from './tokenizer.js';
import { formatJson, readJsonObject, shown } from '../../support/jsonFile.js';
import type { JsonObject } from '../../support/jsonFile.js';
import { writeSafetensors } from '../weights/safetensors.js';
import type { TensorInfo } from '../weights/safetensors.js';
import { parameters } from '../decoder/spec.js';

interface ConvertOptions {
  cache: string;
  /** How the frozen weights are held. Default: float32. */
  precision?: Precision;
  onMessage?: (text: string) => void;
  /** Ends the hashing and the writing. */
  signal?: AbortSignal;
  /** Free bytes of the disk that holds a folder. */
  freeBytes?: typeof freeSpace;
  /** The drive that holds a file, or will. */
  driveOf?: (path: string) => Promise<string>;
}

/** Goes up when the same file would give another folder, so that old folders are not used. */
const CONVERSION = 4;

/**
 * The folder that holds the converted model; converts when the cache does not have it.
 * @throws Cancelled, and HumanError for what cannot be converted; nothing is left in the cache then.
 */
export async function convertGguf(file: string, options: ConvertOptions): Promise<string> {
  const { cache, precision = 'float32', onMessage, signal } = options;
  const inBlocks = precision !== 'float32';
  const name = basename(file);
  await stat(file);
  // Hashing takes a second a gigabyte; path, size and times of change identify it once it is known.
  const found = await Promise.all(partsOf(file).map((part) => stat(part).catch(() => undefined)));
  const state = found.flatMap((part) => (part ? [part.size, part.mtimeMs, part.ctimeMs] : [])).join('\n');
  const remembered = join(cache, `known-${sha256(`${file}\n${state}`).slice(0, 32)}.json`);
  const known = await readJsonObject(remembered).catch(() => undefined);
  let hash = typeof known?.sha256 === 'string' && /^[0-9a-f]{64}$/.test(known.sha256) ? known.sha256 : undefined;
  const isMapped = await onOneDrive([cache, ...partsOf(file)], options.driveOf);
  const folderOf = (sha: string): string =>
    join(cache, `gguf-${sha.slice(0, 32)}-${CONVERSION}${isMapped ? '' : '-whole'}${inBlocks ? `-${precision}` : ''}`);
  if (hash && (await useEntry(folderOf(hash)))) return folderOf(hash);

  const plan = await planConversion(file);
  if (inBlocks) plan.tensors = packGgufTensors(plan.tensors, decoderSpec(plan.config), precision, file);
  if (!isMapped) plan.tensors = plan.tensors.map(({ stored: _, ...tensor }) => tensor);
  if (!hash) {
    onMessage?.(`Reading ${name} (${megabytes(plan.size)} MB).`);
    hash = await hashOf(plan.parts, signal);
  }
  const folder = folderOf(hash);
  // Another process may clear the cache between the two.
  while (!(await useEntry(folder))) {
    const bytes = sum(plan.tensors.map((tensor) => (tensor.stored ? 0 : tensor.bytes)));
    await makeCache(cache);
    await removeAbandoned(cache);
    const free = (await (options.freeBytes ?? freeSpace)(cache)) ?? Infinity;
    if (free < bytes * 1.02) {
      throw new HumanError(
        `converting ${name} needs ${megabytes(bytes)} MB; the disk has ${megabytes(free)} MB left.`,
        {
          place: cache,
          remedy: 'Free some space.',
          kind: 'failed',
        },
      );
    }
    if (bytes > 0)
      onMessage?.(`Converting ${name} to ${megabytes(bytes)} MB of safetensors in ${folder}; this is done once.`);
    await build(folder, plan, { file, sha256: hash }, signal);
  }
  // A cache that cannot be written is used as it is: the next time the file is read once more.
  await writeFileAtomic(remembered, `${JSON.stringify({ file, sha256: hash })}\n`).catch(() => undefined);
  return folder;
}

/** A split model's is the hash of its parts' hashes, one a line. */
async function hashOf(parts: string[], signal?: AbortSignal): Promise<string> {
  const hashes: string[] = [];
  for (const part of parts) hashes.push(await sha256File(part, signal));
  return hashes.length === 1 ? hashes[0] : sha256(hashes.join('\n'));
}

/** Keys of config.json whose numbers are floats. */
const FLOATS = new Set([
  'rms_norm_eps',
  'layer_norm_eps',
  'layer_norm_epsilon',
  'norm_epsilon',
  'rope_theta',
  'rope_local_base_freq',
  'factor',
  'low_freq_factor',
  'high_freq_factor',
  'long_factor',
  'short_factor',
  'attention_factor',
  'partial_rotary_factor',
  'rotary_pct',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'attention_multiplier',
  'embedding_multiplier',
  'residual_multiplier',
  'logits_scaling',
  'logit_scale',
  'norm_eps',
  'beta_fast',
  'beta_slow',
  'mscale',
  'mscale_all_dim',
  'llama_4_scaling_beta',
]);

interface Plan {
  /** The files of the model, one or more, and their bytes. */
  parts: string[];
  size: number;
  config: JsonObject;
  tensors: Tensor[];
  tokenizer?: ConvertedTokenizer;
}

/** A tensor in a part of the GGUF file, by the part's place in the list of all. */
type Mapped = Omit<TensorInfo, 'file' | 'shape'> & { shape: readonly number[]; part: number };

const MAPPED = 'mapped.json';

/** SHA-256 of the GGUF file that a folder was converted from. */
export const convertedFrom = async (folder: string): Promise<string> =>
  (await readJsonObject(join(folder, SOURCE))).sha256 as string;

/** The tensors of a converted folder that are where `file`, or another part of its model, has them. */
export async function mappedTensors(folder: string, file: string): Promise<TensorInfo[]> {
  const { tensors } = (await readJsonObject(join(folder, MAPPED))) as unknown as { tensors: Mapped[] };
  const parts = await Promise.all(partsOf(file).map((part) => realpath(part)));
  return tensors.map(({ part, shape, ...tensor }) => ({ ...tensor, shape: [...shape], file: parts[part] }));
}

const build = (
  folder: string,
  { parts, config, tensors, tokenizer }: Plan,
  source: JsonObject,
  signal?: AbortSignal,
): Promise<void> =>
  makeEntry(folder, source, async (beside) => {
    const json = (name: string, value: JsonObject, indent?: number): Promise<void> =>
      writeFileAtomic(join(beside, name), `${JSON.stringify(value, undefined, indent)}\n`);
    const copied = tensors.filter(({ stored }) => !stored);
    await writeSafetensors(join(beside, 'model.safetensors'), copied, { format: 'pt' }, signal);
    const mapped = tensors.flatMap(({ stored, name, dtype, shape, bytes }): Mapped[] =>
      stored ? [{ name, dtype, shape, bytes, offset: stored.offset, part: parts.indexOf(stored.file) }] : [],
    );
    await json(MAPPED, { tensors: mapped });
    if (tokenizer)
      for (const [name, content] of Object.entries(tokenizerFiles(tokenizer)))
        await json(name, content, name === 'tokenizer.json' ? undefined : 2);
    await writeFileAtomic(join(beside, 'config.json'), `${formatJson(config, FLOATS)}\n`);
  });

/** Files of a model folder, by name. */
export const tokenizerFiles = (converted: ConvertedTokenizer): Record<string, JsonObject> => ({
  'tokenizer.json': converted.tokenizer,
  'tokenizer_config.json': converted.tokenizerConfig,
  'generation_config.json': specialIds(converted),
});

/** Null and not absent: the families' own defaults are ids of other vocabularies. */
function specialIds(tokenizer: ConvertedTokenizer | undefined): JsonObject {
  const { bosId, eosIds = [], padId } = tokenizer ?? {};
  const eos = eosIds.length > 1 ? eosIds : eosIds[0];
  return { bos_token_id: bosId ?? null, eos_token_id: eos ?? null, pad_token_id: padId ?? null };
}

/** Metadata that do not change what the model computes, or are checked elsewhere. */
const WITHOUT_EFFECT = [
  'vocab_size',
  'tensor_data_layout',
  'attention.value_length',
  'expert_used_count',
  'pooling_type',
];

/**
 * Everything that can be rejected is rejected here, before anything is written.
 * @throws HumanError naming architecture, key or tensor.
 */
export async function planConversion(file: string): Promise<Plan> {
  const whole = readModelGguf(file);
  const source = await withRope(whole);
  const m = readMetadata(source);
  const type = m.text('general.type', 'model');
  if (type !== 'model') m.reject('general.type', `this file holds ${shown(type)}, not a model`, 'Name a model file.');
  const arch = m.text('general.architecture');
  const architecture =
    architectureOf(arch) ??
    m.reject(
      'general.architecture',
      `"${arch.slice(0, 60)}" is not supported; supported are ${Object.keys(ARCHITECTURES).join(', ')}`,
      'Use a model of one of these.',
    );
  const sizes = readSizes(m, source, arch, architecture);
  const names = namedSizes(architecture, sizes);
  if (!('head_dim' in names) && sizes.headDim * sizes.heads !== sizes.hidden) {
    m.reject(`${arch}.attention.key_length`, `heads of ${sizes.headDim} elements, which this family does not have`);
  }
  const own = architecture.config(m, source, sizes);
  checkUnread(m, source, arch);
  const tokenizer = convertTokenizer(m, sizes.context);
  const tokens = tokenizer && (m.raw('tokenizer.ggml.tokens') as unknown[]).length;
  if (tokens !== undefined && tokens > sizes.vocab) {
    m.reject(
      'tokenizer.ggml.tokens',
      `there are ${tokens} tokens and ${sizes.vocab} embeddings`,
      'The file is damaged: convert or download it again.',
    );
  }
  const stored = huggingFaceTensors(source, architecture, sizes);
  const tensors = [...stored, ...numberTensors(m, architecture, sizes)];
  const config = {
    architectures: [architecture.className],
    model_type: architecture.modelType,
    ...names,
    ...own,
    ...specialIds(tokenizer),
    torch_dtype: tensors.every(({ dtype, shape }) => dtype !== 'F32' || shape.length < 2)
      ? { F16: 'float16', BF16: 'bfloat16' }[tensors[0]?.dtype as string]
      : 'float32',
  };
  const used = parameters(decoderSpec(config));
  const unused = stored.find((tensor) => !used.has(tensor.name));
  if (unused)
    m.reject(
      unused.name,
      `${architecture.className} has no use for this tensor`,
      'Use the original Hugging Face folder.',
    );
  return { parts: whole.parts, size: whole.size, config, tensors, tokenizer };
}

function namedSizes({ sizeNames }: Architecture, sizes: Sizes): JsonObject {
  const names: Record<string, string | undefined> = { ...SIZE_NAMES, ...sizeNames };
  return Object.fromEntries(
    Object.entries(sizes).flatMap(([key, value]) => (names[key] === undefined ? [] : [[names[key], value]])),
  );
}

function readSizes(m: Metadata, { tensors }: GgufSource, arch: string, { partial }: Architecture): Sizes {
  const hidden = m.count(`${arch}.embedding_length`);
  const heads = m.count(`${arch}.attention.head_count`);
  const kvHeads = m.count(`${arch}.attention.head_count_kv`, heads);
  if (heads < 1 || kvHeads < 1 || heads % kvHeads !== 0) {
    m.reject(`${arch}.attention.head_count_kv`, `${kvHeads} key heads do not divide ${heads} heads`);
  }
  const embedding = tensors.get('token_embd.weight');
  if (embedding?.shape.length !== 2)
    m.reject('token_embd.weight', 'the embedding is missing', 'The file is incomplete: download it again.');
  // Files from before `key_length` have it only in the shape of q.
  const fromShape = (tensors.get('blk.0.attn_q.weight')?.shape[0] ?? hidden) / heads;
  const headDim = m.count(`${arch}.attention.key_length`, fromShape);
  const valueDim = m.count(`${arch}.attention.value_length`, headDim);
  if (valueDim !== headDim) m.reject(`${arch}.attention.value_length`, `${valueDim} is not the keys' ${headDim}`);
  const ropeDim = m.count(`${arch}.rope.dimension_count`, headDim);
  if (ropeDim < 2 || ropeDim > headDim || (partial === undefined && ropeDim !== headDim)) {
    m.reject(
      `${arch}.rope.dimension_count`,
      `${ropeDim} of ${headDim} elements of a head rotate, which this family does not do`,
    );
  }
  // Lists with an entry for each layer are made from this number; each layer has tensors.
  const layers = m.count(`${arch}.block_count`);
  if (layers > tensors.size)
    m.reject(
      `${arch}.block_count`,
      `${layers} layers cannot be made of ${tensors.size} tensors`,
      'The file is damaged: download it again.',
    );
  return {
    hidden,
    inner: m.count(`${arch}.feed_forward_length`),
    layers,
    heads,
    kvHeads,
    headDim,
    ropeDim,
    context: m.count(`${arch}.context_length`),
    vocab: embedding.shape[0],
  };
}

/** Every key of the architecture that was not read and is not switched off could change what the model computes. */
function checkUnread(m: Metadata, { metadata }: GgufSource, arch: string): void {
  if (m.has(`${arch}.attention.causal`) && !m.boolean(`${arch}.attention.causal`, true)) {
    m.reject(`${arch}.attention.causal`, 'the model is not causal');
  }
  for (const [key, value] of metadata) {
    if (!key.startsWith(`${arch}.`) || m.wasRead(key) || WITHOUT_EFFECT.includes(key.slice(arch.length + 1))) continue;
    if (value === 0 || value === false || value === '' || (Array.isArray(value) && value.length === 0)) continue;
    m.reject(key, 'this key is not supported and may change what the model computes');
  }
}
