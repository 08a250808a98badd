/** GPT-NeoX and Falcon: fused q, k, v by heads, attention and MLP side by side. Sources: transformers' configuration and modeling files. */
import { bf16ToF32, f32ToBf16 } from '../halfFloats.js';
import { ropeSpec } from '../ropeFrequencies.js';
import type { LayerSpec } from '../spec.js';
import { alibiSlopes } from './alibi.js';
import { fused, head, layerNorm, linear, plain, sizes, type Family } from './parts.js';

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
 * each. 7B: one key head and one norm. RW: as many key heads as query heads, ALiBi in place of rope.
 */
export const falcon: Family = (c) => {
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
  const scale = s.headDim ** -0.5;
  // Scores are scaled with their ALiBi part.
  const slopes = (): number[] => [...bf16ToF32(f32ToBf16(Float32Array.from(alibiSlopes(s.heads))))];
  const positions = c.boolean('alibi', false)
    ? { alibi: { slopes: slopes(), scale, rounded: true } }
    : { rope: ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength }) };

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
        scale,
        ...positions,
        projections: fused(`${name}.self_attention.query_key_value`, { ...s, kvHeads }, 'groups', bias),
        out: linear(`${name}.self_attention.dense`, s.hidden, s.hidden, bias),
      },
      mlpIn: twoNorms ? norm('ln_mlp') : parallel ? undefined : norm('post_attention_layernorm'),
      mlp: plain(`${name}.mlp`, ['dense_h_to_4h', 'dense_4h_to_h'], s.hidden, inner, activation, bias),
    };
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'transformer.word_embeddings.weight', scale: 1 },
    layers,
    finalNorm: layerNorm('transformer.ln_f', s.hidden, epsilon),
    head: head('lm_head', 'transformer.word_embeddings.weight', c.boolean('tie_word_embeddings', true)),
  };
};
