import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { otherUse } from '../adapters/base.js';
import { fitted } from '../adapters/flat.js';
import { CONFIG_FILE, readAdapter, type AdapterFile } from '../adapters/files.js';
import { HumanError } from '../support/errors.js';
import { decoderSpec } from '../models/families/config.js';
import { describeModel } from '../models/describe.js';
import { linearLayers, parameters, weightsCount, type DecoderSpec, type LinearSpec } from '../models/decoder/spec.js';
import { findTensor } from '../models/decoder/weights.js';
import { missingTokenizer } from '../models/text/missingTokenizer.js';
import { hashesOf } from '../models/weights/hashes.js';
import type { ModelInfo } from '../contract/modelInfo.js';
import type { Requests } from '../contract/protocol.js';

/**
 * What a folder or a GGUF file holds and whether it can be used; reads no weight. What is missing or damaged is the
 * reason.
 */
export async function inspectModel(path: string): Promise<ModelInfo> {
  const { config, tensors, dtypes, hasTokenizer, hasChatTemplate } = await describeModel(path);
  let spec: DecoderSpec | undefined;
  let reason: string | null = null;
  try {
    spec = decoderSpec(config);
    if (tensors) for (const [name, shape] of parameters(spec)) findTensor(tensors, name, shape);
  } catch (error) {
    if (!(error instanceof HumanError)) throw error;
    reason = error.message;
  }
  const architectures = config.architectures;
  return {
    path,
    architecture:
      spec?.architecture ??
      (Array.isArray(architectures) && typeof architectures[0] === 'string' ? architectures[0] : null),
    parameters: spec ? weightsCount(spec) : null,
    layers: spec?.layers.length ?? null,
    dtype: dtypes.length > 0 ? dtypes.join(' + ') : null,
    contextLength: spec?.contextLength ?? null,
    tokenizer: hasTokenizer,
    chatTemplate: hasChatTemplate,
    supported: spec !== undefined && reason === null,
    reason,
    missing: hasTokenizer || reason !== null ? null : missingIn(path),
    adapters: await adaptersBeside(path, spec && linearLayers(spec)),
  };
}

function missingIn(path: string): ModelInfo['missing'] {
  const { message, remedy } = missingTokenizer(path);
  return { message, remedy: `${remedy} Rows of tokens need none.` };
}

/** PEFT folders inside the model's folder, or the folder itself when it is an adapter. */
async function adaptersBeside(path: string, sites: readonly LinearSpec[] | undefined): Promise<ModelInfo['adapters']> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const found: ModelInfo['adapters'] = [];
  for (const entry of entries) {
    const folder = join(path, entry.name);
    if (
      !entry.isDirectory() ||
      !(existsSync(join(folder, CONFIG_FILE)) || existsSync(join(folder, 'adapter', CONFIG_FILE)))
    )
      continue;
    const info = { path: folder, name: basename(folder), role: 'task' as const, rank: 0, fits: false };
    try {
      const file = await readAdapter(folder);
      found.push({ ...info, role: file.role, rank: file.config.rank, ...fits(file, sites) });
    } catch (error) {
      if (!(error instanceof HumanError)) throw error;
      found.push({ ...info, reason: error.message });
    }
  }
  return found;
}

/**
 * Whether an adapter fits: its layers are the model's, and the weights, config and tokens are those that it was
 * trained on, where it says so.
 */
export async function inspectAdapter(model: string, adapter: string): Promise<Requests['inspectAdapter']['result']> {
  const { config, tensors, tokenizer } = await describeModel(model);
  const file = await readAdapter(adapter);
  const spec = decoderSpec(config, model);
  const found = fits(file, linearLayers(spec));
  const facts = { role: file.role, rank: file.config.rank };
  const { sha256: base, name } = file.provenance.baseModel ?? {};
  const not = (reason: string): Requests['inspectAdapter']['result'] => ({ ...facts, fits: false, reason });
  if (!found.fits) return { ...facts, ...found };
  // a GGUF file is hashed when it has been converted, which is not done to look at it
  if (base !== undefined && tensors && !(await hashesOf({ tensors })).includes(base))
    return not(`it was trained on other weights${name === undefined ? '' : ` (of ${name})`}`);
  const other = tokenizer && otherUse(file, { spec, tokenizer });
  return other ? not(other.message.split(':')[0]) : { ...facts, ...found };
}

function fits(file: AdapterFile, sites: readonly LinearSpec[] | undefined): { fits: boolean; reason: string | null } {
  if (!sites) return { fits: false, reason: 'the model is not supported' };
  try {
    fitted(file, sites);
    return { fits: true, reason: null };
  } catch (error) {
    if (!(error instanceof HumanError)) throw error;
    return { fits: false, reason: error.message };
  }
}
