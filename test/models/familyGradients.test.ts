/**
 * Gradients of every family against torch, and adapters on it against PEFT. Training as a whole:
 * test/recipes/reference.test.ts.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { sum } from '../../runtime/contract/sum.js';
import { readAdapter } from '../../runtime/adapters/files.js';
import { fitted, type FlatAdapter } from '../../runtime/adapters/flat.js';
import { flatInput, inject, scaleInput } from '../../runtime/adapters/inject.js';
import { matrices } from '../../runtime/adapters/sites.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { buildDecoder } from '../../runtime/models/decoder/decoder.js';
import { readFloat32 } from '../../runtime/models/weights/safetensors.js';
import { linearLayers, parameters, type DecoderSpec } from '../../runtime/models/decoder/spec.js';
import { findTensor, frozenWeights } from '../../runtime/models/decoder/weights.js';
import { checkGraph, prune } from '../../runtime/onnx/check.js';
import { Builder } from '../../runtime/onnx/graph.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { supervised, type TrainingRow } from '../../runtime/learner/packing.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import { float32, int64, type Backend, type Feeds, type Tensor } from '../../runtime/device/session.js';
import {
  atTokens,
  FAMILIES,
  hasTraining,
  loadReference,
  rightPositions,
  type Reference,
} from '../support/reference.js';

let cpu: Backend;
before(async () => {
  cpu = await openBackend('cpu', 1);
});

/** The rows of `batch` without their padding; the loss is the mean over their supervised tokens. */
async function rowsOf(r: Reference, scales: Record<string, number>): Promise<TrainingRow[]> {
  const [B, T] = r.shape('batch.input_ids') as [number, number];
  const ids = await r.ints('batch.input_ids');
  const mask = await r.ints('batch.attention_mask');
  const labels = await r.ints('batch.labels');
  const examples = Array.from({ length: B }, (_, b) => {
    const length = sum(mask.slice(b * T, (b + 1) * T));
    return { ids: ids.slice(b * T, b * T + length), labels: labels.slice(b * T, b * T + length) };
  });
  const tokens = examples.reduce((n, e) => n + supervised(e.labels).length, 0);
  return examples.map((example) => ({ example, scales, weight: 1 / tokens }));
}

const WHOLE = { queries: 1000, scores: Infinity, whole: 0, positions: Infinity, logits: 1e9 };
/** Blocks of at most two queries, chunks of two or three positions. */
const PIECES = { queries: 2, scores: Infinity, whole: 0, positions: Infinity, logits: 400 };

const vector = (flat: Float32Array): Tensor => float32(flat, [flat.length]);

for (const name of FAMILIES) {
  it(`gradients of all weights of ${name}`, async () => {
    const r = await loadReference(name);
    const spec = decoderSpec(r.config);
    const names = [...parameters(spec).keys()];
    const weights: Feeds = {};
    for (const [key, shape] of parameters(spec)) {
      const info = findTensor(r.tensors, key, shape);
      weights[key] = float32(await readFloat32(info), info.shape);
    }
    assert.deepEqual(r.names('full.grad.').sort(), [...names].sort());
    for (const limits of [WHOLE, PIECES]) {
      const learner = openLearner({
        backend: cpu,
        spec,
        model: r,
        adapters: [],
        trainable: names,
        weightsAsInputs: true,
        limits,
      });
      const out = await learner.gradients(await rowsOf(r, {}), weights);
      await r.check('loss', [out.loss]);
      for (const [i, key] of names.entries()) await r.check(`full.grad.${key}`, await cpu.read(out.gradients[i]!));
      await learner.dispose();
    }
  });
}

for (const name of FAMILIES.filter(hasTraining)) {
  describe(`adapters on ${name} against PEFT`, () => {
    let r: Reference;
    let spec: DecoderSpec;
    before(async () => {
      r = await loadReference(name);
      spec = decoderSpec(r.config);
    });
    const load = async (adapter: string): Promise<FlatAdapter> =>
      fitted(await readAdapter(join(r.folder, 'adapters', adapter)), linearLayers(spec));

    /** Logits of `batch` with adapters on, 0 at padding. */
    async function logits(...adapters: string[]): Promise<Float64Array> {
      const loaded = await Promise.all(adapters.map(load));
      const g = new Builder('logits');
      const decoder = buildDecoder(g, spec, frozenWeights(g, r), { cache: false });
      g.outputAs('logits', decoder.logits(decoder.hidden));
      const injected = inject(
        g.graph(),
        loaded.map(({ layout }, i) => ({ name: adapters[i]!, layout })),
      );
      const session = await cpu.session(checkGraph(prune(injected)), { folder: r.folder });
      const [B, T] = r.shape('batch.input_ids') as [number, number];
      const mask = await r.ints('batch.attention_mask');
      const feeds: Feeds = {
        input_ids: int64(await r.ints('batch.input_ids'), [B, T]),
        attention_mask: int64(mask, [B, T]),
        position_ids: int64(rightPositions(mask, T), [B, T]),
      };
      loaded.forEach(({ flat }, i) => {
        feeds[flatInput(adapters[i]!)] = vector(flat);
        feeds[scaleInput(adapters[i]!)] = float32(new Float32Array(B).fill(1), [B]);
      });
      const out = await session.run(feeds);
      await session.dispose();
      return atTokens(await cpu.read(out.logits!), mask);
    }

    it('logits', async () => {
      await r.check('task.logits', await logits('task'));
      await r.check('security.logits', await logits('security'));
      await r.check('both.logits', await logits('task', 'security'));
      for (const variant of ['rslora', 'task_fiof_false']) {
        if (existsSync(join(r.folder, 'adapters', variant))) await r.check(`${variant}.logits`, await logits(variant));
      }
    });

    it('the gradient of a task adapter beside an active, frozen vector', async () => {
      const [task, security] = [await load('task'), await load('security')];
      const learner = openLearner({
        backend: cpu,
        spec,
        model: r,
        adapters: [
          { name: 'task', layout: task.layout },
          { name: 'security', layout: security.layout },
        ],
        trainable: [flatInput('task')],
      });
      const out = await learner.gradients(await rowsOf(r, { task: 1, security: 1 }), {
        [flatInput('task')]: vector(task.flat),
        [flatInput('security')]: vector(security.flat),
      });
      await learner.dispose();
      await r.check('both.loss', [out.loss]);
      assert.equal(out.gradients.length, 1, 'the frozen adapter has no gradient');
      const gradient = await cpu.read(out.gradients[0]!);
      assert.equal(r.names('both.grad.').length, 2 * task.layout.sites.length);
      for (const site of task.layout.sites) {
        const { A, B } = matrices(gradient, site);
        await r.check(`both.grad.base_model.model.${site.name}.lora_A.weight`, A);
        await r.check(`both.grad.base_model.model.${site.name}.lora_B.weight`, B);
      }
    });
  });
}
