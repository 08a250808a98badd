/**
 * float16 and bfloat16 as arrays of their bits. Widening is exact; narrowing rounds to nearest, ties to even, overflows
 * to infinity and keeps NaN (IEEE 754-2019, section 4.3.1).
 */

let f16Table: Float32Array | undefined;

/** All 65,536 float16 values: a table look-up is several times faster than taking the bits apart. */
export function float16Table(): Float32Array {
  if (f16Table) return f16Table;
  const bits = new Uint32Array(65536);
  for (let h = 0; h < 65536; h++) {
    const sign = (h & 0x8000) << 16;
    const exponent = (h >>> 10) & 0x1f;
    const mantissa = h & 0x3ff;
    if (exponent === 0x1f) {
      bits[h] = sign | 0x7f800000 | (mantissa << 13);
    } else if (exponent > 0) {
      bits[h] = sign | ((exponent + 112) << 23) | (mantissa << 13);
    } else if (mantissa > 0) {
      // Subnormal: mantissa · 2⁻²⁴, normal in float32. Math.clz32 finds its leading one.
      const shift = Math.clz32(mantissa) - 21;
      bits[h] = sign | ((113 - shift) << 23) | ((mantissa << (shift + 13)) & 0x7fffff);
    } else {
      bits[h] = sign;
    }
  }
  f16Table = new Float32Array(bits.buffer);
  return f16Table;
}

/** float16 bits → float32, exact. */
export function f16ToF32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const table = float16Table();
  for (let i = 0; i < bits.length; i++) out[i] = table[bits[i]];
  return out;
}

/** bfloat16 bits → float32, exact: bfloat16 is the upper half of a float32. */
export function bf16ToF32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i] << 16;
  return out;
}

/** float32 → float16 bits, to nearest even. */
export function f32ToF16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const x = words[i];
    const sign = (x >>> 16) & 0x8000;
    const magnitude = x & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      out[i] = sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else if (magnitude >= 0x477ff000) {
      // 65520 and above round to infinity.
      out[i] = sign | 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Adding half a unit less one, plus the last kept bit, makes ties go to even; a carry moves the exponent on its
      // own.
      out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    } else if (magnitude >= 0x33000000) {
      const exponent = magnitude >>> 23;
      const mantissa = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - exponent; // 14 … 24 bits are dropped
      const kept = mantissa >>> shift;
      const rest = mantissa & ((1 << shift) - 1);
      const half = 1 << (shift - 1);
      out[i] = sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
    } else {
      out[i] = sign;
    }
  }
  return out;
}

/** float32 → bfloat16 bits, to nearest even. */
export function f32ToBf16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < values.length; i++) {
    const x = words[i];
    // A NaN whose payload sits in the lower half would round to infinity: set a quiet bit instead.
    out[i] = (x & 0x7fffffff) > 0x7f800000 ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}
