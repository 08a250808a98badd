import { inject, type Injected } from '../adapters/inject.js';
import { backward } from '../autodiff/backward.js';
import type { SegmentOf } from '../autodiff/reread.js';
import { piecesOf, type Pieces } from './cut.js';
import { crossEntropy, negativeLogLikelihood } from '../losses/crossEntropy.js';
import { distillation, divergence } from '../losses/distillation.js';
import { drift } from '../losses/drift.js';
import { embeddingSize, type DecoderSpec } from '../models/decoder/spec.js';
import { buildDecoder } from '../models/decoder/decoder.js';
import { openHead } from '../models/decoder/head.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { frozenWeights, trainableWeights } from '../models/decoder/weights.js';
import { checkGraph, prune } from '../onnx/check.js';
import { Builder, type FloatType, type Graph, type Value } from '../onnx/graph.js';
import { Add, Concat, Gather, LogSoftmax, MatMul, Reshape, Slice } from '../onnx/ops.js';
import { Scan, type Scanned } from '../onnx/scan.js';
import { product } from '../onnx/shapes.js';

const WHOLE = piecesOf({});

export interface ObjectiveOptions {
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed' | 'beside'>;
  /** Adapters in the graph; inputs `adapter.<name>` and `scale.<name>`. */
  readonly adapters: readonly Injected[];
  /** Base weights as inputs, by their own names (full fine-tuning), instead of read in place. */
  readonly weightsAsInputs?: boolean;
  /** Whether some rows have a teacher (KL). */
  readonly distill?: boolean;
  /** Of batches that are cut (cut.ts): attention goes in blocks of queries, head and losses in chunks of positions. */
  readonly pieces?: Pieces;
  /** Whether what is inside a block is computed again in the backward pass, instead of kept for it. */
  readonly recompute?: boolean;
  readonly float?: FloatType;
  /** Most outputs of one Split that the device takes. */
  readonly maxSplitOutputs?: number;
}

/**
 * Forward graph with its loss: packing.ts's inputs → `nll` [L], `loss` [] = Σ weights·nll + Σ weights·huber(nll − held)
 * + Σ weights·KL + Σ weights·ρ(KL) (distillation.ts), and `kl` [M]. Only supervised positions reach the vocabulary
 * projection. In chunks `nll` is [X, L], `kl` [Y, M].
 */
export function lossGraph(options: ObjectiveOptions): Graph {
  const { spec, model, adapters, weightsAsInputs = false, distill = false, pieces = WHOLE, float } = options;
  const g = new Builder('loss', { float });
  const weight = weightsAsInputs ? trainableWeights(g, model.tensors) : frozenWeights(g, model);
  const decoder = buildDecoder(g, spec, weight, { cache: false, blocks: pieces.attention });
  const head = openHead(g, spec, weight, true);

  const ofLabels = pieces.head ? ['X', 'L'] : ['L'];
  const targets = g.input('targets', 'int64', ofLabels);
  const ids = g.input('target_ids', 'int64', ofLabels);
  const weights = g.input('target_weights', g.float, ofLabels);
  const heldAt = g.input('held_at', g.float, ofLabels);
  const heldWeights = g.input('held_weights', g.float, ofLabels);
  const ce = inChunks(
    g,
    pieces.head,
    [Gather(g, decoder.hidden, targets), ids, weights, heldAt, heldWeights],
    head.weights,
    (b, [rows, ids, weights, heldAt, heldWeights], given) => {
      const { nll, loss } = crossEntropy(b, head.logits(b, rows, given), ids, weights);
      return { sums: [Add(b, loss, drift(b, nll, heldAt, heldWeights))], stacked: [nll] };
    },
  );
  let [loss] = ce.sums;
  g.outputAs('nll', ce.stacked[0]);

  if (distill) {
    const held = pieces.head ? ['Y', 'M'] : ['M'];
    const klTargets = g.input('kl_targets', 'int64', held);
    const klWeights = g.input('kl_weights', g.float, held);
    const looseWeights = g.input('loose_weights', g.float, held);
    const teacher = g.input('teacher', g.float, [...held, embeddingSize(spec)]);
    const base = weightsAsInputs ? openHead(g, spec, frozenWeights(g, model, 'base/'), true) : head;
    const parts = [Gather(g, decoder.hidden, klTargets), teacher, klWeights, looseWeights];
    const kl = inChunks(
      g,
      pieces.head,
      parts,
      [...head.weights, ...base.weights],
      (b, [rows, teacher, weights, loose], both) => {
        const [own, others] = [both.slice(0, head.weights.length), both.slice(head.weights.length)];
        const wanted = LogSoftmax(b, base.logits(b, teacher, others));
        const { kl, loss } = distillation(b, head.logits(b, rows, own), wanted, weights, loose);
        return { sums: [loss], stacked: [kl] };
      },
    );
    g.outputAs('kl', kl.stacked[0]);
    loss = Add(g, loss, kl.sums[0]);
  }
  g.outputAs('loss', loss);
  return checkGraph(prune(inject(g.graph(), adapters, options.maxSplitOutputs)));
}

