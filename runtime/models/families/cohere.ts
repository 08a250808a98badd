/**
 * Command R and StableLM: Llama with LayerNorm, and with attention and MLP in parallel. Sources: transformers'
 * configuration and modeling files.
 */
import { ropeSpec } from './shared/ropeFrequencies.js';
import { llamaLike } from './shared/llamaLike.js';
import { layerNorm, sizes, slidingWindows, type Families, type Family } from './shared/parts.js';

/** One LayerNorm without bias before attention and MLP, interleaved rope, scaled logits. */
const commandR =
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

export const cohere = {
  cohere: commandR(false),
  /** Windows in three of four layers; the fourth has no rope. */
  cohere2: commandR(true),

  /** Partial rope; optionally norms of each head, and attention and MLP in parallel. */
  stablelm: (c) => {
    const s = sizes(c);
    const epsilon = c.positive('layer_norm_eps', 1e-5);
    const parallel = c.boolean('use_parallel_residual', false);
    const qkNorm = c.boolean('qk_layernorm', false);
    return llamaLike(c, {
      sizes: s,
      qkvBias: c.boolean('use_qkv_bias', false),
      norm: (name, size) => layerNorm(name, size, epsilon),
      ropeOptions: { partial: 0.25, even: true },
      qkNorm: qkNorm
        ? (name) => ({ over: 'each', norm: layerNorm(name, s.headDim, epsilon, false), apart: true })
        : undefined,
      qkNormNames: ['q_layernorm', 'k_layernorm'],
      layer: (layer) => (parallel ? { ...layer, parallel, mlpIn: undefined } : layer),
    });
  },
} satisfies Families;
