import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, isAbsolute, join, resolve } from 'node:path';
import { HumanError, unless } from '../support/errors.js';
import type { Precision } from '../contract/recipeWords.js';
import { isObject } from '../contract/isObject.js';
import { readJsonObject, shown, type JsonObject } from '../support/jsonFile.js';
import { requireCommitted } from './hub/commit.js';
import { takePacked } from './weights/packedWeight.js';
import { readSafetensors } from './weights/safetensors.js';
import type { TensorInfo } from './weights/safetensors.js';
import type { ModelFolder } from './weights/modelFolder.js';
import { headAlone, withOwnHead } from './weights/tiedHead.js';
import { decoderSpec } from './families/config.js';

export interface OpenModelOptions {
  /** Folder for models converted from GGUF files. */
  cache: string;
  /** How the frozen weights of a GGUF file are held. Default: float32. */
  precision?: Precision;
  /** Receives a sentence about what takes long and what is written. */
  onMessage?: (text: string) => void;
  /** Ends the conversion of a GGUF file. */
  signal?: AbortSignal;
}

const SINGLE = 'model.safetensors';
const INDEX = 'model.safetensors.index.json';

/**
 * Opens a Hugging Face folder or a GGUF file, which is converted once into a folder in the cache.
 * @throws Cancelled, and HumanError for what is missing or damaged, naming the file and what to do.
 */
export async function openModel(path: string, options: OpenModelOptions): Promise<ModelFolder> {
  const given = resolve(path);
  const found = await stat(given).catch((error: unknown) => {
    throw missing(error, given);
  });
  if (found.isDirectory()) return { ...(await openFolder(given)), path };
  if (!given.toLowerCase().endsWith('.gguf')) {
    throw new HumanError('this file is not a model.', {
      place: path,
      remedy: 'Name a Hugging Face model folder (config.json, model.safetensors) or a .gguf file.',
    });
  }
  const { convertedFrom, convertGguf, mappedTensors } = await import('./gguf/convert.js');
  // Without links in it: what lies outside the folder is found from it.
  const folder = await realpath(await convertGguf(given, options));
  const opened = await openFolder(folder, await mappedTensors(folder, given));
  const inBlocks = (options.precision ?? 'float32') !== 'float32';
  const gguf = await convertedFrom(folder);
  return { ...opened, path, gguf, ...(inBlocks && { packed: takePacked(opened.tensors) }) };
}

/** @param elsewhere tensors of the model that its own files do not hold */
async function openFolder(folder: string, elsewhere: readonly TensorInfo[] = []): Promise<Omit<ModelFolder, 'path'>> {
  requireCommitted(folder);
  const files = new Set(await readdir(folder));
  if (!files.has('config.json')) throw await noConfig(folder, files);
  const config = await readJsonObject(join(folder, 'config.json'));
  const tensors = await openTensors(folder, files);
  for (const tensor of elsewhere) tensors.set(tensor.name, tensor);
  const alone = headAlone(tensors);
  if (alone) nameTied(tensors, alone, config);
  return {
    folder,
    config: await withOwnHead(config, tensors),
    tensors,
    hasTokenizer: files.has('tokenizer.json'),
    generationConfig: files.has('generation_config.json')
      ? await readJsonObject(join(folder, 'generation_config.json'))
      : undefined,
  };
}

/** A tied head that is stored without the embedding is the embedding, as transformers has it. */
function nameTied(tensors: Map<string, TensorInfo>, head: TensorInfo, config: JsonObject): void {
  // Whoever computes with the model says why it is not supported.
  const spec = unless(HumanError, () => decoderSpec(config));
  if (!spec?.head.tied) return;
  const name = spec.embedding.weight;
  tensors.delete(head.name);
  tensors.set(name, { ...head, name });
}

async function openTensors(folder: string, files: Set<string>): Promise<Map<string, TensorInfo>> {
  if (files.has(SINGLE)) return (await readShard(folder, SINGLE)).tensors;
  if (files.has(INDEX)) return openSharded(folder);
  throw noWeights(folder, files);
}

