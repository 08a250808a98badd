import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flatInput, inject, scaleInput } from '../../runtime/adapters/inject.js';
import { mergeInto } from '../../runtime/adapters/merge.js';
import { initialise, layout, matrices, selectSites, type Site } from '../../runtime/adapters/sites.js';
import { checkGraph } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { Gemm, Reshape } from '../../runtime/onnx/ops.js';
import { random } from '../../runtime/support/random.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32 } from '../../runtime/device/session.js';

const SITES: Site[] = [
  'model.layers.0.self_attn.q_proj',
  'model.layers.0.mlp.up_proj',
  'model.layers.1.self_attn.q_proj',
].map((name) => ({ name, in: 6, out: 5 }));
const rng = random('inject');
const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => rng.normal());

test('sites are chosen as PEFT chooses target_modules', () => {
  assert.equal(selectSites(SITES, 'all-linear').length, 3);
  assert.deepEqual(
    selectSites(SITES, ['q_proj']).map((s) => s.name),
    [SITES[0]!.name, SITES[2]!.name],
  );
  assert.deepEqual(selectSites(SITES, ['self_attn.q_proj', 'up_proj']).length, 3);
  assert.deepEqual(
    selectSites(SITES, '.*layers\\.1\\..*').map((s) => s.name),
    [SITES[2]!.name],
  );
  assert.throws(() => selectSites(SITES, ['proj']), /no linear layer is called "proj".*|q_proj/);
  assert.throws(() => selectSites(SITES, 'layers'), /matches the expression/);
  assert.throws(() => selectSites(SITES, '('), /not a regular expression/);
});

test('a new adapter changes nothing: B is zero, A is within ±1/√in', () => {
  const own = layout(SITES.map((s) => ({ ...s, rank: 2, scale: 2 })));
  const flat = initialise(own, random(1));
  assert.equal(flat.length, 3 * 2 * (6 + 5));
  for (const site of own.sites) {
    const { A, B } = matrices(flat, site);
    assert.ok(B.every((x) => x === 0));
    assert.ok(A.some((x) => x !== 0) && A.every((x) => Math.abs(x) <= 1 / Math.sqrt(6)));
  }
  assert.deepEqual(initialise(own, random(1)), flat);
});

for (const widest of [Infinity, 2]) {
  test(`two adapters on one layer add up, row by row by their factors, and equal the merged weight (Splits of ${widest})`, async () => {
    const site = { name: 'layer', in: 4, out: 3 };
    const weight = draw(12);
    const g = new Builder('one-layer');
    const x = g.input('x', 'float32', ['B', 'T', 4]);
    const W = g.constant('float32', [3, 4], weight, 'W');
    const y = g.named('layer', () => Gemm(g, Reshape(g, x, ['B*T', 4]), W, { transB: true }));
    g.outputAs('y', y);
    const adapters = ['first', 'second'].map((name, i) => {
      const own = layout([{ ...site, rank: 2 + i, scale: 0.5 + i }]);
      return { name, layout: own, flat: draw(own.size) };
    });
    const backend = await openBackend('cpu', 1);
    const injected = inject(g.graph(), adapters, widest);
    assert.equal(injected.nodes.filter(({ op }) => op === 'Gemm').length, 3, 'as many products as with one adapter');
    const session = await backend.session(checkGraph(injected));
    const scales = [
      [1, 0, 2],
      [0, 0, -1],
    ];
    const data = draw(3 * 2 * 4);
    const { y: got } = await session.run({
      x: float32(data, [3, 2, 4]),
      ...Object.fromEntries(adapters.map((a) => [flatInput(a.name), float32(a.flat, [a.flat.length])])),
      ...Object.fromEntries(adapters.map((a, i) => [scaleInput(a.name), float32(Float32Array.from(scales[i]!), [3])])),
    });
    for (let row = 0; row < 3; row++) {
      const merged = mergeInto(
        weight.slice(),
        'layer',
        false,
        adapters.map((a, i) => ({ ...a, scale: scales[i]![row]! })),
      );
      for (let t = 0; t < 2; t++)
        for (let o = 0; o < 3; o++) {
          const want = [0, 1, 2, 3].reduce((sum, i) => sum + merged[4 * o + i]! * data[(row * 2 + t) * 4 + i]!, 0);
          assert.ok(Math.abs(want - (got!.data as Float32Array)[(row * 2 + t) * 3 + o]!) < 1e-5);
        }
    }
    const transposed = Float32Array.from({ length: 12 }, (_, i) => weight[4 * (i % 3) + Math.floor(i / 3)]!);
    const all = adapters.map((a) => ({ ...a, scale: 1 }));
    const [straight, across] = [
      mergeInto(weight.slice(), 'layer', false, all),
      mergeInto(transposed, 'layer', true, all),
    ];
    for (let o = 0; o < 3; o++) for (let i = 0; i < 4; i++) assert.equal(straight[4 * o + i], across[3 * i + o]);
  });
}

test('an adapter on a layer that the graph does not have is a bug that names the layer', () => {
  const g = new Builder('empty');
  g.output(g.input('x', 'float32', ['B', 'T']));
  assert.throws(
    () => inject(g.graph(), [{ name: 'a', layout: layout([{ ...SITES[0]!, rank: 1, scale: 1 }]) }]),
    /no linear layer .*q_proj/,
  );
});
