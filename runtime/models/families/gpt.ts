/** GPT-2 and what came from it before Llama. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import { ropeSpec } from '../ropeFrequencies.js';
import { GPT2_NAMES, gptLike, type GptLike } from './gptLike.js';
import { fused, layerNorm, linear, separate, sizes, ungrouped, type Family, type Sizes } from './parts.js';

/** Sizes under GPT-2's keys; `kvHeads` is not one of them. */
function gptSizes(c: ConfigReader, context: number): Sizes {
  const s = sizes(c, {
    hidden: 'n_embd',
    layers: 'n_layer',
    heads: 'n_head',
    contextLength: 'n_positions',
    defaultContext: context,
  });
  return { ...s, kvHeads: s.heads };
}

/** GPT-2's names and LayerNorm with bias. */
function gptNamed(c: ConfigReader, s: Sizes, inner: string, activation: string) {
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  return {
    sizes: s,
    names: GPT2_NAMES,
    inner: c.optionalSize(inner) ?? 4 * s.hidden,
    activation: c.activation('activation_function', activation),
    norm: (name: string) => layerNorm(name, s.hidden, epsilon),
  } satisfies Partial<GptLike>;
}

/** What GPT-2 and GPT-BigCode (StarCoder, SantaCoder) share beyond that: learned positions, bias everywhere. */
function gpt2Like(c: ConfigReader, s: Sizes, activation: string) {
  c.only('add_cross_attention', [false], 'cross-attention is not supported');
  return {
    ...gptNamed(c, s, 'n_inner', activation),
    positions: { name: 'transformer.wpe', offset: 0 },
    outBias: true,
    mlpBias: true,
    tied: true,
  } satisfies Partial<GptLike>;
}

const unscaled = (c: ConfigReader): boolean => !c.boolean('scale_attn_weights', true);

/** Weights are stored [in, out] (Conv1D). */
export const gpt2: Family = (c) => {
  const s = gptSizes(c, 1024);
  const scale = unscaled(c) ? 1 : s.headDim ** -0.5;
  const byLayer = c.boolean('scale_attn_by_inverse_layer_idx', false);
  return gptLike(c, {
    ...gpt2Like(c, s, 'gelu_new'),
    projections: (name) => fused(`${name}.c_attn`, s, 'sections', true, true),
    attention: (i) => ({ scale: byLayer ? scale / (i + 1) : scale }),
    transposed: true,
  });
};

/** One key and value head for all queries, unless `multi_query` is off. */
export const gptBigCode: Family = (c) => {
  const one = c.boolean('multi_query', true);
  const all = gptSizes(c, 1024);
  const s = one ? { ...all, kvHeads: 1 } : all;
  const scale = unscaled(c) ? 1 : s.headDim ** -0.5;
  return gptLike(c, {
    ...gpt2Like(c, s, 'gelu_pytorch_tanh'),
    projections: (name) => fused(`${name}.c_attn`, s, one ? 'sections' : 'groups', true),
    attention: () => ({ scale }),
  });
};

/** Separate q, k, v; scores are not scaled; every second layer has a window, or as `attention_types` says. */
export const gptNeo: Family = (c) => {
  const s = sizes(c, { layers: 'num_layers', heads: 'num_heads', defaultContext: 2048 });
  const window = c.size('window_size', 256);
  const kinds = attentionTypes(c, s.layers);
  return gptLike(c, {
    ...gptNamed(c, s, 'intermediate_size', 'gelu_new'),
    names: { ...GPT2_NAMES, attention: 'attn.attention', out: 'out_proj' },
    positions: { name: 'transformer.wpe', offset: 0 },
    projections: (name) => separate(name, s),
    attention: (i) => ({ scale: 1, window: kinds[i] === 'local' ? window : undefined }),
    outBias: true,
    mlpBias: true,
    tied: true,
  });
};

/** `[[["global", "local"], 12]]`: the names, twelve times over. */
function attentionTypes(c: ConfigReader, layers: number): string[] {
  const value = c.raw('attention_types') ?? [[['global', 'local'], 12]];
  const kinds: string[] = [];
  for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
    const [names, times] = Array.isArray(item) ? (item as unknown[]) : [];
    if (!Array.isArray(names) || !Number.isInteger(times) || (times as number) > layers) continue;
    for (let n = 0; n < (times as number) && kinds.length <= layers; n++) kinds.push(...(names as string[]));
  }
  if (kinds.length !== layers || kinds.some((kind) => kind !== 'global' && kind !== 'local'))
    c.refuse('attention_types', `"global" or "local" for each of ${layers} layers is needed`, 'Correct config.json.');
  return kinds;
}

