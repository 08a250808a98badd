/** What GPT-2 and the families after it have in common: norms with a bias, a plain MLP, names of their own. */
import type { ConfigReader } from './configReader.js';
import {
  layersOf,
  type AttentionSpec,
  type LinearSpec,
  type MlpSpec,
  type NormSpec,
  type ProjectionSpec,
} from '../../decoder/spec.js';
import { head, linear, plain, type FamilySpec, type Sizes } from './parts.js';

/** Names of modules; from `attentionIn` on, of those inside a block. */
export interface GptNames {
  blocks: string;
  embedding: string;
  finalNorm: string | undefined;
  head: string;
  attentionIn: string;
  attention: string;
  /** Its output layer. */
  out: string;
  /** undefined: attention and MLP have one norm. */
  mlpIn: string | undefined;
  /** undefined: its layers are in the block itself. */
  mlp: string | undefined;
  up: string;
  down: string;
}

export const GPT2_NAMES: GptNames = {
  blocks: 'transformer.h',
  embedding: 'transformer.wte',
  finalNorm: 'transformer.ln_f',
  head: 'lm_head',
  attentionIn: 'ln_1',
  attention: 'attn',
  out: 'c_proj',
  mlpIn: 'ln_2',
  mlp: 'mlp',
  up: 'c_fc',
  down: 'c_proj',
};

export interface GptLike {
  sizes: Sizes;
  names: GptNames;
  norm: (name: string) => NormSpec;
  /** Factor on the embeddings; 1 without it. */
  embeddingScale?: number;
  /** Norm of the embeddings. */
  embeddingNorm?: string;
  /** Module of learned positions; position p has row p + offset. */
  positions?: { name: string; offset: number };
  projections: (attention: string) => ProjectionSpec;
  /** Settings of an attention besides its layers; the scale is D^(−1/2) without one. */
  attention?: (layer: number, name: string) => Partial<AttentionSpec>;
  outBias: boolean;
  mlpBias: boolean;
  /** Width of the MLP. */
  inner: number;
  activation: MlpSpec['activation'];
  /** Weights of output and MLP are stored [in, out]. */
  transposed?: boolean;
  /** Attention and MLP in parallel. */
  parallel?: boolean;
  /** Residuals start after the norms. */
  residualAfterNorm?: boolean;
  /** Norms of the sums after attention and MLP, instead of norms before these. */
  postNorm?: boolean;
  /** Layers into the blocks and out of them, where embeddings have another size. */
  projectIn?: LinearSpec;
  projectOut?: LinearSpec;
  /** `tie_word_embeddings` where config.json does not have it. */
  tied: boolean;
  headBias?: boolean;
}

export function gptLike(c: ConfigReader, o: GptLike): FamilySpec {
  const { sizes: s, names, norm } = o;
  if (s.heads * s.headDim !== s.hidden) c.reject('head_dim', `${s.heads} heads must fill ${s.hidden} hidden elements`);
  const layers = layersOf(s.layers, (i) => {
    const name = `${names.blocks}.${i}`;
    const attention = `${name}.${names.attention}`;
    const mlp = names.mlp === undefined ? name : `${name}.${names.mlp}`;
    const first = norm(`${name}.${names.attentionIn}`);
    const second = names.mlpIn === undefined ? undefined : norm(`${name}.${names.mlpIn}`);
    return {
      name,
      parallel: o.parallel ?? false,
      residualScale: 1,
      residualAfterNorm: o.residualAfterNorm,
      ...(o.postNorm ? { postNorm: true, attentionOut: first, mlpOut: second } : { attentionIn: first, mlpIn: second }),
      attention: {
        name: attention,
        heads: s.heads,
        kvHeads: s.kvHeads,
        headDim: s.headDim,
        scale: s.headDim ** -0.5,
        ...o.attention?.(i, attention),
        projections: o.projections(attention),
        out: linear(`${attention}.${names.out}`, s.heads * s.headDim, s.hidden, o.outBias, o.transposed),
      },
      mlp: {
        ...plain(mlp, [names.up, names.down], s.hidden, o.inner, o.activation, o.mlpBias, o.transposed),
        name: `${name}.${names.mlp ?? 'mlp'}`,
      },
    };
  });
  const embedding = `${names.embedding}.weight`;
  const { positions } = o;
  return {
    vocabSize: s.vocab,
    hidden: s.hidden,
    contextLength: s.contextLength,
    embedding: {
      weight: embedding,
      scale: o.embeddingScale ?? 1,
      norm: o.embeddingNorm === undefined ? undefined : norm(o.embeddingNorm),
      projectIn: o.projectIn,
    },
    positions: positions && {
      weight: `${positions.name}.weight`,
      size: s.contextLength + positions.offset,
      offset: positions.offset,
    },
    layers,
    finalNorm: names.finalNorm === undefined ? undefined : norm(names.finalNorm),
    head: {
      ...head(names.head, embedding, c.boolean('tie_word_embeddings', o.tied), { bias: o.headBias }),
      projectOut: o.projectOut,
    },
  };
}
