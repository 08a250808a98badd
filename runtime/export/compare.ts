/** What was written is read back, and its logits are compared with those of the model it came from. */
import { flatInput, inject, scaleInput } from '../adapters/inject.js';
import { HumanError } from '../support/errors.js';
import type { ActiveAdapter } from '../evaluation/inference/states.js';
import { buildDecoder } from '../models/decoder/decoder.js';
import type { ModelFolder } from '../models/weights/modelFolder.js';
import type { DecoderSpec } from '../models/decoder/spec.js';
import { loadTokenizer } from '../models/text/tokenizer.js';
import { frozenWeights, weightsFolder } from '../models/decoder/weights.js';
import { checkGraph, prune } from '../onnx/check.js';
import { Builder } from '../onnx/graph.js';
import { numbersIn } from '../contract/format.js';
import { random } from '../support/random.js';
import { float32, int64, type Backend, type Feeds } from '../device/session.js';

/** B rows of T tokens, without padding. */
export interface Probe {
  readonly B: number;
  readonly T: number;
  /** [B, T] */
  readonly ids: readonly number[];
}

/** Longer than the windows of small models, short enough for large vocabularies. */
const TOKENS = 24;

/** What a trained model knows; on random tokens rounding shows several times as much. */
const ROWS = [
  'The quick brown fox jumps over the lazy dog, and then it sleeps under a tree until the evening comes and the moon is up.',
  'To make tea, boil some water, put the leaves into a warm pot, pour the water over them, wait three minutes and serve it.',
  'def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    return total / len(values)\n\nprint(mean([1, 2, 3]))',
];

/** Rows of text that fit both models' contexts; of random tokens where the model has no tokenizer that can be read. */
export async function probe(
  { spec, model }: { spec: DecoderSpec; model: Pick<ModelFolder, 'folder' | 'hasTokenizer'> },
  contextLength = spec.contextLength,
): Promise<Probe> {
  const T = Math.min(TOKENS, spec.contextLength, contextLength);
  const B = ROWS.length;
  const rng = random('export');
  const tokenizer = model.hasTokenizer ? await readable(loadTokenizer(model.folder)) : undefined;
  const rows = ROWS.map((text) => {
    const ids = tokenizer?.encode(text).filter((id) => id < spec.vocabSize) ?? [];
    return Array.from({ length: T }, (_, t) => ids[t % ids.length] ?? rng.int(spec.vocabSize));
  });
  return { B, T, ids: rows.flat() };
}

/** A tokenizer of a kind that is not read here is copied with the model all the same. */
const readable = <T>(tokenizer: Promise<T>): Promise<T | undefined> =>
  tokenizer.catch((error: unknown) => {
    if (error instanceof HumanError) return undefined;
    throw error;
  });

export interface Subject {
  readonly spec: DecoderSpec;
  readonly model: Pick<ModelFolder, 'folder' | 'tensors' | 'packed' | 'beside'>;
  readonly adapters: readonly ActiveAdapter[];
}

/** Logits [B, T, V] of a model with its adapters. */
export async function logitsOf(
  backend: Backend,
  { spec, model, adapters }: Subject,
  { B, T, ids }: Probe,
): Promise<Float32Array> {
  const g = new Builder('logits');
  const decoder = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
  g.outputAs('logits', decoder.logits(decoder.hidden));
  const graph = checkGraph(prune(inject(g.graph(), adapters, backend.maxSplitOutputs)));
  const session = await backend.session(graph, { folder: weightsFolder(model) });
  try {
    const feeds: Feeds = {
      input_ids: int64(ids, [B, T]),
      attention_mask: int64(new Array<number>(B * T).fill(1), [B, T]),
      position_ids: int64(positions(B, 0, T), [B, T]),
    };
    for (const { name, flat, scale } of adapters) {
      feeds[flatInput(name)] = float32(flat, [flat.length]);
      feeds[scaleInput(name)] = float32(new Float32Array(B).fill(scale), [B]);
    }
    const out = await session.run(feeds);
    return await backend.read(out.logits);
  } finally {
    await session.dispose();
  }
}

/** Positions from … to − 1 for each of B rows. */
export const positions = (B: number, from: number, to: number): number[] =>
  Array.from({ length: B }, () => Array.from({ length: to - from }, (_, t) => from + t)).flat();

/**
 * Root mean square of the difference as a share of how much the logits [n, V] vary around each row's mean.
 * Not a number where either has one that is none.
 */
export function differenceOf(before: Float32Array, after: Float32Array, V: number): number {
  if (before.length !== after.length) return NaN;
  let difference = 0;
  let scale = 0;
  for (let row = 0; row < before.length; row += V) {
    let mean = 0;
    for (let v = 0; v < V; v++) mean += before[row + v] / V;
    for (let v = 0; v < V; v++) {
      difference += (after[row + v] - before[row + v]) ** 2;
      scale += (before[row + v] - mean) ** 2;
    }
  }
  return difference === 0 ? 0 : Math.sqrt(difference / scale);
}

/**
 * What rounding to a type may change, as `differenceOf` measures it: several times what was seen on real models (F16
 * 0.2 %, Q8_0 6 %). A tensor that is wrong, exchanged or forgotten gives several tenths.
 */
const TOLERANCE: Readonly<Record<string, number>> = { F64: 2e-4, F32: 2e-4, F16: 2e-2, BF16: 1e-1, Q8_0: 2e-1 };

/** @throws HumanError when the logits differ by more than the type's rounding explains */
export function requireAlike(
  before: Float32Array,
  after: Float32Array,
  V: number,
  type: string,
  place: string,
): number {
  const difference = differenceOf(before, after, V);
  if (difference <= (TOLERANCE[type] ?? 0)) return difference;
  const much = Number.isNaN(difference)
    ? 'are not comparable with'
    : `differ by ${numbersIn().percent(difference)} from`;
  throw new HumanError(`the logits of the export ${much} the model's; the export was removed.`, {
    place,
    kind: 'failed',
    remedy:
      type === 'F32' || type === 'F64'
        ? 'This is a bug in the export: please report it.'
        : `${type} may be too coarse for this model: export as GGUF, F32 (--format gguf --quantization F32). If it happens there too, report it.`,
  });
}
