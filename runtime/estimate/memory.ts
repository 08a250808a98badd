import type { OptimizerOptions } from '../contract/recipeTraining.js';
import type { MemoryParts } from '../contract/estimate.js';
import { sum } from '../contract/sum.js';
import { embeddingSize, weightsCount, windowsOf } from '../models/decoder/spec.js';
import { chunkOf, joining, longestOf, positionBytes, roomFor, runLimits } from '../evaluation/inference/limits.js';
import { inOrder, type LOSS_BATCH } from '../learner/packing.js';
import { TEACHER_BYTES } from '../learner/teacher.js';
import type { Dims, MemoryPeak } from '../onnx/cost.js';
import type { PlannedGraph, TrainingGraphs } from './graphs.js';
import type { PlannedModel } from './model.js';
import { atLastBlock, type BatchSizes, type MicroBatch, type RowSize } from './rows.js';

/**
 * Bytes of the program with onnxruntime, and of what it makes of each node of a graph. No measurement of them alone is
 * kept: docs/performance.md (Memory) compares whole estimates with what trainings took.
 */
const PROGRAM = 190e6;
const PROGRAM_PER_NODE = 8e3;

interface MemoryOptions {
  readonly model: PlannedModel;
  readonly method: 'lora' | 'full';
  /** Numbers of each adapter; with LoRA the first is trained. */
  readonly adapters: readonly number[];
  readonly graphs: TrainingGraphs;
  readonly batches: readonly MicroBatch[];
  /** Of the longest rows, which those may be without. */
  readonly longest?: readonly MicroBatch[];
  /** A batch whose losses alone are measured, if any are. */
  readonly losses?: Pick<MicroBatch, 'dims' | 'pieces'>;
  /** Batches that are measured while training, with gradients. */
  readonly probes?: readonly MicroBatch[];
  /** Of the recipe's optimizer. */
  readonly moments?: OptimizerOptions['moments'];
  /** Whether a step has several micro-batches; those of a full training have a graph of their own (learner.ts). */
  readonly adds?: boolean;
  /** Whether a graph has the nodes of each piece. */
  readonly unrolled?: boolean;
  /** Tokens that have a teacher. */
  readonly taught?: number;
}

/** Memory of a training when it is highest, bytes by part. */
export function trainingMemory(options: MemoryOptions): MemoryParts {
  const {
    model,
    method,
    graphs,
    batches,
    longest = [],
    losses,
    probes = [],
    adds = false,
    unrolled = false,
    taught = 0,
    moments,
  } = options;
  const full = method === 'full';
  const [own = 0, ...others] = full ? [weightsCount(model.spec), ...options.adapters] : options.adapters;
  const frozen = sum(others);
  const planned = (batch: MicroBatch): PlannedRun[] =>
    (full && adds ? [false, true] : [false]).map((isSum) => ({
      graph: graphs.gradient({ ...batch, adds: isSum }),
      dims: batch.dims,
    }));
  const trained = [...batches, ...probes].flatMap(planned);
  const candidates = [...largest(trained), ...largest(longest.flatMap(planned))].map(peakOf(model));
  if (losses) candidates.push(peakOf(model)({ graph: graphs.loss(losses), dims: losses.dims }));
  const peak = highest(candidates);
  const { weights: unpacked = 0, parameters: pieces = 0, logits = 0, activations = 0 } = peak.parts;
  const runs = [...batches, ...longest].flatMap(planned);
  /** Nodes of the graphs that are loaded, of an unrolled one those of all pieces. */
  const nodes = new Map<PlannedGraph, number>();
  for (const { graph, dims } of runs)
    nodes.set(graph, Math.max(nodes.get(graph) ?? 0, unrolled ? graph.work(dims).nodes : graph.nodes));
  return {
    weights: (full ? 4 * own : model.bytes) + unpacked,
    // What is trained; of a full training, which has it above, the gradients, which are kept from step to step.
    adapters: 4 * own + 4 * frozen + pieces,
    moments: (moments === '8bit' ? 2 : 8) * own,
    // with what the base's head takes of rows with a teacher: E numbers of each token
    activations: activations + Math.min(TEACHER_BYTES, 4 * embeddingSize(model.spec) * taught),
    logits,
    program: PROGRAM + PROGRAM_PER_NODE * sum(nodes.values()),
  };
}

