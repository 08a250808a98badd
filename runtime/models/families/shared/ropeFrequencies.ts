/**
 * Angles of rotary position embeddings out of config.json, as transformers 5 computes them (modeling_rope_utils.py).
 */
import { ConfigReader } from './configReader.js';
import type { RopeSpec } from '../../decoder/spec.js';

/**
 * torch computes all of this in float32: rounding after every operation gives the same bits, up to the last one of a
 * power.
 */
const f = Math.fround;

export interface RopeOptions {
  headDim: number;
  contextLength: number;
  /** Base of the angles where config.json names none. */
  theta?: number;
  /** Key of the base in transformers 4 configs; null = it is in the rope parameters or the default. */
  thetaKey?: string | null;
  /** Share of a head that rotates; `true` = the family reads `partial_rotary_factor` and takes 1 without it. */
  partial?: number | true;
  partialKey?: string;
  /** transformers has no rotation of an odd number of elements in this family. */
  even?: boolean;
  interleaved?: boolean;
  /** `dynamic` with an `alpha` means a larger base, whatever the length (Hunyuan). */
  alpha?: boolean;
  /** Rope types that mean another one in this family. */
  rename?: Record<string, string>;
  /** Rope parameters where config.json has none. */
  parameters?: Record<string, unknown>;
  /** Original context where config.json does not name it; the one in the rope parameters does not count then. */
  originalContext?: number;
  /** Key inside rope_parameters, where a family has one set of parameters for each type of layer. */
  layerType?: string;
  /** `rope_scaling` of transformers 4 is not for these layers. */
  unscaled?: boolean;
}

const ROPE_TYPES = ['default', 'linear', 'dynamic', 'yarn', 'longrope', 'llama3'] as const;

/** Llama 3's rope, for families that have it where config.json has none; `theta` also where it names no base. */
export const llama3Rope = (theta: number, factor: number): Pick<RopeOptions, 'theta' | 'parameters'> => ({
  theta,
  parameters: {
    rope_type: 'llama3',
    rope_theta: theta,
    factor,
    original_max_position_embeddings: 8192,
    low_freq_factor: 1,
    high_freq_factor: 4,
  },
});

/** The share of a head that gives its rotating elements again: `elements / headDim` may be a last bit too small for that. */
export function rotatingShare(elements: number, headDim: number): number {
  let share = elements / headDim;
  while (Math.trunc(headDim * share) < elements) share += Number.EPSILON;
  return share;
}

/**
 * The rope of a family: `rope_parameters` (transformers 5), or `rope_theta`, `rope_scaling` and the like (transformers
 * 4).
 */
export function ropeSpec(c: ConfigReader, options: RopeOptions): RopeSpec {
  const rope = computeRope(c, options);
  const numbers = [...rope.invFreq, ...(rope.long?.invFreq ?? []), rope.attentionFactor];
  if (!numbers.every(Number.isFinite)) {
    const key = ['rope_parameters', 'rope_scaling'].find((name) => c.has(name)) ?? 'rope_theta';
    c.reject(key, 'together with rope_theta these numbers give no finite angles', 'Correct config.json.');
  }
  return rope;
}

