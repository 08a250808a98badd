/** The graphs of a training with what they take, built from shapes alone: no weight is read and no session is made. */
import { flatInput, type InjectedAdapter } from '../adapters/inject.js';
import { gradientGraph, lossGraph, type ObjectiveOptions } from '../learner/objective.js';
import { parameters } from '../models/decoder/spec.js';
import { memoryPeak, workOf, type Dims, type MemoryPeak, type Work } from '../onnx/cost.js';
import type { Graph, Value } from '../onnx/graph.js';

/** A graph of which memory and work are asked for different batches. */
export interface PlannedGraph {
  readonly nodes: number;
  readonly memory: (dims: Dims) => MemoryPeak;
  readonly work: (dims: Dims) => Work;
}

export interface TrainingGraphs {
  /** With gradients; `distill`: some rows have a teacher. */
  gradient(distill: boolean): PlannedGraph;
  /** Losses alone. */
  readonly loss: PlannedGraph;
}

export interface GraphsOptions extends Pick<ObjectiveOptions, 'spec' | 'model'> {
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
      nodes: graph.nodes.length,
      memory: (dims: Dims) => memoryPeak(graph, dims, (value) => partOf(value, vocabulary)),
      work,
    };
    made.set(key, planned);
    return planned;
  };
  return {
    gradient: (distill) => plan(`gradient ${distill}`, () => gradientGraph({ ...objective, distill }, wrt)),
    get loss() {
      return plan('loss', () => lossGraph(objective));
    },
  };
}

/** Values of fixed size are pieces of parameters, or their gradients; of the others those as wide as the vocabulary are logits. */
function partOf({ shape }: Value, vocabulary: number): 'parameters' | 'logits' | 'activations' {
  if (shape.every((dim) => typeof dim === 'number')) return 'parameters';
  return shape.at(-1) === vocabulary ? 'logits' : 'activations';
}
