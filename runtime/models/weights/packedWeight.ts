/**
 * A weight [N, K] in blocks along K, as one tensor of bytes in a safetensors file: all values, then all scales, then
 * all minimums where there are some. Its name is the parameter's with the type behind it: `model.norm.weight.int4`,
 * `….int4+min`, `….int8+transposed`.
 */
import { sum } from '../../contract/sum.js';
import type { TensorInfo, TensorToWrite } from './safetensors.js';
import { BLOCK, type Bits, type Blocks } from './blocks.js';

export interface PackedWeight {
  readonly bits: Bits;
  /** [N, K]: rows of outputs, whatever the order in the checkpoint. */
  readonly shape: readonly [number, number];
  /** The parameter is [K, N] in the checkpoint. */
  readonly transposed: boolean;
  readonly hasMinimums: boolean;
  /** Absolute path of the file, and where the parts begin in it. */
  readonly file: string;
  readonly values: { readonly offset: number; readonly bytes: number };
  readonly scales: { readonly offset: number; readonly bytes: number };
  readonly minimums: { readonly offset: number; readonly bytes: number };
}

const NAME = /^(.+)\.int(4|8)(\+min)?(\+transposed)?$/;

const bytesOfBlock = (bits: Bits, hasMinimums: boolean): number => (BLOCK * bits) / 8 + (hasMinimums ? 8 : 4);

/** Takes the packed weights out of a folder's tensors, by the parameters' names. */
export function takePacked(tensors: Map<string, TensorInfo>): Map<string, PackedWeight> {
  const packed = new Map<string, PackedWeight>();
  for (const [name, { dtype, shape, file, offset }] of [...tensors]) {
    const match = NAME.exec(name);
    if (!match || dtype !== 'U8' || shape.length !== 2) continue;
    const [, parameter, digits, minimum, transposed] = match;
    const bits = Number(digits) as Bits;
    const hasMinimums = minimum !== undefined;
    const [N, width] = shape as [number, number];
    const K = (width / bytesOfBlock(bits, hasMinimums)) * BLOCK;
    const sizes = [(N * K * bits) / 8, (4 * N * K) / BLOCK, hasMinimums ? (4 * N * K) / BLOCK : 0] as const;
    const part = (i: 0 | 1 | 2): PackedWeight['values'] => ({
      offset: offset + sum(sizes.slice(0, i)),
      bytes: sizes[i],
    });
    packed.set(parameter, {
      bits,
      shape: [N, K],
      transposed: transposed !== undefined,
      hasMinimums,
      file,
      values: part(0),
      scales: part(1),
      minimums: part(2),
    });
    tensors.delete(name);
  }
  return packed;
}

/** Values of a piece: 64 MB in float32. */
const PIECE = 2 ** 24;
/** The gradient cuts at each; more outputs of one Split are too many for some devices. */
const MOST_PIECES = 7;

/** A weight that is not transposed, as pieces of whole rows. */
export function rowPieces(weight: PackedWeight): PackedWeight[] {
  const [N, K] = weight.shape;
  const rows = Math.ceil(N / Math.min(MOST_PIECES, Math.ceil((N * K) / PIECE)));
  return Array.from({ length: Math.ceil(N / rows) }, (_, i) => {
    const count = Math.min(rows, N - i * rows);
    const part = ({ offset, bytes }: PackedWeight['values']): PackedWeight['values'] => ({
      offset: offset + (bytes / N) * i * rows,
      bytes: (bytes / N) * count,
    });
    const { values, scales, minimums } = weight;
    return { ...weight, shape: [count, K], values: part(values), scales: part(scales), minimums: part(minimums) };
  });
}

interface ToPack {
  /** Of the parameter. */
  readonly name: string;
  /** [N, K] */
  readonly shape: readonly [number, number];
  readonly bits: Bits;
  readonly hasMinimums?: boolean;
  readonly transposed?: boolean;
  /** The blocks in order, in pieces. */
  readonly pieces: () => AsyncIterable<Blocks>;
}

/** The tensor to write; one piece is in memory at a time, and all scales. */
export function packedTensor({
  name,
  shape: [N, K],
  bits,
  hasMinimums = false,
  transposed,
  pieces,
}: ToPack): TensorToWrite {
  const width = (K / BLOCK) * bytesOfBlock(bits, hasMinimums);
  return {
    name: `${name}.int${bits}${hasMinimums ? '+min' : ''}${transposed ? '+transposed' : ''}`,
    dtype: 'U8',
    shape: [N, width],
    bytes: N * width,
    data: async function* () {
      const scales: Float32Array[] = [];
      const minimums: Float32Array[] = [];
      for await (const blocks of pieces()) {
        yield blocks.values;
        scales.push(blocks.scales);
        if (blocks.minimums) minimums.push(blocks.minimums);
      }
      for (const part of [...scales, ...minimums]) yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    },
  };
}
