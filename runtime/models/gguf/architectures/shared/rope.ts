import { readGgufTensor } from '../../file/gguf.js';
import type { GgufFile } from '../../file/gguf.js';
import type { Sizes } from './layout.js';
import { shortest } from '../../file/metadata.js';
import type { Metadata } from '../../file/metadata.js';
import { shown } from '../../../../support/jsonFile.js';
import type { JsonObject } from '../../../../support/jsonFile.js';

/** Tensors that hold rope's factors, one for each frequency; they become config.json. */
export const ROPE_TENSORS = ['rope_freqs.weight', 'rope_factors_long.weight', 'rope_factors_short.weight'] as const;
export type RopeTensor = (typeof ROPE_TENSORS)[number];
/** Of Llama 3, and of LongRoPE. */
export const [LLAMA3_FACTORS, ...LONG_FACTORS] = ROPE_TENSORS;

/** A GGUF file with the factors of its rope read. */
export interface GgufSource extends GgufFile {
  rope: Partial<Record<RopeTensor, number[]>>;
}

/** More frequencies than any head has. */
const MAX_FACTORS = 4096;

export async function withRope(g: GgufFile): Promise<GgufSource> {
  const rope: GgufSource['rope'] = {};
  for (const name of ROPE_TENSORS) {
    const tensor = g.tensors.get(name);
    if (tensor && tensor.bytes <= MAX_FACTORS * 4) rope[name] = [...(await readGgufTensor(g, tensor))].map(shortest);
    else if (tensor) rope[name] = [];
  }
  return { ...g, rope };
}

/**
 * `rope_theta` and `rope_scaling` of config.json.
 * @throws HumanError for a scaling that config.json cannot express.
 */
export function ropeConfig(m: Metadata, g: GgufSource, arch: string, s: Sizes): JsonObject {
  const theta = m.decimal(`${arch}.rope.freq_base`, 10000);
  return { rope_theta: theta, rope_scaling: ropeScaling(m, g, arch, s, theta) };
}

function ropeScaling(m: Metadata, g: GgufSource, arch: string, s: Sizes, theta: number): JsonObject | null {
  const key = `${arch}.rope.scaling`;
  // Both defaults are llama.cpp's, and that a factor of 0 is none.
  const type = m.text(`${key}.type`, 'linear');
  const factor = m.decimal(`${key}.factor`, m.decimal(`${arch}.rope.scale_linear`, 1)) || 1;
  const original = m.count(`${key}.original_context_length`, 0);
  m.raw(`${key}.finetuned`);
  const { 'rope_freqs.weight': freqs, 'rope_factors_long.weight': long, 'rope_factors_short.weight': short } = g.rope;
  if (long && short) {
    if (original === 0)
      m.reject(`${key}.original_context_length`, 'it is missing, and the file has long and short rope factors');
    if (type !== 'none' && factor !== 1)
      m.reject(`${key}.factor`, 'a factor beside long and short rope factors cannot be expressed in config.json');
    // transformers' own factor on cos and sin, unless the file has another one.
    const scale = s.context / original;
    const usual = scale > 1 ? Math.sqrt(1 + Math.log(scale) / Math.log(original)) : 1;
    const attention = m.decimal(`${key}.attn_factor`, usual);
    return {
      rope_type: 'longrope',
      type: 'longrope',
      long_factor: long,
      short_factor: short,
      original_max_position_embeddings: original,
      ...(Math.abs(attention / usual - 1) < 1e-6 ? {} : { attention_factor: attention }),
    };
  }
  // A converter that has no place for the factors leaves the type alone: llama.cpp then computes another model.
  if (type === 'longrope') m.reject(`${key}.type`, 'the file has no long and short rope factors');
  if (freqs) {
    if (type !== 'none' && factor !== 1)
      m.reject(`${key}.type`, `${shown(type)} together with rope_freqs.weight cannot be expressed in config.json`);
    return llama3Scaling(m, freqs, s, theta, original);
  }
  if (type === 'none' || (factor === 1 && type !== 'yarn')) return null;
  if (type === 'linear') return { rope_type: 'linear', type: 'linear', factor };
  if (type === 'yarn') {
    if (original === 0 && factor !== 1) m.reject(`${key}.original_context_length`, 'it is missing');
    for (const name of ['yarn_ext_factor', 'attn_factor']) {
      if (m.has(`${key}.${name}`) && m.decimal(`${key}.${name}`) !== 1)
        m.reject(`${key}.${name}`, 'only 1 is supported');
    }
    // The defaults are those of transformers. The converter copies the factor on cos and sin; 1 is llama.cpp's value
    // for the usual one.
    const attention = m.decimal(`${key}.yarn_attn_factor`, 1);
    const usual = 0.1 * Math.log(factor) + 1;
    return {
      rope_type: 'yarn',
      type: 'yarn',
      factor,
      original_max_position_embeddings: original || s.context,
      beta_fast: m.decimal(`${key}.yarn_beta_fast`, 32),
      beta_slow: m.decimal(`${key}.yarn_beta_slow`, 1),
      ...(attention === 1 || Math.abs(attention / usual - 1) < 1e-6 ? {} : { attention_factor: attention }),
    };
  }
  return m.reject(`${key}.type`, `the rope scaling ${shown(type)} is not supported`);
}

/** Llama 3's factor of a frequency, given its wavelength over the original context. */
function llama3Factor(share: number, factor: number, low: number, high: number): number {
  if (share > high) return 1;
  if (share < low) return factor;
  const smooth = (share - low) / (high - low);
  return 1 / ((1 - smooth) / factor + smooth);
}

/**
 * Finds Llama 3's four numbers again: the factor is the largest, the bounds 1 and 4 are those of all published models,
 * the original context follows from a frequency between the bounds. Accepted when all factors come out again.
 */
function llama3Scaling(m: Metadata, found: number[], s: Sizes, theta: number, original: number): JsonObject | null {
  const reject = (): never =>
    m.reject('rope_freqs.weight', 'these rope factors are not those of Llama 3, and config.json cannot express them');
  if (found.length !== s.ropeDim / 2 || !found.every((f) => Number.isFinite(f) && f > 1 - 1e-5)) return reject();
  const factor = Math.max(...found);
  if (factor === 1) return null;
  const [low, high] = [1, 4];
  const wavelengths = found.map((_, i) => 2 * Math.PI * theta ** ((2 * i) / s.ropeDim));
  const between = found.flatMap((f, i) =>
    f > 1 && f < factor
      ? [Math.round(wavelengths[i] * (low + ((high - low) * (1 / f - 1 / factor)) / (1 - 1 / factor)))]
      : [],
  );
  for (const context of [...between, original, 8192, s.context]) {
    if (
      context > 0 &&
      found.every((f, i) => Math.abs(llama3Factor(context / wavelengths[i], factor, low, high) / f - 1) < 1e-4)
    ) {
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: low,
        high_freq_factor: high,
        original_max_position_embeddings: context,
      };
    }
  }
  return reject();
}
