/**
 * Llama and the families that differ from it in a few settings. Sources: transformers' configuration and modeling
 * files.
 */
import { llama3Rope, ropeSpec } from './shared/ropeFrequencies.js';
import { llamaLike } from './shared/llamaLike.js';
import { rms, sizes, slidingWindows, type Families } from './shared/parts.js';

export const llama = {
  llama: (c) =>
    llamaLike(c, {
      attentionBias: c.boolean('attention_bias', false),
      mlpBias: c.boolean('mlp_bias', false),
    }),

  /** Windows in all layers but every fourth, from the first on; Llama 3's rope where config.json has none. */
  cwm: (c) => {
    const s = sizes(c, { headDim: 128, defaultKvHeads: 8 });
    const windows = slidingWindows(c, s.layers, c.size('sliding_window', 8192), (i) => i % 4 !== 0);
    return llamaLike(c, {
      sizes: s,
      mlpBias: c.boolean('mlp_bias', false),
      epsilon: 1e-5,
      ropeOptions: llama3Rope(1000000, 16),
      window: (i) => windows[i],
    });
  },

  /** Interleaved rope, and one switch for all biases. */
  ernie4_5: (c) => {
    const bias = c.boolean('use_bias', false);
    return llamaLike(c, {
      sizes: sizes(c, { headDim: 128, defaultKvHeads: 2 }),
      tied: true,
      attentionBias: bias,
      mlpBias: bias,
      epsilon: 1e-5,
      ropeOptions: { theta: 500000, interleaved: true },
    });
  },

  /** Interleaved rope. */
  helium: (c) => {
    const s = sizes(c, { headDim: 128, defaultKvHeads: 20 });
    if (s.heads * s.headDim !== s.hidden) c.reject('head_dim', `${s.heads} heads must fill hidden_size = ${s.hidden}`);
    return llamaLike(c, {
      sizes: s,
      qkvBias: c.boolean('attention_bias', false),
      mlpBias: c.boolean('mlp_bias', false),
      epsilon: 1e-8,
      ropeOptions: { theta: 100000, interleaved: true },
    });
  },

  /** Norms of rotated queries and keys; a rope type of its own. */
  hunyuan_v1_dense: (c) => {
    const s = sizes(c);
    c.only('use_qk_norm', [true], 'this family has norms of queries and keys');
    c.only('use_cla', [false], 'keys and values shared between layers are not supported');
    c.only('position_embedding_xdrope', [false], 'this kind of rope is not supported');
    c.only('use_rotary_pos_emb', [true], 'this family has rope');
    c.only('norm_type', ['rms'], 'only RMSNorm is supported for this family');
    c.only('num_experts', [1], 'mixtures of experts are not supported');
    const epsilon = c.positive('rms_norm_eps', 1e-5);
    return llamaLike(c, {
      sizes: s,
      attentionBias: c.boolean('attention_bias', false),
      epsilon,
      ropeOptions: { alpha: true },
      qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon), afterRope: true }),
      qkNormNames: ['query_layernorm', 'key_layernorm'],
    });
  },

  /** One switch for all biases, under two names. */
  internlm3: (c) => {
    const named = (now: string, before: string): string => (c.has(before) && !c.has(now) ? before : now);
    const [attention, mlp] = [named('attention_bias', 'qkv_bias'), named('mlp_bias', 'bias')];
    const bias = c.boolean(attention, false);
    if (c.boolean(mlp, false) !== bias) c.reject(mlp, `it must be as ${attention} = ${bias}`);
    return llamaLike(c, {
      sizes: sizes(c, { headDim: 128, defaultKvHeads: 2 }),
      attentionBias: bias,
      mlpBias: bias,
      epsilon: 1e-5,
    });
  },

  /** Bias in q, k, v, and not in the output. */
  seed_oss: (c) =>
    llamaLike(c, {
      sizes: sizes(c, { headDim: 128, defaultKvHeads: 8 }),
      qkvBias: c.boolean('attention_bias', true),
      outBias: c.boolean('attention_out_bias', false),
      mlpBias: c.boolean('mlp_bias', false),
    }),

  /** Layers without rope where `no_rope_layers` says 0, else every `no_rope_layer_interval`th. */
  smollm3: (c) => {
    const s = sizes(c, { defaultKvHeads: 4 });
    const interval = c.size('no_rope_layer_interval', 4);
    const listed = c.perLayer('no_rope_layers', s.layers, [0, 1]);
    const hasRope = (i: number): boolean => (listed ? listed[i] === 1 : (i + 1) % interval !== 0);
    const window = c.optionalSize('sliding_window');
    const used = c.boolean('use_sliding_window', false) && window !== undefined;
    const windows = slidingWindows(c, s.layers, window, (i) => used && !hasRope(i));
    const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, theta: 2000000 });
    return llamaLike(c, {
      sizes: s,
      tied: true,
      attentionBias: c.boolean('attention_bias', false),
      mlpBias: c.boolean('mlp_bias', false),
      window: (i) => windows[i],
      rope: (i) => (hasRope(i) ? rope : undefined),
    });
  },
} satisfies Families;