function computeRope(c: ConfigReader, options: RopeOptions): RopeSpec {
  const scaling = ropeParameters(c, options);
  const partial = partialFactor(c, scaling, options);
  // transformers counts frequencies over an odd number of elements, and rotates one more
  const share = Math.trunc(options.headDim * partial);
  const dim = share + (share % 2);
  const { theta: defaultBase = 10000, thetaKey = 'rope_theta' } = options;
  const base =
    scaling?.has('rope_theta') || thetaKey === null
      ? (scaling?.positive('rope_theta', defaultBase) ?? defaultBase)
      : c.positive(thetaKey, defaultBase);
  const named = scaling?.raw('rope_type') ?? scaling?.raw('type') ?? 'default';
  const type = typeof named === 'string' ? (options.rename?.[named] ?? named) : named;
  // the ramp of YaRN has no entry for the last frequency of an odd number
  const evenOnly = options.even || type === 'yarn';
  if (dim < 2 || dim > options.headDim || (evenOnly && share !== dim)) {
    const [from, key] = partial === 1 ? ([c, 'head_dim'] as const) : partialPlace(c, scaling, options);
    from.reject(
      key,
      `${share} of ${options.headDim} elements of a head would rotate; an even number of at least 2 is needed`,
    );
  }

  const alpha = options.alpha && type === 'dynamic' && scaling?.raw('alpha') ? scaling.positive('alpha') : 1;
  const theta = alpha === 1 ? base : base * alpha ** (dim / (dim - 2));
  const exponents = Array.from({ length: dim / 2 }, (_, i) => f((2 * i) / share));
  const powers = exponents.map((e) => f(Math.pow(f(theta), e)));
  const plain = powers.map((p) => f(1 / p));
  const rope = (invFreq: number[], overrides: Partial<RopeSpec> = {}): RopeSpec => ({
    dim,
    theta,
    invFreq,
    attentionFactor: 1,
    interleaved: options.interleaved ?? false,
    ...overrides,
  });

  switch (type) {
    case 'default':
      return rope(plain);
    case 'linear': {
      const factor = f(scaling!.positive('factor'));
      return rope(plain.map((w) => f(w / factor)));
    }
    // Frequencies change only beyond the context length, which no row may exceed here.
    case 'dynamic':
      scaling!.positive('factor');
      return rope(plain);
    case 'llama3':
      return rope(llama3(plain, scaling!, c, options));
    case 'yarn':
      return yarn(powers, theta, dim, scaling!, c, options, rope);
    case 'longrope':
      return longrope(powers, dim, scaling!, c, options, rope);
    default:
      return scaling!.reject(
        scaling!.has('rope_type') ? 'rope_type' : 'type',
        `this rope type is not supported (supported: ${ROPE_TYPES.join(', ')})`,
      );
  }
}

/** The object that holds the rope's type and numbers. */
export function ropeParameters(
  c: ConfigReader,
  { layerType, unscaled = false, parameters }: Partial<RopeOptions>,
): ConfigReader | undefined {
  const legacy = c.object('rope_scaling');
  const now = c.object('rope_parameters');
  if (layerType === undefined)
    return legacy?.isEmpty === false ? legacy : (now ?? (parameters && new ConfigReader(parameters)));
  if (now?.has('rope_type') || now?.has('rope_theta'))
    c.reject('rope_parameters', 'this family has one entry for each type of layer in it', 'Correct config.json.');
  const own = now?.object(layerType) ?? new ConfigReader({ rope_type: 'default' });
  // What transformers 4 wrote goes over the entry; the type counts under its new name only.
  return unscaled || !legacy ? own : own.with(legacy);
}

/** Where the share is read, and its key there: where both have it the rope parameters count. */
const partialPlace = (
  c: ConfigReader,
  scaling: ConfigReader | undefined,
  { partialKey = 'partial_rotary_factor' }: RopeOptions,
): [ConfigReader, key: string] =>
  scaling?.has('partial_rotary_factor') ? [scaling, 'partial_rotary_factor'] : [c, partialKey];

function partialFactor(c: ConfigReader, scaling: ConfigReader | undefined, options: RopeOptions): number {
  const key = options.partialKey ?? 'partial_rotary_factor';
  if (options.partial !== undefined) c.ignore('partial_rotary_factor');
  const [from, name] = partialPlace(c, scaling, options);
  // transformers takes its default for a missing key alone
  if (typeof options.partial === 'number' && from.raw(name) === null) from.reject(name, 'a number is needed');
  const factor = from.positive(name, typeof options.partial === 'number' ? options.partial : 1);
  // some versions of transformers wrote both names
  if (key !== 'partial_rotary_factor') c.only('partial_rotary_factor', [factor], `it differs from ${key} = ${factor}`);
  if (factor > 1) from.reject(name, 'at most 1 is possible');
  if (factor !== 1 && options.partial === undefined)
    from.reject(name, 'this family rotates whole heads; a part of them is not supported');
  return factor;
}

/** Original context: beside the rope parameters (Phi-3), in them, or the context length. */
export function originalContext(
  c: ConfigReader,
  scaling: ConfigReader,
  options: Pick<RopeOptions, 'contextLength' | 'layerType' | 'originalContext'>,
): number {
  const key = 'original_max_position_embeddings';
  const beside = options.layerType === undefined && (c.has(key) || options.originalContext !== undefined);
  return beside ? c.size(key, options.originalContext) : scaling.size(key, options.contextLength);
}

