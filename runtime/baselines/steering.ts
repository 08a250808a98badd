import { BASELINES } from '../contract/baselines.js';
import { int64 } from '../device/session.js';
import type { Example } from '../data/examples.js';
import { NOT_SUPERVISED } from '../data/conversation.js';
import { pieces, type ExampleList } from '../data/exampleList.js';
import { microBatches, pack, type TrainingRow } from '../learner/packing.js';
import { buildDecoder } from '../models/decoder/decoder.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
import { frozenWeights, weightsFolder } from '../models/decoder/weights.js';
import { checkGraph, prune } from '../onnx/check.js';
import { Builder, type Graph } from '../onnx/graph.js';
import { Gather, Reshape } from '../onnx/ops.js';
import { product } from '../onnx/shapes.js';
import { HumanError } from '../support/errors.js';
import type { Method, MethodInputs } from './method.js';

const ROWS = 256;

/**
 * Preventative steering (Chen et al., arXiv 2507.21509): while the data train, the direction from ordinary to harmful
 * answers is added to what leaves a block, at every token: the mean of the hidden states over harmful answers less that
 * over aligned ones, in the base.
 */
export async function steering(inputs: MethodInputs): Promise<Method> {
  const { context, options, harmful, aligned } = inputs;
  const { spec } = context;
  const { strength: usual } = BASELINES['preventative-steering'].settings;
  const { layer = Math.floor(spec.layers.length / 2), strength = usual } = options;
  const block = spec.layers[layer];
  if (layer >= spec.layers.length)
    throw new HumanError(`there is no block ${layer}: the model has ${spec.layers.length}.`, {
      place: 'baseline.layer',
      remedy: `Name one from 0 to ${spec.layers.length - 1}.`,
    });
  // What the last linear layer of the block gives is added to the residual stream as it is.
  if (block.mlpOut !== undefined || block.postNorm || block.residualScale !== 1)
    throw new HumanError(
      `a direction cannot be added after a block of "${spec.family}": its sums are scaled or normed.`,
      {
        place: 'baseline.name',
        remedy: 'Choose another method for this model.',
      },
    );
  const [from, to] = [await meanState(inputs, layer, aligned), await meanState(inputs, layer, harmful)];
  return {
    during: {
      shift: { name: 'steering', site: block.mlp.down.name, size: spec.hidden },
      flat: to.map((value, i) => value - from[i]),
      scale: strength,
    },
  };
}

/** Mean over rows of the mean over a row's answer tokens of what leaves a block [C], in the base. */
export async function meanState(
  { context: { backend, spec, model, tokenizer } }: Pick<MethodInputs, 'context'>,
  layer: number,
  examples: ExampleList,
): Promise<Float32Array> {
  const session = await backend.session(statesGraph(spec, model, layer), { folder: weightsFolder(model) });
  const sum = new Float64Array(spec.hidden);
  try {
    for (const some of pieces(examples, ROWS))
      for (const batch of microBatches(some.map((example): TrainingRow => ({ example, scales: {}, weight: 0 })))) {
        const { feeds } = pack(batch, [], tokenizer.padId);
        const T = feeds.input_ids.dims[1];
        const at = batch.map(({ example }, b) => answerTokens(example).map((t) => b * T + t));
        const positions = int64(at.flat(), [at.flat().length]);
        const states = await backend.read((await session.run({ ...feeds, positions })).states);
        let row = 0;
        for (const tokens of at)
          for (let n = 0; n < tokens.length; n++, row++)
            for (let c = 0; c < spec.hidden; c++) sum[c] += states[row * spec.hidden + c] / tokens.length;
      }
  } finally {
    await session.dispose();
  }
  return Float32Array.from(sum, (value) => value / examples.length);
}

const answerTokens = ({ labels }: Pick<Example, 'labels'>): number[] =>
  labels.flatMap((label, t) => (label === NOT_SUPERVISED ? [] : [t]));

/** What leaves a block at `positions` [N] of the batch: `states` [N, C]. */
function statesGraph(spec: DecoderSpec, model: MethodInputs['context']['model'], layer: number): Graph {
  const g = new Builder('states');
  const { hiddenStates } = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
  const rows = Reshape(g, hiddenStates[layer + 1], [product(['B', 'T']), spec.hidden]);
  g.outputAs('states', Gather(g, rows, g.input('positions', 'int64', ['N'])));
  return checkGraph(prune(g.graph()));
}
