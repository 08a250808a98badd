import type { Graph, Value } from './graph.js';
import { mapValues } from './rewrite.js';

/**
 * The same graph with other names for its dims: `{ B: 'batch_size' }` makes `B*T` of a shape `batch_size*T`. For files
 * that other programs read.
 */
export const renameDims = (graph: Graph, names: Readonly<Record<string, string>>): Graph =>
  mapValues(graph, (value: Value) => ({
    ...value,
    shape: value.shape.map((dim) =>
      typeof dim === 'string' ? dim.replace(/[A-Za-z_]\w*/g, (name) => names[name] ?? name) : dim,
    ),
  }));