/** Attention and MLP side by side behind one norm; rope over the first `rotary_dim` elements, neighbours in pairs; the head has a bias. */
const gptjLike =
  (projections: (c: ConfigReader, s: Sizes) => GptLike['projections']): Family =>
  (c) => {
    const s = gptSizes(c, 2048);
    const rotary = c.optionalSize('rotary_dim', 64) ?? s.headDim;
    if (rotary > s.headDim) c.refuse('rotary_dim', `at most ${s.headDim}, the size of a head, is possible`);
    const rope = ropeSpec(c, {
      headDim: s.headDim,
      contextLength: s.contextLength,
      partial: rotary / s.headDim,
      interleaved: true,
    });
    return gptLike(c, {
      ...gptNamed(c, s, 'n_inner', 'gelu_new'),
      names: { ...GPT2_NAMES, out: 'out_proj', mlpIn: undefined, up: 'fc_in', down: 'fc_out' },
      parallel: true,
      projections: projections(c, s),
      attention: () => ({ rope }),
      outBias: false,
      mlpBias: true,
      tied: false,
      headBias: true,
    });
  };
export const gptj: Family = gptjLike((_, s) => (name) => separate(name, s));

/** GPT-J with q, v, k in one layer, in four blocks. */
export const codegen: Family = gptjLike((c, s) => {
  const blocks = 4;
  if (s.heads % blocks !== 0) c.refuse('n_head', `a multiple of ${blocks} is needed`);
  return (name) => ({
    kind: 'fused',
    blocks,
    order: 'qvk',
    qkv: linear(`${name}.qkv_proj`, s.hidden, 3 * s.hidden),
  });
});

/** Names inside a block of OPT and BioGPT. */
const OPT_NAMES = {
  attentionIn: 'self_attn_layer_norm',
  attention: 'self_attn',
  out: 'out_proj',
  mlpIn: 'final_layer_norm',
  mlp: undefined,
  up: 'fc1',
  down: 'fc2',
};

/** OPT with scaled embeddings. */
export const biogpt: Family = (c) => {
  const s = ungrouped(c, sizes(c, { defaultContext: 1024 }));
  return gptLike(c, {
    sizes: s,
    names: {
      ...OPT_NAMES,
      blocks: 'biogpt.layers',
      embedding: 'biogpt.embed_tokens',
      finalNorm: 'biogpt.layer_norm',
      head: 'output_projection',
    },
    // transformers does not look at `layer_norm_eps`
    norm: (name) => layerNorm(name, s.hidden, 1e-5),
    embeddingScale: c.boolean('scale_embedding', true) ? Math.sqrt(s.hidden) : 1,
    positions: { name: 'biogpt.embed_positions', offset: 2 },
    projections: (name) => separate(name, s, true),
    outBias: true,
    mlpBias: true,
    inner: c.size('intermediate_size'),
    activation: c.activation('hidden_act', 'gelu'),
    tied: true,
  });
};

/**
 * Learned positions from row 2 on, LayerNorm before each half of a block. 350M: norms behind each half and none at the end, and
 * smaller embeddings.
 */
export const opt: Family = (c) => {
  const s = sizes(c);
  const before = c.boolean('do_layer_norm_before', true);
  const normed = before && !c.boolean('_remove_final_layer_norm', false);
  const size = c.optionalSize('word_embed_proj_dim') ?? s.hidden;
  const decoder = 'model.decoder';
  const bias = c.boolean('enable_bias', true);
  const weighted = c.boolean('layer_norm_elementwise_affine', true);
  return gptLike(c, {
    sizes: s,
    names: {
      ...OPT_NAMES,
      blocks: `${decoder}.layers`,
      embedding: `${decoder}.embed_tokens`,
      finalNorm: normed ? `${decoder}.final_layer_norm` : undefined,
      head: 'lm_head',
    },
    // torch's own epsilon: config.json names none
    norm: (name) => ({ ...layerNorm(name, s.hidden, 1e-5, weighted), factor: weighted ? 'weight' : 'none' }),
    positions: { name: `${decoder}.embed_positions`, offset: 2 },
    normsOfSums: !before,
    widen: size === s.hidden ? undefined : linear(`${decoder}.project_in`, size, s.hidden),
    narrow: size === s.hidden ? undefined : linear(`${decoder}.project_out`, s.hidden, size),
    projections: (name) => separate(name, s, bias),
    outBias: bias,
    mlpBias: bias,
    inner: c.size('ffn_dim'),
    activation: c.activation('activation_function', 'relu'),
    tied: true,
  });
};
