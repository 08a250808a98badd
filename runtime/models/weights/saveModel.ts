import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { ownFile } from '../../support/ownFile.js';
import { copyDurably } from '../../support/replaceFile.js';
import { makeFolder } from '../../support/makeFolder.js';
import { ifThere } from '../../support/ifThere.js';
import type { ModelFolder } from './modelFolder.js';
import { f32ToBf16, f32ToF16 } from './halfFloats.js';
import { bytesOf, readBytes, writeSafetensors, type TensorInfo, type TensorToWrite } from './safetensors.js';

/** How a model for text and images reads images, of which nothing is computed here. */
export const FOR_IMAGES = /^(video_)?(pre)?processor_config\.json$/;

/** Folder of named templates beside the default one, as transformers writes them. */
export const MORE_TEMPLATES = 'additional_chat_templates';

const WEIGHTS = 'model.safetensors';
const TEMPLATE = /\.jinja$/i;
/** Files of a model folder that are not weights: config, tokenizer, templates, licence. */
const COMPANION =
  /^(config|generation_config|(video_)?(pre)?processor_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template)\.json$|^(chat_template\.jinja|merges\.txt|vocab\.txt|tokenizer\.model|(LICEN[CS]E|NOTICE).*|README\.md)$/i;

/** Whether `saveModel` may write a file of this name, with `/`. */
export const isOfModel = (name: string): boolean =>
  name === WEIGHTS || COMPANION.test(name) || (name.startsWith(`${MORE_TEMPLATES}/`) && TEMPLATE.test(name));

/**
 * Writes a model folder like `model`: the same names, shapes and dtypes, config and tokenizer copied, weights in one
 * model.safetensors, one tensor in memory at a time.
 * @param changed the tensor's new float32 values, or undefined to copy its bytes
 */
export async function saveModel(
  folder: string,
  model: Pick<ModelFolder, 'folder' | 'tensors'>,
  changed: (info: TensorInfo) => Promise<Float32Array | undefined>,
): Promise<void> {
  await makeFolder(folder);
  const tensors = [...model.tensors.values()].map((info): TensorToWrite => ({
    name: info.name,
    dtype: info.dtype,
    shape: info.shape,
    bytes: info.bytes,
    data: async () => {
      const values = await changed(info);
      return values ? stored(values, info) : readBytes(info);
    },
  }));
  await writeSafetensors(join(folder, WEIGHTS), tensors, { format: 'pt' });
  await copyCompanions(model.folder, folder);
}

/** Names of config, tokenizer, templates (also of a folder in it) and licence in a model folder. */
export async function companions(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => COMPANION.test(name));
  const more = (await ifThere(readdir(join(folder, MORE_TEMPLATES)), ['ENOENT', 'ENOTDIR'])) ?? [];
  const templates = more.filter((name) => TEMPLATE.test(name)).map((name) => `${MORE_TEMPLATES}/${name}`);
  return [...names, ...templates].sort();
}

/** Copies config, tokenizer, templates and licence of a model. @throws HumanError for one that lies elsewhere */
export async function copyCompanions(from: string, to: string): Promise<void> {
  for (const name of await companions(from)) await copyDurably(await ownFile(from, name), join(to, name));
}

/** @throws HumanError where `copyCompanions` would, for what is computed before it copies */
export async function requireOwnCompanions(folder: string): Promise<void> {
  for (const name of await companions(folder)) await ownFile(folder, name);
}

/** float32 values in the dtype they are stored in, rounded to nearest even. */
function stored(values: Float32Array, { name, dtype }: TensorInfo): Uint8Array {
  if (dtype === 'F32') return bytesOf(values);
  if (dtype === 'F16') return bytesOf(f32ToF16(values));
  if (dtype === 'BF16') return bytesOf(f32ToBf16(values));
  if (dtype === 'F64') return bytesOf(Float64Array.from(values));
  throw new Error(`${name} is ${dtype}: weights are floats`);
}
