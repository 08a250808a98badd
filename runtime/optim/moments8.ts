/**
 * AdamW's moments in 8 bits, as bitsandbytes and torchao have them (Dettmers et al., arXiv 2110.02861): in blocks of
 * 256 values, each value one of 256 numbers in [-1, 1], times the largest absolute value of its block. The numbers are
 * dense where they are small: seven powers of ten, with twice as many in each as in the one below. A second moment
 * above 0 never becomes 0, as it may there.
 */

/** Values with a scale of their own. */
export const BLOCK = 256;
/** Tensors of fewer values keep float32 moments. */
export const LEAST = 4096;
const POWERS = 7;

/** The 256 numbers, ascending, float32. The first moment has a sign, the second has none. */
export function dynamicMap(signed: boolean): Float32Array {
  const numbers = [0, 1];
  for (let i = 0; i < POWERS; i++) {
    const count = signed ? 2 ** i : 2 ** (i + 1);
    for (let k = 0; k < count; k++) {
      // the middle of one of `count` equal parts of [0.1, 1]
      const x = (0.1 + (0.9 * (k + 0.5)) / count) * 10 ** (i + 1 - POWERS);
      numbers.push(x, ...(signed ? [-x] : []));
    }
  }
  return Float32Array.from(numbers).sort();
}

/** Values in 8 bits: the scales of their blocks [⌈n / BLOCK⌉], float32, and a code for each. */
interface Coded {
  readonly scales: Float32Array;
  readonly codes: Uint8Array;
}

const scaleBytes = (n: number): number => 4 * Math.ceil(n / BLOCK);
/** Bytes of n values. */
export const codedBytes = (n: number): number => scaleBytes(n) + n;
/** The two parts of such bytes: scales first. */
export const codedIn = ({ buffer, byteOffset }: Uint8Array, n: number): Coded => ({
  scales: new Float32Array(buffer, byteOffset, scaleBytes(n) / 4),
  codes: new Uint8Array(buffer, byteOffset + scaleBytes(n), n),
});

interface Coder {
  readonly map: Float32Array;
  /** Values `from`…`from + out.length` of `coded`. `from` is the beginning of a block. */
  read(coded: Coded, from: number, out: Float32Array): void;
  /** The same values to the nearest of the numbers, without a sign no other than 0 to 0; `values` is used up. */
  write(coded: Coded, from: number, values: Float32Array): void;
}

export function coder(signed: boolean): Coder {
  const largest = new Float32Array(1);
  const bitsOfLargest = new Uint32Array(largest.buffer);
  const map = dynamicMap(signed);
  const middles = Int32Array.from(map, (x, i) => (i < 255 ? ordered(Math.fround((x + map[i + 1]) / 2)) : 2 ** 31 - 1));
  // AdamW divides by the second moment: one that became 0, beside a first moment that did not, would move its parameter
  // far away. So only 0 becomes 0, and what torchao rounds to 0 the next number: whatever is above 0 is behind the
  // first middle.
  if (!signed) middles[0] = 1;
  const low = lowest(middles);
  return {
    map,
    read({ scales, codes }, from, out) {
      for (let begin = 0; begin < out.length; begin += BLOCK) {
        const scale = scales[(from + begin) / BLOCK];
        const end = Math.min(out.length, begin + BLOCK);
        for (let i = begin; i < end; i++) out[i] = map[codes[from + i]] * scale;
      }
    },
    write({ scales, codes }, from, values) {
      const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      for (let begin = 0; begin < values.length; begin += BLOCK) {
        const end = Math.min(values.length, begin + BLOCK);
        // numbers of one sign are ordered as their bits are
        let most = 0;
        for (let i = begin; i < end; i++) {
          const size = bits[i] & 0x7fffffff;
          if (size > most) most = size;
        }
        bitsOfLargest[0] = most;
        scales[(from + begin) / BLOCK] = largest[0];
        const unit = largest[0] || 1;
        for (let i = begin; i < end; i++) values[i] /= unit;
        for (let i = begin; i < end; i++) {
          const code = low[bits[i] >>> 16];
          // one more from the middle behind that number on; without a branch, which no processor could foretell
          codes[from + i] = code + ((middles[code] - 1 - inOrder(bits[i])) >>> 31);
        }
      }
    },
  };
}

/** The bits of a float32 as an integer: the larger the number, the larger it is. */
const inOrder = (bits: number): number => bits ^ ((bits >> 31) & 0x7fffffff);

const one = new Float32Array(1);
const bitsOfOne = new Int32Array(one.buffer);
function ordered(x: number): number {
  one[0] = x;
  return inOrder(bitsOfOne[0]);
}

/**
 * By the upper half of the bits of a float32 in [-1, 1]: the code of the lowest value that begins so. Between two
 * middles lie more values than have the same upper half, so that the code of a value is this one or the next.
 */
function lowest(middles: Int32Array): Uint8Array {
  const low = new Uint8Array(2 ** 16);
  for (let upper = 0; upper < low.length; upper++) {
    const least = inOrder((upper << 16) | (upper & 0x8000 ? 0xffff : 0));
    low[upper] = Math.min(
      255,
      middles.findIndex((middle) => middle > least),
    );
  }
  return low;
}
