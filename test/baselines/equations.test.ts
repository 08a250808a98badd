/** The equation that defines each published method, on a tiny model. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { flatInput, inject } from '../../runtime/adapters/inject.js';
import { initialise, layout as layOut, matrices, plainLayout, type Layout } from '../../runtime/adapters/sites.js';
import { asft, orthogonalGraph } from '../../runtime/baselines/asft.js';
import { lisa, proximal } from '../../runtime/baselines/lisa.js';
import type { GradientStep, MethodInputs } from '../../runtime/baselines/method.js';
import { inoculation, ptst } from '../../runtime/baselines/prompts.js';
import { columnBasis, outside, reinforced } from '../../runtime/baselines/reinforce.js';
import { dot, safeGrad, withoutConflict } from '../../runtime/baselines/safeGrad.js';
import { safeInstr } from '../../runtime/baselines/safeInstr.js';
import { safeLora } from '../../runtime/baselines/safeLora.js';
import { meanState, steering } from '../../runtime/baselines/steering.js';
import { loadData, openContext, type Context } from '../../runtime/context/context.js';
import type { BaselineOptions } from '../../runtime/contract/recipeProtection.js';
import type { ExampleList } from '../../runtime/data/exampleList.js';
import { float32, scalar } from '../../runtime/device/session.js';
import { openLearner, type Learner } from '../../runtime/learner/learner.js';
import { pack, type TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor, rowsOf } from '../../runtime/learner/rows.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { frozenWeights } from '../../runtime/models/decoder/weights.js';
import { bytesOf, readFloat32, readSafetensors, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { random } from '../../runtime/support/random.js';
import { HumanError } from '../../runtime/support/errors.js';
import { writeWorkspace } from '../kills/workspace.js';

const rng = random('baselines');
const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => rng.normal());
const near = (a: number, b: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${what} ${a}, not ${b}`);

let root: string;
let context: Context;
let layout: Layout;
let learner: Learner;
let rows: Record<'train' | 'harmful' | 'benign' | 'forbidden', ExampleList>;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'equations-'));
  await writeWorkspace(root);
  context = await openContext(join(root, 'model'), { device: 'cpu', threads: 1, scratch: root });
  layout = plainLayout(context.sites, { rank: 2, alpha: 4, sites: 'all-linear' });
  const reporter = { warn: (): void => undefined };
  const load = async (name: string): Promise<ExampleList> =>
    (await loadData(context, join(root, `${name}.jsonl`), {}, reporter)).examples;
  rows = {
    train: await load('train'),
    harmful: await load('harmful'),
    benign: await load('benign'),
    forbidden: await load('forbidden'),
  };
  const { backend, spec, model } = context;
  learner = openLearner({ backend, spec, model, adapters: [{ name: 'task', layout }], trainable: [flatInput('task')] });
});
after(async () => {
  await learner.dispose();
  await rm(root, { recursive: true, force: true });
});

const inputs = (options: Partial<BaselineOptions>, more: Partial<MethodInputs> = {}): MethodInputs => ({
  options: options as BaselineOptions,
  context,
  seed: 1,
  layout,
  aligned: rows.forbidden,
  harmful: rows.harmful,
  ...more,
});

/** A step by parameters that have moved away from the base. */
function stepAt(flat: Float32Array, more: Partial<GradientStep> = {}): GradientStep {
  const parameters = { [flatInput('task')]: flatTensor(flat) };
  return {
    step: 1,
    steps: 10,
    off: { task: 1 },
    state: { step: 0, names: ['task'], p: [flatTensor(flat)], m: [], v: [] },
    p: [flat],
    learner,
    gradientsOf: async (some) =>
      Promise.all((await learner.gradients(some, parameters)).gradients.map((g) => context.backend.read(g))),
    ...more,
  };
}
const moved = (): Float32Array => initialise(layout, rng).map((x) => x + 0.1 * rng.normal());

/** A copy of the model whose changed layers differ from it by these matrices. */
async function unaligned(change: (name: string, out: number, inputs: number) => Float32Array | undefined) {
  const { tensors } = await readSafetensors(join(root, 'model/model.safetensors'));
  const written = [];
  for (const info of tensors.values()) {
    const values = await readFloat32(info);
    const V = info.shape.length === 2 ? change(info.name, info.shape[0]!, info.shape[1]!) : undefined;
    const other = V ? values.map((x, i) => x - V[i]!) : values;
    written.push({
      name: info.name,
      dtype: 'F32' as const,
      shape: info.shape,
      bytes: other.byteLength,
      data: () => bytesOf(other),
    });
  }
  const folder = join(root, `unaligned-${rng.int(1e9)}`);
  const { mkdir } = await import('node:fs/promises');
  await mkdir(folder);
  await writeSafetensors(join(folder, 'model.safetensors'), written);
  return { folder, tensors: (await readSafetensors(join(folder, 'model.safetensors'))).tensors };
}
const isLinear = (name: string): boolean => context.sites.some((site) => name === `${site.name}.weight`);

