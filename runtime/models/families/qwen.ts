/**
 * Qwen: Llama with biases in q, k, v or norms of queries and keys. Sources: transformers' configuration and modeling
 * files.
 */
import type { ConfigReader } from './shared/configReader.js';
import { llamaLike } from './shared/llamaLike.js';
import { rms, sizes, slidingWindows, type Families } from './shared/parts.js';

/** The window: off unless `use_sliding_window`, then in the layers from `max_window_layers` on. */
function qwenWindows(c: ConfigReader, layers: number): (number | undefined)[] {
  const window = c.optionalSize('sliding_window', 4096);
  const from = c.number('max_window_layers', 28);
  const used = c.boolean('use_sliding_window', false) ? window : undefined;
  return slidingWindows(c, layers, used, (i) => used !== undefined && i >= from);
}

export const qwen = {
  qwen2: (c) => {
    const s = sizes(c);
    const windows = qwenWindows(c, s.layers);
    return llamaLike(c, {
      sizes: s,
      qkvBias: true,
      window: (i) => windows[i],
    });
  },

  qwen3: (c) => {
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
  },
} satisfies Families;
