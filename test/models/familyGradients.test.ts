import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { adapterFlat, type FlatAdapter } from '../../runtime/adapters/flat.js';
import { flatInput } from '../../runtime/adapters/inject.js';
import { matrices } from '../../runtime/adapters/sites.js';
import { decoderSpec } from '../../runtime/models/config.js';
import { decoderSites } from '../../runtime/models/decoder.js';
import { readFloat32 } from '../../runtime/models/safetensors.js';
import { parameters, type DecoderSpec } from '../../runtime/models/spec.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { openLearner, type Learner } from '../../runtime/training/learner.js';
import { supervised, type TrainingRow } from '../../runtime/training/packing.js';
import { float32, openBackend, type Backend, type Feeds, type Tensor } from '../../runtime/training/session.js';
import { FAMILIES, hasTraining, loadReference, type Reference } from '../support/reference.js';

/** λ of the security objective in the fixtures. */
const LAMBDA = 0.5;

let cpu: Backend;
before(async () => {
  cpu = await openBackend('cpu', 1);
});

/** The rows of a batch without their padding; each supervised token counts `total` / (tokens of the batch). */
async function rowsOf(r: Reference, batch: string, scales: Record<string, number>, total = 1): Promise<TrainingRow[]> {
  const [B, T] = r.shape(`${batch}.input_ids`) as [number, number];
  const ids = await r.ints(`${batch}.input_ids`);
  const mask = await r.ints(`${batch}.attention_mask`);
  const labels = await r.ints(`${batch}.labels`);
  const examples = Array.from({ length: B }, (_, b) => {
    const length = mask.slice(b * T, (b + 1) * T).reduce((a, v) => a + v, 0);
    return { ids: ids.slice(b * T, b * T + length), labels: labels.slice(b * T, b * T + length) };
  });
  const tokens = examples.reduce((n, e) => n + supervised(e.labels).length, 0);
  return examples.map((example) => ({ example, scales, weight: total / tokens }));
}

const vector = (flat: Float32Array): Tensor => float32(flat, [flat.length]);

/** Compares a flat vector with the tensors of a PEFT adapter, one by one. */
async function checkAdapter(r: Reference, start: string, { layout }: FlatAdapter, flat: Float32Array): Promise<void> {
  assert.equal(r.names(start).length, 2 * layout.sites.length);
  for (const site of layout.sites) {
    const { A, B } = matrices(flat, site);
    await r.check(`${start}base_model.model.${site.name}.lora_A.weight`, A);
    await r.check(`${start}base_model.model.${site.name}.lora_B.weight`, B);
  }
}

async function weightsOf(r: Reference, names: readonly string[]): Promise<Feeds> {
  const weights: Feeds = {};
  for (const name of names) {
    const info = r.tensors.get(name)!;
    weights[name] = float32(await readFloat32(info), info.shape);
  }
  return weights;
}

async function checkWeights(
  r: Reference,
  start: string,
  names: readonly string[],
  gradients: readonly Tensor[],
): Promise<void> {
  assert.deepEqual(r.names(start).sort(), [...names].sort());
  for (const [i, name] of names.entries()) await r.check(`${start}${name}`, await cpu.read(gradients[i]!));
}

for (const name of FAMILIES) {
  it(`gradients of all weights of ${name}`, async () => {
    const r = await loadReference(name);
    const spec = decoderSpec(r.config);
    const names = [...parameters(spec).keys()];
    const learner = openLearner({
      backend: cpu,
      spec,
      model: r,
      adapters: [],
      trainable: names,
      weightsAsInputs: true,
    });
    const out = await learner.gradients(await rowsOf(r, 'batch', {}), await weightsOf(r, names));
    await r.check('loss', [out.loss]);
    await checkWeights(r, 'full.grad.', names, out.gradients);
    await learner.dispose();
  });
}

