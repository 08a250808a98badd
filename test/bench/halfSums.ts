/**
 * `node --import tsx test/bench/halfSums.ts`: how far products of matrices in float16 are off on webgpu, which shows in
 * what type the kernels add up. Numbers are uniform in [0, 1) and exact in float16; a result that is rounded once is
 * off by 4.9e-4 at most. Needs a driver with float16, which SwiftShader has not.
 */
import * as ort from 'onnxruntime-node';
import { f16ToF32, f32ToF16 } from '../../runtime/models/weights/halfFloats.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { MatMul } from '../../runtime/onnx/ops.js';
import { serialize } from '../../runtime/onnx/serialize.js';
import { random } from '../../runtime/support/random.js';

const [M, N] = [8, 64];
const rng = random('half sums');

for (const K of [64, 576, 4096]) {
  const g = new Builder('product');
  g.outputAs('y', MatMul(g, g.input('a', 'float16', [M, K]), g.input('b', 'float16', [K, N])));
  const session = await ort.InferenceSession.create(serialize(g.graph()), { executionProviders: ['webgpu', 'cpu'] });
  const [a, b] = [M * K, K * N].map((n) => f32ToF16(Float32Array.from({ length: n }, () => rng.uniform())));
  const half = (bits: Uint16Array, dims: number[]): ort.Tensor => new ort.Tensor('float16', bits, dims);
  const { y } = await session.run({ a: half(a!, [M, K]), b: half(b!, [K, N]) });
  const { buffer, byteOffset, length } = y!.data as Uint16Array;
  const found = f16ToF32(new Uint16Array(buffer, byteOffset, length));
  const [x, w] = [f16ToF32(a!), f16ToF32(b!)];
  let worst = 0;
  for (let i = 0; i < M; i++)
    for (let j = 0; j < N; j++) {
      let sum = 0;
      for (let k = 0; k < K; k++) sum += x[i * K + k]! * w[k * N + j]!;
      worst = Math.max(worst, Math.abs(found[i * N + j]! / sum - 1));
    }
  console.log(`${K} terms: off by up to ${worst.toExponential(1)} of the sum`);
}
process.exit(0);
