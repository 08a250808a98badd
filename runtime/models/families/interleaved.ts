/** Families whose rope turns neighbours in pairs. Sources: transformers' configuration and modeling files. */
import { ropeSpec } from '../ropeFrequencies.js';
import { llamaLike } from './llamaLike.js';
import { gatedFused, layerNorm, rms, sizes, slidingWindows, type Family } from './parts.js';

/** Command R: attention and MLP side by side behind one LayerNorm without bias, neighbours in pairs in the rope, scaled logits. */
const cohereLike =
  (windowed: boolean): Family =>
  (c) => {
    const s = sizes(c);
    const bias = c.boolean('attention_bias', false);
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    const pattern = windowed ? c.size('sliding_window_pattern', 4) : 1;
    const windows = windowed
      ? slidingWindows(c, s.layers, c.optionalSize('sliding_window', 4096), (i) => (i + 1) % pattern !== 0)
      : [];
    const rope = ropeSpec(c, {
      headDim: s.headDim,
      contextLength: s.contextLength,
      theta: windowed ? 10000 : 500000,
      interleaved: true,
    });
    const norm = (name: string, size: number) => layerNorm(name, size, epsilon, false);
    const qkNorm = !windowed && c.boolean('use_qk_norm', false);
    return llamaLike(c, {
      sizes: s,
      tied: true,
      attentionBias: bias,
      norm,
      qkNorm: qkNorm ? (name) => ({ over: 'each', norm: norm(name, s.headDim) }) : undefined,
      window: (i) => windows[i],
      rope: (i) => (windowed && windows[i] === undefined ? undefined : rope),
      logitScale: c.positive('logit_scale', 0.0625),
      layer: (layer) => ({ ...layer, parallel: true, mlpIn: undefined }),
    });
  };
export const cohere: Family = cohereLike(false);
/** Windows in three of four layers; the fourth has no rope. */
export const cohere2: Family = cohereLike(true);

/** Bias in q, k, v; half of each head rotates, neighbours in pairs; gate and up in one layer. GLM-4 has norms behind, too. */
const glmLike =
  (normsAround: boolean): Family =>
  (c) => {
    const s = sizes(c, { headDim: 128, defaultKvHeads: 2 });
    const epsilon = c.positive('rms_norm_eps', 1.5625e-7);
    const norm = (name: string) => rms(name, s.hidden, epsilon);
    const inner = c.size('intermediate_size');
    return llamaLike(c, {
      sizes: s,
      qkvBias: c.boolean('attention_bias', true),
      norm,
      ropeOptions: { partial: 0.5, interleaved: true },
      layer: (layer) => ({
        ...layer,
        attentionOut: normsAround ? norm(`${layer.name}.post_self_attn_layernorm`) : undefined,
        mlpOut: normsAround ? norm(`${layer.name}.post_mlp_layernorm`) : undefined,
        mlp: gatedFused(layer.mlp.name, s.hidden, inner, layer.mlp.activation),
      }),
    });
  };
export const glm: Family = glmLike(false);
export const glm4: Family = glmLike(true);

/** Llama with neighbours in pairs in the rope, and one switch for all biases. */
export const ernie45: Family = (c) => {
  const bias = c.boolean('use_bias', false);
  return llamaLike(c, {
    sizes: sizes(c, { headDim: 128, defaultKvHeads: 2 }),
    tied: true,
    attentionBias: bias,
    mlpBias: bias,
    epsilon: 1e-5,
    ropeOptions: { theta: 500000, interleaved: true },
  });
};

/** Llama with neighbours in pairs in the rope. */
export const helium: Family = (c) => {
  const s = sizes(c, { headDim: 128, defaultKvHeads: 20 });
  if (s.heads * s.headDim !== s.hidden) c.refuse('head_dim', `${s.heads} heads must fill hidden_size = ${s.hidden}`);
  return llamaLike(c, {
    sizes: s,
    qkvBias: c.boolean('attention_bias', false),
    mlpBias: c.boolean('mlp_bias', false),
    epsilon: 1e-8,
    ropeOptions: { theta: 100000, interleaved: true },
  });
};
