import type { OptimizerOptions } from '../contract/recipeTraining.js';
import type { MemoryParts } from '../contract/estimate.js';
import { embeddingSize } from '../models/decoder/spec.js';
import { chunkOf, joining, roomFor, RUN_LIMITS } from '../evaluation/inference/limits.js';
import { inOrder, type LOSS_BATCH } from '../learner/packing.js';
import type { Dims, MemoryPeak } from '../onnx/cost.js';
import type { PlannedGraph, TrainingGraphs } from './graphs.js';
import { weightsCount, type PlannedModel } from './model.js';
import type { BatchSizes, MicroBatch, RowSize } from './rows.js';

/** Bytes of the program with onnxruntime, and of what it makes of each node of a graph. */
const PROGRAM = 190e6;
const PROGRAM_PER_NODE = 8e3;
/** At most, of what the base's head takes of rows with a teacher: E numbers of each token (learner/teacher.ts). */
const TEACHER_BYTES = 256 * 2 ** 20;

export interface MemoryOptions {
  readonly model: PlannedModel;
  readonly method: 'lora' | 'full';
  /** Numbers of each adapter; with LoRA the first is trained. */
  readonly adapters: readonly number[];
  readonly graphs: TrainingGraphs;
  readonly batches: readonly MicroBatch[];
  /** A batch whose losses alone are measured, if any are. */
  readonly losses?: Pick<MicroBatch, 'dims' | 'pieces'>;
  /** Batches that are measured while training, with gradients. */
  readonly probes?: readonly MicroBatch[];
  /** Of the recipe's optimizer. */
  readonly moments?: OptimizerOptions['moments'];
  /** Whether gradients of several micro-batches are added up. */
  readonly adds?: boolean;
  /** Tokens that have a teacher. */
  readonly taught?: number;
}

/** Memory of a training when it is highest, bytes by part. */
export function trainingMemory(options: MemoryOptions): MemoryParts {
  const { model, method, graphs, batches, losses, probes = [], adds = false, taught = 0, moments } = options;
  const full = method === 'full';
  const [own = 0, ...others] = full ? [weightsCount(model), ...options.adapters] : options.adapters;
  const frozen = others.reduce((all, size) => all + size, 0);
  const trained = [...batches, ...probes].map((batch) => ({ graph: graphs.gradient(batch), dims: batch.dims }));
  const candidates = largest(trained).map(peakOf);
  if (losses) candidates.push(peakOf({ graph: graphs.loss(losses), dims: losses.dims }));
  const peak = highest(candidates);
  const { parameters: pieces = 0, logits = 0, activations = 0 } = peak.parts;
  const nodes = new Set(batches.map((batch) => graphs.gradient(batch)));
  return {
    weights: full ? 4 * own : model.bytes,
    // What is trained; of a full training, which has it above, the gradients, which are kept from step to step.
    adapters: 4 * own * (full && adds ? 2 : 1) + 4 * frozen + pieces,
    moments: (moments === '8bit' ? 2 : 8) * own,
    activations: activations + Math.min(TEACHER_BYTES, 4 * embeddingSize(model.spec) * taught),
    logits,
    program: PROGRAM + PROGRAM_PER_NODE * [...nodes].reduce((all, graph) => all + graph.nodes, 0),
  };
}

export interface AnsweringOptions extends Pick<MemoryOptions, 'model' | 'adapters' | 'graphs' | 'losses'> {
  /** Tokens of each prompt. */
  readonly prompts: readonly number[];
  /** How many are answered together, and how many tokens an answer has at most. */
  readonly together: number;
  readonly newTokens: number;
}

/** The same of a model that answers prompts, and whose losses are measured, when nothing is trained. */
export function answeringMemory(options: AnsweringOptions): MemoryParts {
  const { model, adapters, graphs, losses } = options;
  const answers = answerBatches(options).map(({ dims, cached }) => ({ graph: graphs.answer(), dims, cached }));
  const candidates = largest(answers).map((run): MemoryPeak => {
    const { bytes, parts } = peakOf(run);
    return { bytes: bytes + run.cached, parts: { ...parts, activations: (parts.activations ?? 0) + run.cached } };
  });
  if (losses) candidates.push(peakOf({ graph: graphs.loss(losses), dims: losses.dims }));
  const { parameters: pieces = 0, logits = 0, activations = 0 } = highest(candidates).parts;
  const opened = [...(answers.length > 0 ? [graphs.answer()] : []), ...(losses ? [graphs.loss(losses)] : [])];
  return {
    weights: model.bytes,
    adapters: 4 * adapters.reduce((all, size) => all + size, 0) + pieces,
    moments: 0,
    activations,
    logits,
    program: PROGRAM + PROGRAM_PER_NODE * opened.reduce((all, graph) => all + graph.nodes, 0),
  };
}

/** Runs that read prompts, and one that answers the longest; with the bytes of the cache that is there already. */
function answerBatches({ model, prompts, together, newTokens }: AnsweringOptions): { dims: Dims; cached: number }[] {
  const position = model.spec.layers.reduce((all, { attention: a }) => all + 8 * a.kvHeads * a.headDim, 0);
  const rowsOf = (length: number): number => Math.min(together, prompts.length, roomFor(length, RUN_LIMITS));
  const sorted = [...prompts].sort((a, b) => a - b);
  const found = [];
  for (let at = 0; at < sorted.length;) {
    const B = joining(sorted.slice(at, at + together), { rows: 0, longest: 0 }, RUN_LIMITS);
    at += B;
    const length = sorted[at - 1];
    const S = length + 1;
    const T = chunkOf(B, length, S, RUN_LIMITS);
    found.push({ dims: { B, T, P: S - T, S, L: B }, cached: position * rowsOf(length) * S });
  }
  const longest = sorted.at(-1);
  if (longest === undefined) return [];
  const [B, P] = [rowsOf(longest), longest + newTokens];
  found.push({ dims: { B, T: 1, P, S: P + 1, L: B }, cached: position * B * P });
  return found;
}

interface PlannedRun {
  readonly graph: PlannedGraph;
  readonly dims: Dims;
}

/** The runs that may need most memory: what a graph keeps grows as what it moves. */
function largest<R extends PlannedRun>(runs: readonly R[]): R[] {
  const found = new Map(
    runs.map((run) => [JSON.stringify(run.dims), { run, moved: run.graph.work(run.dims).moved }] as const),
  );
  const sorted = [...found.values()].sort((a, b) => b.moved - a.moved);
  return sorted.slice(0, 2).map(({ run }) => run);
}

/** The last block of queries meets all keys. */
const peakOf = ({ graph, dims }: PlannedRun): MemoryPeak => graph.memory({ ...dims, J: dims.T });
const highest = (peaks: readonly MemoryPeak[]): MemoryPeak => peaks.reduce((a, b) => (b.bytes > a.bytes ? b : a));

/** Sizes of the longest rows as a batch that is measured. */
export function longestRows(sizes: readonly RowSize[], most: typeof LOSS_BATCH): BatchSizes {
  const sorted = [...sizes].sort((a, b) => b.tokens - a.tokens);
  const rows = inOrder(sorted, (row) => row.tokens, most)[0];
  const labels = rows.reduce((all, { supervised }) => all + supervised, 0);
  return { rows: rows.length, longest: rows[0].tokens, labels, held: 0 };
}
