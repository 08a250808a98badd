/**
 * What a decoder computes, as plain data: the same for every family, so that one builder makes the graph of all of
 * them. Names are those of the checkpoint's modules and parameters. The dim legend is in onnx/shapes.ts.
 */
import { sum } from '../../contract/sum.js';
import { elementsOf } from '../../onnx/shapes.js';

/** y = x·Wᵀ + b. A place for an adapter. */
export interface LinearSpec {
  /** Module name; parameters are `name.weight` and `name.bias`. */
  readonly name: string;
  readonly in: number;
  readonly out: number;
  readonly bias: boolean;
  /** The weight is stored [in, out] (GPT-2's Conv1D) instead of [out, in]. */
  readonly transposed: boolean;
}

export interface NormSpec {
  /** Module name. */
  readonly name: string;
  /** rms: x / √(mean x² + ε). layer: (x − mean x) / √(var x + ε). */
  readonly kind: 'rms' | 'layer';
  readonly size: number;
  readonly epsilon: number;
  /** The factor on it: the weight, 1 + the weight (Gemma), or none (OLMo). */
  readonly factor: 'weight' | 'one-plus-weight' | 'none';
  readonly bias: boolean;
}

/**
 * Norm of queries or keys. row: over all heads together (OLMo 2). head: over each head with one weight (Qwen 3).
 * each: over each head with a weight of its own, rows of one parameter (Command R+).
 */
export interface HeadNormSpec {
  readonly over: 'row' | 'head' | 'each';
  readonly norm: NormSpec;
  /** Each head's weight is a parameter, of module `name.norms.h` (StableLM). */
  readonly apart?: boolean;
  /** Of rotated queries or keys (Hunyuan), over each head. */
  readonly afterRope?: boolean;
}

/** Rotary position embedding (Su et al. 2021) over the first `dim` of a head's elements; the rest pass through. */
export interface RopeSpec {
  readonly dim: number;
  /** Base of the angles, before any scaling. */
  readonly theta: number;
  /** dim / 2 angles per position in radians, rounded to float32 as transformers computes them. */
  readonly invFreq: readonly number[];
  /** Angles of rows whose largest position is ≥ `from` (LongRoPE). */
  readonly long?: { readonly invFreq: readonly number[]; readonly from: number };
  /** Factor on cos and sin (YaRN, LongRoPE); 1 otherwise. */
  readonly attentionFactor: number;
  /** Pairs are (0, 1), (2, 3) …; otherwise (0, dim/2), (1, dim/2 + 1) …. */
  readonly interleaved: boolean;
}

/**
 * ALiBi (Press et al. 2022): a head's scores fall with the distance of the key, by `slope` per position: slope · (key −
 * query) is added. Falcon adds slope · key, with positions and products rounded to bfloat16: softmax cancels what is
 * the same for all keys of a query.
 */
export interface AlibiSpec {
  /** One for each of H heads. */
  readonly slopes: readonly number[];
  /** Factor on what is added. */
  readonly scale: number;
  readonly rounded: boolean;
}

/** Queries at position p are multiplied by 1 + beta · ln(1 + ⌊p / context⌋) (Llama 4, Ministral 3). */
export interface QueryScalingSpec {
  readonly beta: number;
  readonly context: number;
}

/**
 * separate: three layers. fused: one layer of `blocks` equal parts, each with its queries, keys and values in
 * this order; one block has all queries, all keys, all values, K blocks have the G queries, the key and the value of a
 * key head.
 */
export type ProjectionSpec =
  | { readonly kind: 'separate'; readonly q: LinearSpec; readonly k: LinearSpec; readonly v: LinearSpec }
  | { readonly kind: 'fused'; readonly blocks: number; readonly order: 'qkv' | 'qvk'; readonly qkv: LinearSpec };

