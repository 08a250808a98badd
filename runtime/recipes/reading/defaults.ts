/** Training settings that suit a model, its data and the machine, for recipes that are written for people. */
import { linearLayers, type DecoderSpec } from '../../models/decoder/spec.js';
import type { TrainingDefaults } from '../../contract/modelInfo.js';
import { sum } from '../../contract/sum.js';

/** A security vector is an adapter that learns its few rows by heart. */
type TrainingMethod = 'lora' | 'full' | 'vector';

export interface TrainingFacts {
  /** Rows to learn from. */
  rows: number;
  /** Tokens of the longest row, as far as rows were looked at. */
  longest: number;
  parameters: number;
  spec: Pick<DecoderSpec, 'contextLength' | 'vocabSize'> & Parameters<typeof linearLayers>[0];
  method: TrainingMethod;
  /** Data files of which each step holds as many rows: harmful and ordinary ones, of a vector. */
  files?: number;
  /** Each step holds rows of an anchor, too. */
  anchored?: boolean;
  /** That the process may use, without weights that are mapped where these count. */
  memoryBytes: number;
}

/** A task of a few hundred rows is learned in about this many steps; a third of it may change nothing. */
const TASK = { steps: 150, mostEpochs: 5 };
/** A vector is delivered as it was at its best, so more steps do it no harm. */
const LENGTHS = {
  lora: TASK,
  full: TASK,
  vector: { steps: 250, mostEpochs: 10 },
};
/** An epoch has at least this many steps where the rows suffice: small data in large batches is no training. */
const STEPS_PER_EPOCH = 16;
/** Four rows of an anchor come to each step: in small batches they would take half of the time. */
const ANCHORED_STEPS_PER_EPOCH = 8;
const MOST_ROWS = 16;
/** Of the memory, besides what is trained, for activations: evaluation and buffers need the rest. */
const SHARE = 0.5;

/** Learning rates by the number of parameters, up to it: the larger the model, the smaller its steps. */
const RATES = [
  { upTo: 50e6, lora: 3e-3, full: 1e-3, vector: 1e-3 },
  { upTo: 500e6, lora: 2e-3, full: 5e-5, vector: 1e-3 },
  { upTo: 2e9, lora: 1e-3, full: 2e-5, vector: 1e-3 },
  { upTo: Infinity, lora: 5e-4, full: 1e-5, vector: 5e-4 },
] as const;

/** Those of full fine-tuning, for messages. */
export const fullRates = (): string =>
  RATES.map(({ upTo, full }, i) => {
    const models = upTo === Infinity ? 'more' : `up to ${upTo / 1e6} million${i === 0 ? ' parameters' : ''}`;
    return `${full} for ${models}`;
  }).join(', ');

const between = (low: number, value: number, high: number): number => Math.min(high, Math.max(low, value));

/**
 * Where memory is short, fewer rows are taken at once; none is left out for its length: whether a row fits is weighed
 * before the run.
 */
export function trainingDefaults(facts: TrainingFacts): TrainingDefaults {
  const { rows, parameters, spec, method, files = 1 } = facts;
  const { steps, mostEpochs } = LENGTHS[method];
  // Room for rows that were not looked at; rounded, so that the number reads as what it is.
  const maxTokens = between(32, Math.ceil((1.1 * facts.longest) / 32) * 32, spec.contextLength);
  const tokens = activationMemory(facts) / bytesPerToken(spec) / files;
  const least = facts.anchored ? ANCHORED_STEPS_PER_EPOCH : STEPS_PER_EPOCH;
  const together = 2 ** Math.floor(Math.log2(between(1, rows / least, MOST_ROWS)));
  const fit = 2 ** Math.floor(Math.log2(between(1, tokens / maxTokens, together)));
  const accumulate = together / fit;
  const perEpoch = Math.ceil(rows / together);
  return {
    batch: { rows: fit, ...(accumulate > 1 && { accumulate }), maxTokens },
    epochs: between(1, Math.round(steps / perEpoch), mostEpochs),
    learningRate: RATES.find(({ upTo }) => parameters <= upTo)![method],
  };
}

/** Besides weights that are trained, in float32, with their gradients and AdamW's two moments. */
const activationMemory = ({ memoryBytes, parameters, method }: TrainingFacts): number =>
  SHARE * (memoryBytes - (method === 'full' ? 4 * 4 * parameters : 0));

/** Float32 activations that the backward pass needs: about three of each linear layer's output, and of each logit. */
const bytesPerToken = (spec: TrainingFacts['spec']): number =>
  4 * 3 * (sum(linearLayers(spec).map(({ out }) => out)) + spec.vocabSize);
