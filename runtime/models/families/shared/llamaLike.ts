/** What Llama and the families after it have in common. Source: transformers' modeling_llama.py. */
import type { ConfigReader } from './configReader.js';
import { ropeSpec, type RopeOptions } from './ropeFrequencies.js';
import {
  layersOf,
  type HeadNormSpec,
  type LayerSpec,
  type MlpSpec,
  type NormSpec,
  type RopeSpec,
} from '../../decoder/spec.js';
import { gated, head, linear, rms, separate, sizes, type FamilySpec, type Sizes } from './parts.js';

/** What differs between the Llama-like families; the rest is Llama. */
export interface LlamaLike {
  sizes?: Sizes;
  /** q, k, v and the output have a bias. */
  attentionBias?: boolean;
  /** For q, k, v alone, and for the output alone. */
  qkvBias?: boolean;
  outBias?: boolean;
  mlpBias?: boolean;
  activation?: MlpSpec['activation'];
  /** RMSNorm with `rms_norm_eps` without it. */
  norm?: (name: string, size: number) => NormSpec;
  /** `rms_norm_eps` where config.json names none; 1e-6 without it. */
  epsilon?: number;
  /** Rope of each layer; undefined = none. */
  rope?: (layer: number) => RopeSpec | undefined;
  ropeOptions?: Partial<RopeOptions>;
  window?: (layer: number) => number | undefined;
  scale?: number;
  softcap?: number;
  qkNorm?: (name: string, heads: number) => HeadNormSpec;
  qkNormNames?: readonly [q: string, k: string];
  /** `tie_word_embeddings` where config.json does not have it; false without it. */
  tied?: boolean;
  embeddingScale?: number;
  embeddingNorm?: NormSpec;
  residualScale?: number;
  logitScale?: number;
  logitSoftcap?: number;
  /** Changes a finished layer: other places for norms, other projections. */
  layer?: (layer: LayerSpec, s: Sizes) => LayerSpec;
}

/** Llama: norm → attention → +, norm → gated MLP → +, under `model.layers`. */
export function llamaLike(c: ConfigReader, o: LlamaLike): FamilySpec {
  const s = o.sizes ?? sizes(c);
  const inner = c.size('intermediate_size');
  const activation = o.activation ?? c.activation('hidden_act', 'silu');
  const epsilon = o.norm ? 0 : c.positive('rms_norm_eps', o.epsilon ?? 1e-6);
  const norm = o.norm ?? ((name: string, size: number) => rms(name, size, epsilon));
  const shared = o.rope
    ? undefined
    : ropeSpec(c, { headDim: s.headDim, contextLength: s.contextLength, ...o.ropeOptions });
  const [qName, kName] = o.qkNormNames ?? ['q_norm', 'k_norm'];

  const layers = layersOf(s.layers, (i) => {
    const name = `model.layers.${i}`;
    const attention = `${name}.self_attn`;
    const layer: LayerSpec = {
      name,
      parallel: false,
      residualScale: o.residualScale ?? 1,
      attentionIn: norm(`${name}.input_layernorm`, s.hidden),
      attention: {
        name: attention,
        heads: s.heads,
        kvHeads: s.kvHeads,
        headDim: s.headDim,
        scale: o.scale ?? s.headDim ** -0.5,
        softcap: o.softcap,
        window: o.window?.(i),
        rope: o.rope ? o.rope(i) : shared,
        projections: separate(attention, s, o.qkvBias ?? o.attentionBias),
        qNorm: o.qkNorm?.(`${attention}.${qName}`, s.heads),
        kNorm: o.qkNorm?.(`${attention}.${kName}`, s.kvHeads),
        out: linear(`${attention}.o_proj`, s.heads * s.headDim, s.hidden, o.outBias ?? o.attentionBias),
      },
      mlpIn: norm(`${name}.post_attention_layernorm`, s.hidden),
      mlp: gated(`${name}.mlp`, s.hidden, inner, activation, o.mlpBias),
    };
    return o.layer?.(layer, s) ?? layer;
  });
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: { weight: 'model.embed_tokens.weight', scale: o.embeddingScale ?? 1, norm: o.embeddingNorm },
    layers,
    finalNorm: norm('model.norm', s.hidden),
    head: head('lm_head', 'model.embed_tokens.weight', c.boolean('tie_word_embeddings', o.tied ?? false), {
      scale: o.logitScale,
      softcap: o.logitSoftcap,
    }),
  };
}
