/** Blocks have the values that Math.round gives, of numbers as files in 16 bits have them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantise } from '../../runtime/models/weights/blocks.js';
import { bf16ToF32, f32ToBf16 } from '../../runtime/models/weights/halfFloats.js';
import { random } from '../../runtime/support/random.js';

/** A block's scale by the least squared error of five, and its values. */
function plain(x: Float32Array): { scale: number; values: number[] } {
  const most = x.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0);
  const clamped = (v: number): number => Math.max(-8, Math.min(7, Math.round(v)));
  const found = [8, 8.5, 7.5, 9, 7].map((reach) => {
    const q = Array.from(x, (v) => clamped(v * (-reach / most)));
    const [product, square] = [q.reduce((sum, v, i) => sum + v * x[i]!, 0), q.reduce((sum, v) => sum + v * v, 0)];
    return { scale: product / square, gain: product ** 2 / square };
  });
  const scale = Math.fround(found.reduce((a, b) => (b.gain > a.gain ? b : a)).scale);
  return { scale, values: Array.from(x, (v) => 8 + clamped(v * (1 / scale))) };
}

test('blocks of 4 bits are rounded as Math.round does, also just below a half', () => {
  const rng = random('blocks');
  // of two of them another scale is the best if what is just below a half is rounded up
  for (let n = 0; n < 16_000; n++) {
    const x = bf16ToF32(f32ToBf16(Float32Array.from({ length: 32 }, () => 0.02 * rng.normal())));
    const { scales, values } = quantise(x, 4);
    const wanted = plain(x);
    assert.equal(scales[0], wanted.scale);
    assert.deepEqual(
      Array.from(values).flatMap((pair) => [pair & 15, pair >> 4]),
      wanted.values,
    );
  }
});