/**
 * What adapters change at the supervised positions: `nll` [L] with them, `base_nll` [L] without any, and `kl` [L],
 * KL(base ‖ with them). What the base's head takes there is the input `teacher` [L, E] (teacherGraph). In chunks each
 * is [X, L].
 */
export function comparisonGraph(options: ObjectiveOptions): Graph {
  const { spec, model, adapters, weightsAsInputs = false, pieces = WHOLE, float } = options;
  const g = new Builder('comparison', { float });
  const weight = weightsAsInputs ? trainableWeights(g, model.tensors) : frozenWeights(g, model);
  const decoder = buildDecoder(g, spec, weight, { cache: false, blocks: pieces.attention });
  const head = openHead(g, spec, weight, true);
  const base = weightsAsInputs ? openHead(g, spec, frozenWeights(g, model, 'base/'), true) : head;
  const ofLabels = pieces.head ? ['X', 'L'] : ['L'];
  const targets = g.input('targets', 'int64', ofLabels);
  const ids = g.input('target_ids', 'int64', ofLabels);
  const teacher = g.input('teacher', g.float, [...ofLabels, embeddingSize(spec)]);
  const { stacked } = inChunks(
    g,
    pieces.head,
    [Gather(g, decoder.hidden, targets), teacher, ids],
    [...head.weights, ...base.weights],
    (b, [rows, teacher, ids], both) => {
      const now = LogSoftmax(b, head.logits(b, rows, both.slice(0, head.weights.length)));
      const before = LogSoftmax(b, base.logits(b, teacher, both.slice(head.weights.length)));
      const [nll, without] = [now, before].map((logProbs) => negativeLogLikelihood(b, logProbs, ids));
      return { sums: [], stacked: [nll, without, divergence(b, now, before)] };
    },
  );
  ['nll', 'base_nll', 'kl'].forEach((name, i) => g.outputAs(name, stacked[i]));
  return checkGraph(prune(inject(g.graph(), adapters, options.maxSplitOutputs)));
}

/** What a body makes of values and weights: of all at once, or of one chunk of the values after the other. */
const inChunks = (
  g: Builder,
  chunks: boolean,
  values: readonly Value[],
  weights: readonly Value[],
  body: (b: Builder, values: readonly Value[], weights: readonly Value[]) => Scanned,
): Scanned =>
  g.scope('loss', () => (chunks ? Scan(g, { slices: values, whole: weights }, body) : body(g, values, weights)));

export const gradientOutput = (input: string): string => `grad.${input}`;

export const sumInput = (input: string): string => `sum.${input}`;

/**
 * The loss graph with gradients of the named inputs as outputs `grad.<input>`. `nll`, `kl` and `loss` stay outputs.
 * With `adds` gradients are added to further inputs `sum.<input>`, each as soon as it is there.
 */
