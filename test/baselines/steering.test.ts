/** Preventative steering, which adds a direction to what leaves a block: its equations, on a tiny model. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { flatInput, inject } from '../../runtime/adapters/inject.js';
import { meanState, steering } from '../../runtime/baselines/steering.js';
import { pack, type TrainingRow } from '../../runtime/learner/packing.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { frozenWeights } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { draw, near, useTinyModel } from './tinyModel.js';

const { context, rows, inputs } = await useTinyModel();

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
