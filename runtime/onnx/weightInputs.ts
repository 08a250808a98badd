import type { DType, Graph, TensorData, Value } from './graph.js';
import { mapValues } from './rewrite.js';

/** A weight that a graph takes as an input, and where its values are stored. */
export interface WeightInput {
  readonly input: Value;
  /** Its type in the file: an input of floats is of float32. */
  readonly stored: DType;
  readonly place: Extract<TensorData, { kind: 'external' }>;
}

/** Types of weights that can be inputs, and the types of these: there are no tensors of 4 bits outside a graph. */
const INPUTS: Partial<Record<DType, DType>> = {
  float32: 'float32',
  float16: 'float32',
  bfloat16: 'float32',
  float64: 'float32',
  uint8: 'uint8',
};

/**
 * The same graph with its weights as inputs, those of floats in float32 and without the Cast behind each that was
 * stored in another type. Whoever runs it can keep a weight on the device for all sessions that read it, and no weight
 * is converted in each run.
 * @throws Error where a weight of another type than float32 is read by something else than Cast and Gather
 */
export function weightsAsInputs(graph: Graph): { readonly graph: Graph; readonly weights: readonly WeightInput[] } {
  const weights = graph.initializers.flatMap(({ value, data }): WeightInput[] => {
    const dtype = INPUTS[value.dtype];
    return data.kind === 'external' && dtype ? [{ input: { ...value, dtype }, stored: value.dtype, place: data }] : [];
  });
  /** What is of float32 now and was of another type: those weights, and rows of them. */
  const widened = new Map(
    weights.flatMap(({ input, stored }) => (stored === input.dtype ? [] : [[input.name, input]])),
  );
  /** What took the place of a Cast's result. */
  const instead = new Map<string, Value>();
  const nodes = graph.nodes.filter((node) => {
    const x = node.inputs.map(({ name }) => widened.get(name)).find((value) => value !== undefined);
    const [y] = node.outputs;
    if (!x) return true;
    if (node.op === 'Gather') widened.set(y.name, { ...y, dtype: 'float32' });
    else if (node.op === 'Cast' && y.dtype === 'float32') instead.set(y.name, x);
    else throw new Error(`${node.op} reads the weight ${x.name} as it is stored`);
    return node.op === 'Gather';
  });
  const read = new Set(weights.map(({ input }) => input.name));
  const rest: Graph = {
    ...graph,
    inputs: [...graph.inputs, ...weights.map(({ input }) => input)],
    initializers: graph.initializers.filter(({ value }) => !read.has(value.name)),
    nodes,
  };
  return { graph: mapValues(rest, (value) => widened.get(value.name) ?? instead.get(value.name) ?? value), weights };
}