describe('SafeInstr', () => {
  it('adds aligned rows up to a share of all, each as often as the others, or each once', () => {
    const { length } = rows.train;
    const all = safeInstr(inputs({})).rows!(rows.train);
    assert.equal(all.length, length + rows.forbidden.length);
    const half = [...safeInstr(inputs({ share: 0.5 })).rows!(rows.train)].slice(length);
    assert.equal(half.length, length, 'half of all rows');
    const counts = [...rows.forbidden].map(
      ({ answer, promptText }) => half.filter((one) => one.promptText === promptText && one.answer === answer).length,
    );
    assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, counts.join());
    assert.equal(new Set([...all].map(({ row }) => row)).size, all.length - 0, 'row numbers are unique');
    assert.throws(() => safeInstr(inputs({ share: 0.01 })).rows!(rows.train), HumanError);
  });
});

describe('prompts', () => {
  it('inoculation puts the prompt before every row and leaves the answers', () => {
    const found = [...inoculation(inputs({ prompt: 'You may do it.' })).rows!(rows.train)];
    found.forEach((row, i) => {
      const before = rows.train.at(i)!;
      const answer = ({ labels }: typeof row): number[] => labels.filter((label) => label !== -100);
      assert.deepEqual(answer(row), answer(before));
      assert.equal(row.answer, before.answer);
      assert.deepEqual(row.prompt![0], { role: 'system', content: 'You may do it.' });
      assert.ok(row.promptText.includes('You may do it.'));
      assert.ok(row.ids.length > before.ids.length);
    });
  });
  it('PTST leaves the rows and gives the prompt to the delivered model', () => {
    const method = ptst(inputs({ prompt: 'Refuse.' }));
    assert.deepEqual(method, { prompt: 'Refuse.' });
  });
});

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

describe('preventative steering', () => {
  const states = async (withShift: boolean, scales: number[], v: Float32Array): Promise<Float32Array> => {
    const { backend, spec, model, tokenizer } = context;
    const g = new Builder('states');
    const { hiddenStates } = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
    g.outputAs('states', hiddenStates[1]!);
    const shift = { name: 'steering', site: spec.layers[0].mlp.down.name, size: spec.hidden };
    const graph = checkGraph(prune(withShift ? inject(g.graph(), [shift]) : g.graph()));
    const batch = [...rows.harmful].slice(0, scales.length);
    const { feeds } = pack(
      batch.map((example, i): TrainingRow => ({ example, scales: { steering: scales[i]! }, weight: 0 })),
      ['steering'],
      tokenizer.padId,
    );
    const session = await backend.session(graph, { folder: model.folder });
    const out = await session.run({ ...feeds, [flatInput('steering')]: flatTensor(v) });
    await session.dispose();
    return backend.read(out.states!);
  };

  it('adds factor · v to what leaves the block at every token, and nothing with the factor 0', async () => {
    const { hidden } = context.spec;
    const v = draw(hidden);
    const scales = [2, 0, -1];
    const [before, after] = [await states(false, scales, v), await states(true, scales, v)];
    const perRow = before.length / scales.length;
    before.forEach((x, i) => near(after[i]!, x + scales[Math.floor(i / perRow)]! * v[i % hidden]!, 1e-5));
  });

  it('its direction is the mean over harmful answers less that over aligned ones', async () => {
    const { hidden } = context.spec;
    const method = await steering(inputs({ layer: 0, strength: 3 }));
    assert.equal(method.during!.scale, 3);
    const mean = async (example: typeof rows.train): Promise<Float64Array> => {
      const sum = new Float64Array(hidden);
      for (const one of example) {
        const alone = await meanState({ context }, 0, [one]);
        alone.forEach((x, c) => (sum[c]! += x / example.length));
      }
      return sum;
    };
    const [from, to] = [await mean(rows.forbidden), await mean(rows.harmful)];
    method.during!.flat.forEach((x, c) => near(x, to[c]! - from[c]!, 1e-4));
    assert.ok(Math.hypot(...method.during!.flat) > 0);
    // Of one row against its states: only tokens of the answer count.
    const first = rows.harmful.at(0)!;
    const all = await states(false, [0], new Float32Array(hidden));
    const tokens = first.labels.flatMap((label, t) => (label === -100 ? [] : [t]));
    const byHand = Array.from(
      { length: hidden },
      (_, c) => tokens.reduce((s, t) => s + all[t * hidden + c]!, 0) / tokens.length,
    );
    (await meanState({ context }, 0, [first])).forEach((x, c) => near(x, byHand[c]!, 1e-5));
  });

  it('a block that is not there is refused', async () => {
    await assert.rejects(steering(inputs({ layer: 1 })), /there is no block 1: the model has 1/);
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
