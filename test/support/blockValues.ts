/**
 * A weight in blocks of 4 bits with minimums, as GGUF's Q4_1 has them, on the device that the first argument names:
 * products with it dequantised and with the blocks themselves, and rows of it; prints them as JSON.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Device } from '../../runtime/contract/recipeWords.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64 } from '../../runtime/device/session.js';
import { blockProducts, packedRows } from '../../runtime/models/decoder/packedWeights.js';
import { frozenWeights } from '../../runtime/models/decoder/weights.js';
import type { PackedWeight } from '../../runtime/models/weights/packedWeight.js';
import { prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Gemm } from '../../runtime/onnx/ops.js';

const [N, K, BLOCKS] = [64, 96, (64 * 96) / 32];
const folder = await mkdtemp(join(tmpdir(), 'blocks-'));
try {
  const values = Uint8Array.from({ length: (N * K) / 2 }, (_, i) => (i * 37 + 11) % 256);
  const scales = Float32Array.from({ length: BLOCKS }, (_, i) => 0.01 + (i % 7) * 0.003);
  const minimums = Float32Array.from({ length: BLOCKS }, (_, i) => -0.1 + (i % 5) * 0.01);
  const file = join(folder, 'blocks.bin');
  await writeFile(file, Buffer.concat([values, Buffer.from(scales.buffer), Buffer.from(minimums.buffer)]));
  const weight: PackedWeight = {
    ...{ bits: 4, shape: [N, K], transposed: false, hasMinimums: true, file },
    values: { offset: 0, bytes: values.length },
    scales: { offset: values.length, bytes: scales.byteLength },
    minimums: { offset: values.length + scales.byteLength, bytes: minimums.byteLength },
  };
  const g = new Builder('blocks');
  const w = frozenWeights(g, { tensors: new Map(), packed: new Map([['w', weight]]) })('w', [N, K]);
  g.outputAs('products', Gemm(g, g.input('x', 'float32', ['B', K]), w, { transB: true }));
  g.outputAs('rows', packedRows(g, w, g.input('at', 'int64', ['B']))!);
  const feeds = {
    x: float32(
      Float32Array.from({ length: 3 * K }, (_, i) => Math.sin(i)),
      [3, K],
    ),
    at: int64([5, 11, 63], [3]),
  };
  const backend = await openBackend(process.argv[2] as Device);
  const of = async (graph: ReturnType<typeof g.graph>): Promise<Record<string, number[]>> => {
    const session = await backend.session(graph, { folder });
    const { products, rows } = await session.run(feeds);
    return { products: [...(await backend.read(products!))], rows: [...(await backend.read(rows!))] };
  };
  console.log(JSON.stringify({ dequantised: await of(g.graph()), blocks: await of(prune(blockProducts(g.graph()))) }));
} finally {
  await rm(folder, { recursive: true });
}
