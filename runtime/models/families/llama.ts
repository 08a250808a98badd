/** Llama and the families that differ from it in a few numbers. Each entry says the differences; sources are transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import { llama3Rope, ropeParameters, ropeSpec } from '../ropeFrequencies.js';
import { llamaLike } from './llamaLike.js';
import { fused, gatedFused, rms, sizes, slidingWindows, type Family } from './parts.js';

export const llama: Family = (c) => {
  const attentionBias = c.boolean('attention_bias', false);
  return llamaLike(c, {
    attentionBias: attentionBias,
    mlpBias: c.boolean('mlp_bias', false),
  });
};

/** A window in every layer; 4096 where config.json does not name it. */
export const mistral: Family = (c) => {
  const window = c.optionalSize('sliding_window', 4096);
  return llamaLike(c, {
    sizes: sizes(c, { defaultKvHeads: 8 }),
    window: () => window,
  });
};

const MINISTRAL3_ROPE = {
  rope_type: 'yarn',
  rope_theta: 1000000,
  factor: 16,
  original_max_position_embeddings: 16384,
  beta_fast: 32,
  beta_slow: 1,
  mscale: 1,
  mscale_all_dim: 1,
  llama_4_scaling_beta: 0.1,
};

/** Mistral without a window unless config.json names one; queries grow with their position beyond the original context. */
export const ministral3: Family = (c) => {
  const window = c.optionalSize('sliding_window');
  const ropeOptions = { theta: 10000, parameters: MINISTRAL3_ROPE };
  const rope = ropeParameters(c, ropeOptions)!;
  const stretch = {
    beta: rope.number('llama_4_scaling_beta'),
    context: rope.size('original_max_position_embeddings', c.size('max_position_embeddings', 262144)),
  };
  return llamaLike(c, {
    sizes: sizes(c, { headDim: 128, defaultKvHeads: 8, defaultContext: 262144 }),
    epsilon: 1e-5,
    window: () => window,
    ropeOptions,
    layer: (layer) => ({ ...layer, attention: { ...layer.attention, stretch } }),
  });
};

/** Mistral with windows in the layers that `layer_types` names; in all of them without it. */
export const ministral: Family = (c) => {
  const s = sizes(c, { defaultKvHeads: 8 });
  const window = c.optionalSize('sliding_window', 4096);
  const windows = slidingWindows(c, s.layers, window, () => window !== undefined);
  return llamaLike(c, { sizes: s, window: (i) => windows[i] });
};

/** The window of Qwen 2 and 3: off unless `use_sliding_window`, then in the layers from `max_window_layers` on. */
function qwenWindows(c: ConfigReader, layers: number): (number | undefined)[] {
  const window = c.optionalSize('sliding_window', 4096);
  const from = c.number('max_window_layers', 28);
  const used = c.boolean('use_sliding_window', false) ? window : undefined;
  return slidingWindows(c, layers, used, (i) => used !== undefined && i >= from);
}

export const qwen2: Family = (c) => {
  const s = sizes(c);
  const windows = qwenWindows(c, s.layers);
  return llamaLike(c, {
    sizes: s,
    qkvBias: true,
    window: (i) => windows[i],
  });
};

export const qwen3: Family = (c) => {
  const s = sizes(c, { headDim: 128 });
  const windows = qwenWindows(c, s.layers);
  const bias = c.boolean('attention_bias', false);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  return llamaLike(c, {
    sizes: s,
    attentionBias: bias,
    window: (i) => windows[i],
    qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon) }),
  });
};

/** Layers without rope where `no_rope_layers` says 0, else every `no_rope_layer_interval`th. */
export const smollm3: Family = (c) => {
  const s = sizes(c, { defaultKvHeads: 4 });
  const interval = c.size('no_rope_layer_interval', 4);
  const listed = c.perLayer('no_rope_layers', s.layers, [0, 1]);
  const hasRope = (i: number): boolean => (listed ? listed[i] === 1 : (i + 1) % interval !== 0);
  const window = c.optionalSize('sliding_window');
  const used = c.boolean('use_sliding_window', false) && window !== undefined;
  const windows = slidingWindows(c, s.layers, window, (i) => used && !hasRope(i));
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, theta: 2000000 });
  const bias = c.boolean('attention_bias', false);
  return llamaLike(c, {
    sizes: s,
    tied: true,
    attentionBias: bias,
    mlpBias: c.boolean('mlp_bias', false),
    window: (i) => windows[i],
    rope: (i) => (hasRope(i) ? rope : undefined),
  });
};

/** q, k, v in one layer, gate and up in one layer. The names `su` and `yarn` mean LongRoPE here. */
export const phi3: Family = (c) => {
  const s = sizes(c);
  const inner = c.size('intermediate_size');
  const window = c.optionalSize('sliding_window');
  return llamaLike(c, {
    sizes: s,
    window: () => window,
    epsilon: 1e-5,
    ropeOptions: { partial: true, originalContext: 4096, rename: { su: 'longrope', yarn: 'longrope' } },
    layer: (layer) => ({
      ...layer,
      attention: {
        ...layer.attention,
        projections: fused(`${layer.attention.name}.qkv_proj`, s, 'sections', false),
      },
      mlp: gatedFused(layer.mlp.name, s.hidden, inner, layer.mlp.activation),
    }),
  });
};

/** Llama with one switch for all biases, under two names. */
export const internlm3: Family = (c) => {
  const named = (now: string, before: string): boolean => c.boolean(now, c.boolean(before, false));
  const bias = named('attention_bias', 'qkv_bias');
  if (named('mlp_bias', 'bias') !== bias) c.refuse('bias', `it must be as qkv_bias = ${bias}`);
  return llamaLike(c, {
    sizes: sizes(c, { headDim: 128, defaultKvHeads: 2 }),
    attentionBias: bias,
    mlpBias: bias,
    epsilon: 1e-5,
  });
};

/** Windows in all but every fourth layer, from the first on; a rope of its own where config.json has none. */
export const cwm: Family = (c) => {
  const s = sizes(c, { headDim: 128, defaultKvHeads: 8 });
  const windows = slidingWindows(c, s.layers, c.size('sliding_window', 8192), (i) => i % 4 !== 0);
  return llamaLike(c, {
    sizes: s,
    mlpBias: c.boolean('mlp_bias', false),
    epsilon: 1e-5,
    ropeOptions: llama3Rope(1000000, 16),
    window: (i) => windows[i],
  });
};
