/** Reading blocks of quantised values. */
import { float16Table } from '../../weights/halfFloats.js';

export const uint16 = (b: Uint8Array, at: number): number => b[at] | (b[at + 1] << 8);
export const uint32 = (b: Uint8Array, at: number): number => (uint16(b, at) | (uint16(b, at + 2) << 16)) >>> 0;
/** Of the bits. */
export const float16Of = (bits: number): number => float16Table()[bits];
export const float16 = (b: Uint8Array, at: number): number => float16Table()[uint16(b, at)];

/** The 6-bit scale of one of the 8 groups of a block, which with the minimums are packed in 12 bytes. */
export const groupScale = (b: Uint8Array, at: number, group: number): number =>
  group > 3 ? (b[at + 4 + group] & 15) | ((b[at + group - 4] >> 2) & 48) : b[at + group] & 63;
/** The 6-bit minimum. */
export const groupMinimum = (b: Uint8Array, at: number, group: number): number =>
  group > 3 ? (b[at + 4 + group] >> 4) | ((b[at + group] >> 2) & 48) : b[at + 4 + group] & 63;

/** Calls `f(start of the block's bytes, start of its values)` for every block. */
export function blocks(bytes: Uint8Array, size: number, values: number, f: (b: number, o: number) => void): void {
  for (let b = 0, o = 0; b + size <= bytes.length; b += size, o += values) f(b, o);
}
