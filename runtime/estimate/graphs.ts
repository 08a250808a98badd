/** The graphs of a training with what they take, built from shapes alone: no weight is read and no session is made. */
import { flatInput, type InjectedAdapter } from '../adapters/inject.js';
import { generationGraph } from '../evaluation/inference/generate.js';
import type { Pieces } from '../learner/cut.js';
import { gradientGraph, lossGraph, type ObjectiveOptions } from '../learner/objective.js';
import { parameters } from '../models/decoder/spec.js';
import { memoryPeak, workOf, type Dims, type MemoryPeak, type Work } from '../onnx/cost.js';
import type { Graph, Value } from '../onnx/graph.js';
import type { Op } from '../onnx/operators.js';

/** A graph of which memory and work are asked for different batches. */
export interface PlannedGraph {
  /** That the graph has, those of bodies once. */
  readonly nodes: number;
  readonly memory: (dims: Dims) => MemoryPeak;
  readonly work: (dims: Dims) => Work;
}

/** Batches of a kind have a graph of their own: some rows have a teacher; they are computed in pieces. */
interface Kind {
  readonly distill: boolean;
  readonly pieces: Pieces;
  /** Their gradients are added to others. */
  readonly adds?: boolean;
}

export interface TrainingGraphs {
  /** With gradients. */
  gradient(batch: Kind): PlannedGraph;
  /** Losses alone. */
  loss(batch: Pick<Kind, 'pieces'>): PlannedGraph;
  /** Answers to prompts. */
  answer(): PlannedGraph;
}

interface GraphsOptions extends Pick<ObjectiveOptions, 'spec' | 'model' | 'recompute'> {
  readonly method: 'lora' | 'full';
  readonly adapters: readonly InjectedAdapter[];
  /** Name of the adapter that is trained. */
  readonly trained: string;
}

export function trainingGraphs({ method, trained, ...options }: GraphsOptions): TrainingGraphs {
  const full = method === 'full';
  const objective = { ...options, weightsAsInputs: full };
  const wrt = full ? [...parameters(options.spec).keys()] : [flatInput(trained)];
  const vocabulary = options.spec.vocabSize;
  const made = new Map<string, PlannedGraph>();
  const plan = (key: string, make: () => Graph): PlannedGraph => {
    const known = made.get(key);
    if (known) return known;
    const graph = make();
    const work = workOf(graph);
    const planned = {
      nodes: nodesOf(graph),
      memory: (dims: Dims) => memoryPeak(graph, dims, (value, { op }) => partOf(value, op, vocabulary)),
      work,
    };
    made.set(key, planned);
    return planned;
  };
  return {
    gradient: ({ distill, pieces, adds = false }) =>
      plan(JSON.stringify([distill, pieces, adds]), () => gradientGraph({ ...objective, distill, pieces, adds }, wrt)),
    loss: ({ pieces }) => plan(JSON.stringify(['loss', pieces]), () => lossGraph({ ...objective, pieces })),
    answer: () => plan('answer', () => generationGraph({ spec: options.spec, model: options.model, adapters: [] })),
  };
}

const nodesOf = ({ nodes }: Graph): number =>
  nodes.reduce((all, node) => all + 1 + (node.op === 'Scan' ? nodesOf(node.attributes.body) : 0), 0);

/**
 * Values of fixed size are weights that were in blocks, or pieces of parameters, or their gradients; of the others
 * those as wide as the vocabulary are logits.
 */
function partOf({ shape }: Value, op: Op, vocabulary: number): 'weights' | 'parameters' | 'logits' | 'activations' {
  if (shape.every((dim) => typeof dim === 'number')) return op === 'DequantizeLinear' ? 'weights' : 'parameters';
  return shape.at(-1) === vocabulary ? 'logits' : 'activations';
}
