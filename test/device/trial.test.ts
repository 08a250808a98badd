import assert from 'node:assert/strict';
import { test } from 'node:test';
import { secondsOf, speedOf, stepWork } from '../../runtime/device/trial.js';
import type { Graph } from '../../runtime/onnx/graph.js';
import { checkGraph } from '../../runtime/onnx/check.js';

/** A device whose products and other operators take so long, and each run some time besides. */
const device = (product: number, operator: number, besides: number) => {
  const graphs: Graph[] = [];
  return {
    graphs,
    timed: async (graph: Graph): Promise<number> => {
      graphs.push(checkGraph(graph));
      const count = (op: string): number => graph.nodes.filter((node) => node.op === op).length;
      return besides + product * count('MatMul') + operator * count('Add');
    },
  };
};

test('what each run takes besides, such as transfers, is not counted as speed', async () => {
  const { timed } = device(1e-3, 2e-5, 0.02);
  const speed = await speedOf(timed);
  assert.ok(Math.abs(speed.flopsPerSecond / (2 * 512 * 1024 * 1024 * 1e3) - 1) < 1e-9);
  assert.ok(Math.abs(speed.secondsPerOperator / 2e-5 - 1) < 1e-9);
});

test('a device that is slow at one product is not tried further', async () => {
  const { timed, graphs } = device(2, 1e-3, 0);
  const speed = await speedOf(timed);
  assert.equal(graphs.length, 1);
  assert.ok(secondsOf(stepWork(1e6, 4), speed) > 1);
});

test('a small model is no faster on a GPU that takes long for each operator, a large one is', async () => {
  const [cpu, gpu] = [await speedOf(device(5e-3, 2e-6, 1e-4).timed), await speedOf(device(2e-4, 3e-5, 5e-3).timed)];
  const [small, large] = [stepWork(8e5, 4), stepWork(1.3e8, 30)];
  assert.ok(secondsOf(small, gpu) > secondsOf(small, cpu));
  assert.ok(secondsOf(large, gpu) < secondsOf(large, cpu) / 3);
});
