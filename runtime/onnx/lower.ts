import { Builder, type Graph, type Value } from './graph.js';
import { Exp, Log, ReduceMax, ReduceSum, Sub } from './ops.js';

/**
 * The same graph without LogSoftmax, which WebGPU does not have: x − m − log Σ exp(x − m) with the row's maximum m.
 * Otherwise the logits [L, V] would go to the CPU and back at every step.
 */
export function lowerLogSoftmax(graph: Graph): Graph {
  if (!graph.nodes.some((node) => node.op === 'LogSoftmax')) return graph;
  const g = new Builder(graph.name, { from: graph });
  g.nodes.length = 0;
  for (const node of graph.nodes) {
    if (node.op !== 'LogSoftmax') {
      g.nodes.push(node);
      continue;
    }
    const [x, y] = [node.inputs[0]!, node.outputs[0]!] as [Value, Value];
    g.named(node.name, () => {
      const shifted = Sub(g, x, ReduceMax(g, x, [-1]));
      const logSum = Log(g, ReduceSum(g, Exp(g, shifted), [-1]));
      g.nodes.push({ op: 'Sub', name: node.name, inputs: [shifted, logSum], outputs: [y], attributes: {} });
    });
  }
  return g.graph();
}
