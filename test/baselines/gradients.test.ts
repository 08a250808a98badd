/** Methods that change the steps of a training: the equation that defines each, on a tiny model. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { initialise, matrices } from '../../runtime/adapters/sites.js';
import { asft, orthogonalGraph } from '../../runtime/baselines/asft.js';
import { lisa, proximal } from '../../runtime/baselines/lisa.js';
import type { GradientStep } from '../../runtime/baselines/method.js';
import { dot, safeGrad, withoutConflict } from '../../runtime/baselines/safeGrad.js';
import { float32, scalar } from '../../runtime/device/session.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor, rowsOf } from '../../runtime/learner/rows.js';
import { readFloat32, readSafetensors } from '../../runtime/models/weights/safetensors.js';
import { draw, near, rng, useTinyModel } from './tinyModel.js';

const { root, context, layout, rows, inputs, stepAt, moved, unaligned, isLinear } = await useTinyModel();

describe('Lisa', () => {
  it('takes aligned rows in its first steps and the data in the others, in turn', () => {
    const method = lisa(inputs({ alternate: [2, 3] }));
    const own: TrainingRow[][] = [rowsOf([...rows.train].slice(0, 4), { task: 1 }, 1)];
    const aligned = new Set([...rows.forbidden].map(({ promptText }) => promptText));
    const kinds = Array.from({ length: 10 }, (_, i) => {
      const batches = method.step!(own, { step: i + 1, steps: 10, off: { task: 1 } });
      if (batches === own) return 'data';
      assert.ok(batches.flat().every(({ example }) => aligned.has((example as { promptText?: string }).promptText!)));
      const tokens = batches
        .flat()
        .reduce((n, { example, weight }) => n + weight * example.labels.filter((l) => l !== -100).length, 0);
      near(tokens, 1, 1e-6, 'a mean over tokens');
      return 'aligned';
    });
    assert.deepEqual(kinds.slice(0, 5), ['aligned', 'aligned', 'data', 'data', 'data']);
    assert.deepEqual(kinds.slice(5), kinds.slice(0, 5));
  });

  it('its proximal gradient is that of ½ ρ ‖p − p₀‖²', () => {
    const [p, before, rho] = [draw(9), draw(9), 0.7];
    const term = (q: Float64Array): number => 0.5 * rho * q.reduce((sum, x, k) => sum + (x - before[k]!) ** 2, 0);
    const [found] = proximal([new Float32Array(9)], [p], [before], rho);
    for (let k = 0; k < 9; k++) {
      const shifted = (by: number) => Float64Array.from(p, (x, i) => x + (i === k ? by : 0));
      near(found![k]!, (term(shifted(1e-4)) - term(shifted(-1e-4))) / 2e-4, 1e-4);
    }
  });

  it('holds each kind of steps to where the other ended, but for the first tenth of all', async () => {
    const method = lisa(inputs({ alternate: [1, 2], weight: 2 }));
    const zero = [new Float32Array(3)];
    const state = { step: 0, names: ['task'], p: [] as never[], m: [], v: [] } as unknown as GradientStep['state'];
    const pulls: number[][] = [];
    for (let step = 1; step <= 6; step++) {
      const p = Float32Array.of(step, 0, 0);
      state.p = [flatTensor(p)];
      const [pull] = await method.gradients!(zero, { ...stepAt(p), state, p: [p], step, steps: 20 });
      pulls.push([...pull!]);
    }
    // Kept at steps 1, 2 (data begin), 4 (aligned rows again), 5: ρ (p − p₀) after step 3.
    assert.deepEqual(
      pulls.map(([x]) => x),
      [0, 0, 0, 0, 0, 2],
    );
  });
});

describe('SafeGrad', () => {
  it('after surgery no part of the gradient opposes the alignment', () => {
    for (let i = 0; i < 50; i++) {
      const [g, a] = [
        [draw(5), draw(3)],
        [draw(5), draw(3)],
      ];
      const found = withoutConflict(g, a);
      assert.ok(dot(found, a) >= -1e-5 * dot(a, a), `${dot(found, a)}`);
      if (dot(g, a) >= 0) assert.equal(found, g, 'a gradient without conflict stays');
      else near(dot(found, found) + dot(g, a) ** 2 / dot(a, a), dot(g, g), 1e-5, 'only the part along it is gone');
    }
  });

  it('adds the gradient of KL(base ‖ model) on aligned answers, and a conflicting one loses its part along it', async () => {
    const method = safeGrad(inputs({ rows: 4, weight: 0.5 }));
    const at = stepAt(moved());
    const [half] = await method.gradients!([new Float32Array(layout.size)], at);
    const alignment = [half!.map((x) => 2 * x)];
    assert.ok(dot(alignment, alignment) > 0);
    const base = stepAt(initialise(layout, rng));
    const [still] = await safeGrad(inputs({ rows: 4 })).gradients!([new Float32Array(layout.size)], base);
    assert.ok(dot([still!], [still!]) < 1e-8 * dot(alignment, alignment), 'where the model is the base nothing pulls');

    const own = [draw(layout.size).map((x, i) => 0.01 * x - 3 * alignment[0]![i]!)];
    assert.ok(dot(own, alignment) < 0);
    const [sum] = await method.gradients!(own, at);
    const rest = [sum!.map((x, i) => x - half![i]!)];
    const cosine = dot(rest, alignment) / Math.sqrt(dot(rest, rest) * dot(alignment, alignment));
    assert.ok(Math.abs(cosine) < 1e-4, `${cosine}`);
  });
});

describe('AsFT', () => {
  const along = (u: Float32Array) => {
    const length = Math.hypot(...u);
    return u.map((x) => x / length);
  };
  it('its term has no gradient on an update along the change, and is ‖ΔW‖² on one that is orthogonal to it', async () => {
    const [O, I, R] = [5, 4, 1];
    const u = along(draw(O));
    const v = along(draw(I));
    const V = Float32Array.from({ length: O * I }, (_, i) => u[Math.floor(i / I)]! * v[i % I]!);
    const session = await context.backend.session(orthogonalGraph());
    const A = draw(I);
    const term = async (B: Float32Array) => {
      const out = await session.run({
        V: float32(V, [O, I]),
        norm: scalar(1),
        A: float32(A, [R, I]),
        B: float32(B, [O, R]),
        factor: scalar(1),
      });
      return { loss: (await context.backend.read(out.loss!))[0]!, dB: await context.backend.read(out.dB!) };
    };
    const free = await term(u.map((x) => 3 * x));
    assert.ok(free.loss < 1e-8 && Math.hypot(...free.dB) < 1e-5);
    const part = draw(O);
    const inner = part.reduce((sum, x, o) => sum + x * u[o]!, 0);
    const w = part.map((x, o) => x - inner * u[o]!);
    near((await term(w)).loss, Math.hypot(...w) ** 2 * Math.hypot(...A) ** 2, 1e-4);
    await session.dispose();
  });

  it('adds the gradient of λ Σ ‖(I − C) ΔW‖² to that of the data', async () => {
    const before = await unaligned((name, out, columns) =>
      isLinear(name) ? Float32Array.from({ length: out * columns }, () => 0.3 * rng.normal()) : undefined,
    );
    const method = await asft(inputs({ weight: 0.2 }, { unaligned: before }));
    const { tensors: own } = await readSafetensors(join(root, 'model/model.safetensors'));
    const flat = moved();
    const term = async (p: Float32Array): Promise<number> => {
      let sum = 0;
      for (const site of layout.sites) {
        const [W, W0] = await Promise.all([own, before.tensors].map((t) => readFloat32(t.get(`${site.name}.weight`)!)));
        const V = W!.map((x, i) => x - W0![i]!);
        const norm = Math.hypot(...V);
        const { A, B } = matrices(p, site);
        const D = (o: number, i: number): number => {
          let d = 0;
          for (let r = 0; r < site.rank; r++) d += site.scale * B[o * site.rank + r]! * A[r * site.in + i]!;
          return d;
        };
        for (let i = 0; i < site.in; i++) {
          const delta = Array.from({ length: site.out }, (_, o) => D(o, i));
          const inner = Array.from({ length: site.in }, (_, k) =>
            delta.reduce((s, x, o) => s + x * V[o * site.in + k]!, 0),
          );
          delta.forEach((x, o) => {
            const projected = inner.reduce((s, y, k) => s + y * V[o * site.in + k]!, 0) / norm;
            sum += (x - projected) ** 2;
          });
        }
      }
      return 0.2 * sum;
    };
    const data = draw(layout.size);
    const [found] = await method.gradients!([data], stepAt(flat));
    const direction = draw(layout.size);
    const step = 1e-3;
    const at = (by: number) => term(flat.map((x, i) => x + by * direction[i]!));
    const expected = ((await at(step)) - (await at(-step))) / (2 * step);
    near(
      found!.reduce((sum, x, i) => sum + (x - data[i]!) * direction[i]!, 0),
      expected,
      1e-2,
    );
    await method.dispose!();
  });
});
