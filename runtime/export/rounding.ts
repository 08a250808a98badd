/**
 * What is left of merged adapters where weights are rounded to the type that is written: measured at the weights
 * themselves.
 */
import type { LinearSpec } from '../models/decoder/spec.js';
import { GGUF_TYPES } from '../models/gguf/file/types.js';
import { quantiseQ8, WRITTEN_TYPES } from '../models/gguf/file/writeFile.js';
import { bf16ToF32, f16ToF32, f32ToBf16, f32ToF16 } from '../models/weights/halfFloats.js';
import { numbersIn } from '../contract/format.js';
import { HumanError } from '../support/errors.js';

/** Of each tensor: ⟨round(W + Δ) − round(W), Δ⟩ and ⟨Δ, Δ⟩. */
export type Rounded = Map<string, { along: number; whole: number }>;

/** Weights as a file of a type has them; those of F32 and F64 are as they are. */
const ROUND: Readonly<Record<string, (row: Float32Array) => Float32Array>> = {
  F16: (row) => f16ToF32(f32ToF16(row)),
  BF16: (row) => bf16ToF32(f32ToBf16(row)),
  Q8_0: (row) => {
    // rows that are not whole blocks are written as F16
    if (row.length % WRITTEN_TYPES.Q8_0.block !== 0) return ROUND.F16(row);
    const out = new Float32Array(row.length);
    GGUF_TYPES[WRITTEN_TYPES.Q8_0.number].dequantise!(quantiseQ8(row), out);
    return out;
  },
};

/** @param before, after weights [out, in] row-major, or [in, out] where the layer is transposed */
export function roundedChange(
  before: Float32Array,
  after: Float32Array,
  { in: inputs, out, transposed }: Pick<LinearSpec, 'in' | 'out' | 'transposed'>,
  type: string,
): { along: number; whole: number } {
  const round = ROUND[type] ?? ((row) => row);
  let [along, whole] = [0, 0];
  const [from, to] = [new Float32Array(inputs), new Float32Array(inputs)];
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < inputs; i++) {
      const where = transposed ? i * out + o : o * inputs + i;
      [from[i], to[i]] = [before[where], after[where]];
    }
    const [roundedFrom, roundedTo] = [round(from), round(to)];
    for (let i = 0; i < inputs; i++) {
      const change = to[i] - from[i];
      along += (roundedTo[i] - roundedFrom[i]) * change;
      whole += change * change;
    }
  }
  return { along, whole };
}

/** Share of what adapters change in the weights: what has to be left of it, and what goes without saying. */
const LEAST = 0.5;
const ENOUGH = 0.9;

/**
 * Adapters that are merged into weights of a coarse type may be lost in their rounding, which logits do not show where
 * they change little.
 * @returns notes
 * @throws HumanError when less than half of what they change is left
 */
export function requireMerged(rounded: Rounded, type: string, place: string): string[] {
  let [along, whole] = [0, 0];
  for (const one of rounded.values()) [along, whole] = [along + one.along, whole + one.whole];
  const left = whole === 0 ? 1 : along / whole;
  if (left >= ENOUGH) return [];
  const said = `${numbersIn().percent(Math.max(0, left))} of what the adapters change in the weights is left when these are rounded to ${type}`;
  if (left >= LEAST) return [`${said}.`];
  throw new HumanError(`${said}; the export was removed.`, {
    place,
    kind: 'failed',
    remedy: 'Export as GGUF, F32 (--format gguf --quantization F32), or leave the adapters apart (PEFT).',
  });
}
