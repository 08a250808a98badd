import type { Graph, Value } from './graph.js';

/** The same graph with other names for its dims: `{ B: 'batch_size' }` makes `B*T` of a shape `batch_size*T`. For files that other programs read. */
export function renameDims(graph: Graph, names: Readonly<Record<string, string>>): Graph {
  const made = new Map<Value, Value>();
  const renamed = (value: Value): Value => {
    let found = made.get(value);
    if (!found) {
      const shape = value.shape.map((dim) =>
        typeof dim === 'string' ? dim.replace(/[A-Za-z_]\w*/g, (name) => names[name] ?? name) : dim,
      );
      made.set(value, (found = { ...value, shape }));
    }
    return found;
  };
  return {
    ...graph,
    inputs: graph.inputs.map(renamed),
    outputs: graph.outputs.map(renamed),
    initializers: graph.initializers.map(({ value, data }) => ({ value: renamed(value), data })),
    nodes: graph.nodes.map((node) => ({
      ...node,
      inputs: node.inputs.map((value) => (value ? renamed(value) : null)),
      outputs: node.outputs.map(renamed),
    })),
  };
}
