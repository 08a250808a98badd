/** A LoRA as a GGUF file that llama.cpp takes with `--lora`, in the form of its convert_lora_to_gguf.py. */
import { basename } from 'node:path';
import { HumanError } from '../support/errors.js';
import { decoderSpec } from '../models/families/config.js';
import { inParts, partOf, partsOf } from '../models/gguf/architectures/shared/parts.js';
import { toGgufOrder } from '../models/gguf/tensors.js';
import { WRITTEN_TYPES, writeGgufFile } from '../models/gguf/file/writeFile.js';
import type { GgufTensorToWrite } from '../models/gguf/file/writeFile.js';
import type { JsonObject } from '../support/jsonFile.js';
import { linearLayers } from '../models/decoder/spec.js';
import { ggufArchitecture, ggufName, sizesOf } from '../models/gguf/writeModel.js';
import type { AdapterFile } from './files.js';

/**
 * Writes the adapter for the GGUF form of the base model that `config` belongs to.
 * @param architecture of that file, where there is one: llama.cpp takes no LoRA that names another
 * @throws HumanError when the adapter does not fit the model, or the family is not written to GGUF
 */
export async function writeAdapterGguf(
  file: string,
  config: JsonObject,
  adapter: Pick<AdapterFile, 'path' | 'config' | 'modules'>,
  type: 'F32' | 'F16' = 'F32',
  architecture = ggufArchitecture(decoderSpec(config)),
): Promise<void> {
  const { spec, parts } = inParts(decoderSpec(config));
  const sizes = sizesOf(spec);
  const layers = new Map(linearLayers(spec).map((layer) => [layer.name, layer]));
  const { alpha } = adapter.config;

  const modules = [...adapter.modules].flatMap(([module, { B, bShape, ...rest }]) =>
    partsOf(parts, module).map(([name, part]) => ({
      ...rest,
      name,
      B: partOf(B, part),
      bShape: [bShape[0] / part.count, bShape[1]] as const,
    })),
  );
  const tensors = modules.flatMap(({ name, A, aShape, B, bShape, scale }): GgufTensorToWrite[] => {
    const layer = layers.get(name);
    const place = `${adapter.path}: ${name}`;
    if (!layer || aShape[1] !== layer.in || bShape[0] !== layer.out) {
      const found = layer
        ? `has ${layer.in} inputs and ${layer.out} outputs there, ${aShape[1]} and ${bShape[0]} here`
        : 'is not in this model';
      throw new HumanError(`the module ${name} ${found}.`, { place, remedy: 'The adapter belongs to another model.' });
    }
    const target = ggufName(architecture, `${name}.weight`, false);
    if (!target)
      throw new HumanError(`GGUF has no name for the module ${name}.`, { place, remedy: 'Export as PEFT instead.' });
    // llama.cpp scales by one alpha / rank; what differs (rsLoRA, alpha_pattern) goes into B.
    const rest = alpha === 0 ? 0 : (scale * aShape[0]) / alpha;
    const change = architecture.change?.(target.local, sizes);
    return [
      { name: `${target.name}.lora_a`, shape: aShape, type, values: () => Promise.resolve(A) },
      {
        name: `${target.name}.lora_b`,
        shape: bShape,
        type,
        values: () => {
          const scaled = rest === 1 ? B : B.map((value) => value * rest);
          // Conv1D weights are [in, out], the matrices of a LoRA on them are not.
          return Promise.resolve(
            change && change.kind !== 'transpose' ? toGgufOrder(scaled, change, bShape[0], place) : scaled,
          );
        },
      },
    ];
  });
  await writeGgufFile(
    file,
    {
      'general.architecture': { text: architecture.name },
      'general.type': { text: 'adapter' },
      'general.name': { text: basename(adapter.path) },
      'general.file_type': { u32: WRITTEN_TYPES[type].fileType },
      'adapter.type': { text: 'lora' },
      'adapter.lora.alpha': { f32: alpha === 0 ? 1 : alpha },
    },
    tensors,
  );
}
