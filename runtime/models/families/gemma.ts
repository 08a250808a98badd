/**
 * Gemma 1, 2 and 3 (text): norms with 1 + weight, embeddings scaled by √C, GELU. Sources: transformers' configuration
 * and modeling files.
 */
import type { ConfigReader } from './shared/configReader.js';
import { ropeSpec } from './shared/ropeFrequencies.js';
import type { LayerSpec } from '../decoder/spec.js';
import { llamaLike, type LlamaLike } from './shared/llamaLike.js';
import { rms, sizes, slidingWindows, type Families, type Family, type Sizes } from './shared/parts.js';
import { textModel } from './shared/textModel.js';

/** What the Gemmas share. The embedding's factor is kept as float32. */
function gemmaLike(c: ConfigReader, s: Sizes): LlamaLike {
  c.only('use_bidirectional_attention', [false], 'attention to later positions is not supported');
  const bias = c.boolean('attention_bias', false);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  return {
    sizes: s,
    tied: true,
    attentionBias: bias,
    norm: (name, size) => rms(name, size, epsilon, 'one-plus-weight'),
    embeddingScale: Math.fround(Math.sqrt(s.hidden)),
  };
}

/** Gemma 2 and 3: norms before and after attention and MLP, windows in some layers, a scale of their own. */
function gemma2Like(c: ConfigReader, s: Sizes) {
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  return {
    ...gemmaLike(c, s),
    activation: c.activation('hidden_activation', 'gelu_pytorch_tanh'),
    scale: c.positive('query_pre_attn_scalar', 256) ** -0.5,
    layer: (layer): LayerSpec => {
      const norm = (name: string) => rms(`${layer.name}.${name}`, s.hidden, epsilon, 'one-plus-weight');
      return {
        ...layer,
        attentionOut: norm('post_attention_layernorm'),
        mlpIn: norm('pre_feedforward_layernorm'),
        mlpOut: norm('post_feedforward_layernorm'),
      };
    },
  } satisfies LlamaLike;
}

/** Soft caps on scores and logits; every second layer has a window. */
const capped =
  (outputNorms: boolean): Family =>
  (c) => {
    const s = sizes(c, { headDim: 256, defaultKvHeads: 4 });
    const windows = slidingWindows(c, s.layers, c.optionalSize('sliding_window', 4096), (i) => i % 2 === 0);
    const common = gemma2Like(c, s);
    return llamaLike(c, {
      ...common,
      softcap: c.optionalPositive('attn_logit_softcapping', 50),
      logitSoftcap: c.optionalPositive('final_logit_softcapping', 30),
      window: (i) => windows[i],
      layer: (layer) => ({
        ...common.layer(layer),
        ...(outputNorms ? {} : { attentionOut: undefined, mlpOut: undefined }),
      }),
    });
  };

/** Norms of queries and keys; windows in all but every sixth layer, which has a rope of its own. */
const gemma3Text: Family = (c) => {
  // Text models inside models with images leave out what equals these defaults.
  const s = sizes(c, {
    headDim: 256,
    defaultHeads: 8,
    defaultKvHeads: 4,
    defaultVocab: 262208,
    defaultContext: 131072,
  });
  c.ignore('attn_logit_softcapping'); // transformers does not use it
  const pattern = c.size('sliding_window_pattern', 6);
  const windows = slidingWindows(c, s.layers, c.optionalSize('sliding_window', 4096), (i) => (i + 1) % pattern !== 0);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  const common = { headDim: s.headDim, contextLength: s.contextLength };
  const full = ropeSpec(c, { ...common, theta: 1000000, layerType: 'full_attention' });
  const local = { thetaKey: 'rope_local_base_freq', layerType: 'sliding_attention', unscaled: true };
  const sliding = ropeSpec(c, { ...common, ...local });
  return llamaLike(c, {
    ...gemma2Like(c, s),
    logitSoftcap: c.optionalPositive('final_logit_softcapping'),
    window: (i) => windows[i],
    rope: (i) => (windows[i] === undefined ? full : sliding),
    qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon, 'one-plus-weight') }),
  });
};

export const gemma = {
  /**
   * `gelu` in old configs means the tanh approximation; `hidden_activation` was read for a while and means the same.
   */
  gemma: (c) => {
    const activation = c.raw('hidden_act') === 'gelu' ? 'gelu-tanh' : c.activation('hidden_act', 'gelu_pytorch_tanh');
    c.only('hidden_activation', ['gelu_pytorch_tanh'], 'only gelu_pytorch_tanh is known for this family');
    return llamaLike(c, { ...gemmaLike(c, sizes(c, { headDim: 256, defaultKvHeads: 16 })), activation });
  },
  gemma2: capped(true),
  gemma3: textModel({ gemma3_text: gemma3Text }),
  gemma3_text: gemma3Text,
  /** Gemma 2 without the norms after attention and MLP. */
  vaultgemma: capped(false),
} satisfies Families;
