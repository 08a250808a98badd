/** A model's sizes and constants as `<architecture>.*` metadata: the reverse of layout.ts and rope.ts. */
import { HumanError } from '../../../../support/errors.js';
import type { Architecture, Sizes, Windows } from './layout.js';
import type { GgufTensorToWrite, TypedValue } from '../../file/writeFile.js';
import { isObject } from '../../../../contract/isObject.js';
import type { JsonObject } from '../../../../support/jsonFile.js';
import type { DecoderSpec, RopeSpec } from '../../../decoder/spec.js';

interface ExportedMetadata {
  entries: Record<string, TypedValue>;
  /** Rope factors. */
  tensors: GgufTensorToWrite[];
}

type Entries = Record<string, TypedValue>;

export function ggufMetadata(
  architecture: Architecture,
  spec: DecoderSpec,
  config: JsonObject,
  s: Sizes,
): ExportedMetadata {
  const { epsilon, kind } = spec.finalNorm!;
  const others = spec.positions ?? spec.layers[0].attention.alibi;
  const rope = others ? { entries: {}, tensors: [] } : ropeMetadata(spec, config, s);
  const local: Entries = {
    vocab_size: { u32: s.vocab },
    context_length: { u32: s.context },
    embedding_length: { u32: s.hidden },
    block_count: { u32: s.layers },
    feed_forward_length: { u32: s.inner },
    'attention.head_count': { u32: s.heads },
    'attention.head_count_kv': { u32: s.kvHeads },
    'attention.key_length': { u32: s.headDim },
    'attention.value_length': { u32: s.headDim },
    [kind === 'rms' ? 'attention.layer_norm_rms_epsilon' : 'attention.layer_norm_epsilon']: { f32: epsilon },
    ...rope.entries,
    ...(architecture.windows ? windowMetadata(spec, architecture.windows) : {}),
    ...activationMetadata(spec, architecture),
    ...architecture.metadata?.(spec, config),
  };
  return {
    entries: Object.fromEntries(Object.entries(local).map(([key, value]) => [`${architecture.name}.${key}`, value])),
    tensors: rope.tensors,
  };
}

/** The window, and the period of the layers without one: the family's own if it fits, else the smallest that does. */
function windowMetadata({ layers }: DecoderSpec, { period }: Windows): Entries {
  const windows = layers.map(({ attention }) => attention.window);
  const window = windows.find((w) => w !== undefined) ?? 0;
  const entries: Entries = { 'attention.sliding_window': { u32: window } };
  if (window === 0 || period === 0) return entries;
  const fits = (n: number): boolean => windows.every((w, i) => (w === undefined) === ((i + 1) % n === 0));
  const all = [period, ...layers.map((_, i) => i + 2)];
  return { ...entries, 'attention.sliding_window_pattern': { u32: all.find(fits) ?? period } };
}

/** llama.cpp computes one form of GELU for both; what the model was made with is kept for other readers. */
function activationMetadata({ layers }: DecoderSpec, { activation: [, usual] }: Architecture): Entries {
  const { activation } = layers[0].mlp;
  const other = { gelu: 'gelu', 'gelu-tanh': 'gelu_pytorch_tanh' }[activation as string];
  if (!usual.startsWith('gelu') || other === undefined || (usual === 'gelu') === (other === 'gelu')) return {};
  return { hidden_activation: { text: other } };
}

export const numberOr = (value: unknown, fallback: number): number => (typeof value === 'number' ? value : fallback);

/** The parameters of rope, of the layers of full attention where there are two sets, in either spelling. */
export function ropeParameters(config: JsonObject): JsonObject {
  const given = isObject(config.rope_scaling)
    ? config.rope_scaling
    : isObject(config.rope_parameters)
      ? config.rope_parameters
      : {};
  return isObject(given.full_attention) ? given.full_attention : given;
}

/** Frequencies are float32: a factor of 1 or 32 is slightly off. */
const whole = (factor: number): number =>
  Math.abs(Math.round(factor) / factor - 1) < 1e-6 ? Math.round(factor) : factor;

/** The rope of the last layer that has one, of those with a window or without. */
export const ropeOf = ({ layers }: DecoderSpec, windowed: boolean): RopeSpec | undefined =>
  layers.findLast(({ attention: { rope, window } }) => rope && (window !== undefined) === windowed)?.attention.rope;

function ropeMetadata(spec: DecoderSpec, config: JsonObject, s: Sizes): ExportedMetadata {
  const p = ropeParameters(config);
  const rope = ropeOf(spec, false) ?? ropeOf(spec, true);
  if (!rope)
    throw new HumanError('a model without rope is not written to GGUF.', {
      place: 'config.json',
      remedy: 'Export as safetensors instead.',
    });
  const { theta } = rope;
  const type = p.rope_type ?? p.type;
  const original = numberOr(config.original_max_position_embeddings ?? p.original_max_position_embeddings, s.context);
  const entries: Entries = { 'rope.dimension_count': { u32: rope.dim }, 'rope.freq_base': { f32: theta } };
  const factors = (name: string, invFreq: readonly number[]): GgufTensorToWrite => ({
    name,
    shape: [rope.dim / 2],
    type: 'F32',
    values: () => Promise.resolve(Float32Array.from(invFreq, (w, i) => whole(theta ** ((-2 * i) / rope.dim) / w))),
  });
  if (rope.long) {
    return {
      entries: {
        ...entries,
        // other architectures than Phi-3's look for the factors only then
        'rope.scaling.type': { text: 'longrope' },
        'rope.scaling.original_context_length': { u32: original },
        'rope.scaling.attn_factor': { f32: rope.attentionFactor },
      },
      tensors: [
        factors('rope_factors_long.weight', rope.long.invFreq),
        factors('rope_factors_short.weight', rope.invFreq),
      ],
    };
  }
  if (type === 'llama3') return { entries, tensors: [factors('rope_freqs.weight', rope.invFreq)] };
  if (type === 'linear' || type === 'yarn') {
    entries['rope.scaling.type'] = { text: type };
    entries['rope.scaling.factor'] = { f32: numberOr(p.factor, s.context / original) };
    // Other ramps and attention factors than the usual ones would not reach llama.cpp, so they are not written.
    if (type === 'yarn') entries['rope.scaling.original_context_length'] = { u32: original };
  }
  return { entries, tensors: [] };
}