for (const name of FAMILIES.filter(hasTraining)) {
  describe(`training ${name} against PEFT`, () => {
    let r: Reference;
    let spec: DecoderSpec;
    let task: FlatAdapter;
    let security: FlatAdapter;
    const opened: Learner[] = [];

    before(async () => {
      r = await loadReference(name);
      spec = decoderSpec(r.config);
      task = await adapterFlat(join(r.folder, 'adapters/task'), decoderSites(spec));
      security = await adapterFlat(join(r.folder, 'adapters/security'), decoderSites(spec));
    });
    after(async () => {
      for (const learner of opened) await learner.dispose();
    });

    const learner = (adapters: Record<string, FlatAdapter>, trainable: string[], weightsAsInputs = false): Learner => {
      const made = openLearner({
        backend: cpu,
        spec,
        model: r,
        adapters: Object.entries(adapters).map(([key, { layout }]) => ({ name: key, layout })),
        trainable,
        weightsAsInputs,
      });
      opened.push(made);
      return made;
    };

    it('a task adapter: loss and gradients', async () => {
      const one = learner({ task }, [flatInput('task')]);
      const out = await one.gradients(await rowsOf(r, 'batch', { task: 1 }), {
        [flatInput('task')]: vector(task.flat),
      });
      await r.check('task.loss', [out.loss]);
      await checkAdapter(r, 'task.grad.', task, await cpu.read(out.gradients[0]!));
    });

    it('three AdamW steps', async () => {
      const one = learner({ task }, [flatInput('task')]);
      const rows = await rowsOf(r, 'batch', { task: 1 });
      const optimizer = openOptimizer(cpu, {
        learningRate: 1e-2,
        betas: [0.9, 0.999],
        epsilon: 1e-8,
        weightDecay: 0.01,
        clipNorm: 1,
        schedule: 'constant',
        warmupSteps: 0,
      });
      const state = optimizer.init([flatInput('task')], [vector(Float32Array.from(task.flat))]);
      const losses: number[] = [];
      const norms: number[] = [];
      for (let step = 0; step < 3; step++) {
        const out = await one.gradients(rows, { [flatInput('task')]: state.p[0]! });
        losses.push(out.loss);
        norms.push((await optimizer.step(state, out.gradients, 1e-2)).norm);
      }
      await r.check('train.loss', losses);
      await r.check('train.grad_norm', norms);
      const last = await one.gradients(rows, { [flatInput('task')]: state.p[0]! });
      await r.check('train.loss_after', [last.loss]);
      await checkAdapter(r, 'train.final.', task, await cpu.read(state.p[0]!));
      await optimizer.dispose();
    });

    it('a task adapter beside a frozen, active security vector', async () => {
      const both = learner({ task, security }, [flatInput('task')]);
      const out = await both.gradients(await rowsOf(r, 'batch', { task: 1, security: 1 }), {
        [flatInput('task')]: vector(task.flat),
        [flatInput('security')]: vector(security.flat),
      });
      await r.check('both.loss', [out.loss]);
      assert.equal(out.gradients.length, 1, 'the frozen adapter has no gradient');
      await checkAdapter(r, 'both.grad.', task, await cpu.read(out.gradients[0]!));
    });

    it('the objective of a security vector', async () => {
      const one = learner({ security }, [flatInput('security')]);
      const benign = await rowsOf(r, 'benign', { security: 1 }, LAMBDA);
      const teachers = await one.teach(benign.map((row) => row.example));
      const taught = benign.map((row, i) => ({ ...row, teacher: teachers[i]! }));
      const parameters = { [flatInput('security')]: vector(security.flat) };
      const out = await one.gradients([...(await rowsOf(r, 'harm', { security: 1 })), ...taught], parameters);
      await r.check('security.total', [out.loss]);
      await r.check('security.benign_kl', [out.kl!]);
      await checkAdapter(r, 'security.grad.', security, await cpu.read(out.gradients[0]!));
    });

    it('all weights with a frozen, active vector', async () => {
      const names = [...parameters(spec).keys()];
      const full = learner({ security }, names, true);
      const rows = await rowsOf(r, 'batch', { security: 1 });
      const out = await full.gradients(rows, {
        ...(await weightsOf(r, names)),
        [flatInput('security')]: vector(security.flat),
      });
      await r.check('full_security.loss', [out.loss]);
      await checkWeights(r, 'full_security.grad.', names, out.gradients);
    });
  });
}
