/** Mistral and Ministral: Llama with windows. Sources: transformers' configuration and modeling files. */
import { originalContext, ropeParameters } from './shared/ropeFrequencies.js';
import { llamaLike } from './shared/llamaLike.js';
import { sizes, slidingWindows, type Families, type Family } from './shared/parts.js';
import { textModel } from './shared/textModel.js';

/** A window in every layer; 4096 where config.json does not name it. */
const mistral7b: Family = (c) => {
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

/** No window unless config.json names one; queries are scaled by their position beyond the original context. */
const ministral3: Family = (c) => {
  const window = c.optionalSize('sliding_window');
  const ropeOptions = { theta: 10000, parameters: MINISTRAL3_ROPE };
  const rope = ropeParameters(c, ropeOptions)!;
  const s = sizes(c, { headDim: 128, defaultKvHeads: 8, defaultContext: 262144 });
  const queryScaling = { beta: rope.number('llama_4_scaling_beta'), context: originalContext(c, rope, s) };
  return llamaLike(c, {
    sizes: s,
    epsilon: 1e-5,
    window: () => window,
    ropeOptions,
    layer: (layer) => ({ ...layer, attention: { ...layer.attention, queryScaling } }),
  });
};

export const mistral = {
  mistral: mistral7b,
  mistral3: textModel({ mistral: mistral7b, ministral3 }),
  ministral3,

  /** Windows in the layers that `layer_types` names; in all of them without it. */
  ministral: (c) => {
    const s = sizes(c, { defaultKvHeads: 8 });
    const window = c.optionalSize('sliding_window', 4096);
    const windows = slidingWindows(c, s.layers, window, () => window !== undefined);
    return llamaLike(c, { sizes: s, window: (i) => windows[i] });
  },
} satisfies Families;
