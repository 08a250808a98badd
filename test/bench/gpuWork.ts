/**
 * `node --import tsx test/bench/gpuWork.ts`: what a step on `webgpu` consists of, by its graph: kernels, floating-point
 * operations, and bytes that kernels read and write. No GPU is needed, and none was measured. Writes `gpu` into
 * results.json, from which page.mjs makes the page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flatInput } from '../../runtime/adapters/inject.js';
import { plainLayout } from '../../runtime/adapters/sites.js';
import { cuttingOf, dimsOf } from '../../runtime/estimate/rows.js';
import { gradientGraph } from '../../runtime/learner/objective.js';
import { linearLayers, parameters, weightsCount } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { ALIAS, bytesOf, workOf } from '../../runtime/onnx/cost.js';
import type { Node, Value } from '../../runtime/onnx/graph.js';
import { lowerLogSoftmax } from '../../runtime/onnx/lower.js';
import { unrollScans } from '../../runtime/onnx/unroll.js';
import { DEVICES } from '../../runtime/device/devices.js';
import { SHAPES } from './shapes.js';

const STEPS = [
  { shape: '135m', rows: 4, tokens: 128 },
  { shape: '135m', rows: 1, tokens: 2048 },
  { shape: '0.5b', rows: 4, tokens: 128 },
  { shape: '1b', rows: 4, tokens: 128 },
  { shape: '7b', rows: 1, tokens: 512 },
];

function workOfStep({ shape, rows, tokens }: (typeof STEPS)[number]) {
  const spec = decoderSpec(SHAPES[shape]!.config);
  const tensors = new Map(
    [...parameters(spec)].map(([name, dims]) => {
      const bytes = 4 * dims.reduce((a, b) => a * b, 1);
      return [name, { name, dtype: 'F32' as const, shape: [...dims], file: '/weights', offset: 0, bytes }];
    }),
  );
  const layout = plainLayout(linearLayers(spec), { rank: 8, alpha: 16, sites: 'all-linear' });
  const sizes = { rows, longest: tokens, labels: (rows * tokens) / 2, held: 0 };
  const { dims, pieces } = dimsOf(sizes, cuttingOf(spec, false, 'unrolled'));
  const { maxSplitOutputs } = DEVICES.webgpu;
  const options = {
    spec,
    model: { folder: '/', tensors },
    adapters: [{ name: 'task', layout }],
    pieces,
    maxSplitOutputs,
  };
  const graph = lowerLogSoftmax(
    unrollScans(gradientGraph(options, [flatInput('task')]), (dim) => dims[dim as keyof typeof dims]!),
  );
  // keys that the blocks of a long row meet differ by block: in the mean they are those that dims has
  const sizesOf = Object.fromEntries(
    graph.nodes
      .flatMap(({ outputs }) => outputs.flatMap((y) => y.shape))
      .flatMap((dim) => (typeof dim === 'string' ? dim.split('*') : []))
      .map((name) => [name, (dims as Record<string, number>)[name.replace(/_[NXY]\d+$/, '')]!]),
  );
  const all = { ...dims, ...sizesOf };
  const kernels = graph.nodes.filter(({ op, outputs: [y] }) => !ALIAS.has(op) && op !== 'Shape' && y.dtype !== 'int64');
  /** Of a table only the rows are read that are taken. */
  const touched = ({ op, inputs, outputs }: Node): readonly Value[] =>
    op === 'Gather' ? [...outputs, ...outputs] : [...inputs, ...outputs];
  const moved = kernels.reduce((sum, node) => touched(node).reduce((bytes, v) => bytes + bytesOf(v, all), sum), 0);
  return {
    ...{ shape, rows, tokens, weightBytes: 4 * weightsCount(spec) },
    ...{ kernels: kernels.length, flops: workOf(graph)(all).flops, moved },
  };
}

const report = join(import.meta.dirname, 'results.json');
const gpu = STEPS.map(workOfStep);
console.table(gpu);
writeFileSync(report, `${JSON.stringify({ ...JSON.parse(readFileSync(report, 'utf8')), gpu }, null, 2)}\n`);