interface AnsweringOptions extends Pick<MemoryOptions, 'model' | 'adapters' | 'graphs' | 'losses'> {
  /** Tokens of each prompt. */
  readonly prompts: readonly number[];
  /** How many are answered together, and how many tokens an answer has at most. */
  readonly together: number;
  readonly newTokens: number;
}

/** The same of a model that answers prompts, and whose losses are measured, when nothing is trained. */
export function answeringMemory(options: AnsweringOptions): MemoryParts {
  const { model, adapters, graphs, losses } = options;
  const answers = answerRuns(options).map((run) => ({ ...run, graph: graphs.answer() }));
  const reading = answers.filter(({ dims }) => dims.T > 1);
  const longest = [...answers].sort((a, b) => b.past + b.present - a.past - a.present).slice(0, 1);
  const candidates = [...largest(reading), ...longest].map(({ past, present, ...run }): MemoryPeak => {
    const { bytes, parts } = peakOf(model)(run);
    // At its end there is the new cache twice: onnxruntime's, and the copy of it that is returned.
    const more = past + Math.max(0, 2 * present - bytes);
    return { bytes: bytes + more, parts: { ...parts, activations: (parts.activations ?? 0) + more } };
  });
  if (losses) candidates.push(peakOf(model)({ graph: graphs.loss(losses), dims: losses.dims }));
  const { weights: unpacked = 0, parameters: pieces = 0, logits = 0, activations = 0 } = highest(candidates).parts;
  const opened = [...(answers.length > 0 ? [graphs.answer()] : []), ...(losses ? [graphs.loss(losses)] : [])];
  return {
    weights: model.bytes + unpacked,
    adapters: 4 * sum(adapters) + pieces,
    moments: 0,
    activations,
    logits,
    program: PROGRAM + PROGRAM_PER_NODE * sum(opened.map((graph) => graph.nodes)),
  };
}

/** A run with the bytes of the cache before it, of all rows, and of the one that it makes. */
interface AnswerRun {
  readonly dims: Dims;
  readonly past: number;
  readonly present: number;
}

/** Runs that read prompts, and for each one that has their last token. */
function answerRuns({ model, prompts, together, newTokens }: AnsweringOptions): AnswerRun[] {
  const position = positionBytes(model.spec);
  const limits = runLimits(model.spec);
  const { contextLength } = model.spec;
  const sorted = [...prompts].sort((a, b) => a - b);
  const lengths = sorted.map((now) => ({ now, grown: Math.min(now + newTokens, contextLength) }));
  const found: AnswerRun[] = [];
  const add = (rows: number, { B, T, S }: { B: number; T: number; S: number }): void => {
    found.push({ dims: { B, T, P: S - T, S, L: B }, past: position * rows * (S - 1), present: position * B * S });
  };
  for (let at = 0; at < lengths.length;) {
    const B = joining(lengths.slice(at, at + together), { rows: 0, longest: longestOf([]) }, limits);
    at += B;
    const { now, grown } = lengths[at - 1];
    const rows = Math.min(together, lengths.length, roomFor(lengths[at - 1], limits));
    add(rows, { B, T: chunkOf(B, now, now + 1, limits), S: now + 1 });
    add(rows, { B: rows, T: 1, S: grown + 1 });
  }
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

const peakOf =
  ({ spec }: PlannedModel) =>
  ({ graph, dims }: PlannedRun): MemoryPeak =>
    graph.memory(atLastBlock(dims, windowsOf(spec)));
const highest = (peaks: readonly MemoryPeak[]): MemoryPeak => peaks.reduce((a, b) => (b.bytes > a.bytes ? b : a));

/** Sizes of the longest rows as a batch that is measured. */
export function longestRows(sizes: readonly RowSize[], most: typeof LOSS_BATCH): BatchSizes {
  const sorted = [...sizes].sort((a, b) => b.tokens - a.tokens);
  const rows = inOrder(sorted, (row) => row.tokens, most)[0];
  const labels = sum(rows.map(({ supervised }) => supervised));
  return { rows: rows.length, longest: rows[0].tokens, labels, held: 0 };
}
