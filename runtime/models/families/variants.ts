/** Families that are Llama with other norms, another MLP or scales. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import { llama3Rope, ropeSpec, type RopeOptions } from '../ropeFrequencies.js';
import type { LayerSpec } from '../spec.js';
import { gptLike } from './gptLike.js';
import { llamaLike } from './llamaLike.js';
import { gatedFused, layerNorm, plain, rms, separate, sizes, slidingWindows, type Family } from './parts.js';

/** Norms behind attention and MLP instead of before them. */
const normsBehind = (layer: LayerSpec, epsilon: number): LayerSpec => {
  const norm = (name: string) => rms(`${layer.name}.${name}`, layer.attention.out.out, epsilon);
  return {
    ...layer,
    attentionIn: undefined,
    attentionOut: norm('post_attention_layernorm'),
    mlpIn: undefined,
    mlpOut: norm('post_feedforward_layernorm'),
  };
};

/** Llama with LayerNorms that have no parameters; queries, keys and values may be limited. */
export const olmo: Family = (c) => {
  const clip = c.optionalPositive('clip_qkv');
  return llamaLike(c, {
    attentionBias: c.boolean('attention_bias', false),
    norm: (name, size) => ({ ...layerNorm(name, size, 1e-5, false), factor: 'none' }),
    layer: (layer) => ({ ...layer, attention: { ...layer.attention, clip } }),
  });
};

/** OLMo 2 and 3: norms behind, norms of all queries and of all keys. OLMo 3 has windows in three of four layers. */
const laterOlmo =
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
      layer: (layer) => normsBehind(layer, epsilon),
    });
  };
export const olmo2: Family = laterOlmo(false);
export const olmo3: Family = laterOlmo(true);

/** Norms behind, norms of each query and key; where layers have windows, the others have no rope. */
export const exaone4: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('rms_norm_eps', 1e-5);
  const window = c.optionalSize('sliding_window', 4096);
  const pattern = c.raw('sliding_window_pattern') ?? 4;
  const every = typeof pattern === 'string' ? pattern.length : c.number('sliding_window_pattern', 4);
  if (typeof pattern === 'string' && !/^L*G$/.test(pattern))
    c.refuse('sliding_window_pattern', 'only patterns like LLLG are supported');
  const windows = slidingWindows(c, s.layers, window, (i) => window !== undefined && (i + 1) % every !== 0);
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
  return llamaLike(c, {
    sizes: s,
    norm: (name, size) => rms(name, size, epsilon),
    window: (i) => windows[i],
    rope: (i) => (window === undefined || windows[i] !== undefined ? rope : undefined),
    qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon) }),
    layer: (layer) => normsBehind(layer, epsilon),
  });
};

/** Factors on embeddings, scores, residual branches and logits. */
const graniteFactors = (c: ConfigReader) => ({
  attentionBias: c.boolean('attention_bias', false),
  scale: c.positive('attention_multiplier', 1),
  embeddingScale: c.positive('embedding_multiplier', 1),
  residualScale: c.positive('residual_multiplier', 1),
  logitScale: 1 / c.positive('logits_scaling', 1),
});
export const granite: Family = (c) => llamaLike(c, { ...graniteFactors(c), mlpBias: c.boolean('mlp_bias', false) });

/** Granite 4 without Mamba and without experts: gate and up in one layer, under other names; rope only where it is asked for. */
export const graniteHybrid: Family = (c) => {
  const s = sizes(c);
  if (c.number('num_local_experts', 8) !== 0) c.refuse('num_local_experts', 'mixtures of experts are not supported');
  c.raw('num_experts_per_tok'); // of none
  const types = c.has('layer_types') ? 'layer_types' : 'layers_block_type';
  if (!c.perLayer(types, s.layers, ['attention', 'full_attention']))
    c.refuse(types, 'layers are Mamba where it is missing, which is not supported');
  const inner = c.size('shared_intermediate_size', 1024);
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
  const turns = c.raw('position_embedding_type') === 'rope';
  return llamaLike(c, {
    ...graniteFactors(c),
    sizes: s,
    rope: () => (turns ? rope : undefined),
    layer: (layer) => ({
      ...layer,
      mlp: gatedFused(`${layer.name}.shared_mlp`, s.hidden, inner, layer.mlp.activation, [
        'input_linear',
        'output_linear',
      ]),
    }),
  });
};

