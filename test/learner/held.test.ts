import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { initialise, plainLayout } from '../../runtime/adapters/sites.js';
import { flatInput } from '../../runtime/adapters/inject.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Backend } from '../../runtime/device/session.js';
import type { PieceLimits } from '../../runtime/learner/cut.js';
import { openLearner, type Learner } from '../../runtime/learner/learner.js';
import type { TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { linearLayers } from '../../runtime/models/decoder/spec.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { random } from '../../runtime/support/random.js';
import { FAMILIES, loadReference } from '../support/reference.js';

const rng = random('held');
const row = (length: number): TrainingRow => ({
  example: {
    ids: Array.from({ length }, () => 1 + rng.int(30)),
    labels: Array.from({ length }, (_, t) => (t < 2 ? -100 : 1 + rng.int(30))),
  },
  scales: { a: 1 },
  weight: 0.25,
});
const rows = [row(5), row(9)];
const LIMITS = {
  whole: { queries: 1000, scores: Infinity, whole: 0, positions: Infinity, logits: 1e9 },
  cut: { queries: 2, scores: Infinity, whole: 0, positions: Infinity, logits: 400 },
};

let cpu: Backend;
let flat: Float32Array;
let open: (limits: PieceLimits) => Learner;
before(async () => {
  cpu = await openBackend('cpu', 1);
  const r = await loadReference(FAMILIES[0]!);
  const spec = decoderSpec(r.config);
  const layout = plainLayout(linearLayers(spec), { rank: 2, alpha: 4, sites: 'all-linear', dropout: 0 } as never);
  flat = initialise(layout, rng).map((x) => x + 0.02 * rng.normal());
  open = (limits) =>
    openLearner({
      backend: cpu,
      spec,
      model: r,
      adapters: [{ name: 'a', layout }],
      trainable: [flatInput('a')],
      limits,
    });
});

for (const [name, limits] of Object.entries(LIMITS))
  test(`losses of rows are held where they were (${name})`, async () => {
    const learner = open(limits);
    after(() => learner.dispose());
    const parameters = { [flatInput('a')]: flatTensor(flat) };
    const now = (await learner.losses(rows, parameters)).map(({ perToken }) => perToken);
    const held = (drift: number): TrainingRow[] =>
      rows.map((one, i) => ({ ...one, heldAt: now[i]!.map((nll) => nll - drift) }));
    const gradient = async (of: TrainingRow[]): Promise<[number, Float32Array]> => {
      const { loss, gradients } = await learner.gradients(of, parameters);
      return [loss, await cpu.read(gradients[0]!)];
    };
    const norm = (x: Float32Array): number => Math.hypot(...x);

    // ∂ huber(nll − base) = (nll − base) ∂ nll, of at most one nat
    const [, learned] = await gradient(rows);
    const tokens = now.flat().length;
    for (const [drift, huber, pull] of [
      [0.5, 0.125, 0.5],
      [-0.8, 0.32, -0.8],
      [3, 2.5, 1],
      [-20, 19.5, -1],
    ] as const) {
      const [loss, pulled] = await gradient(held(drift));
      assert.ok(Math.abs(loss - 0.25 * huber * tokens) < 1e-4 * tokens, `${loss}`);
      const error = norm(pulled.map((x, i) => x - pull * learned[i]!));
      assert.ok(error < 1e-5 * norm(learned), `${error} of ${norm(learned)}`);
    }
    const [loss, still] = await gradient(held(0));
    assert.ok(loss < 1e-8 && norm(still) < 1e-4 * norm(learned), 'where nothing has moved nothing pulls');
  });

for (const [name, limits] of Object.entries(LIMITS))
  test(`a loose hold lets go of tokens that have moved far from the base (${name})`, async () => {
    const learner = open(limits);
    after(() => learner.dispose());
    for (const [size, least, most] of [
      [3, 0.02, 0.3],
      [12, 0.8, Infinity],
    ] as const) {
      const parameters = { [flatInput('a')]: flatTensor(flat.map((x) => size * x)) };
      const gradient = async (row: TrainingRow): Promise<[number, Float32Array, number]> => {
        const { loss, gradients, kl } = await learner.gradients([row], parameters);
        return [loss, await cpu.read(gradients[0]!), kl!];
      };
      const { ids, labels } = rows[1]!.example;
      const example = { ids, labels: labels.map((label, t) => (t === 6 ? label : -100)) };
      const [teacher] = await learner.teach([example]);
      const [, firm, kl] = await gradient({ ...rows[1]!, example, teacher });
      assert.ok(kl > least && kl < most, `${kl} nats`);
      const [loss, loose, same] = await gradient({ ...rows[1]!, example, teacher, loose: true });
      assert.ok(Math.abs(same - kl) < 1e-5 * kl, 'the KL is told as it is');
      assert.ok(Math.abs(loss - (0.25 * kl) / (1 + kl)) < 1e-6, `${loss}`);
      const off = Math.hypot(...loose.map((x, i) => x - firm[i]! / (1 + kl) ** 2));
      assert.ok(off < 1e-4 * Math.hypot(...firm), `${off}`);
    }
  });

for (const [name, limits] of Object.entries(LIMITS))
  test(`rows are compared with the base: losses without adapters and with them, and their KL (${name})`, async () => {
    const learner = open(limits);
    after(() => learner.dispose());
    const parameters = { [flatInput('a')]: flatTensor(flat) };
    const compared = await learner.compare(rows, parameters);
    const [without, now] = await Promise.all(
      [0, 1].map((a) =>
        learner.losses(
          rows.map((one) => ({ ...one, scales: { a } })),
          parameters,
        ),
      ),
    );
    const near = (found: readonly number[], wanted: readonly number[]): void => {
      assert.equal(found.length, wanted.length);
      found.forEach((x, i) => assert.ok(Math.abs(x - wanted[i]!) < 1e-4, `${x} for ${wanted[i]}`));
    };
    for (const [i, row] of compared.entries()) {
      near(row.without.perToken, without![i]!.perToken);
      near(row.with.perToken, now![i]!.perToken);
      // the KL of each token alone, as an anchor has it
      const { ids, labels } = rows[i]!.example;
      const each: number[] = [];
      for (const at of labels.flatMap((label, t) => (label >= 0 ? [t] : []))) {
        const example = { ids, labels: labels.map((label, t) => (t === at ? label : -100)) };
        const [teacher] = await learner.teach([example]);
        each.push((await learner.gradients([{ ...rows[i]!, example, teacher }], parameters)).kl!);
      }
      near(row.kl, each);
      assert.ok(Math.max(...row.kl) > 1e-3, 'the adapter changes something');
    }
    await learner.endComparison();
    const off = await learner.compare(
      rows.map((one) => ({ ...one, scales: { a: 0 } })),
      parameters,
    );
    near(
      off.map(({ kl }) => Math.max(...kl)),
      [0, 0],
    );
  });
