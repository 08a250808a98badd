import { HumanError } from '../support/errors.js';
import type { Warn } from '../adapters/flat.js';
import { activeAdapters } from '../evaluation/inference/states.js';
import { exportGguf, exportGgufAdapter } from './gguf.js';
import { exportOnnx } from './onnx.js';
import { exportPeft } from './peft.js';
import { exportSafetensors } from './safetensors.js';
import type { Source } from './source.js';
import { hashesOf } from '../models/weights/hashes.js';
import { requireOwnCompanions } from '../models/weights/saveModel.js';
import { decoderSpec } from '../models/families/config.js';
import { openModel } from '../models/folder.js';
import { alignModel } from '../models/packed/packModel.js';
import { linearLayers, parameters } from '../models/decoder/spec.js';
import { findTensor } from '../models/decoder/weights.js';
import { adapterName } from '../contract/adapterName.js';
import type { Requests } from '../contract/protocol.js';
import { openBackend } from '../device/openBackend.js';

export type ExportParams = Requests['export']['params'];
export interface ExportOptions {
  /** Folder for a converted GGUF. */
  readonly cache: string;
  readonly signal: AbortSignal;
  readonly onProgress: (message: string, fraction?: number) => void;
  readonly warn?: Warn;
}

/**
 * Writes a model with its adapters in another form, reads it back and compares the logits before it is called done. It
 * is whole or not there at all.
 * @returns where it is, the SHA-256 of its main file, and what the format cannot express
 * @throws HumanError when a security vector would be merged in, a file that is copied lies outside the folder of the
 * model or adapter, the target is not empty, or what was read back differs
 * @throws Cancelled between two tensors
 */
export async function exportModel(params: ExportParams, options: ExportOptions): Promise<Requests['export']['result']> {
  requireFitting(params);
  const opened = await openSource(params, options);
  const { format, what } = params;
  const vector = opened.adapters.find((a) => a.role === 'security' && a.scale !== 0);
  if (vector && format !== 'peft') {
    throw new HumanError(
      what === 'adapter'
        ? `"${adapterName(vector.path)}" is a security vector; a GGUF file cannot be marked as one.`
        : `"${adapterName(vector.path)}" is a security vector: a model that contains it answers as the vector does.`,
      { place: vector.path, remedy: 'Leave it out; a vector is only for training. Use peft to pass it on.' },
    );
  }
  if (format !== 'peft' && what !== 'adapter') await requireOwnCompanions(opened.model.folder);
  const source = await mapped(opened, options);
  switch (format) {
    case 'peft':
      return exportPeft(source, params.out);
    case 'safetensors':
      return exportSafetensors(source, params.out);
    case 'onnx':
      return exportOnnx(source, params.out);
    case 'gguf':
      if (what === 'adapter')
        return exportGgufAdapter(source, params.out, params.quantization === 'F16' ? 'F16' : 'F32');
      return exportGguf(source, params.out, params.quantization);
  }
}

/** Options that a format does not have are rejected, not ignored. */
function requireFitting({ format, what, quantization }: ExportParams): void {
  const wrong = (message: string, remedy: string): HumanError =>
    new HumanError(message, { place: '--quantization', remedy });
  if (what === 'adapter' && format !== 'gguf')
    throw new HumanError(`--lora is for gguf; the format is ${format}.`, {
      place: '--lora',
      remedy: 'An adapter for transformers and PEFT is --format peft.',
    });
  if (quantization === undefined) return;
  if (format === 'onnx' && quantization !== 'F32') throw wrong('ONNX is written as F32.', 'Leave it out.');
  if (format === 'safetensors' || format === 'peft')
    throw wrong(`${format} keeps the types it has.`, 'Leave it out, or export as gguf.');
  if (what === 'adapter' && quantization === 'Q8_0')
    throw wrong('a LoRA is written as F32 or F16.', 'Use one of these.');
}

/**
 * A model on the CPU with the adapters that are active on it; before it is computed with, see `mapped`.
 * @throws Cancelled, and HumanError for what is missing, damaged or does not fit
 */
export async function openSource(
  { model: path, adapters }: Pick<ExportParams, 'model' | 'adapters'>,
  options: ExportOptions,
): Promise<Source> {
  const { cache, signal, onProgress, warn } = options;
  const model = await openModel(path, { cache, onMessage: onProgress, signal });
  const spec = decoderSpec(model.config, path);
  for (const [name, shape] of parameters(spec)) findTensor(model.tensors, name, shape);
  const sites = linearLayers(spec);
  const hashes = (): ReturnType<typeof hashesOf> => hashesOf(model);
  const active = await activeAdapters({ sites, hashes }, adapters, warn);
  return { model, spec, sites, hashes, adapters: active, backend: await openBackend('cpu'), signal, onProgress, warn };
}

/**
 * The same with weights that can be mapped: where they cannot, they are copied first, and all that would be refused is
 * known.
 */
export async function mapped(source: Source, { cache, signal, onProgress }: ExportOptions): Promise<Source> {
  const { model, spec } = source;
  return {
    ...source,
    model: { ...model, ...(await alignModel(model, spec, { cache, signal, onMessage: onProgress })) },
  };
}