/** Granite with norms behind attention and MLP, too; here the number for logits is a factor. */
export const hyperclovax: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  const normsBehind = c.boolean('use_post_norm', true);
  const behind = (name: string) => (normsBehind ? rms(name, s.hidden, epsilon) : undefined);
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', false),
    mlpBias: c.boolean('mlp_bias', false),
    scale: c.optionalPositive('attention_multiplier'),
    embeddingScale: c.positive('embedding_multiplier', 1),
    residualScale: c.positive('residual_multiplier', 1),
    logitScale: c.positive('logits_scaling', 1),
    layer: (layer) => ({
      ...layer,
      attentionOut: behind(`${layer.name}.post_norm1`),
      mlpOut: behind(`${layer.name}.post_norm2`),
    }),
  });
};

/** LayerNorm, partial rope, optionally norms of each head and attention and MLP side by side. */
export const stablelm: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('layer_norm_eps', 1e-5);
  const parallel = c.boolean('use_parallel_residual', false);
  const qkNorm = c.boolean('qk_layernorm', false);
  return llamaLike(c, {
    sizes: s,
    qkvBias: c.boolean('use_qkv_bias', false),
    norm: (name, size) => layerNorm(name, size, epsilon),
    ropeOptions: { partial: 0.25 },
    qkNorm: qkNorm
      ? (name) => ({ over: 'each', norm: layerNorm(name, s.headDim, epsilon, false), apart: true })
      : undefined,
    qkNormNames: ['q_layernorm', 'k_layernorm'],
    layer: (layer) => (parallel ? { ...layer, parallel, mlpIn: undefined } : layer),
  });
};

/** A plain MLP in place of the gated one. */
function plainMlp(
  c: ConfigReader,
  hidden: number,
  names: readonly [string, string],
  activation: string,
  bias: boolean,
) {
  const act = c.activation('hidden_act', activation);
  const inner = c.size('intermediate_size');
  return {
    activation: act,
    layer: (layer: LayerSpec): LayerSpec => ({
      ...layer,
      mlp: plain(layer.mlp.name, names, hidden, inner, act, bias),
    }),
  };
}

/** Bias everywhere, LayerNorm, a plain MLP, a window in every layer. */
export const starcoder2: Family = (c) => {
  const s = sizes(c, { defaultKvHeads: 2 });
  const bias = c.boolean('use_bias', true);
  const epsilon = c.positive('norm_epsilon', 1e-5);
  const window = c.optionalSize('sliding_window');
  return llamaLike(c, {
    sizes: s,
    tied: true,
    attentionBias: bias,
    norm: (name, size) => layerNorm(name, size, epsilon),
    window: () => window,
    ...plainMlp(c, s.hidden, ['c_fc', 'c_proj'], 'gelu_pytorch_tanh', bias),
  });
};

/** LayerNorm with 1 + weight, partial rope, a plain MLP with squared ReLU. */
export const nemotron: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('norm_eps', 1e-5);
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', false),
    norm: (name, size) => ({ ...layerNorm(name, size, epsilon), factor: 'one-plus-weight' }),
    ropeOptions: { partial: 0.5 },
    ...plainMlp(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', false)),
  });
};

/** Llama with a plain MLP of squared ReLU. */
export const arcee: Family = (c) => {
  const s = sizes(c);
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', false),
    epsilon: 1e-5,
    ...plainMlp(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', false)),
  });
};

/** Bias everywhere, LayerNorm, a plain MLP with squared ReLU. */
export const jais2: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('layer_norm_eps', 1e-5);
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', true),
    norm: (name, size) => layerNorm(name, size, epsilon),
    ...plainMlp(c, s.hidden, ['up_proj', 'down_proj'], 'relu2', c.boolean('mlp_bias', true)),
  });
};

