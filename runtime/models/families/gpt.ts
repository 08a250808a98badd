/** GPT-2 and what came from it before Llama. Sources: transformers' configuration and modeling files. */
import type { ConfigReader } from '../configReader.js';
import { ropeSpec } from '../ropeFrequencies.js';
import type { LayerSpec } from '../spec.js';
import { fused, head, layerNorm, linear, plain, separate, sizes, type Family, type Sizes } from './parts.js';

/** Sizes under GPT-2's keys; `kvHeads` is not one of them. */
function gptSizes(c: ConfigReader, context: number, kvHeads?: (heads: number) => number): Sizes {
  const s = sizes(c, {
    hidden: 'n_embd',
    layers: 'n_layer',
    heads: 'n_head',
    contextLength: 'n_positions',
    defaultContext: context,
  });
  return { ...s, kvHeads: kvHeads?.(s.heads) ?? s.heads };
}

/** GPT-2 and GPT-BigCode (StarCoder, SantaCoder): learned positions, LayerNorm with bias, all names alike. */
const gptLike =
  (own: {
    activation: string;
    /** Weights are stored [in, out] (Conv1D). */
    conv: boolean;
    layout: (c: ConfigReader) => 'sections' | 'groups';
    kvHeads: (c: ConfigReader, heads: number) => number;
    byLayer: (c: ConfigReader) => boolean;
  }): Family =>
  (c) => {
    const s = gptSizes(c, 1024, (heads) => own.kvHeads(c, heads));
    c.only('add_cross_attention', [false], 'cross-attention is not supported');
    const inner = c.optionalSize('n_inner') ?? 4 * s.hidden;
    const activation = c.activation('activation_function', own.activation);
    const epsilon = c.positive('layer_norm_epsilon', 1e-5);
    const scale = c.boolean('scale_attn_weights', true) ? s.headDim ** -0.5 : 1;
    const byLayer = own.byLayer(c);

    const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
      const name = `transformer.h.${i}`;
      return {
        name,
        parallel: false,
        residualScale: 1,
        attentionIn: layerNorm(`${name}.ln_1`, s.hidden, epsilon),
        attention: {
          name: `${name}.attn`,
          heads: s.heads,
          kvHeads: s.kvHeads,
          headDim: s.headDim,
          scale: byLayer ? scale / (i + 1) : scale,
          projections: fused(`${name}.attn.c_attn`, s, own.layout(c), true, own.conv),
          out: linear(`${name}.attn.c_proj`, s.hidden, s.hidden, true, own.conv),
        },
        mlpIn: layerNorm(`${name}.ln_2`, s.hidden, epsilon),
        mlp: plain(`${name}.mlp`, ['c_fc', 'c_proj'], s.hidden, inner, activation, true, own.conv),
      };
    });
    return {
      vocabSize: s.vocab,
      hidden: s.hidden,
      contextLength: s.contextLength,
      embedding: { weight: 'transformer.wte.weight', scale: 1 },
      positions: { weight: 'transformer.wpe.weight', size: s.contextLength, offset: 0 },
      layers,
      finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
      head: head('lm_head', 'transformer.wte.weight', c.boolean('tie_word_embeddings', true)),
    };
  };

export const gpt2: Family = gptLike({
  activation: 'gelu_new',
  conv: true,
  layout: () => 'sections',
  kvHeads: (_, heads) => heads,
  byLayer: (c) => c.boolean('scale_attn_by_inverse_layer_idx', false),
});

/** One key and value head for all queries, unless `multi_query` is off. */
export const gptBigCode: Family = gptLike({
  activation: 'gelu_pytorch_tanh',
  conv: false,
  layout: (c) => (c.boolean('multi_query', true) ? 'sections' : 'groups'),
  kvHeads: (c, heads) => (c.boolean('multi_query', true) ? 1 : heads),
  byLayer: () => false,
});

