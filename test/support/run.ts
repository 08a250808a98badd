import * as ort from 'onnxruntime-node';
import type { Graph, Value } from '../../runtime/onnx/graph.js';
import { namesOf, numberOf, type Dim } from '../../runtime/onnx/shapes.js';
import { openBackend } from '../../runtime/device/openBackend.js';

/** Sizes of the named dims of a graph: `{ B: 2, T: 3 }`. */
export type Sizes = Readonly<Record<string, number>>;

export const sizeOfDim = (dim: Dim, sizes: Sizes): number =>
  namesOf(dim).reduce((size, name) => {
    const factor = sizes[name];
    if (factor === undefined) throw new Error(`the test gives no size for ${name}`);
    return size * factor;
  }, numberOf(dim));

export const dimsOf = (value: Value, sizes: Sizes = {}): number[] => value.shape.map((dim) => sizeOfDim(dim, sizes));
export const countOf = (value: Value, sizes: Sizes = {}): number =>
  dimsOf(value, sizes).reduce((count, size) => count * size, 1);

/** Numbers as a tensor of the value's dtype. */
export function tensor(value: Value, numbers: readonly number[], sizes: Sizes = {}): ort.Tensor {
  const dims = dimsOf(value, sizes);
  switch (value.dtype) {
    case 'float64':
      return new ort.Tensor('float64', Float64Array.from(numbers), dims);
    case 'float32':
      return new ort.Tensor('float32', Float32Array.from(numbers), dims);
    case 'int64':
      return new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), dims);
    case 'bool':
      return new ort.Tensor('bool', Uint8Array.from(numbers), dims);
    default:
      throw new Error(`tests feed no ${value.dtype}`);
  }
}

/** A loaded graph: numbers in by input name, numbers out by output name. */
export interface Runner {
  run(feeds: Readonly<Record<string, readonly number[]>>): Promise<Record<string, number[]>>;
  dispose(): Promise<void>;
}

/** Loads a graph on the CPU. */
export async function load(graph: Graph, sizes: Sizes = {}, folder?: string, threads = 1): Promise<Runner> {
  const backend = await openBackend('cpu', threads);
  const session = await backend.session(graph, { folder });
  return {
    async run(feeds) {
      const tensors = graph.inputs.map((value) => {
        const numbers = feeds[value.name];
        if (!numbers) throw new Error(`the test feeds no ${value.name}`);
        return [value.name, tensor(value, numbers, sizes)] as const;
      });
      const outputs = await session.run(Object.fromEntries(tensors));
      return Object.fromEntries(
        graph.outputs.map(({ name }) => [name, Array.from(outputs[name]!.data as Float64Array, Number)]),
      );
    },
    dispose: () => session.dispose(),
  };
}

/** Loads, runs once, frees. */
export async function runOnce(
  graph: Graph,
  feeds: Readonly<Record<string, readonly number[]>>,
  sizes: Sizes = {},
  folder?: string,
): Promise<Record<string, number[]>> {
  const runner = await load(graph, sizes, folder);
  try {
    return await runner.run(feeds);
  } finally {
    await runner.dispose();
  }
}
