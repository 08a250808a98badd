import { parameters, type DecoderSpec } from '../models/decoder/spec.js';
import { decoderSpec } from '../models/families/config.js';
import { openModel } from '../models/folder.js';
import { planConversion } from '../models/gguf/convert.js';
import type { TensorInfo } from '../models/weights/safetensors.js';

/** A model as graphs are built from it: its tensors' shapes and types, where none is read. */
export interface PlannedModel {
  readonly spec: DecoderSpec;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Of the weights as they lie in the file, or in the cache after a GGUF file is converted. */
  readonly bytes: number;
}

/** @throws HumanError for what is missing, damaged or not supported */
export async function plannedModel(path: string): Promise<PlannedModel> {
  const isGguf = path.toLowerCase().endsWith('.gguf');
  const { config, tensors } = isGguf ? await ofGguf(path) : await openModel(path, { cache: '' });
  return {
    spec: decoderSpec(config),
    tensors,
    bytes: [...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

async function ofGguf(
  path: string,
): Promise<{ config: Parameters<typeof decoderSpec>[0]; tensors: Map<string, TensorInfo> }> {
  const { config, tensors } = await planConversion(path);
  const infos = tensors.map(({ name, dtype, shape, bytes }) => ({
    name,
    dtype,
    shape: [...shape],
    bytes,
    file: path,
    offset: 0,
  }));
  return { config, tensors: new Map(infos.map((info) => [info.name, info])) };
}

export const weightsCount = ({ spec }: Pick<PlannedModel, 'spec'>): number =>
  [...parameters(spec).values()].reduce((all, shape) => all + shape.reduce((a, b) => a * b, 1), 0);
