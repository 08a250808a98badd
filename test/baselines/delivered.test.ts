/** Methods that change the adapter that is delivered: the equation that defines each, on a tiny model. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { layout as layOut, matrices } from '../../runtime/adapters/sites.js';
import { columnBasis, outside, reinforced } from '../../runtime/baselines/reinforce.js';
import { safeLora } from '../../runtime/baselines/safeLora.js';
import { draw, near, rng, useTinyModel } from './tinyModel.js';

const { context, layout, inputs, moved, unaligned, isLinear } = await useTinyModel();

describe('Safe LoRA', () => {
  it('a projected update lies in what alignment has changed, and is C B A', async () => {
    const directions = new Map<string, Float32Array>();
    const before = await unaligned((name, out, columns) => {
      if (!isLinear(name)) return undefined;
      const [u, v] = [draw(out), draw(columns)];
      directions.set(name.replace(/\.weight$/, ''), u);
      return Float32Array.from({ length: out * columns }, (_, i) => u[Math.floor(i / columns)]! * v[i % columns]!);
    });
    const method = await safeLora(inputs({ threshold: 1 }, { unaligned: before }));
    const flat = moved();
    const found = await method.delivered!({ layout, flat });
    for (const site of layout.sites) {
      const u = directions.get(site.name)!;
      const [own, projected] = [matrices(flat, site), matrices(found.flat, site)];
      assert.deepEqual([...projected.A], [...own.A]);
      const length = u.reduce((sum, x) => sum + x * x, 0);
      for (let r = 0; r < site.rank; r++) {
        const column = ({ B }: typeof own): number[] =>
          Array.from({ length: site.out }, (_, o) => B[o * site.rank + r]!);
        const [b, c] = [column(own), column(projected)];
        // Of V = u vᵀ: C = V Vᵀ / ‖V‖ = (‖v‖ / ‖u‖) u uᵀ, so that C b is along u.
        const along = c.reduce((sum, x, o) => sum + x * u[o]!, 0) / length;
        const off = Math.hypot(...c.map((x, o) => x - along * u[o]!));
        assert.ok(off < 1e-4 * Math.max(1e-3, Math.hypot(...c)), `${site.name}: ${off}`);
        const part = b.reduce((sum, x, o) => sum + x * u[o]!, 0);
        assert.ok(Math.abs(part) < 1e-6 || Math.sign(along) === Math.sign(part));
      }
    }
  });

  it('leaves layers whose update hardly changes by it', async () => {
    const before = await unaligned((name, out, columns) =>
      isLinear(name) ? Float32Array.from({ length: out * columns }, () => rng.normal()) : undefined,
    );
    const flat = moved();
    const { flat: kept } = await (
      await safeLora(inputs({ threshold: -1 }, { unaligned: before }))
    ).delivered!({ layout, flat });
    assert.deepEqual([...kept], [...flat]);
    const one = await safeLora(inputs({ threshold: 1 }, { unaligned: before }));
    assert.notDeepEqual([...(await one.delivered!({ layout, flat })).flat], [...flat]);
  });
});

describe('Buffer-and-Reinforce', () => {
  const adapter = (rank: number) => {
    const own = layOut(context.sites.map((site) => ({ ...site, rank, scale: 0.5 })));
    return { layout: own, flat: draw(own.size) };
  };
  it('with α = 1 the reinforcing update is orthogonal to the columns of the update; with α = 0 it stays', () => {
    const [user, reinforce] = [adapter(2), adapter(3)];
    const found = outside(reinforce, user, 1);
    for (const site of found.layout.sites) {
      const own = user.layout.sites.find(({ name }) => name === site.name)!;
      const [B, U, before] = [
        matrices(found.flat, site).B,
        matrices(user.flat, own).B,
        matrices(reinforce.flat, site).B,
      ];
      for (let r = 0; r < site.rank; r++)
        for (let s = 0; s < own.rank; s++) {
          let [inner, size] = [0, 0];
          for (let o = 0; o < site.out; o++) {
            inner += B[o * site.rank + r]! * U[o * own.rank + s]!;
            size += before[o * site.rank + r]! ** 2;
          }
          assert.ok(Math.abs(inner) < 1e-4 * Math.max(1, size), `${site.name} ${inner}`);
        }
    }
    assert.deepEqual([...outside(reinforce, user, 0).flat], [...reinforce.flat]);
  });

  it('a direction in which A is next to nothing is no part of the space', () => {
    const user = adapter(2);
    const [site] = user.layout.sites;
    const { A } = matrices(user.flat, site!);
    for (let i = 0; i < site!.in; i++) A[site!.in + i] = 1e-4 * A[i]!;
    assert.equal(columnBasis(user.flat, site!).length, 1);
  });

  it('what is delivered is scale · (ΔU + (I − α Q Qᵀ) ΔR)', async () => {
    const [user, reinforce] = [adapter(2), adapter(3)];
    const method = reinforced(inputs({ overlap: 0.3, scale: 0.25 }, { reinforce: reinforce as never }));
    const found = await method.delivered!(user);
    const rest = outside(reinforce, user, 0.3);
    const delta = (of: typeof user, name: string, o: number, i: number): number => {
      const site = of.layout.sites.find((one) => one.name === name)!;
      const { A, B } = matrices(of.flat, site);
      let sum = 0;
      for (let r = 0; r < site.rank; r++) sum += site.scale * B[o * site.rank + r]! * A[r * site.in + i]!;
      return sum;
    };
    for (const { name, in: columns, out } of found.layout.sites)
      for (let o = 0; o < out; o++)
        for (let i = 0; i < columns; i++)
          near(delta(found, name, o, i), 0.25 * (delta(user, name, o, i) + delta(rest, name, o, i)), 1e-5);
  });
});
