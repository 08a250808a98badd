/**
 * Tensor types of GGUF files: blocks of values with shared scales. Layouts and arithmetic (float32, in this order) are
 * those of ggml-quants.c and of the Python package `gguf`, so that the same bytes give the same float32 values.
 */
import { blocks, float16, groupMinimum, groupScale, uint16 } from './blocks.js';
import { iq1m, iq1s, iq2s, iq2xs, iq2xxs, iq3s, iq3xxs } from './iqTypes.js';
import { bf16ToF32, f16ToF32 } from '../../weights/halfFloats.js';

export interface GgufType {
  name: string;
  /** Values of one block. */
  block: number;
  /** Bytes of one block. */
  bytes: number;
  /** Whole blocks → float32; absent for types that are recognised, not read. */
  dequantise?: (bytes: Uint8Array, out: Float32Array) => void;
}

const fround = Math.fround;

/** A copy that starts at a multiple of eight, for typed views. */
const aligned = (bytes: Uint8Array): ArrayBuffer =>
  (bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()).buffer as ArrayBuffer;
const view = <T>(bytes: Uint8Array, Kind: new (b: ArrayBuffer, o: number, n: number) => T, size: number): T => {
  const buffer = aligned(bytes);
  return new Kind(buffer, bytes.byteOffset % 8 === 0 ? bytes.byteOffset : 0, bytes.length / size);
};

/** Q4_0, Q4_1, Q5_0, Q5_1: 32 values, low nibbles first, a fifth bit each in `qh`; d · q + m, or d · (q − middle). */
function nibbles(bits: 4 | 5, offset: boolean) {
  const header = offset ? 4 : 2;
  const quants = header + (bits === 5 ? 4 : 0);
  const middle = offset ? 0 : bits === 5 ? 16 : 8;
  return (bytes: Uint8Array, out: Float32Array): void =>
    blocks(bytes, quants + 16, 32, (b, o) => {
      const d = float16(bytes, b);
      const m = offset ? float16(bytes, b + 2) : 0;
      const qh =
        bits === 5
          ? bytes[b + header] |
            (bytes[b + header + 1] << 8) |
            (bytes[b + header + 2] << 16) |
            (bytes[b + header + 3] << 24)
          : 0;
      for (let i = 0; i < 16; i++) {
        const q = bytes[b + quants + i];
        const low = (q & 15) | (((qh >>> i) & 1) << 4);
        const high = (q >> 4) | (((qh >>> (i + 16)) & 1) << 4);
        out[o + i] = offset ? fround(d * low) + m : d * (low - middle);
        out[o + 16 + i] = offset ? fround(d * high) + m : d * (high - middle);
      }
    });
}

/** 256 values in 16 groups; 4-bit scale and minimum a group, 2-bit values. */
function q2k(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 84, 256, (b, o) => {
    const d = float16(bytes, b + 80);
    const dmin = float16(bytes, b + 82);
    for (let i = 0; i < 256; i++) {
      const scale = bytes[b + (i >> 4)];
      const q = (bytes[b + 16 + ((i >> 7) << 5) + (i & 31)] >> (((i >> 5) & 3) << 1)) & 3;
      out[o + i] = fround(fround(d * (scale & 15)) * q) - fround(dmin * (scale >> 4));
    }
  });
}

/** 256 values in 16 groups; 6-bit scale a group, 2-bit values and one high bit that is stored inverted. */
function q3k(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 110, 256, (b, o) => {
    const d = float16(bytes, b + 108);
    for (let group = 0; group < 16; group++) {
      const low = (bytes[b + 96 + (group & 7)] >> ((group >> 3) << 2)) & 15;
      const high = (bytes[b + 104 + (group & 3)] >> ((group >> 2) << 1)) & 3;
      const scale = fround(d * ((low | (high << 4)) - 32));
      for (let i = group * 16; i < group * 16 + 16; i++) {
        const q = (bytes[b + 32 + ((i >> 7) << 5) + (i & 31)] >> (((i >> 5) & 3) << 1)) & 3;
        const bit = (bytes[b + (i & 31)] >> (i >> 5)) & 1;
        out[o + i] = scale * (q - (bit ? 0 : 4));
      }
    }
  });
}

/** Q4_K and Q5_K: 256 values in 8 groups; 6-bit scale and minimum a group, packed in 12 bytes; a fifth bit in `qh`. */
function q45k(bits: 4 | 5) {
  const quants = bits === 5 ? 48 : 16;
  return (bytes: Uint8Array, out: Float32Array): void =>
    blocks(bytes, quants + 128, 256, (b, o) => {
      const d = float16(bytes, b);
      const dmin = float16(bytes, b + 2);
      for (let group = 0; group < 8; group++) {
        const dl = fround(d * groupScale(bytes, b + 4, group));
        const ml = fround(dmin * groupMinimum(bytes, b + 4, group));
        for (let i = 0; i < 32; i++) {
          const nibble = (bytes[b + quants + ((group >> 1) << 5) + i] >> ((group & 1) << 2)) & 15;
          const q = bits === 5 ? nibble | (((bytes[b + 16 + i] >> group) & 1) << 4) : nibble;
          out[o + group * 32 + i] = fround(dl * q) - ml;
        }
      }
    });
}

