/**
 * Packed weights in a graph: dequantised where they are used, and the operators that compute with the blocks
 * themselves.
 */
import type { Builder, DType, Graph, Value } from '../../onnx/graph.js';
import {
  Add,
  DequantizeLinear,
  Gather,
  GatherBlockQuantized,
  Gemm,
  MatMulNBits,
  Mul,
  ReduceSum,
  Reshape,
  Transpose,
} from '../../onnx/ops.js';
import { rewrite } from '../../onnx/rewrite.js';
import { elementsOf, type Shape } from '../../onnx/shapes.js';
import { BLOCK, middleOf, type Bits } from '../weights/blocks.js';
import type { PackedWeight } from '../weights/packedWeight.js';

/**
 * What is stored of a weight [N, K]: values [blocks, 32], the blocks of a row one after the other; scales [blocks],
 * minimums [blocks, 1].
 */
export interface StoredBlocks {
  readonly values: Value;
  readonly scales: Value;
  readonly minimums?: Value;
}
type StoredPart = (part: keyof StoredBlocks, dtype: DType, shape: Shape) => Value;

/** The initializers of a weight, which `stored` makes. */
export function storedBlocks({ bits, shape: [N, K], hasMinimums }: PackedWeight, stored: StoredPart): StoredBlocks {
  const blocks = (N * K) / BLOCK;
  return {
    values: stored('values', bits === 4 ? 'uint4' : 'uint8', [blocks, BLOCK]),
    scales: stored('scales', 'float32', [blocks]),
    ...(hasMinimums && { minimums: stored('minimums', 'float32', [blocks, 1]) }),
  };
}

/**
 * A weight as the checkpoint has it, [N, K] or transposed [K, N], in float32. Its blocks are read in place and
 * dequantised where it is used, so that no more than one weight is ever there in float32.
 */
export function dequantised(
  g: Builder,
  { bits, shape: [N, K], transposed }: PackedWeight,
  { values, scales, minimums }: StoredBlocks,
): Value {
  const zero = minimums
    ? undefined
    : filled(g, values.dtype as 'uint4' | 'uint8', scales.shape as number[], bits === 4 ? 0x88 : 0x80);
  const steps = DequantizeLinear(g, values, scales, zero);
  const w = Reshape(g, minimums ? Add(g, steps, minimums) : steps, [N, K]);
  return transposed ? Transpose(g, w, [1, 0]) : w;
}

/** A constant of equal bytes, one for each type and shape. */
function filled(g: Builder, dtype: 'uint4' | 'uint8', shape: readonly number[], byte: number): Value {
  const name = `${dtype}/${byte}/${shape.join('x')}`;
  const known = g.initializers.find(({ value }) => value.name === name);
  const count = elementsOf(shape);
  const bytes = dtype === 'uint4' ? Math.ceil(count / 2) : count;
  return known?.value ?? g.constant(dtype, shape, new Uint8Array(bytes).fill(byte), name);
}

/** The parts of a weight that `dequantised` made. */
interface Parts {
  readonly bits: Bits;
  readonly N: number;
  readonly K: number;
  readonly values: Value;
  readonly scales: Value;
  readonly minimums?: Value;
  readonly transposed: boolean;
}

/** Undefined for what is no dequantised weight. */
function partsOf(g: Builder, weight: Value): Parts | undefined {
  let node = g.producer(weight);
  const transposed = node?.op === 'Transpose';
  if (transposed) node = g.producer(node!.inputs[0]);
  const [N, K] = (node?.outputs[0].shape ?? []) as [number, number];
  // rows of one block need no other shape
  if (node?.op === 'Reshape') node = g.producer(node.inputs[0]);
  let minimums: Value | undefined;
  if (node?.op === 'Add') {
    minimums = node.inputs[1];
    node = g.producer(node.inputs[0]);
  }
  if (node?.op !== 'DequantizeLinear') return undefined;
  const [values, scales] = node.inputs;
  return { bits: values.dtype === 'uint4' ? 4 : 8, N, K, values, scales, minimums, transposed };
}

/** The same stored bytes as another value. */
function viewOf(g: Builder, value: Value, dtype: DType, shape: Shape, as: string): Value {
  const name = `${value.name}/${as}`;
  const known = g.initializers.find((one) => one.value.name === name);
  const data = g.initializer(value);
  if (known) return known.value;
  if (data?.kind !== 'external') throw new Error(`${value.name} is not read from a file`);
  return g.external(name, dtype, shape, data);
}

/** Rows [..., K] of a dequantised table by index, of which no more is dequantised; undefined for other tables. */
export function packedRows(g: Builder, table: Value, indices: Value): Value | undefined {
  const parts = partsOf(g, table);
  if (!parts || parts.transposed) return undefined;
  const { bits, N, K, values, scales, minimums } = parts;
  const data = viewOf(g, values, 'uint8', [N, (K * bits) / 8], 'rows');
  const factors = viewOf(g, scales, 'float32', [N, K / BLOCK], 'rows');
  const rows = GatherBlockQuantized(g, data, indices, factors, { bits, block: BLOCK });
  if (!minimums) return rows;
  // the operator takes the middle off, which is no zero point here
  const blocks = [...indices.shape, K / BLOCK, 1];
  const least = viewOf(g, minimums, 'float32', [N, K / BLOCK], 'rows');
  const steps = Mul(g, Reshape(g, Gather(g, factors, indices), blocks), g.scalar(middleOf(bits)));
  const added = Add(g, steps, Reshape(g, Gather(g, least, indices), blocks));
  return Reshape(g, Add(g, Reshape(g, rows, [...indices.shape, K / BLOCK, BLOCK]), added), [...indices.shape, K]);
}

/**
 * The graph with products of the blocks themselves, their inputs rounded to int8 in blocks, in place of products with
 * dequantised weights: several times as fast for few rows, and not exact. For generation.
 */
export function blockProducts(graph: Graph): Graph {
  /** Sums of the blocks of a value: layers that read the same one share them. */
  const sums = new Map<string, Value>();
  const sumsOf = (g: Builder, x: Value, blocks: number): Value => {
    const known = sums.get(x.name);
    if (known) return known;
    const made = ReduceSum(g, Reshape(g, x, [x.shape[0], blocks, BLOCK]), [2], false);
    sums.set(x.name, made);
    return made;
  };
  return rewrite(graph, {
    Gemm: (g, { inputs, attributes: { transA, transB, alpha } }) => {
      const [x, w, c] = inputs;
      const parts = partsOf(g, w);
      if (!parts || transA || alpha !== undefined || parts.transposed === (transB === 1)) return undefined;
      const { bits, N, K, values, scales, minimums } = parts;
      const blocks = K / BLOCK;
      const data = viewOf(g, values, 'uint8', [N, blocks, (BLOCK * bits) / 8], 'blocks');
      const factors = viewOf(g, scales, 'float32', [N, blocks], 'rows');
      const zero = minimums && filled(g, 'uint8', [N, Math.ceil((blocks * bits) / 8)], 0);
      let y = MatMulNBits(g, x, data, factors, { bits, block: BLOCK, zero, int8: true });
      if (minimums) {
        // x · (q · scale + minimum): the minimum meets the sum of its block
        y = Gemm(g, sumsOf(g, x, blocks), viewOf(g, minimums, 'float32', [N, blocks], 'rows'), {
          transB: true,
          c: y,
        });
      }
      return c ? Add(g, y, c) : y;
    },
  });
}
