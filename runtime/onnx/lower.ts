import type { Graph } from './graph.js';
import { Exp, Log, ReduceMax, ReduceSum, Sub } from './ops.js';
import { rewrite } from './rewrite.js';
import { mapBodies } from './scan.js';

/**
 * The same graph without LogSoftmax, which WebGPU does not have: x − m − log Σ exp(x − m) with the row's maximum m.
 * Otherwise the logits [L, V] would go to the CPU and back at every step.
 */
export const lowerLogSoftmax = (graph: Graph): Graph =>
  rewrite(mapBodies(graph, lowerLogSoftmax), {
    LogSoftmax: (g, { inputs: [x] }) => {
      const shifted = Sub(g, x, ReduceMax(g, x, [-1]));
      return Sub(g, shifted, Log(g, ReduceSum(g, Exp(g, shifted), [-1])));
    },
  });