export interface AttentionSpec {
  /** Module name. */
  readonly name: string;
  /** H */
  readonly heads: number;
  /** K; each serves G = H / K query heads. */
  readonly kvHeads: number;
  /** D */
  readonly headDim: number;
  /** Factor on q·k. */
  readonly scale: number;
  /** Scores become softcap · tanh(scores / softcap). */
  readonly softcap?: number;
  /** A position sees itself and window − 1 positions before it, counted by index. */
  readonly window?: number;
  readonly rope?: RopeSpec;
  readonly alibi?: AlibiSpec;
  readonly queryScaling?: QueryScalingSpec;
  readonly projections: ProjectionSpec;
  /** Queries, keys and values are limited to ± this as they leave their layers. */
  readonly clip?: number;
  readonly qNorm?: HeadNormSpec;
  readonly kNorm?: HeadNormSpec;
  readonly out: LinearSpec;
}

/** xielu has two parameters of its own in each layer, `name.act_fn.alpha_p` and `.alpha_n` [1]. */
export type Activation = 'silu' | 'gelu' | 'gelu-tanh' | 'relu' | 'relu-squared' | 'gelu-quick' | 'xielu';

/** gated: down(act(gate(x)) · up(x)), gate and up as one layer where fused. plain: down(act(up(x))). */
export type MlpSpec = { readonly name: string; readonly activation: Activation; readonly down: LinearSpec } & (
  | { readonly kind: 'gated'; readonly gate: LinearSpec; readonly up: LinearSpec }
  | { readonly kind: 'gated-fused'; readonly gateUp: LinearSpec }
  | { readonly kind: 'plain'; readonly up: LinearSpec }
);

/**
 * h = x + r · attentionOut(attention(attentionIn(x)));  y = h + r · mlpOut(mlp(mlpIn(h))).
 * postNorm: h = attentionOut(x + r · attention(x));  y = mlpOut(h + r · mlp(h)).
 * parallel: y = x + r · attention(attentionIn(x)) + r · mlp(mlpIn(x)), with attentionIn in place of a missing mlpIn.
 * A missing norm is the identity.
 */
export interface LayerSpec {
  /** Module name. */
  readonly name: string;
  readonly attention: AttentionSpec;
  readonly mlp: MlpSpec;
  readonly parallel: boolean;
  /** Branches are added to the outputs of their norms, not to the inputs (Bloom, by a setting). */
  readonly residualAfterNorm?: boolean;
  /** attentionOut and mlpOut are norms of the sums, as in the first Transformer (OPT 350M). */
  readonly postNorm?: boolean;
  readonly attentionIn?: NormSpec;
  readonly attentionOut?: NormSpec;
  readonly mlpIn?: NormSpec;
  readonly mlpOut?: NormSpec;
  /** r */
  readonly residualScale: number;
}

/** At least one. */
type Layers = readonly [LayerSpec, ...LayerSpec[]];
/** @param count from 1 on */
export const layersOf = (count: number, layer: (index: number) => LayerSpec): Layers =>
  Array.from({ length: count }, (_, i) => layer(i)) as [LayerSpec, ...LayerSpec[]];

export interface DecoderSpec {
  /** `model_type` of config.json. */
  readonly family: string;
  /** `architectures[0]` of config.json, or the family. */
  readonly architecture: string;
  /** V */
  readonly vocabSize: number;
  /** C */
  readonly hidden: number;
  /** Positions that the model was trained for. */
  readonly contextLength: number;
  /** Parameter [V, E], and a factor on its rows or a norm of them. Where E is not C, a layer E → C (OPT 350M). */
  readonly embedding: {
    readonly weight: string;
    readonly scale: number;
    readonly norm?: NormSpec;
    readonly projectIn?: LinearSpec;
  };
  /** Learned positions: parameter [size, C]; position p has row p + offset. */
  readonly positions?: { readonly weight: string; readonly size: number; readonly offset: number };
  readonly layers: Layers;
  readonly finalNorm?: NormSpec;
  /**
   * Output head [V, E], after a layer C → E where they differ; a tied one is the embedding. `scale` is a factor on the
   * logits.
   */
  readonly head: {
    readonly projectOut?: LinearSpec;
    readonly name: string;
    readonly weight: string;
    readonly tied: boolean;
    readonly bias: boolean;
    readonly scale: number;
    readonly softcap?: number;
  };
}

