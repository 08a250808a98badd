/**
 * OLMo and EXAONE 4: Llama with other norms, after attention and MLP from OLMo 2 on. Sources: transformers'
 * configuration and modeling files.
 */
import { ropeSpec, type RopeOptions } from './shared/ropeFrequencies.js';
import type { LayerSpec } from '../decoder/spec.js';
import { llamaLike } from './shared/llamaLike.js';
import { layerNorm, rms, sizes, slidingWindows, type Families, type Family } from './shared/parts.js';

/** Norms of what attention and MLP give, and none of what enters them. */
const withOutputNorms = (layer: LayerSpec, epsilon: number): LayerSpec => {
  const norm = (name: string) => rms(`${layer.name}.${name}`, layer.attention.out.out, epsilon);
  return {
    ...layer,
    attentionIn: undefined,
    attentionOut: norm('post_attention_layernorm'),
    mlpIn: undefined,
    mlpOut: norm('post_feedforward_layernorm'),
  };
};

/** OLMo 2 and 3: norms of all queries and of all keys. OLMo 3 has windows in three of four layers. */
const olmo2Like =
  (windowed: boolean): Family =>
  (c) => {
    const s = sizes(c);
    const bias = c.boolean('attention_bias', false);
    const epsilon = c.positive('rms_norm_eps', 1e-5);
    const windows = windowed
      ? slidingWindows(c, s.layers, c.optionalSize('sliding_window', 4096), (i) => (i + 1) % 4 !== 0)
      : [];
    const common = { headDim: s.headDim, contextLength: s.contextLength };
    const rope = (options: Partial<RopeOptions>) => ropeSpec(c, { ...common, ...options });
    const full = rope(windowed ? { theta: 500000, layerType: 'full_attention' } : {});
    // transformers takes `rope_theta` for the layers without a window only
    const sliding = windowed
      ? rope({ theta: 500000, thetaKey: null, layerType: 'sliding_attention', unscaled: true })
      : undefined;
    return llamaLike(c, {
      sizes: s,
      attentionBias: bias,
      norm: (name, size) => rms(name, size, epsilon),
      window: (i) => windows[i],
      rope: (i) => (windows[i] === undefined ? full : sliding),
      qkNorm: (name, heads) => ({ over: 'row', norm: rms(name, heads * s.headDim, epsilon) }),
      layer: (layer) => withOutputNorms(layer, epsilon),
    });
  };

export const olmo = {
  /** LayerNorms without parameters; queries, keys and values may be limited. */
  olmo: (c) => {
    const clip = c.optionalPositive('clip_qkv');
    return llamaLike(c, {
      attentionBias: c.boolean('attention_bias', false),
      norm: (name, size) => ({ ...layerNorm(name, size, 1e-5, false), factor: 'none' }),
      layer: (layer) => ({ ...layer, attention: { ...layer.attention, clip } }),
    });
  },
  olmo2: olmo2Like(false),
  olmo3: olmo2Like(true),

  /** Norms of each query and key; where layers have windows, the others have no rope. */
  exaone4: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('rms_norm_eps', 1e-5);
    const window = c.optionalSize('sliding_window', 4096);
    const pattern = c.raw('sliding_window_pattern') ?? 4;
    const every = typeof pattern === 'string' ? pattern.length : c.number('sliding_window_pattern', 4);
    if (typeof pattern === 'string' && !/^L*G$/.test(pattern))
      c.reject('sliding_window_pattern', 'only patterns like LLLG are supported');
    const windows = slidingWindows(c, s.layers, window, (i) => window !== undefined && (i + 1) % every !== 0);
    const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
    return llamaLike(c, {
      sizes: s,
      norm: (name, size) => rms(name, size, epsilon),
      window: (i) => windows[i],
      rope: (i) => (window === undefined || windows[i] !== undefined ? rope : undefined),
      qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon) }),
      layer: (layer) => withOutputNorms(layer, epsilon),
    });
  },
} satisfies Families;
