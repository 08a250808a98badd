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
      prefix: 'transformer',
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
    prefix: 'transformer',
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.wte.weight', scale: 1 },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.wte.weight', c.boolean('tie_word_embeddings', false), { bias: true }),
  };
};

/** Fused q, k, v by heads, partial rope, attention and MLP side by side behind a norm each (or one after the other). */
export const gptNeox: Family = (c) => {
  const s = sizes(c);
  if (s.kvHeads !== s.heads) c.refuse('num_key_value_heads', 'GPT-NeoX has one key head for each query head');
  const inner = c.size('intermediate_size');
  const activation = c.activation('hidden_act', 'gelu');
  const epsilon = c.positive('layer_norm_eps', 1e-5);
  const bias = c.boolean('attention_bias', true);
  const parallel = c.boolean('use_parallel_residual', true);
  const rope = ropeSpec(c, {
    headDim: s.headDim,
    contextLength: s.contextLength,
    thetaKey: 'rotary_emb_base',
    partial: 0.25,
    partialKey: 'rotary_pct',
  });

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `gpt_neox.layers.${i}`;
    return {
      name,
      parallel,
      residualScale: 1,
      attentionIn: layerNorm(`${name}.input_layernorm`, s.hidden, epsilon),
      attention: {
        name: `${name}.attention`,
        heads: s.heads,
        kvHeads: s.heads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        rope,
        projections: fused(`${name}.attention.query_key_value`, s, 'groups', bias),
        out: linear(`${name}.attention.dense`, s.hidden, s.hidden, bias),
      },
      mlpIn: layerNorm(`${name}.post_attention_layernorm`, s.hidden, epsilon),
      mlp: plain(`${name}.mlp`, ['dense_h_to_4h', 'dense_4h_to_h'], s.hidden, inner, activation, true),
    };
  });
  return {
    prefix: 'gpt_neox',
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'gpt_neox.embed_in.weight', scale: 1 },
    layers,
    finalNorm: layerNorm('gpt_neox.final_layer_norm', s.hidden, epsilon),
    head: head('embed_out', 'gpt_neox.embed_in.weight', c.boolean('tie_word_embeddings', false)),
  };
};

/**
 * Falcon: fused q, k, v; attention and MLP side by side. 40B and 180B (`new_decoder_architecture`): several key heads and a norm
 * each. 7B: one key head and one norm. RW: as many key heads as query heads.
 */
export const falcon: Family = (c) => {
  c.only('alibi', [false], 'ALiBi positions are not supported');
  const s = sizes(c, {
    kvHeads: 'num_kv_heads',
    defaultContext: 2048,
    hidden: c.has('n_embed') ? 'n_embed' : 'hidden_size',
  });
  const grouped = c.boolean('new_decoder_architecture', false);
  const parallel = grouped || c.boolean('parallel_attn', true);
  if (grouped) c.only('parallel_attn', [true], 'the new decoder architecture has attention and MLP side by side');
  const kvHeads = grouped ? s.kvHeads : c.boolean('multi_query', true) ? 1 : s.heads;
  c.only('num_ln_in_parallel_attn', grouped ? [1, 2] : [1], 'this number of norms is not supported here');
  const twoNorms = grouped && (c.optionalSize('num_ln_in_parallel_attn') ?? 2) === 2;
  const inner = c.optionalSize('ffn_hidden_size') ?? 4 * s.hidden;
  const activation = c.activation('activation', 'gelu');
  const epsilon = c.positive('layer_norm_epsilon', 1e-5);
  const bias = c.boolean('bias', false);
  const rope = ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength });

  const layers = Array.from({ length: s.layers }, (_, i): LayerSpec => {
    const name = `transformer.h.${i}`;
    const norm = (own: string) => layerNorm(`${name}.${own}`, s.hidden, epsilon);
    return {
      name,
      parallel,
      residualScale: 1,
      attentionIn: norm(twoNorms ? 'ln_attn' : 'input_layernorm'),
      attention: {
        name: `${name}.self_attention`,
        heads: s.heads,
        kvHeads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        rope,
        projections: fused(`${name}.self_attention.query_key_value`, { ...s, kvHeads }, 'groups', bias),
        out: linear(`${name}.self_attention.dense`, s.hidden, s.hidden, bias),
      },
      mlpIn: twoNorms ? norm('ln_mlp') : parallel ? undefined : norm('post_attention_layernorm'),
      mlp: plain(`${name}.mlp`, ['dense_h_to_4h', 'dense_4h_to_h'], s.hidden, inner, activation, bias),
    };
  });
  return {
    prefix: 'transformer',
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.word_embeddings.weight', scale: 1 },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.word_embeddings.weight', c.boolean('tie_word_embeddings', true)),
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
    prefix: 'model',
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
