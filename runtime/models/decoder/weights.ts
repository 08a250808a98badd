import { dirname, relative, sep } from 'node:path';
import { HumanError } from '../../support/errors.js';
import type { Builder, Value } from '../../onnx/graph.js';
import { Cast } from '../../onnx/ops.js';
import { sameShape, shapeText } from '../../onnx/shapes.js';
import { graphType } from '../weights/graphTypes.js';
import { rowPieces, type PackedWeight } from '../weights/packedWeight.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import type { Piece, Weight } from './norms.js';
import { dequantised, storedBlocks, type StoredBlocks } from './packedWeights.js';
import { elementBytes, isFloat, type TensorInfo } from '../weights/safetensors.js';

/** Whether a tensor can be mapped where it lies; one of another type is no weight. */
export const isAligned = ({ dtype, offset }: Pick<TensorInfo, 'dtype' | 'offset'>): boolean =>
  !isFloat(dtype) || offset % elementBytes(dtype) === 0;

/** First parts of parameter names, which checkpoints of the bare model lack. */
const PREFIXES = ['model.', 'transformer.', 'gpt_neox.', 'biogpt.'];

/** First parts of names in checkpoints of models with images, as transformers writes them. */
const WITH_IMAGES: Record<string, string> = {
  'model.language_model.': 'language_model.model.',
  'lm_head.': 'language_model.lm_head.',
};

/**
 * A name and its variants in checkpoints: those of the bare model lack its first part, those of models with images have
 * another order.
 */
function namesOf(name: string): string[] {
  const prefix = PREFIXES.find((p) => name.startsWith(p));
  const bare = prefix ? [name.slice(prefix.length)] : [];
  return [name, ...bare, name.replace(/^(model\.language_model|lm_head)\./, (part) => WITH_IMAGES[part])];
}

/**
 * The tensor of a parameter: under its own name, or under another that checkpoints have for it.
 * @throws HumanError naming the tensor, and the expected and the found shape
 */
export function findTensor(
  tensors: ReadonlyMap<string, TensorInfo>,
  name: string,
  shape: readonly number[],
): TensorInfo {
  const found = namesOf(name).find((one) => tensors.has(one));
  const info = found === undefined ? undefined : tensors.get(found);
  if (!info) {
    throw new HumanError(`the model has no tensor ${name} of shape ${shapeText(shape)}.`, {
      place: name,
      remedy: 'The model is incomplete, or its config.json belongs to another one: copy or download it again.',
    });
  }
  if (!sameShape(info.shape, shape)) {
    throw new HumanError(`the tensor has shape ${shapeText(info.shape)}; config.json asks for ${shapeText(shape)}.`, {
      place: `${info.file}: ${info.name}`,
      remedy: 'The config.json belongs to another model: copy or download both again.',
    });
  }
  if (!isFloat(info.dtype)) {
    throw new HumanError(`the tensor has type ${info.dtype}; weights are read as F32, F16, BF16 or F64.`, {
      place: `${info.file}: ${info.name}`,
      remedy: 'Use an unquantized copy of the model.',
    });
  }
  return info;
}

/** Of a layer for text; buffers have other shapes. */
const OF_LAYER = /(^|\.)(layers|h|blocks)\.\d+\..+\.(weight|bias)$/;
const OF_OTHERS = /(^|\.)(vision_tower|vision_model|audio_tower|multi_modal_projector)\./;

/** Weights of layers that are in the files, and for which the model has no use: by its config it would be another one. */
export function unusedWeights(
  { tensors }: Pick<ModelFolder, 'tensors'>,
  parameters: ReadonlyMap<string, readonly number[]>,
): string[] {
  const used = new Set([...parameters.keys()].flatMap(namesOf));
  return [...tensors.values()]
    .filter(({ name, shape }) => [1, 2].includes(shape.length) && OF_LAYER.test(name) && !OF_OTHERS.test(name))
    .map(({ name }) => name)
    .filter((name) => !used.has(name));
}

