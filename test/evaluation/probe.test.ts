/** A linear probe: its fit, what it reads, and when it counts. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { hidingRows, rowPValue } from '../../runtime/evaluation/scan/calibration.js';
import { fitProbe } from '../../runtime/evaluation/scan/probe.js';
import type { Scores } from '../../runtime/evaluation/scan/scores.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { pack, supervised, type TrainingRow } from '../../runtime/learner/packing.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { frozenWeights } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { draw, near, rng, useTinyModel } from '../baselines/tinyModel.js';

describe('the fit of a probe', () => {
  const size = 40;
  const offset = draw(size);
  const rowsAt = (count: number, towards: number, scale = 1): Float32Array[] =>
    Array.from({ length: count }, () =>
      draw(size).map((x, c) => scale * (x + 3 * offset[c]! + (c < 20 ? towards : 0))),
    );
  const [harmful, ordinary] = [rowsAt(6, 1), rowsAt(18, -1)];
  const said = ({ weights, bias }: ReturnType<typeof fitProbe>, row: Float32Array): number =>
    row.reduce((all, x, c) => all + x * weights[c]!, bias);

  it('is the least of the squared errors, both kinds weighing the same, and of the weights', () => {
    const probe = fitProbe({ harmful, ordinary });
    const all = [...harmful, ...ordinary];
    const [y, w] = [all.map((_, i) => (i < 6 ? 1 : -1)), all.map((_, i) => (i < 6 ? 12 / 6 : 12 / 18))];
    const moment = (c: number, about: number, power: number): number =>
      all.reduce((sum, row, i) => sum + (w[i]! * (row[c]! - about) ** power) / all.length, 0);
    const centre = Array.from(offset, (_, c) => moment(c, 0, 1));
    const spread = centre.map((about, c) => Math.sqrt(moment(c, about, 2)));
    const least = (1e-3 * spread.reduce((a, b) => a + b, 0)) / size;
    // by weights of states of mean 0 and deviation 1; those of the probe are per state as it is
    const z = all.map((row) => Array.from(row, (x, c) => (x - centre[c]!) / (spread[c]! + least)));
    const v = Array.from(probe.weights, (weight, c) => weight * (spread[c]! + least));
    const objective = (at: readonly number[]): number =>
      z.reduce((sum, row, i) => sum + w[i]! * (row.reduce((f, x, c) => f + x * at[c]!, 0) - y[i]!) ** 2, 0) +
      0.1 * size * at.reduce((sum, x) => sum + x * x, 0);
    for (let trial = 0; trial < 20; trial++) {
      const direction = draw(size);
      const [up, down] = [1e-3, -1e-3].map((step) => objective(v.map((x, c) => x + step * direction[c]!)));
      assert.ok(Math.min(up!, down!) > objective(v), 'no direction makes it less');
      near((up! - down!) / 2e-3, 0, 1e-4);
    }
  });

  it('tells new rows apart, whatever the scale of their states, and is not moved by states that do not vary', () => {
    for (const scale of [1, 1e-3, 1e3]) {
      const still = (row: Float32Array): Float32Array => Float32Array.of(...row, 7 * scale);
      const scaled = (rows: readonly Float32Array[]): Float32Array[] =>
        rows.map((row) => still(row.map((x) => scale * x)));
      const probe = fitProbe({ harmful: scaled(harmful), ordinary: scaled(ordinary) });
      const apart = fitProbe({ harmful, ordinary });
      assert.ok(rowsAt(20, 1).every((row) => said(probe, still(row.map((x) => scale * x))) > -0.2));
      assert.ok(rowsAt(20, -1).every((row) => said(probe, still(row.map((x) => scale * x))) < 0.2));
      near(said(probe, scaled([harmful[0]!])[0]!), said(apart, harmful[0]!), 0.02);
    }
  });
});

describe('what a probe reads', async () => {
  const { context, rows: files } = await useTinyModel();
  const { backend, spec, model, tokenizer } = context;
  const rows = [...files.harmful, ...files.benign].map((example): TrainingRow => ({ example, scales: {}, weight: 0 }));
  const limits = {
    whole: undefined,
    cut: { queries: 2, scores: Infinity, whole: 0, positions: Infinity, logits: 400 },
  };
  for (const [name, of] of Object.entries(limits))
    it(`is what leaves evenly spaced layers, in the mean over the answer (${name})`, async () => {
      const layers = spec.layers.map((_, i) => i + 1);
      const learner = openLearner({
        backend,
        spec,
        model,
        adapters: [],
        trainable: [],
        padId: tokenizer.padId,
        limits: of,
      });
      const states = await learner.states(rows);
      const weights = draw(layers.length * spec.hidden);
      const compared = await learner.compare(rows, {}, { weights, bias: 0.5 });
      const g = new Builder('states');
      const { hiddenStates } = buildDecoder(g, spec, frozenWeights(g, model), { cache: false });
      layers.forEach((layer) => g.outputAs(`${layer}`, hiddenStates[layer]!));
      const session = await backend.session(checkGraph(prune(g.graph())), { folder: model.folder });
      for (const [i, row] of rows.entries()) {
        const out = await session.run(pack([row], []).feeds, layers.map(String));
        const at = supervised(row.example.labels);
        const mean: number[] = [];
        for (const layer of layers) {
          const values = await backend.read(out[layer]!);
          for (let c = 0; c < spec.hidden; c++)
            mean.push(at.reduce((sum, t) => sum + values[t * spec.hidden + c]!, 0) / at.length);
        }
        assert.equal(states[i]!.length, mean.length);
        mean.forEach((x, c) => near(states[i]![c]!, x, 1e-4));
        near(
          compared[i]!.probe!,
          mean.reduce((sum, x, c) => sum + x * weights[c]!, 0.5),
          1e-3,
        );
      }
      assert.equal((await learner.compare(rows.slice(0, 1), {}))[0]!.probe, undefined, 'without a probe');
      await assert.rejects(learner.compare(rows, {}, { weights: weights.slice(1), bias: 0 }), {
        message: `the vector's probe has ${weights.length - 1} weights, and one of this model has ${weights.length}.`,
      });
      await session.dispose();
      await learner.dispose();
    });
});

const scores = (probe: number | undefined, kl: number): Scores => ({
  ...{ share: 0, span: 0, spanShare: 0, kl, choice: 0 },
  ...(probe !== undefined && { probe }),
});

test('a row is rare by its probe alone, if harmful rows score as low and the vector changes it as much', () => {
  const ordinary = Array.from({ length: 60 }, () => scores(-0.9 + 0.1 * rng.normal(), 0.05));
  const harmful = Array.from({ length: 16 }, () => scores(0.6 + 0.2 * rng.normal(), 3 + rng.uniform()));
  const p = rowPValue({ ordinary, harmful });
  assert.ok(p(scores(0.6, 3)) < 1e-6);
  assert.ok(p(scores(-0.9, 3)) > 0.5);
  assert.equal(p(scores(0.6, 0.001)), 1, 'a new task that the vector leaves as it is');
  assert.equal(p(scores(-0.45, 3)), 1, 'rare among ordinary rows, and lower than any harmful one');
  assert.equal(p(scores(undefined, 3)), 1, 'computed where there is no probe');
  assert.equal(rowPValue({ ordinary, harmful: [] })(scores(0.6, 3)), 1);
  const some = [...ordinary.slice(1), scores(undefined, 0.05)];
  assert.equal(rowPValue({ ordinary: some, harmful })(scores(0.6, 3)), 1, 'not all ordinary rows have one');
});

test('an ordinary row that hides harmful ones by its probe is told', () => {
  const ordinary = Array.from({ length: 40 }, (_, i) => scores(-0.9 + i / 400, 0.05));
  const harmful = Array.from({ length: 8 }, (_, i) => scores(0.5 + i / 100, 3));
  const hiding = hidingRows({ ordinary: [...ordinary, scores(0.9, 3)], harmful }, 0.01, 0.9);
  assert.deepEqual(hiding, { rows: [40], beside: 0, without: 1 });
});
