import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { backward } from '../../runtime/autodiff/backward.js';
import { attend } from '../../runtime/models/decoder/attend.js';
import { attendInBlocks, queryBlocks } from '../../runtime/models/decoder/attentionBlocks.js';
import { isCausalOnly } from '../../runtime/models/decoder/causalBlocks.js';
import { causalMask, groupedBias } from '../../runtime/models/decoder/scoreBias.js';
import type { AttentionSpec } from '../../runtime/models/decoder/spec.js';
import { Builder, type Value } from '../../runtime/onnx/graph.js';
import { Range, Reshape, Transpose, Unsqueeze } from '../../runtime/onnx/ops.js';
import { random } from '../../runtime/support/random.js';
import { checkGradient } from '../support/gradients.js';
import { load } from '../support/run.js';

const SIZES = { B: 2, N: 3, Q: 2 };
const [H, K, D] = [4, 2, 3];
const spec = { heads: H, kvHeads: K, headDim: D } as AttentionSpec;
const SHAPES = { q: ['B', H, 'N*Q', D], k: ['B', K, 'N*Q', D], v: ['B', K, 'N*Q', D] };
const int64 = (shape: readonly (string | number)[], values: readonly number[]) =>
  ({ dtype: 'int64', shape, values }) as const;
const INDEX = [0, 1, 2, 3, 4, 5];
/** The first row ends early, the second begins late: its first block sees nothing. */
const MASK = [1, 1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1];
const FIXED = {
  index: int64(['N', 'Q'], INDEX),
  mask: int64(['B', 'N*Q'], MASK),
};

const inBlocks = (g: Builder, { q, k, v, index, mask }: Readonly<Record<string, Value>>): Value =>
  attendInBlocks(g, spec, q!, { key: k!, value: v! }, queryBlocks(g, index!, mask!, mask!));

/** All scores at once. */
function whole(g: Builder, { q, k, v, mask }: Readonly<Record<string, Value>>): Value {
  const T = mask!.shape[1]!;
  const at = { key: () => Range(g, T), query: () => Unsqueeze(g, Range(g, T), [1]), attentionMask: mask! };
  const bias = groupedBias(g, at, causalMask(g, at, undefined), H / K, undefined);
  const context = attend(g, spec, Reshape(g, q!, ['B', K, '2*N*Q', D]), { key: k!, value: v! }, bias);
  return Reshape(g, Transpose(g, Reshape(g, context, ['B', H, T, D]), [0, 2, 1, 3]), ['B*N*Q', H * D]);
}

describe('attention in blocks of queries, with keys before a block apart from its own', () => {
  it('is for layers whose scores nothing else is added to', () => {
    assert.ok(isCausalOnly(spec));
    assert.ok(!isCausalOnly({ ...spec, window: 4 }));
    assert.ok(!isCausalOnly({ ...spec, softcap: 30 }));
    assert.ok(!isCausalOnly({ ...spec, alibi: { slopes: [1, 1, 1, 1] } as never }));
  });

  it('has the gradient that differences give', async () => {
    // every query sees a token: scores of −1e9 and less are too coarse for differences
    const mask = int64(['B', 'N*Q'], [1, 1, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1]);
    await checkGradient({ inputs: SHAPES, fixed: { ...FIXED, mask }, sizes: SIZES, build: inBlocks });
  });

  for (const [what, factor] of [
    ['ordinary scores', 1],
    ['scores of some hundreds, of which few keys have all shares', 10],
  ] as const)
    it(`gives contexts and gradients of the whole: ${what}`, async () => {
      const rng = random(what);
      const numbers = (n: number): number[] => Array.from({ length: n }, () => rng.normal() * factor);
      const sizes = { q: 2 * H * 6 * D, k: 2 * K * 6 * D, v: 2 * K * 6 * D };
      const given = Object.fromEntries(Object.entries(sizes).map(([name, n]) => [name, numbers(n)]));
      const seed = numbers(2 * 6 * H * D).map((x, i) => (MASK[Math.floor(i / (H * D))] ? x : 0)); // tokens only
      const results = [];
      for (const build of [whole, inBlocks]) {
        const g = new Builder('attention', { float: 'float64' });
        const values: Record<string, Value> = {};
        for (const [name, shape] of Object.entries(SHAPES)) values[name] = g.input(name, 'float64', shape);
        for (const [name, { dtype, shape }] of Object.entries(FIXED)) values[name] = g.input(name, dtype, shape);
        const y = build(g, values);
        const u = g.input('u', 'float64', y.shape);
        g.output(y);
        const { graph, gradients } = backward(g.graph(), y, [values.q!, values.k!, values.v!], { seed: u });
        const runner = await load(graph, SIZES);
        const out = await runner.run({ ...given, u: seed, index: INDEX, mask: MASK });
        await runner.dispose();
        assert.ok(out[y.name]!.every(Number.isFinite), 'padding, too');
        const context = out[y.name]!.map((x, i) => (seed[i] === 0 ? 0 : x));
        results.push([context, ...gradients.map((d) => out[d.name]!)]);
      }
      const [expected, actual] = results;
      const size = Math.hypot(...expected!.map((x) => Math.hypot(...x)));
      expected!.forEach((numbers, n) => {
        assert.ok(Math.hypot(...numbers) > 0);
        const error = Math.hypot(...numbers.map((x, i) => x - actual![n]![i]!)) / size;
        assert.ok(error < 1e-14, `${['context', 'q', 'k', 'v'][n]}: ${error}`);
      });
    });
});
