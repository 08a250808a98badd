/**
 * The IQ types of ggml-quants.c but IQ4: blocks of 256 values, as points of a grid, with signs or a shift and shared
 * scales.
 */
import { blocks, float16, float16Of, uint16, uint32 } from './blocks.js';
import { IQ1, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS } from './grids.js';
import type { Grid } from './grids.js';

/** A point: its place in the grid, and what is done to its values. */
interface Point {
  index: number;
  scale: number;
  /** Bit i: value i is negative. */
  signs: number;
  /** Added before the scale. */
  shift: number;
}

/** `read` gets the bytes, the block's first one and the point's number in it. */
type Read = (bytes: Uint8Array, b: number, n: number, point: Point) => void;

const gridded =
  (size: number, grid: () => Grid, read: Read) =>
  (bytes: Uint8Array, out: Float32Array): void => {
    const { width, values } = grid();
    const point: Point = { index: 0, scale: 0, signs: 0, shift: 0 };
    blocks(bytes, size, 256, (b, o) => {
      for (let n = 0; n < 256 / width; n++) {
        read(bytes, b, n, point);
        for (let i = 0; i < width; i++) {
          const value = values[point.index * width + i] + point.shift;
          out[o + n * width + i] = point.scale * ((point.signs >> i) & 1 ? -value : value);
        }
      }
    });
  };

/** Seven signs, and an eighth that makes the number of negative values even. */
const SIGNS = Uint8Array.from({ length: 128 }, (_, bits) => {
  let odd = 0;
  for (let i = 0; i < 7; i++) odd ^= (bits >> i) & 1;
  return bits | (odd << 7);
});
/** Those of four points of 8 in one number. */
const packedSigns = (word: number, n: number): number => SIGNS[(word >>> (7 * n)) & 127];
const nibble = (bytes: Uint8Array, at: number, n: number): number => (bytes[at + (n >> 1)] >> (4 * (n & 1))) & 15;

/** Words of 8 bytes: four places, then their signs and a 4-bit scale. */
export const iq2xxs = gridded(66, IQ2_XXS, (bytes, b, n, point) => {
  const at = b + 2 + 8 * (n >> 2);
  const word = uint32(bytes, at + 4);
  point.index = bytes[at + (n & 3)];
  point.scale = float16(bytes, b) * (0.5 + (word >>> 28)) * 0.25;
  point.signs = packedSigns(word, n & 3);
});

/** Nine bits of place and seven of signs; 4-bit scales, for two points each. */
export const iq2xs = gridded(74, IQ2_XS, (bytes, b, n, point) => {
  const word = uint16(bytes, b + 2 + 2 * n);
  point.index = word & 511;
  point.scale = float16(bytes, b) * (0.5 + nibble(bytes, b + 66, n >> 1)) * 0.25;
  point.signs = SIGNS[word >> 9];
});

/** Places of ten bits, the upper two apart; signs; 4-bit scales, for two points each. */
export const iq2s = gridded(82, IQ2_S, (bytes, b, n, point) => {
  point.index = bytes[b + 2 + n] | (((bytes[b + 66 + (n >> 2)] >> (2 * (n & 3))) & 3) << 8);
  point.scale = float16(bytes, b) * (0.5 + nibble(bytes, b + 74, n >> 1)) * 0.25;
  point.signs = bytes[b + 34 + n];
});

/** Places, then for eight points each their signs and a 4-bit scale. */
export const iq3xxs = gridded(98, IQ3_XXS, (bytes, b, n, point) => {
  const word = uint32(bytes, b + 66 + 4 * (n >> 3));
  point.index = bytes[b + 2 + n];
  point.scale = float16(bytes, b) * (0.5 + (word >>> 28)) * 0.5;
  point.signs = packedSigns(word, (n >> 1) & 3) >> (4 * (n & 1));
});

/** Places of nine bits, the upper one apart; signs; 4-bit scales, for eight points each. */
export const iq3s = gridded(110, IQ3_S, (bytes, b, n, point) => {
  point.index = bytes[b + 2 + n] | (((bytes[b + 66 + (n >> 3)] >> (n & 7)) & 1) << 8);
  point.scale = float16(bytes, b) * (1 + 2 * nibble(bytes, b + 106, n >> 3));
  point.signs = bytes[b + 74 + (n >> 1)] >> (4 * (n & 1));
});

const SHIFT = 0.125;

/** Places of eleven bits, the upper three apart with a 3-bit scale and the shift's sign, for four points each. */
export const iq1s = gridded(50, IQ1, (bytes, b, n, point) => {
  const word = uint16(bytes, b + 34 + 2 * (n >> 2));
  point.index = bytes[b + 2 + n] | (((word >> (3 * (n & 3))) & 7) << 8);
  point.scale = float16(bytes, b) * (2 * ((word >> 12) & 7) + 1);
  point.shift = word & 0x8000 ? -SHIFT : SHIFT;
});

/**
 * Places of eleven bits, the upper three apart with the shift's sign; 3-bit scales, for two points each; the block's
 * own in four parts.
 */
export const iq1m = gridded(56, IQ1, (bytes, b, n, point) => {
  const upper = nibble(bytes, b + 32, n);
  const word = uint16(bytes, b + 48 + 2 * (n >> 3));
  point.index = bytes[b + n] | ((upper & 7) << 8);
  point.scale = quarteredFloat16(bytes, b + 48) * (2 * ((word >> (3 * ((n >> 1) & 3))) & 7) + 1);
  point.shift = upper & 8 ? -SHIFT : SHIFT;
});

/** The upper nibbles of four 16-bit words, the lowest first. */
function quarteredFloat16(bytes: Uint8Array, at: number): number {
  const upper = (word: number): number => bytes[at + 2 * word + 1] >> 4;
  return float16Of(upper(0) | (upper(1) << 4) | (upper(2) << 8) | (upper(3) << 12));
}