/** Norms without weights, also of the embeddings and of turned queries and keys; the rope turns the other way. */
export const nanochat: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('rms_norm_eps', 1e-6);
  const norm = (name: string, size: number) => rms(name, size, epsilon, 'none');
  const back = (waves: readonly number[]) => waves.map((w) => -w);
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });
  const turned = {
    ...rope,
    invFreq: back(rope.invFreq),
    long: rope.long && { ...rope.long, invFreq: back(rope.long.invFreq) },
  };
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', false),
    norm,
    embeddingNorm: norm('model.norm', s.hidden),
    logitSoftcap: c.optionalPositive('final_logit_softcapping', 15),
    rope: () => turned,
    qkNorm: (name) => ({ over: 'head', norm: norm(name, s.headDim), afterRope: true }),
    ...plainMlp(c, s.hidden, ['fc1', 'fc2'], 'relu2', false),
  });
};

/** Norms of queries and keys, norms under other names, a plain MLP with xIELU. */
export const apertus: Family = (c) => {
  const s = sizes(c);
  c.only('hidden_act', ['xielu'], 'only xielu is supported for this family');
  c.only('qk_norm', [true], 'this family has norms of queries and keys');
  c.only('post_norm', [false], 'norms behind attention and MLP are not supported for this family');
  const epsilon = c.positive('rms_norm_eps', 1e-5);
  const inner = c.size('intermediate_size');
  const norm = (name: string) => rms(name, s.hidden, epsilon);
  return llamaLike(c, {
    sizes: s,
    attentionBias: c.boolean('attention_bias', false),
    epsilon,
    activation: 'xielu',
    ropeOptions: llama3Rope(12000000, 8),
    qkNorm: (name) => ({ over: 'head', norm: rms(name, s.headDim, epsilon) }),
    layer: (layer) => ({
      ...layer,
      attentionIn: norm(`${layer.name}.attention_layernorm`),
      mlpIn: norm(`${layer.name}.feedforward_layernorm`),
      mlp: plain(layer.mlp.name, ['up_proj', 'down_proj'], s.hidden, inner, 'xielu', false),
    }),
  });
};

/** Attention and MLP side by side behind one norm, partial rope, bias everywhere, also in the head. */
export const phi: Family = (c) => {
  const s = sizes(c);
  const epsilon = c.positive('layer_norm_eps', 1e-5);
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, partial: 0.5 });
  const headNorm = c.boolean('qk_layernorm', false)
    ? (name: string) => ({ over: 'head' as const, norm: layerNorm(name, s.headDim, epsilon) })
    : undefined;
  return gptLike(c, {
    sizes: s,
    names: {
      blocks: 'model.layers',
      embedding: 'model.embed_tokens',
      finalNorm: 'model.final_layernorm',
      head: 'lm_head',
      attentionIn: 'input_layernorm',
      attention: 'self_attn',
      out: 'dense',
      mlpIn: undefined,
      mlp: 'mlp',
      up: 'fc1',
      down: 'fc2',
    },
    norm: (name) => layerNorm(name, s.hidden, epsilon),
    parallel: true,
    projections: (name) => separate(name, s, true),
    attention: (_, name) => ({
      rope,
      qNorm: headNorm?.(`${name}.q_layernorm`),
      kNorm: headNorm?.(`${name}.k_layernorm`),
    }),
    outBias: true,
    mlpBias: true,
    inner: c.size('intermediate_size'),
    activation: c.activation('hidden_act', 'gelu_new'),
    tied: false,
    headBias: true,
  });
};

/** Bias in q, k, v, and not in the output. */
export const seedOss: Family = (c) =>
  llamaLike(c, {
    sizes: sizes(c, { headDim: 128, defaultKvHeads: 8 }),
    qkvBias: c.boolean('attention_bias', true),
    outBias: c.boolean('attention_out_bias', false),
    mlpBias: c.boolean('mlp_bias', false),
  });

/** Norms of queries and keys behind the rope; a rope type of its own. */
export const hunyuan: Family = (c) => {
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
};
