/** Passes over a graph: values under other names or shapes, nodes replaced by others. */
import { Builder, type Graph, type Node, type NodeOf, type Value } from './graph.js';
import type { Op } from './operators.js';
import { Identity } from './ops.js';

/** A node with other values in place of its own. */
const replaceValues = (node: Node, change: (value: Value) => Value): Node =>
  ({ ...node, inputs: node.inputs.map(change), outputs: node.outputs.map(change) }) as unknown as Node;

/** The graph with other values in place of its own; `change` must be a function of the value alone. */
export const mapValues = (graph: Graph, change: (value: Value) => Value): Graph => ({
  ...graph,
  inputs: graph.inputs.map(change),
  outputs: graph.outputs.map(change),
  initializers: graph.initializers.map(({ value, data }) => ({ value: change(value), data })),
  nodes: graph.nodes.map((node) => replaceValues(node, change)),
});

/** Values of a graph in the making that take other names once it is made. */
export class Renaming {
  private readonly renamed = new Map<string, Value>();

  constructor(private readonly g: Builder) {}

  /**
   * `value` becomes `as`. A value from before node `first`, or with another new name already, gets an Identity for it.
   */
  set(value: Value, as: string, first: number): Value {
    const isNew = this.g.nodes.indexOf(this.g.producer(value)!, first) >= 0;
    const own = isNew && !this.renamed.has(value.name) ? value : Identity(this.g, value);
    const renamed = { ...own, name: as };
    this.renamed.set(own.name, renamed);
    return renamed;
  }

  apply(graph: Graph): Graph {
    return mapValues(graph, (value) => this.renamed.get(value.name) ?? value);
  }
}

/** By operator: the value in place of a node's output, made of new nodes; undefined keeps the node. */
type Rewrites = { readonly [O in Op]?: (g: Builder, node: NodeOf<O>) => Value | undefined };

/**
 * The graph with nodes replaced. New nodes carry the name of the node that they replace, and the value that a rule
 * returns takes the name of that node's output, so that nothing after it changes.
 * @param begin adds inputs and nodes in front of all others
 */
export function rewrite(graph: Graph, rules: Rewrites, begin?: (g: Builder) => void): Graph {
  const reserved = graph.nodes.flatMap((node) => node.outputs.map((y) => y.name));
  const g = new Builder(graph.name, { from: { ...graph, nodes: [] }, reserved });
  const names = new Renaming(g);
  begin?.(g);
  for (const node of graph.nodes) {
    const rule = rules[node.op] as ((g: Builder, node: Node) => Value | undefined) | undefined;
    const first = g.nodes.length;
    const replaced = g.named(node.name, () => {
      const y = rule?.(g, node);
      return y && names.set(y, node.outputs[0].name, first);
    });
    if (!replaced) g.append(node);
  }
  return names.apply(g.graph());
}

/**
 * The graph where a node writes what an Identity would copy to an output: that is one copy of a KV cache less in each
 * step.
 */
export function withoutCopies(graph: Graph): Graph {
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const free = new Set(graph.nodes.flatMap(({ outputs }) => outputs.map(({ name }) => name)));
  for (const name of isOutput) free.delete(name);
  const written = new Map<string, Value>();
  const nodes = graph.nodes.filter(({ op, inputs: [x], outputs: [y] }) => {
    const isCopy = op === 'Identity' && isOutput.has(y.name) && free.delete(x.name);
    if (isCopy) written.set(x.name, y);
    return !isCopy;
  });
  return mapValues({ ...graph, nodes }, (value) => written.get(value.name) ?? value);
}
