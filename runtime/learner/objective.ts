import { inject, type InjectedAdapter } from '../adapters/inject.js';
import { backward } from '../autodiff/backward.js';
import { crossEntropy } from '../losses/crossEntropy.js';
import { distillation } from '../losses/distillation.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
import { buildDecoder } from '../models/decoder/decoder.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import { frozenWeights, trainableWeights } from '../models/decoder/weights.js';
import { checkGraph, prune } from '../onnx/check.js';
import { Builder, type FloatType, type Graph, type Value } from '../onnx/graph.js';
import { Add, Gather, LogSoftmax } from '../onnx/ops.js';

export interface ObjectiveOptions {
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors'>;
  /** Adapters in the graph; inputs `adapter.<name>` and `scale.<name>`. */
  readonly adapters: readonly InjectedAdapter[];
  /** Base weights as inputs, by their own names (full fine-tuning), instead of read in place. */
  readonly weightsAsInputs?: boolean;
  /** Whether some rows have a teacher (KL). */
  readonly distill?: boolean;
  readonly float?: FloatType;
  /** Most outputs of one Split that the device takes. */
  readonly maxSplitOutputs?: number;
}

/**
 * Forward graph with its loss: packing.ts's inputs → `nll` [L], `loss` [] = Σ weights·nll + Σ weights·KL, and `kl` [M].
 * Only supervised positions reach the vocabulary projection.
 */
export function lossGraph(options: ObjectiveOptions): Graph {
  const { spec, model, adapters, weightsAsInputs = false, distill = false, float } = options;
  const g = new Builder('loss', { float });
  const weight = weightsAsInputs ? trainableWeights(g, model.tensors) : frozenWeights(g, model.tensors);
  const decoder = buildDecoder(g, spec, weight, { cache: false });
  const targets = g.input('targets', 'int64', ['L']);
  const ids = g.input('target_ids', 'int64', ['L']);
  const weights = g.input('target_weights', g.float, ['L']);
  const ce = g.scope('loss', () => crossEntropy(g, decoder.logits(Gather(g, decoder.hidden, targets)), ids, weights));
  let loss = ce.loss;
  g.outputAs('nll', ce.nll);
  if (distill) {
    const klTargets = g.input('kl_targets', 'int64', ['M']);
    const klWeights = g.input('kl_weights', g.float, ['M']);
    const teacher = g.input('teacher', g.float, ['M', spec.vocabSize]);
    const kl = g.scope('loss', () =>
      distillation(g, decoder.logits(Gather(g, decoder.hidden, klTargets)), teacher, klWeights),
    );
    g.outputAs('kl', kl.kl);
    loss = Add(g, loss, kl.loss);
  }
  g.outputAs('loss', loss);
  return checkGraph(prune(inject(g.graph(), adapters, options.maxSplitOutputs)));
}

export const gradientOutput = (input: string): string => `grad.${input}`;

/** The loss graph with gradients of the named inputs as outputs `grad.<input>`. `nll`, `kl` and `loss` stay outputs. */
export function gradientGraph(options: ObjectiveOptions, wrt: readonly string[]): Graph {
  const forward = lossGraph(options);
  const byName = new Map(forward.inputs.map((v) => [v.name, v]));
  const values = wrt.map((name): Value => {
    const value = byName.get(name);
    if (!value) throw new Error(`the graph has no input "${name}" to take a gradient of`);
    return value;
  });
  const loss = forward.outputs.find((v) => v.name === 'loss')!;
  return backward(forward, loss, values, { names: wrt.map(gradientOutput) }).graph;
}

/** Log-probabilities of the model at `targets` [L]: `log_probs` [L, V]. The teacher of the KL terms. */
export function logProbsGraph(options: Omit<ObjectiveOptions, 'distill'>): Graph {
  const g = new Builder('log-probs', { float: options.float });
  const decoder = buildDecoder(g, options.spec, frozenWeights(g, options.model.tensors), {
    cache: false,
  });
  const targets = g.input('targets', 'int64', ['L']);
  g.outputAs('log_probs', LogSoftmax(g, decoder.logits(Gather(g, decoder.hidden, targets))));
  return checkGraph(prune(inject(g.graph(), options.adapters, options.maxSplitOutputs)));
}
