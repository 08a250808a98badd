/** Types of GGUF files that are blocks of 4 or 8 bits already: the same numbers in our order. */
import { BLOCK, type Blocks } from '../../weights/blocks.js';
import { blocks, float16, groupMinimum, groupScale } from './blocks.js';

type Repack = (bytes: Uint8Array) => Blocks;

/** Q4_0 and Q4_1: 16 bytes, of which the low nibbles are the first 16 values; d · (q − 8), or d · q + m. */
const nibbles =
  (hasMinimum: boolean): Repack =>
  (bytes) => {
    const header = hasMinimum ? 4 : 2;
    const count = bytes.length / (header + 16);
    const values = new Uint8Array(16 * count);
    const scales = new Float32Array(count);
    const minimums = hasMinimum ? new Float32Array(count) : undefined;
    blocks(bytes, header + 16, BLOCK, (b, o) => {
      const block = o / BLOCK;
      scales[block] = float16(bytes, b);
      if (minimums) minimums[block] = float16(bytes, b + 2);
      for (let i = 0; i < 8; i++) {
        const [first, second] = [bytes[b + header + 2 * i], bytes[b + header + 2 * i + 1]];
        values[o / 2 + i] = (first & 15) | ((second & 15) << 4);
        values[o / 2 + 8 + i] = (first >> 4) | (second & 240);
      }
    });
    return { bits: 4, values, scales, ...(minimums && { minimums }) };
  };

/** Q4_K: 8 groups of 32 with a 6-bit scale and minimum each, two groups in the nibbles of 32 bytes. */
function q4k(bytes: Uint8Array): Blocks {
  const count = bytes.length / 144;
  const values = new Uint8Array(128 * count);
  const scales = new Float32Array(8 * count);
  const minimums = new Float32Array(8 * count);
  blocks(bytes, 144, 256, (b, o) => {
    const [d, dmin] = [float16(bytes, b), float16(bytes, b + 2)];
    for (let group = 0; group < 8; group++) {
      const at = (o + BLOCK * group) / 2;
      const from = b + 16 + ((group >> 1) << 5);
      const shift = (group & 1) << 2;
      scales[o / BLOCK + group] = d * groupScale(bytes, b + 4, group);
      minimums[o / BLOCK + group] = -(dmin * groupMinimum(bytes, b + 4, group));
      for (let i = 0; i < 16; i++)
        values[at + i] = ((bytes[from + 2 * i] >> shift) & 15) | (((bytes[from + 2 * i + 1] >> shift) & 15) << 4);
    }
  });
  return { bits: 4, values, scales, minimums };
}

function q8(bytes: Uint8Array): Blocks {
  const count = bytes.length / 34;
  const values = new Uint8Array(BLOCK * count);
  const scales = new Float32Array(count);
  blocks(bytes, 34, BLOCK, (b, o) => {
    scales[o / BLOCK] = float16(bytes, b);
    for (let i = 0; i < BLOCK; i++) values[o + i] = bytes[b + 2 + i] ^ 128;
  });
  return { bits: 8, values, scales };
}

/** By the type's name. */
export const AS_BLOCKS: Readonly<Record<string, { bits: 4 | 8; hasMinimums: boolean; repack: Repack }>> = {
  Q4_0: { bits: 4, hasMinimums: false, repack: nibbles(false) },
  Q4_1: { bits: 4, hasMinimums: true, repack: nibbles(true) },
  Q4_K: { bits: 4, hasMinimums: true, repack: q4k },
  Q8_0: { bits: 8, hasMinimums: false, repack: q8 },
};