/**
 * A weight file by its real path: a Hub cache holds links, and weights are mapped from the folder that has the bytes.
 */
async function readShard(folder: string, name: string) {
  const file = join(folder, name);
  const real = await realpath(file).catch((error: unknown) => {
    throw missing(error, file);
  });
  const found = await readSafetensors(real);
  for (const info of found.tensors.values()) info.shard = name;
  return found;
}

async function openSharded(folder: string): Promise<Map<string, TensorInfo>> {
  const place = join(folder, INDEX);
  const { weight_map: map } = await readJsonObject(place);
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw new HumanError('"weight_map" is missing: it must map tensor names to files.', {
      place,
      remedy: 'Copy the index file again.',
    });
  }
  const shards = new Map<string, Map<string, TensorInfo>>();
  const tensors = new Map<string, TensorInfo>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string' || !insideFolder(shard)) {
      throw new HumanError(
        `"weight_map" gives ${shown(shard)} for ${shown(name)}; a file name inside the folder was expected.`,
        {
          place,
          remedy: 'Do not use this model unless you know where it comes from.',
        },
      );
    }
    let inShard = shards.get(shard);
    if (!inShard) shards.set(shard, (inShard = (await readShard(folder, shard)).tensors));
    const info = inShard.get(name);
    if (!info) {
      throw new HumanError(`the tensor ${name} is not in ${shard}, though ${INDEX} says so.`, {
        place: join(folder, shard),
        remedy: 'Index and weights are of different models or versions: copy the folder again.',
      });
    }
    tensors.set(name, info);
  }
  // A tensor that the index does not list counts too, unless another file's version of it is listed.
  for (const inShard of shards.values()) {
    for (const [name, info] of inShard) if (!tensors.has(name)) tensors.set(name, info);
  }
  return tensors;
}

/** No absolute path, drive, backslash or step upwards. Links are the user's own and may lead elsewhere. */
function insideFolder(name: string): boolean {
  return (
    name.endsWith('.safetensors') &&
    !isAbsolute(name) &&
    !/[\\:\0]/.test(name) &&
    !name.split('/').some((part) => part === '' || part === '.' || part === '..')
  );
}

/** Nothing, something below a file, a name that no file can have, links in a circle. */
const NOT_THERE = new Set<string | undefined>(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP']);

function missing(error: unknown, place: string): unknown {
  if (!NOT_THERE.has((error as NodeJS.ErrnoException).code)) return error;
  return new HumanError('there is no such file or folder.', {
    place,
    remedy: 'Check the path; a download may be incomplete.',
    cause: error,
  });
}

async function noConfig(folder: string, files: Set<string>): Promise<HumanError> {
  const gguf = [...files].find((name) => name.toLowerCase().endsWith('.gguf'));
  const nested = await stat(join(folder, 'model', 'config.json')).catch(() => undefined);
  let remedy = 'Name the folder that holds config.json and model.safetensors.';
  if (files.has('adapter_config.json'))
    remedy = 'This is an adapter: name it under "vectors" or "adapters", and its base model under "model".';
  else if (nested) remedy = `Name the folder ${join(folder, 'model')}.`;
  else if (gguf) remedy = `Name the file itself: ${join(folder, gguf)}.`;
  return new HumanError('the folder has no config.json, so it is not a Hugging Face model.', { place: folder, remedy });
}

function noWeights(folder: string, files: Set<string>): HumanError {
  const names = [...files];
  const old = names.find((name) => /\.(bin|pt|pth)$/.test(name) && name !== 'training_args.bin');
  const other = names.filter((name) => name.endsWith('.safetensors'));
  let remedy = `Copy ${SINGLE}, or ${INDEX} with its files, into the folder.`;
  if (other.length > 0)
    remedy = `It has ${other.slice(0, 3).join(', ')}; the weights must be named ${SINGLE}, or be listed in ${INDEX}.`;
  else if (old) {
    remedy = `${basename(old)} is a PyTorch file, which can run code when it is opened. Convert it to safetensors: load the model in transformers and save it with save_pretrained.`;
  }
  return new HumanError('the folder has no safetensors weights.', { place: folder, remedy });
}
