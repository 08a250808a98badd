import type { OptimizerOptions } from '../contract/recipeTraining.js';
import type { MemoryParts } from '../contract/estimate.js';
import { embeddingSize } from '../models/decoder/spec.js';
import type { Dims } from '../onnx/cost.js';
import type { PlannedGraph, TrainingGraphs } from './graphs.js';
import { weightsCount, type PlannedModel } from './model.js';
import type { BatchSizes, MicroBatch, RowSize } from './rows.js';

/** Bytes of the program with onnxruntime, and of what it makes of each node of a graph. */
const PROGRAM = 190e6;
const PROGRAM_PER_NODE = 8e3;
/** Base distributions that are kept (learner/teacher.ts). */
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
  /** Of the recipe's optimizer. */
  readonly moments?: OptimizerOptions['moments'];
  /** Whether gradients of several micro-batches are added up. */
  readonly adds?: boolean;
  /** Tokens that have a teacher. */
  readonly taught?: number;
}

/** Memory of a training when it is highest, bytes by part. */
export function trainingMemory(options: MemoryOptions): MemoryParts {
  const { model, method, graphs, batches, losses, adds = false, taught = 0, moments } = options;
  const full = method === 'full';
  const [own = 0, ...others] = full ? [weightsCount(model), ...options.adapters] : options.adapters;
  const frozen = others.reduce((all, size) => all + size, 0);
  const candidates = largest(graphs, batches).map(({ graph, dims }) => graph.memory(worst(dims)));
  if (losses) candidates.push(graphs.loss(losses).memory(worst(losses.dims)));
  const peak = candidates.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  const { parameters: pieces = 0, logits = 0, activations = 0 } = peak.parts;
  const nodes = new Set(batches.map((batch) => graphs.gradient(batch)));
  return {
    weights: full ? 4 * own : model.bytes,
    // What is trained; of a full training, which has it above, the gradients, which are kept from step to step.
    adapters: 4 * own * (full && adds ? 2 : 1) + 4 * frozen + pieces,
    moments: (moments === '8bit' ? 2 : 8) * own,
    activations,
    logits: logits + Math.min(TEACHER_BYTES, 4 * embeddingSize(model.spec) * taught),
    program: PROGRAM + PROGRAM_PER_NODE * [...nodes].reduce((all, graph) => all + graph.nodes, 0),
  };
}

/** The batches that may need most memory: what a graph keeps grows as what it moves. */
function largest(graphs: TrainingGraphs, batches: readonly MicroBatch[]): { graph: PlannedGraph; dims: Dims }[] {
  const found = new Map<string, { graph: PlannedGraph; dims: Dims; moved: number }>();
  for (const batch of batches) {
    const { dims } = batch;
    const graph = graphs.gradient(batch);
    found.set(JSON.stringify(dims), { graph, dims, moved: graph.work(dims).moved });
  }
  return [...found.values()].sort((a, b) => b.moved - a.moved).slice(0, 2);
}

/** The last block of queries meets all keys. */
const worst = (dims: Dims): Dims => ({ ...dims, J: dims.T });

/** Sizes of the longest rows as a batch. */
export function longestRows(sizes: readonly RowSize[], count: number): BatchSizes {
  const rows = [...sizes].sort((a, b) => b.tokens - a.tokens).slice(0, count);
  const labels = rows.reduce((all, { supervised }) => all + supervised, 0);
  return { rows: rows.length, longest: rows[0].tokens, labels, held: 0 };
}
