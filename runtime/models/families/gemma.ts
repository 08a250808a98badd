/** Gemma 1 and 2: norms with 1 + weight, embeddings scaled by √C, GELU. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import type { LayerSpec } from '../spec.js';
import { llamaLike, rms, sizes, slidingWindows, type Family, type LlamaLike, type Sizes } from './parts.js';

/** What the Gemmas share. The embedding's factor is kept as float32. */
function gemmaLike(c: ConfigReader, s: Sizes): LlamaLike {
  c.only('use_bidirectional_attention', [false], 'attention to later positions is not supported');
  const bias = c.boolean('attention_bias', false);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  return {
    sizes: s,
    tied: c.boolean('tie_word_embeddings', true),
    qkvBias: bias,
    outBias: bias,
    norm: (name, size) => rms(name, size, epsilon, 'one-plus-weight'),
    embeddingScale: Math.fround(Math.sqrt(s.hidden)),
  };
}

/** `gelu` in old configs means the tanh approximation; `hidden_activation` was read for a while and says the same. */
export const gemma: Family = (c) => {
  const named = c.raw('hidden_act') === 'gelu' ? 'gelu-tanh' : c.activation('hidden_act', 'gelu_pytorch_tanh');
  c.only('hidden_activation', ['gelu_pytorch_tanh'], 'only gelu_pytorch_tanh is known for this family');
  return llamaLike(c, { ...gemmaLike(c, sizes(c, { headDim: 256, defaultKvHeads: 16 })), activation: named });
};

/** Norms before and behind attention and MLP (Gemma 2 and 3). */
const fourNorms =
  (epsilon: number) =>
  (layer: LayerSpec, s: Sizes): LayerSpec => {
    const norm = (name: string) => rms(`${layer.name}.${name}`, s.hidden, epsilon, 'one-plus-weight');
    return {
      ...layer,
      attentionOut: norm('post_attention_layernorm'),
      mlpIn: norm('pre_feedforward_layernorm'),
      mlpOut: norm('post_feedforward_layernorm'),
    };
  };

/** Soft caps on scores and logits; every second layer has a window. */
export const gemma2: Family = (c) => {
  const s = sizes(c, { headDim: 256, defaultKvHeads: 4 });
  const windows = slidingWindows(c, s.layers, c.optionalSize('sliding_window', 4096), (i) => i % 2 === 0);
  c.raw('hidden_act'); // not read by this family: `hidden_activation` is
  return llamaLike(c, {
    ...gemmaLike(c, s),
    activation: c.activation('hidden_activation', 'gelu_pytorch_tanh'),
    scale: c.positive('query_pre_attn_scalar', 256) ** -0.5,
    softcap: c.optionalPositive('attn_logit_softcapping', 50),
    logitSoftcap: c.optionalPositive('final_logit_softcapping', 30),
    window: (i) => windows[i],
    layer: fourNorms(c.positive('rms_norm_eps', 1e-6)),
  });
};