export function gradientGraph(options: ObjectiveOptions & { readonly adds?: boolean }, wrt: readonly string[]): Graph {
  const loss = lossGraph(options);
  const byName = new Map(loss.inputs.map((v) => [v.name, v]));
  const values = wrt.map((name): Value => {
    const value = byName.get(name);
    if (!value) throw new Error(`the graph has no input "${name}" to take a gradient of`);
    return value;
  });
  const onto = options.adds ? wrt.map(sumInput) : [];
  const segmentOf = options.recompute ? blockOf(options.spec) : undefined;
  const names = wrt.map(gradientOutput);
  const total = loss.outputs.find((v) => v.name === 'loss')!;
  return backward(loss, total, values, { names, segmentOf, onto }).graph;
}

/** The block that a node is in, by the name of its module. */
function blockOf({ layers }: DecoderSpec): SegmentOf {
  const names = new Set(layers.map(({ name }) => name));
  const segments = new Map<string, string | undefined>();
  return ({ name }) => {
    if (!segments.has(name)) {
      const parts = name.split('.');
      segments.set(
        name,
        parts.map((_, i) => parts.slice(0, i + 1).join('.')).find((start) => names.has(start)),
      );
    }
    return segments.get(name);
  };
}

/**
 * What the base's head takes at `targets` [L]: `hidden` [L, E]. The teacher of the KL terms. `probed`: what a linear
 * probe says there, too, `probe` [L], of its weights, the input `probe_weights` [K, C, 1] (probedLayers).
 */
export function teacherGraph({
  spec,
  model,
  pieces = WHOLE,
  probed = false,
}: Pick<ObjectiveOptions, 'spec' | 'model' | 'pieces'> & { readonly probed?: boolean }): Graph {
  const g = new Builder('teacher');
  const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: false, blocks: pieces.attention });
  const targets = g.input('targets', 'int64', pieces.head ? ['X', 'L'] : ['L']);
  g.outputAs('hidden', Gather(g, decoder.hidden, targets));
  if (probed) {
    const layers = probedLayers(spec);
    const weights = g.input('probe_weights', g.float, [layers.length, spec.hidden, 1]);
    const parts = statesAt(g, decoder.hiddenStates, layers, targets).map((states, k) =>
      MatMul(g, states, Reshape(g, Slice(g, weights, 0, k, k + 1), [spec.hidden, 1])),
    );
    g.outputAs(
      'probe',
      parts.reduce((a, b) => Add(g, a, b)),
    );
  }
  return checkGraph(prune(g.graph()));
}

/** What leaves the probed layers of the base at `targets` [L]: `states` [L, K·C]. In chunks each is [X, L, K·C]. */
export function statesGraph({
  spec,
  model,
  pieces = WHOLE,
}: Pick<ObjectiveOptions, 'spec' | 'model' | 'pieces'>): Graph {
  const g = new Builder('states');
  const { hiddenStates } = buildDecoder(g, spec, frozenWeights(g, model), { cache: false, blocks: pieces.attention });
  const targets = g.input('targets', 'int64', pieces.head ? ['X', 'L'] : ['L']);
  g.outputAs('states', Concat(g, statesAt(g, hiddenStates, probedLayers(spec), targets), -1));
  return checkGraph(prune(g.graph()));
}

/** Of so many layers a probe reads the hidden states, at most. */
const PROBED_LAYERS = 8;

/** Which layers a linear probe reads, evenly spaced, the last one included: 1 is the first one. */
export function probedLayers({ layers: { length } }: Pick<DecoderSpec, 'layers'>): number[] {
  const count = Math.min(PROBED_LAYERS, length);
  return Array.from({ length: count }, (_, k) => Math.ceil(((k + 1) * length) / count));
}

/** What leaves these layers at `targets`, each with the axes of targets and C. */
const statesAt = (g: Builder, states: readonly Value[], layers: readonly number[], targets: Value): Value[] =>
  layers.map((layer) => {
    const state = states[layer];
    return Gather(g, Reshape(g, state, [product(state.shape.slice(0, -1)), state.shape.at(-1)!]), targets);
  });
