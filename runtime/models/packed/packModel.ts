/**
 * The weights of a model folder as they can be mapped, in blocks or as they are, made once and kept in the user's
 * cache.
 */
import type { Precision } from '../../contract/recipeWords.js';
import { HumanError } from '../../support/errors.js';
import { onOneDrive } from '../../support/files.js';
import { embeddingSize, linearLayers, parameters, type DecoderSpec } from '../decoder/spec.js';
import { findTensor, isAligned } from '../decoder/weights.js';
import { requireFinite } from '../weights/finite.js';
import type { ModelFolder } from '../weights/modelFolder.js';
import { readBytes, readFloat32, type TensorInfo, type TensorToWrite } from '../weights/safetensors.js';
import { BLOCK, quantise, type Bits, type Blocks } from '../weights/blocks.js';
import { packedTensor, takePacked } from '../weights/packedWeight.js';
import { inCache, weightFiles, type CacheOptions } from './weightsInCache.js';

/** Values that are in memory in float32 while a weight is packed: 64 MB. */
const PIECE = 2 ** 24;

/** How a parameter is packed. */
export interface Packing {
  readonly bits: Bits;
  /** [N, K] */
  readonly shape: readonly [number, number];
  readonly transposed: boolean;
}

/**
 * The parameters that are held in blocks, by name: matrices of the linear layers, and the tables of tokens. The tables
 * have 8 bits in any case: to 4, they lose half as much as all layers together, which have four times their values; to
 * 8, nothing. Rows that are not whole blocks stay as they are.
 * @throws HumanError when there are none
 */
export function packings(
  spec: DecoderSpec,
  precision: Exclude<Precision, 'float32'>,
  place: string,
): Map<string, Packing> {
  const bits = precision === 'int4' ? 4 : 8;
  const all = new Map<string, Packing>();
  const add = (name: string, N: number, K: number, own: Bits, transposed = false): void => {
    if (K % BLOCK === 0) all.set(name, { bits: own, shape: [N, K], transposed });
  };
  for (const { name, in: K, out: N, transposed } of linearLayers(spec)) add(`${name}.weight`, N, K, bits, transposed);
  if (all.size === 0)
    throw new HumanError(`no layer of this model has rows of whole blocks of ${BLOCK} values.`, {
      place,
      remedy: 'Use "precision": "float32".',
    });
  for (const table of [spec.embedding.weight, spec.head.weight]) add(table, spec.vocabSize, embeddingSize(spec), 8);
  return all;
}

/**
 * The weights of a model in blocks, by the parameters' names; packs them when the cache does not have them. Where the
 * model lies on another drive than the cache, or is not aligned, the others are copied into it, too: nothing is mapped
 * from two drives at once.
 * @throws HumanError for a weight that is missing, and when the disk is too small; Cancelled
 */
export async function packModel(
  model: ModelFolder,
  spec: DecoderSpec,
  precision: Exclude<Precision, 'float32'>,
  options: CacheOptions,
): Promise<Required<Pick<ModelFolder, 'packed'>> & Pick<ModelFolder, 'beside'>> {
  const plan = [...packings(spec, precision, model.path)].map(([name, packing]) => {
    const [N, K] = packing.shape;
    return { name, packing, info: findTensor(model.tensors, name, packing.transposed ? [K, N] : [N, K]) };
  });
  const isWhole = !areAligned(model) || !(await onOneDrive([options.cache, ...weightFiles(model)], options.driveOf));
  const isPacked = new Set(plan.map(({ name }) => name));
  const toWrite = (): TensorToWrite[] => [
    ...plan.map(({ name, packing, info }) => packedTensor({ name, ...packing, pieces: () => rounded(info, packing) })),
    ...(isWhole ? copies(model, spec, (name) => !isPacked.has(name)) : []),
  ];
  const what = { named: `${isWhole ? '-whole' : ''}-${precision}`, doing: 'Packing', as: ` as ${precision}` };
  const tensors = await inCache(model, what, toWrite, options);
  return { packed: takePacked(tensors), ...(isWhole && { beside: tensors }) };
}

/**
 * Copies of the weights where those of the model begin where their type cannot be read (safetensors before 2023, MLX);
 * else nothing.
 * @throws HumanError for a weight that is missing, and when the disk is too small; Cancelled
 */
export async function alignModel(
  model: ModelFolder,
  spec: DecoderSpec,
  options: CacheOptions,
): Promise<Pick<ModelFolder, 'beside'>> {
  if (areAligned(model)) return {};
  const what = { named: '-whole', doing: 'Copying', as: ', which cannot be mapped where they are' };
  return { beside: await inCache(model, what, () => copies(model, spec), options) };
}

const areAligned = ({ tensors }: ModelFolder): boolean => [...tensors.values()].every(isAligned);

const copies = ({ tensors }: ModelFolder, spec: DecoderSpec, isCopied = (_: string): boolean => true) =>
  [...parameters(spec)]
    .filter(([name]) => isCopied(name))
    .map(([name, shape]) => findTensor(tensors, name, shape))
    .map((info): TensorToWrite => ({ ...info, data: () => readBytes(info) }));

/**
 * A stored weight as blocks, in pieces of whole rows.
 * @throws HumanError for a value that is not finite: a block would make a number of it
 */
async function* rounded(info: TensorInfo, { bits, shape: [N, K], transposed }: Packing): AsyncGenerator<Blocks> {
  const read = async (piece: TensorInfo): Promise<Float32Array> => {
    const values = await readFloat32(piece);
    requireFinite(values, `${info.file}: ${info.name}`);
    return values;
  };
  if (transposed) {
    const all = await read(info);
    const rows = new Float32Array(all.length);
    for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) rows[n * K + k] = all[k * N + n];
    return void (yield quantise(rows, bits));
  }
  const width = info.bytes / N;
  const rows = Math.max(1, Math.floor(PIECE / K));
  for (let from = 0; from < N; from += rows) {
    const piece = { ...info, offset: info.offset + from * width, bytes: Math.min(rows, N - from) * width };
    yield quantise(await read(piece), bits);
  }
}