/**
 * The deepest folder that holds every weight file, from which a session maps them: onnxruntime maps no file outside the
 * folder that it is given. They lie apart in a Hub cache of links, and where a GGUF file is mapped.
 */
export function weightsFolder({ tensors, packed, beside = tensors }: Weights): string {
  const folders = [...new Set([...beside.values(), ...(packed?.values() ?? [])].map(({ file }) => dirname(file)))];
  const [first = '', ...others] = folders.map((folder) => folder.split(sep));
  const shared = others.reduce(
    (all, parts) => {
      const end = all.findIndex((part, i) => part !== parts[i]);
      return end < 0 ? all : all.slice(0, end);
    },
    [...first],
  );
  return folders.length > 1 ? shared.join(sep) + sep : (folders[0] ?? '');
}

/** Where the weights of a model are. */
type Weights = Pick<ModelFolder, 'tensors' | 'packed' | 'beside'>;

/**
 * Frozen weights, read in place: an initializer that points into a file of the model, with a Cast at each use where
 * its type is not the graph's. Packed weights are dequantised at each use.
 * @param prefix of their names in the graph
 */
export function frozenWeights(g: Builder, { tensors, packed, beside = tensors }: Weights, prefix = ''): Weight {
  const folder = weightsFolder({ tensors, packed, beside });
  const stored = new Map<string, Value>();
  const once = (key: string, make: () => Value): Value => {
    const value = stored.get(key) ?? make();
    stored.set(key, value);
    return value;
  };
  const blocksOf = (name: string, blocks: PackedWeight): StoredBlocks =>
    storedBlocks(blocks, (part, dtype, shape) => {
      const key = `${prefix}${name}/${part}`;
      return once(key, () => g.external(key, dtype, shape, { file: relative(folder, blocks.file), ...blocks[part] }));
    });

  const weight = (name: string, shape: readonly number[]): Value => {
    const blocks = packed?.get(name);
    if (blocks) return dequantised(g, requireShape(name, blocks, shape), blocksOf(name, blocks));
    const value = once(name, () => {
      const info = findTensor(beside, name, shape);
      if (!isAligned(info)) throw new Error(`the weight ${name} is not aligned: packed/packModel.ts copies it`);
      const { file, offset, bytes } = info;
      const place = { file: relative(folder, file), offset, bytes };
      return g.external(prefix + name, graphType(info.dtype), shape, place);
    });
    return Cast(g, value, g.float);
  };

  const pieces = (name: string, shape: readonly number[]): Piece[] | undefined => {
    const blocks = packed?.get(name);
    if (!blocks || blocks.transposed) return undefined;
    return rowPieces(requireShape(name, blocks, shape)).map((rows, i) => ({
      stored: Object.values(blocksOf(`${name}/${i}`, rows)) as Value[],
      read: (b, [values, scales, minimums]) => dequantised(b, rows, { values, scales, minimums }),
    }));
  };
  return Object.assign(weight, { pieces });
}

/** @throws Error when the blocks are not those of the parameter */
function requireShape(name: string, packed: PackedWeight, shape: readonly number[]): PackedWeight {
  const [N, K] = packed.transposed ? [shape[1], shape[0]] : shape;
  if (shape.length !== 2 || N !== packed.shape[0] || K !== packed.shape[1] || packed.scales.offset % 4 !== 0)
    throw new Error(`the packed weight ${name} ${shapeText(packed.shape)} does not fit ${shapeText(shape)}`);
  return packed;
}

/**
 * Weights as inputs of the graph in its own type, by their names in the spec (full fine-tuning); a tied head is one
 * with the embedding.
 */
export function trainableWeights(g: Builder, tensors: ReadonlyMap<string, TensorInfo>): Weight {
  const inputs = new Map<string, Value>();
  return (name, shape) => {
    let value = inputs.get(name);
    if (!value) {
      findTensor(tensors, name, shape);
      value = g.input(name, g.float, shape);
      inputs.set(name, value);
    }
    return value;
  };
}
