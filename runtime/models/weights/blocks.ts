/** Weights in blocks of quantised values: a run of 32 along a row shares a scale, and in some types a minimum. */

/** Values of a block. */
export const BLOCK = 32;

export type Bits = 4 | 8;

/**
 * Whole blocks: `values` low nibble first, or a byte each; `scales` and `minimums` one a block. A value is
 * (q − middle) · scale, where the middle is 8 or 128, or q · scale + minimum.
 */
export interface Blocks {
  readonly bits: Bits;
  readonly values: Uint8Array;
  readonly scales: Float32Array;
  readonly minimums?: Float32Array;
}

export const middleOf = (bits: Bits): number => 2 ** (bits - 1);

/**
 * How far beyond the end of the range a block's largest value may lie: the factor with the least squared error is
 * taken, since a finer step for 31 values is worth more than the exact largest one.
 */
const REACH = [8, 8.5, 7.5, 9, 7];

/** Rounds float32 values to blocks: 8 bits by the largest magnitude, 4 bits by the least squared error. */
export function quantise(x: Float32Array, bits: Bits): Blocks {
  if (x.length % BLOCK !== 0) throw new Error(`${x.length} values are not whole blocks`);
  const scales = new Float32Array(x.length / BLOCK);
  const values = new Uint8Array((x.length * bits) / 8);
  const q = new Uint8Array(BLOCK);
  for (let block = 0; block < scales.length; block++) {
    const at = block * BLOCK;
    scales[block] = bits === 8 ? scaleOf8(x, at) : scaleOf4(x, at);
    round(x, at, scales[block], bits, q);
    if (bits === 8) values.set(q, at);
    else for (let i = 0; i < 16; i++) values[at / 2 + i] = q[2 * i] | (q[2 * i + 1] << 4);
  }
  return { bits, values, scales };
}

/** As Math.round, in a fraction of its time. Math.floor(x + 0.5) would be 1 for the number just below a half. */
function nearest(x: number): number {
  const below = Math.floor(x);
  return x - below >= 0.5 ? below + 1 : below;
}
const within = (least: number, q: number, most: number): number => (q < least ? least : q > most ? most : q);

/** The value of the largest magnitude. */
function largest(x: Float32Array, at: number): number {
  let most = 0;
  for (let i = at; i < at + BLOCK; i++) if (Math.abs(x[i]) > Math.abs(most)) most = x[i];
  return most;
}

const scaleOf8 = (x: Float32Array, at: number): number => Math.abs(largest(x, at)) / 127;

/** The range is −8 … 7: the largest value takes the side with one step more, so the scale may be negative. */
function scaleOf4(x: Float32Array, at: number): number {
  const most = largest(x, at);
  if (most === 0) return 0;
  let best = 0;
  let bestGain = -1;
  for (const reach of REACH) {
    const inverse = -reach / most;
    let product = 0;
    let square = 0;
    for (let i = at; i < at + BLOCK; i++) {
      const q = within(-8, nearest(x[i] * inverse), 7);
      product += q * x[i];
      square += q * q;
    }
    // with the scale product / square the squared error is Σx² − product² / square
    const gain = square > 0 ? (product * product) / square : 0;
    if (gain > bestGain) [best, bestGain] = [product / square, gain];
  }
  return best;
}

function round(x: Float32Array, at: number, scale: number, bits: Bits, q: Uint8Array): void {
  const middle = middleOf(bits);
  const inverse = scale === 0 ? 0 : 1 / scale;
  for (let i = 0; i < BLOCK; i++) q[i] = within(0, middle + nearest(x[at + i] * inverse), 2 * middle - 1);
}

/** The float32 values that blocks stand for. */
export function dequantise({ bits, values, scales, minimums }: Blocks): Float32Array {
  const out = new Float32Array(scales.length * BLOCK);
  const middle = minimums ? 0 : middleOf(bits);
  for (let i = 0; i < out.length; i++) {
    const q = bits === 8 ? values[i] : (values[i >> 1] >> (4 * (i & 1))) & 15;
    const block = Math.floor(i / BLOCK);
    out[i] = Math.fround((q - middle) * scales[block]) + (minimums ? minimums[block] : 0);
  }
  return out;
}

/** The rows of a matrix in another order: row i is row order[i] of before. */
export function reorder(blocks: Blocks, order: ArrayLike<number>): Blocks {
  const rows = <T extends Uint8Array | Float32Array>(all: T): T => {
    const out = all.slice() as T;
    const width = all.length / order.length;
    for (let i = 0; i < order.length; i++) out.set(all.subarray(order[i] * width, (order[i] + 1) * width), i * width);
    return out;
  };
  const { bits, values, scales, minimums } = blocks;
  return { bits, values: rows(values), scales: rows(scales), ...(minimums && { minimums: rows(minimums) }) };
}