/** Llama 3.1: long waves slower by a factor, short ones unchanged, a ramp between. */
function llama3(plain: number[], scaling: ConfigReader, c: ConfigReader, options: RopeOptions): number[] {
  const factor = scaling.positive('factor');
  const low = scaling.positive('low_freq_factor');
  const high = scaling.positive('high_freq_factor');
  if (low === high) scaling.reject('high_freq_factor', 'it must differ from low_freq_factor');
  const original = originalContext(c, scaling, options);
  return plain.map((w) => {
    // torch divides a number by a tensor as its reciprocal times the number.
    const wavelength = f(f(1 / w) * f(2 * Math.PI));
    if (wavelength > f(original / low)) return f(w / f(factor));
    if (wavelength < f(original / high)) return w;
    const smooth = f(f(f(f(1 / wavelength) * original) - f(low)) / f(high - low));
    return f(f(f(f(1 - smooth) * w) / f(factor)) + f(smooth * w));
  });
}

/**
 * YaRN (Peng et al. 2023, arXiv 2309.00071): a ramp between interpolated and original frequencies, and a factor on cos
 * and sin.
 */
function yarn(
  powers: number[],
  theta: number,
  dim: number,
  scaling: ConfigReader,
  c: ConfigReader,
  options: RopeOptions,
  rope: (invFreq: number[], overrides: Partial<RopeSpec>) => RopeSpec,
): RopeSpec {
  const original = originalContext(c, scaling, options);
  const factor = scaling.positive('factor', options.contextLength / original);
  const mscale = (scale: number, m = 1): number => (scale <= 1 ? 1 : 0.1 * m * Math.log(scale) + 1);
  const [m, all] = [scaling.number('mscale', 0), scaling.number('mscale_all_dim', 0)];
  const attentionFactor = scaling.positive(
    'attention_factor',
    m !== 0 && all !== 0 ? mscale(factor, m) / mscale(factor, all) : mscale(factor),
  );
  // A value of 0 means the default in transformers.
  const fast = scaling.number('beta_fast', 32) || 32;
  const slow = scaling.number('beta_slow', 1) || 1;
  // transformers looks for it outside the entries for types of layers, and takes null for false
  const truncate =
    options.layerType !== undefined || (scaling.raw('truncate') !== null && scaling.boolean('truncate', true));
  const correction = (rotations: number): number =>
    (dim * Math.log(original / (rotations * 2 * Math.PI))) / (2 * Math.log(theta));
  const low = Math.max(truncate ? Math.floor(correction(fast)) : correction(fast), 0);
  let high = Math.min(truncate ? Math.ceil(correction(slow)) : correction(slow), dim - 1);
  if (low === high) high += 0.001;
  const invFreq = powers.map((p, i) => {
    const ramp = Math.min(Math.max(f(f(i - f(low)) / f(high - low)), 0), 1);
    const extrapolated = f(1 - ramp);
    return f(f(f(1 / f(f(factor) * p)) * f(1 - extrapolated)) + f(f(1 / p) * extrapolated));
  });
  return rope(invFreq, { attentionFactor });
}

/**
 * LongRoPE (Ding et al. 2024, arXiv 2402.13753): one factor per frequency, another set in rows that go beyond the
 * original context.
 */
function longrope(
  powers: number[],
  dim: number,
  scaling: ConfigReader,
  c: ConfigReader,
  options: RopeOptions,
  rope: (invFreq: number[], overrides: Partial<RopeSpec>) => RopeSpec,
): RopeSpec {
  const original = originalContext(c, scaling, options);
  const factor = scaling.positive('factor', options.contextLength / original);
  const attentionFactor = scaling.positive(
    'attention_factor',
    factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)),
  );
  const divided = (factors: number[]): number[] => powers.map((p, i) => f(1 / f(f(factors[i]) * p)));
  const short = divided(scaling.positives('short_factor', dim / 2));
  const long = divided(scaling.positives('long_factor', dim / 2));
  return rope(short, { attentionFactor, long: { invFreq: long, from: original } });
}
