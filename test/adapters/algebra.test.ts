/** Sums, projections and cuts of adapters against the matrices that they stand for. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { project, significant, sum, truncate, type Combined } from '../../runtime/adapters/algebra.js';
import { layout, matrices, type AdaptedSite } from '../../runtime/adapters/sites.js';
import { random } from '../../runtime/support/random.js';

const SHAPES = { first: [7, 5], second: [4, 9] } as const;
type Name = keyof typeof SHAPES;

function adapter(seed: string, rank: number, names: Name[] = ['first', 'second'], scale = 1.5) {
  const rng = random(seed);
  const cut = layout(names.map((name) => ({ name, in: SHAPES[name][0], out: SHAPES[name][1], rank, scale })));
  return { layout: cut, flat: Float32Array.from({ length: cut.size }, () => rng.normal()) };
}

/** scale · B A, row by row. */
function update({ flat, layout: { sites } }: Combined, name: Name): number[] {
  const site = sites.find((one): one is AdaptedSite => one.name === name);
  const [inputs, out] = SHAPES[name];
  if (!site) return new Array<number>(inputs * out).fill(0);
  const { A, B } = matrices(flat, site);
  return Array.from({ length: out * inputs }, (_, n) => {
    let total = 0;
    for (let r = 0; r < site.rank; r++)
      total += B[Math.floor(n / inputs) * site.rank + r]! * A[r * inputs + (n % inputs)]!;
    return site.scale * total;
  });
}
const dot = (a: number[], b: number[]): number => a.reduce((total, value, i) => total + value * b[i]!, 0);
const near = (a: number[], b: number[], limit = 1e-5): void => {
  const size = Math.sqrt(dot(b, b)) || 1;
  a.forEach((value, i) => assert.ok(Math.abs(value - b[i]!) <= limit * size, `${value} ≠ ${b[i]}`));
};
const NAMES: Name[] = ['first', 'second'];
const norm = (of: Combined): number => Math.hypot(...NAMES.flatMap((name) => update(of, name)));

describe('algebra of adapters', () => {
  it('a difference is the difference of the updates', () => {
    const [a, b] = [adapter('a', 3), adapter('b', 2, ['second'])];
    const found = sum([
      { ...a, scale: 0.5 },
      { ...b, scale: -2 },
    ]);
    for (const name of NAMES)
      near(
        update(found, name),
        update(a, name).map((value, i) => 0.5 * value - 2 * update(b, name)[i]!),
      );
  });

  it('a projection is orthogonal to what it is taken off, and both parts are the whole', () => {
    const [a, b] = [adapter('a', 3), adapter('b', 2, ['second'])];
    const rest = project(a, { along: b, keep: 'rest' });
    const part = project(a, { along: b, keep: 'part' });
    const along = update(b, 'second');
    assert.ok(Math.abs(dot(update(rest, 'second'), along)) < 1e-4 * dot(along, along));
    for (const name of NAMES)
      near(
        update(rest, name).map((value, i) => value + update(part, name)[i]!),
        update(a, name),
      );
    assert.ok(norm(part) > 0);
    assert.deepEqual(
      part.layout.sites.map(({ name }) => name),
      ['second'],
    );
  });

  it('projected on itself all is kept, and nothing is left', () => {
    const a = adapter('a', 3);
    near(update(project(a, { along: a, keep: 'part' }), 'first'), update(a, 'first'));
    assert.ok(norm(project(a, { along: a, keep: 'rest' })) < 1e-3 * norm(a));
  });

  it('what is left of layers that cancel out up to rounding is no part of the result, what is small is', () => {
    const a = adapter('a', 3);
    const b = adapter('b', 2, ['second']);
    const parts = (more: number) => [0.7, -0.4, -0.3].map((scale) => ({ ...a, scale })).concat({ ...b, scale: more });
    const names = ({ layout: { sites } }: Combined): string[] => sites.map(({ name }) => name);
    assert.ok(norm(sum(parts(0))) > 0, 'rounding');
    assert.deepEqual(names(significant(sum(parts(0)), parts(0))), []);
    const small = significant(sum(parts(1e-4)), parts(1e-4));
    assert.deepEqual(names(small), ['second']);
    near(
      update(small, 'second'),
      update(b, 'second').map((value) => 1e-4 * value),
      1e-2,
    );
    const [whole] = [{ ...a, scale: 1 }];
    assert.deepEqual(names(significant(project(a, { along: sum([whole]), keep: 'rest' }), [whole])), []);
  });

  it('a cut has the stated error, which no other matrix of its rank beats', () => {
    const whole = sum([
      { ...adapter('a', 3), scale: 1 },
      { ...adapter('b', 2), scale: 1 },
    ]);
    const cut = truncate(whole, 2);
    assert.ok(cut.layout.sites.every(({ rank }) => rank === 2));
    let [lost, total] = [0, 0];
    for (const name of NAMES) {
      const [a, b] = [update(whole, name), update(cut, name)];
      lost += a.reduce((all, value, i) => all + (value - b[i]!) ** 2, 0);
      total += dot(a, a);
    }
    assert.ok(Math.abs(Math.sqrt(lost / total) - cut.error) < 1e-5, `${Math.sqrt(lost / total)} ≠ ${cut.error}`);
    assert.ok(cut.error > 0.05 && cut.worst!.error >= cut.error);
    // Not those of the first two columns, which are also of rank 2.
    const first = truncate({ ...adapter('a', 3) }, 2);
    assert.ok(first.error < 0.9);
  });

  it('a cut to its own rank changes nothing, also where parts repeat', () => {
    const a = adapter('a', 3);
    const twice = sum([
      { ...a, scale: 1 },
      { ...a, scale: 1 },
    ]);
    const cut = truncate(twice, 3);
    assert.ok(cut.error < 1e-6, String(cut.error));
    for (const name of NAMES) near(update(cut, name), update(twice, name));
  });
});