/** 256 values in 16 groups; 8-bit scale a group, 6-bit values. */
function q6k(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 210, 256, (b, o) => {
    const d = float16(bytes, b + 208);
    for (let i = 0; i < 256; i++) {
      const scale = fround(d * ((bytes[b + 192 + (i >> 4)] << 24) >> 24));
      const low = (bytes[b + ((i >> 7) << 6) + (i & 63)] >> (((i >> 6) & 1) << 2)) & 15;
      const high = (bytes[b + 128 + ((i >> 7) << 5) + (i & 31)] >> (((i >> 5) & 3) << 1)) & 3;
      out[o + i] = scale * ((low | (high << 4)) - 32);
    }
  });
}

function q8_0(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 34, 32, (b, o) => {
    const d = float16(bytes, b);
    for (let i = 0; i < 32; i++) out[o + i] = d * ((bytes[b + 2 + i] << 24) >> 24);
  });
}

const IQ4 = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
/** Twice the values of E2M1, so that they are whole. */
const FP4 = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/** IQ4_NL and MXFP4: 32 values out of a table of sixteen, low nibbles first, after a scale of `header` bytes. */
const tabled =
  (table: readonly number[], header: number, scale: (bytes: Uint8Array, at: number) => number) =>
  (bytes: Uint8Array, out: Float32Array): void =>
    blocks(bytes, header + 16, 32, (b, o) => {
      const d = scale(bytes, b);
      for (let i = 0; i < 16; i++) {
        const q = bytes[b + header + i];
        out[o + i] = d * table[q & 15];
        out[o + 16 + i] = d * table[q >> 4];
      }
    });

/** A scale of NVFP4, halved: E4M3 without a sign; 127 is NaN and counts as 0. */
function e4m3(byte: number): number {
  const exponent = (byte >> 3) & 15;
  if (byte === 127) return 0;
  return exponent === 0 ? (byte & 7) * 2 ** -10 : (1 + (byte & 7) / 8) * 2 ** (exponent - 8);
}

/** 64 values in 4 groups of FP4, low nibbles first, a scale a group. */
function nvfp4(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 36, 64, (b, o) => {
    for (let group = 0; group < 4; group++) {
      const d = e4m3(bytes[b + group]);
      for (let i = 0; i < 8; i++) {
        const q = bytes[b + 4 + 8 * group + i];
        out[o + 16 * group + i] = d * FP4[q & 15];
        out[o + 16 * group + 8 + i] = d * FP4[q >> 4];
      }
    }
  });
}

/** 256 values in 8 groups of IQ4_NL's table; 6-bit scale a group, its upper two bits apart. */
function iq4xs(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 136, 256, (b, o) => {
    const d = float16(bytes, b);
    const upper = uint16(bytes, b + 2);
    for (let group = 0; group < 8; group++) {
      const low = (bytes[b + 4 + (group >> 1)] >> ((group & 1) << 2)) & 15;
      const scale = d * ((low | (((upper >> (2 * group)) & 3) << 4)) - 32);
      for (let i = 0; i < 16; i++) {
        const q = bytes[b + 8 + group * 16 + i];
        out[o + group * 32 + i] = scale * IQ4[q & 15];
        out[o + group * 32 + 16 + i] = scale * IQ4[q >> 4];
      }
    }
  });
}

/** Where the digits of TQ1_0 lie: [first byte, bytes, digits to base 3 a byte]. */
const TERNARY = [
  [0, 32, 5],
  [32, 16, 5],
  [48, 4, 4],
] as const;

/** 256 values −1, 0, 1, five to a byte. */
function tq1(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 54, 256, (b, o) => {
    const d = float16(bytes, b + 52);
    let at = o;
    for (const [first, count, digits] of TERNARY) {
      for (let n = 0; n < digits; n++) {
        // the byte is a fraction of 256: times 3ⁿ, the next digit is the whole part of three times what is left
        for (let i = 0; i < count; i++) out[at++] = d * (((((bytes[b + first + i] * 3 ** n) & 255) * 3) >> 8) - 1);
      }
    }
  });
}