/** E */
export const embeddingSize = ({ embedding, hidden }: DecoderSpec): number => embedding.projectIn?.in ?? hidden;

/** Of its layers that have one, each once. */
export const windowsOf = ({ layers }: DecoderSpec): number[] => [
  ...new Set(layers.flatMap(({ attention }) => attention.window ?? [])),
];

/** The linear layers but the head in the order of computation: the places for adapters. */
export function linearLayers(spec: DecoderSpec): LinearSpec[] {
  const inBlocks = spec.layers.flatMap(({ attention, mlp }) => {
    const p = attention.projections;
    const projections = p.kind === 'fused' ? [p.qkv] : [p.q, p.k, p.v];
    const inner = mlp.kind === 'gated' ? [mlp.gate, mlp.up] : mlp.kind === 'plain' ? [mlp.up] : [mlp.gateUp];
    return [...projections, attention.out, ...inner, mlp.down];
  });
  return [spec.embedding.projectIn, ...inBlocks, spec.head.projectOut].filter((layer) => layer !== undefined);
}

/**
 * Names of the parameters that weight decay is for, as usual: of linear layers and the head, of tokens and positions;
 * not norms, nor biases.
 */
export const decaying = (spec: DecoderSpec): Set<string> =>
  new Set([
    ...linearLayers(spec).map(({ name }) => `${name}.weight`),
    spec.embedding.weight,
    spec.head.weight,
    ...(spec.positions ? [spec.positions.weight] : []),
  ]);

/** Every parameter of the model, name → shape as in the checkpoint; a tied head is not listed. */
export function parameters(spec: DecoderSpec): Map<string, readonly number[]> {
  const all = new Map<string, readonly number[]>();
  const norm = (n?: NormSpec): void => {
    if (!n) return;
    if (n.factor !== 'none') all.set(`${n.name}.weight`, [n.size]);
    if (n.bias) all.set(`${n.name}.bias`, [n.size]);
  };
  const headNorm = (n: HeadNormSpec | undefined, heads: number): void => {
    if (n?.over !== 'each') return norm(n?.norm);
    if (!n.apart) return void all.set(`${n.norm.name}.weight`, [heads, n.norm.size]);
    for (let h = 0; h < heads; h++) norm({ ...n.norm, name: `${n.norm.name}.norms.${h}` });
  };
  all.set(spec.embedding.weight, [spec.vocabSize, embeddingSize(spec)]);
  norm(spec.embedding.norm);
  if (spec.positions) all.set(spec.positions.weight, [spec.positions.size, spec.hidden]);
  for (const layer of spec.layers) {
    for (const n of [layer.attentionIn, layer.attentionOut, layer.mlpIn, layer.mlpOut]) norm(n);
    headNorm(layer.attention.qNorm, layer.attention.heads);
    headNorm(layer.attention.kNorm, layer.attention.kvHeads);
    if (layer.mlp.activation === 'xielu')
      for (const alpha of ['alpha_p', 'alpha_n']) all.set(`${layer.mlp.name}.act_fn.${alpha}`, [1]);
  }
  for (const linear of linearLayers(spec)) {
    all.set(`${linear.name}.weight`, linear.transposed ? [linear.in, linear.out] : [linear.out, linear.in]);
    if (linear.bias) all.set(`${linear.name}.bias`, [linear.out]);
  }
  norm(spec.finalNorm);
  if (!spec.head.tied) all.set(spec.head.weight, [spec.vocabSize, embeddingSize(spec)]);
  if (spec.head.bias) all.set(`${spec.head.name}.bias`, [spec.vocabSize]);
  return all;
}

/** How many numbers they are. */
export const weightsCount = (spec: DecoderSpec): number => sum([...parameters(spec).values()].map(elementsOf));