/** Separate q, k, v; scores are not scaled; every second layer has a window, or as `attention_types` says. */
export const gptNeo: Family = (c) => {
  const s = sizes(c, { layers: 'num_layers', heads: 'num_heads', defaultContext: 2048 });
  const inner = c.optionalSize('intermediate_size') ?? 4 * s.hidden;
  const activation = c.activation('activation_function', 'gelu_new');
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const window = c.size('window_size', 256);
  const kinds = attentionTypes(c, s.layers);

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.h.${i}`;
    return {
      name,
      parallel: false,
      residualScale: 1,
      attentionIn: layerNorm(`${name}.ln_1`, s.hidden, epsilon),
      attention: {
        name: `${name}.attn.attention`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: 1,
        window: kinds[i] === 'local' ? window : undefined,
        projections: separate(`${name}.attn.attention`, s),
        out: linear(`${name}.attn.attention.out_proj`, s.hidden, s.hidden, true),
      },
      mlpIn: layerNorm(`${name}.ln_2`, s.hidden, epsilon),
      mlp: plain(`${name}.mlp`, ['c_fc', 'c_proj'], s.hidden, inner, activation, true),
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.wte.weight', scale: 1 },
    positions: { weight: 'transformer.wpe.weight', size: s.contextLength, offset: 0 },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.wte.weight', c.boolean('tie_word_embeddings', true)),
  };
};

/** `[[["global", "local"], 12]]`: the names, twelve times over. */
function attentionTypes(c: ConfigReader, layers: number): string[] {
  const value = c.raw('attention_types') ?? [[['global', 'local'], 12]];
  const kinds: string[] = [];
  for (const item of Array.isArray(value) ? (value as unknown[]) : []) {
    const [names, times] = Array.isArray(item) ? (item as unknown[]) : [];
    if (!Array.isArray(names) || !Number.isInteger(times) || (times as number) > layers) continue;
    for (let n = 0; n < (times as number); n++) kinds.push(...names.map(String));
  }
  if (kinds.length !== layers || kinds.some((kind) => kind !== 'global' && kind !== 'local'))
    c.refuse('attention_types', `"global" or "local" for each of ${layers} layers is needed`, 'Correct config.json.');
  return kinds;
}

/** Attention and MLP side by side behind one norm; rope over the first `rotary_dim` elements, neighbours in pairs; the head has a bias. */
export const gptj: Family = (c) => {
  const s = gptSizes(c, 2048);
  const inner = c.optionalSize('n_inner') ?? 4 * s.hidden;
  const activation = c.activation('activation_function', 'gelu_new');
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const rotary = c.optionalSize('rotary_dim', 64) ?? s.headDim;
  if (rotary > s.headDim) c.refuse('rotary_dim', `at most ${s.headDim}, the size of a head, is possible`);
  const rope = ropeSpec(c, {
    headDim: s.headDim,
    contextLength: s.contextLength,
    partial: rotary / s.headDim,
    interleaved: true,
  });

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.h.${i}`;
    return {
      name,
      parallel: true,
      residualScale: 1,
      attentionIn: layerNorm(`${name}.ln_1`, s.hidden, epsilon),
      attention: {
        name: `${name}.attn`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        rope,
        projections: separate(`${name}.attn`, s),
        out: linear(`${name}.attn.out_proj`, s.hidden, s.hidden),
      },
      mlp: plain(`${name}.mlp`, ['fc_in', 'fc_out'], s.hidden, inner, activation, true),
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.wte.weight', scale: 1 },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.wte.weight', c.boolean('tie_word_embeddings', false), { bias: true }),
  };
};

/** Learned positions from row 2 on, LayerNorm before each half of a block. The 350M model differs and is refused. */
export const opt: Family = (c) => {
  const s = sizes(c);
  c.only('do_layer_norm_before', [true], 'norms behind attention and MLP (OPT 350M) are not supported');
  c.only('_remove_final_layer_norm', [false], 'a model without its final norm is not supported');
  c.only('layer_norm_elementwise_affine', [true], 'norms without weights are not supported');
  c.only('word_embed_proj_dim', [s.hidden], 'embeddings of another size than the hidden states are not supported');
  const inner = c.size('ffn_dim');
  const activation = c.activation('activation_function', 'relu');
  const bias = c.boolean('enable_bias', true);
  // torch's own epsilon: config.json names none
  const norm = (name: string) => layerNorm(name, s.hidden, 1e-5);

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `model.decoder.layers.${i}`;
    return {
      name,
      parallel: false,
      residualScale: 1,
      attentionIn: norm(`${name}.self_attn_layer_norm`),
      attention: {
        name: `${name}.self_attn`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        projections: separate(`${name}.self_attn`, s, bias),
        out: linear(`${name}.self_attn.out_proj`, s.hidden, s.hidden, bias),
      },
      mlpIn: norm(`${name}.final_layer_norm`),
      mlp: { ...plain(name, ['fc1', 'fc2'], s.hidden, inner, activation, bias), name: `${name}.mlp` },
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'model.decoder.embed_tokens.weight', scale: 1 },
    positions: { weight: 'model.decoder.embed_positions.weight', size: s.contextLength + 2, offset: 2 },
    layers,
    finalNorm: norm('model.decoder.final_layer_norm'),
    head: head('lm_head', 'model.decoder.embed_tokens.weight', c.boolean('tie_word_embeddings', true)),
  };
};