/** 256 values −1, 0, 1 in two bits each. */
function tq2(bytes: Uint8Array, out: Float32Array): void {
  blocks(bytes, 66, 256, (b, o) => {
    const d = float16(bytes, b + 64);
    for (let i = 0; i < 256; i++)
      out[o + i] = d * (((bytes[b + ((i >> 7) << 5) + (i & 31)] >> (((i >> 5) & 3) << 1)) & 3) - 1);
  });
}

/** Q1_0 and Q2_0: sixteen bytes of values with few bits, the lowest first, after a scale. */
const packed =
  (bits: 1 | 2, value: (q: number) => number) =>
  (bytes: Uint8Array, out: Float32Array): void =>
    blocks(bytes, 18, 128 / bits, (b, o) => {
      const d = float16(bytes, b);
      for (let i = 0; i < 128 / bits; i++)
        out[o + i] = d * value((bytes[b + 2 + ((i * bits) >> 3)] >> ((i * bits) & 7)) & (2 ** bits - 1));
    });

/** By the number in the file (`ggml_type`). */
export const GGUF_TYPES: Readonly<Record<number, GgufType>> = {
  0: { name: 'F32', block: 1, bytes: 4, dequantise: (b, out) => out.set(view(b, Float32Array, 4)) },
  1: { name: 'F16', block: 1, bytes: 2, dequantise: (b, out) => void f16ToF32(view(b, Uint16Array, 2), out) },
  2: { name: 'Q4_0', block: 32, bytes: 18, dequantise: nibbles(4, false) },
  3: { name: 'Q4_1', block: 32, bytes: 20, dequantise: nibbles(4, true) },
  6: { name: 'Q5_0', block: 32, bytes: 22, dequantise: nibbles(5, false) },
  7: { name: 'Q5_1', block: 32, bytes: 24, dequantise: nibbles(5, true) },
  8: { name: 'Q8_0', block: 32, bytes: 34, dequantise: q8_0 },
  9: { name: 'Q8_1', block: 32, bytes: 40 },
  10: { name: 'Q2_K', block: 256, bytes: 84, dequantise: q2k },
  11: { name: 'Q3_K', block: 256, bytes: 110, dequantise: q3k },
  12: { name: 'Q4_K', block: 256, bytes: 144, dequantise: q45k(4) },
  13: { name: 'Q5_K', block: 256, bytes: 176, dequantise: q45k(5) },
  14: { name: 'Q6_K', block: 256, bytes: 210, dequantise: q6k },
  15: { name: 'Q8_K', block: 256, bytes: 292 },
  16: { name: 'IQ2_XXS', block: 256, bytes: 66, dequantise: iq2xxs },
  17: { name: 'IQ2_XS', block: 256, bytes: 74, dequantise: iq2xs },
  18: { name: 'IQ3_XXS', block: 256, bytes: 98, dequantise: iq3xxs },
  19: { name: 'IQ1_S', block: 256, bytes: 50, dequantise: iq1s },
  20: { name: 'IQ4_NL', block: 32, bytes: 18, dequantise: tabled(IQ4, 2, float16) },
  21: { name: 'IQ3_S', block: 256, bytes: 110, dequantise: iq3s },
  22: { name: 'IQ2_S', block: 256, bytes: 82, dequantise: iq2s },
  23: { name: 'IQ4_XS', block: 256, bytes: 136, dequantise: iq4xs },
  24: { name: 'I8', block: 1, bytes: 1 },
  25: { name: 'I16', block: 1, bytes: 2 },
  26: { name: 'I32', block: 1, bytes: 4 },
  27: { name: 'I64', block: 1, bytes: 8 },
  28: { name: 'F64', block: 1, bytes: 8, dequantise: (b, out) => out.set(view(b, Float64Array, 8)) },
  29: { name: 'IQ1_M', block: 256, bytes: 56, dequantise: iq1m },
  30: { name: 'BF16', block: 1, bytes: 2, dequantise: (b, out) => void bf16ToF32(view(b, Uint16Array, 2), out) },
  34: { name: 'TQ1_0', block: 256, bytes: 54, dequantise: tq1 },
  35: { name: 'TQ2_0', block: 256, bytes: 66, dequantise: tq2 },
  39: { name: 'MXFP4', block: 32, bytes: 17, dequantise: tabled(FP4, 1, (b, at) => 2 ** (b[at] - 128)) },
  40: { name: 'NVFP4', block: 64, bytes: 36, dequantise: nvfp4 },
  41: { name: 'Q1_0', block: 128, bytes: 18, dequantise: packed(1, (bit) => 2 * bit - 1) },
  42: { name: 'Q2_0', block: 64, bytes: 18, dequantise: packed(2, (q) => q - 1) },
};

/** Names of the types that can be read. */
export const READABLE_TYPES = Object.values(GGUF_TYPES).flatMap(({ name, dequantise }) => (dequantise ? [name] : []));
