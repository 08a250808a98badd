/**
 * Training against transformers, PEFT and torch: LoRA and full gradients, AdamW steps, an active frozen adapter, KL,
 * merging, generation.
 */
import assert from 'node:assert/strict';
import { before, after, describe, it } from 'node:test';
import { join } from 'node:path';
import { sum } from '../../runtime/contract/sum.js';
import { readAdapter } from '../../runtime/adapters/files.js';
import { fitted, type FlatAdapter } from '../../runtime/adapters/flat.js';
import { flatInput } from '../../runtime/adapters/inject.js';
import { matrices } from '../../runtime/adapters/sites.js';
import { openGenerator } from '../../runtime/evaluation/inference/generate.js';
import { decoderSpec } from '../../runtime/models/families/config.js';
import { linearLayers, parameters } from '../../runtime/models/decoder/spec.js';
import { openOptimizer } from '../../runtime/optim/optimizer.js';
import { baseTensors } from '../../runtime/recipes/training/fullModel.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { openLearner, type RowLoss } from '../../runtime/learner/learner.js';
import { supervised, type TrainingRow } from '../../runtime/learner/packing.js';
import { openBackend } from '../../runtime/device/openBackend.js';
import type { Backend, Tensor } from '../../runtime/device/session.js';
import { FAMILIES as FAMILY_NAMES, hasTraining, loadReference, type Reference } from '../support/reference.js';

const FAMILIES = FAMILY_NAMES.filter(hasTraining);
const OPTIMIZER = {
  learningRate: 1e-2,
  betas: [0.9, 0.999] as [number, number],
  epsilon: 1e-8,
  weightDecay: 0.01,
  clipNorm: 1,
  schedule: 'constant' as const,
  warmupSteps: 0,
};

let backend: Backend;
before(async () => {
  backend = await openBackend('cpu', 1);
});

async function rowsOf(reference: Reference, batch: string, scales: Record<string, number>): Promise<TrainingRow[]> {
  const [B, T] = reference.shape(`${batch}.input_ids`) as [number, number];
  const [ids, labels, mask] = await Promise.all(
    ['input_ids', 'labels', 'attention_mask'].map((part) => reference.ints(`${batch}.${part}`)),
  );
  const examples = Array.from({ length: B }, (_, b) => {
    const real = (values: number[]): number[] =>
      values.slice(b * T, (b + 1) * T).filter((_, t) => mask![b * T + t] === 1);
    return { ids: real(ids!), labels: real(labels!) };
  });
  const count = examples.reduce((n, e) => n + supervised(e.labels).length, 0);
  return examples.map((example) => ({ example, scales, weight: 1 / count }));
}

/** Compares a flat gradient or parameter vector with the reference tensors named `<prefix><PEFT key>`. */
async function checkFlat(
  reference: Reference,
  prefix: string,
  flat: Float32Array,
  adapter: FlatAdapter,
): Promise<void> {
  for (const site of adapter.layout.sites) {
    const { A, B } = matrices(flat, site);
    await reference.check(`${prefix}base_model.model.${site.name}.lora_A.weight`, A);
    await reference.check(`${prefix}base_model.model.${site.name}.lora_B.weight`, B);
  }
}

for (const family of FAMILIES) {
  describe(`${family}: training`, () => {
    let reference: Reference;
    let task: FlatAdapter;
    let security: FlatAdapter;
    const closing: { dispose(): Promise<void> }[] = [];
    const opened = <T extends { dispose(): Promise<void> }>(x: T): T => {
      closing.push(x);
      return x;
    };
    const model = (): { spec: ReturnType<typeof decoderSpec>; model: Pick<Reference, 'folder' | 'tensors'> } => ({
      spec: decoderSpec(reference.config),
      model: reference,
    });
    const read = (tensor: Tensor): Promise<Float32Array> => backend.read(tensor);

    before(async () => {
      reference = await loadReference(family);
      const sites = linearLayers(decoderSpec(reference.config));
      task = fitted(await readAdapter(join(reference.folder, 'adapters/task')), sites);
      security = fitted(await readAdapter(join(reference.folder, 'adapters/security')), sites);
    });
    after(async () => {
      for (const x of closing) await x.dispose();
    });

    it('gives the row losses, the LoRA gradient and three AdamW steps of torch', async () => {
      const learner = opened(
        openLearner({
          backend,
          ...model(),
          adapters: [{ name: 'task', layout: task.layout }],
          trainable: [flatInput('task')],
        }),
      );
      const optimizer = opened(openOptimizer(backend, OPTIMIZER));
      const off = await learner.losses(await rowsOf(reference, 'batch', { task: 0 }), {
        [flatInput('task')]: flatTensor(task.flat),
      });
      await reference.check(
        'nll_sum',
        off.map((r) => r.nll),
      );
      const rows = await rowsOf(reference, 'batch', { task: 1 });
      const state = optimizer.init(['task'], [flatTensor(task.flat.slice())]);
      const losses: number[] = [];
      const norms: number[] = [];
      for (let k = 0; k < 3; k++) {
        const { loss, gradients } = await learner.gradients(rows, { [flatInput('task')]: state.p[0]! });
        if (k === 0) {
          await reference.check('task.loss', [loss]);
          await checkFlat(reference, 'task.grad.', await read(gradients[0]!), task);
        }
        losses.push(loss);
        norms.push((await optimizer.step(state, gradients, OPTIMIZER.learningRate)).norm);
      }
      await reference.check('train.loss', losses);
      await reference.check('train.grad_norm', norms);
      await checkFlat(reference, 'train.final.', await read(state.p[0]!), task);
    });

    it('trains a task adapter beside a security vector that is active and frozen', async () => {
      const adapters = [
        { name: 'task', layout: task.layout },
        { name: 'security', layout: security.layout },
      ];
      const learner = opened(openLearner({ backend, ...model(), adapters, trainable: [flatInput('task')] }));
      const parameters = {
        [flatInput('task')]: flatTensor(task.flat),
        [flatInput('security')]: flatTensor(security.flat),
      };
      const both = await learner.gradients(await rowsOf(reference, 'batch', { task: 1, security: 1 }), parameters);
      await reference.check('both.loss', [both.loss]);
      await checkFlat(reference, 'both.grad.', await read(both.gradients[0]!), task);
      assert.equal(both.gradients.length, 1, 'the frozen vector has no gradient');
      const alone = await learner.gradients(await rowsOf(reference, 'batch', { task: 1, security: 0 }), parameters);
      await checkFlat(reference, 'task.grad.', await read(alone.gradients[0]!), task);
    });

    it('gives the security vector objective CE(harmful) + λ KL(base ‖ base + vector) and its gradient', async () => {
      const learner = opened(
        openLearner({
          backend,
          ...model(),
          adapters: [{ name: 'security', layout: security.layout }],
          trainable: [flatInput('security')],
        }),
      );
      const harmful = await rowsOf(reference, 'harm', { security: 1 });
      const benign = await rowsOf(reference, 'benign', { security: 1 });
      const teachers = await learner.teach(benign.map((row) => row.example));
      const held = benign.map((row, i): TrainingRow => ({ ...row, weight: 0.5 * row.weight, teacher: teachers[i]! }));
      const { loss, rows, kl, gradients } = await learner.gradients([...harmful, ...held], {
        [flatInput('security')]: flatTensor(security.flat),
      });
      const ce = sum(rows.map((r) => r.nll)) / sum(rows.map((r) => r.tokens));
      await reference.check('security.harm_ce', [ce]);
      await reference.check('security.benign_kl', [kl!]);
      await reference.check('security.total', [loss]);
      await checkFlat(reference, 'security.grad.', await read(gradients[0]!), security);
    });

    it('gives the gradient of every base parameter, without an adapter and with the vector active', async () => {
      const { spec } = model();
      const names = [...parameters(spec).keys()];
      const tensors = await baseTensors(reference, spec);
      const base = Object.fromEntries(names.map((name, i) => [name, tensors[i]!]));
      const plain = opened(openLearner({ backend, ...model(), adapters: [], trainable: names, weightsAsInputs: true }));
      const full = await plain.gradients(await rowsOf(reference, 'batch', {}), base);
      await reference.check('loss', [full.loss]);
      for (const [i, name] of names.entries())
        await reference.check(`full.grad.${name}`, await read(full.gradients[i]!));
      assert.deepEqual(reference.names('full.grad.').sort(), [...names].sort());
      const guarded = opened(
        openLearner({
          backend,
          ...model(),
          adapters: [{ name: 'security', layout: security.layout }],
          trainable: names,
          weightsAsInputs: true,
        }),
      );
      const secured = await guarded.gradients(await rowsOf(reference, 'batch', { security: 1 }), {
        ...base,
        [flatInput('security')]: flatTensor(security.flat),
      });
      await reference.check('full_security.loss', [secured.loss]);
      for (const [i, name] of names.entries())
        await reference.check(`full_security.grad.${name}`, await read(secured.gradients[i]!));
    });

    it('compares rows with the base whether its weights are in place or trained', async () => {
      const { spec } = model();
      const names = [...parameters(spec).keys()];
      const tensors = await baseTensors(reference, spec);
      const vector = { [flatInput('security')]: flatTensor(security.flat) };
      const trained = { ...Object.fromEntries(names.map((name, i) => [name, tensors[i]!])), ...vector };
      const adapters = [{ name: 'security', layout: security.layout }];
      const rows = await rowsOf(reference, 'batch', { security: 1 });
      const off = rows.map((row) => ({ ...row, scales: { security: 0 } }));
      for (const weightsAsInputs of [false, true]) {
        const trainable = weightsAsInputs ? names : [flatInput('security')];
        const learner = opened(openLearner({ backend, ...model(), adapters, trainable, weightsAsInputs }));
        const given = weightsAsInputs ? trained : vector;
        const compared = await learner.compare(rows, given);
        const near = (found: readonly RowLoss[], wanted: readonly RowLoss[]): void => {
          const [x, y] = [found, wanted].map((losses) => losses.flatMap(({ perToken }) => perToken));
          assert.ok(x!.length === y!.length && x!.every((nll, i) => Math.abs(nll - y![i]!) < 1e-4));
        };
        near(compared.map(({ without }) => without), await learner.losses(off, given)); // oxfmt-ignore
        near(compared.map((row) => row.with), await learner.losses(rows, given)); // oxfmt-ignore
        const changes = compared.map(({ kl }) => Math.max(...kl));
        assert.ok(changes.every((kl) => kl > 1e-6), `${changes}`); // oxfmt-ignore
      }
    });

    it('generates the reference tokens with the KV cache, also left-padded and with the vector', async () => {
      const generator = opened(
        await openGenerator({
          backend,
          ...model(),
          adapters: [{ ...security, scale: 0 }],
          stopIds: [],
        }),
      );
      const prompt = await reference.ints('generate.prompt');
      const greedy = { maxNewTokens: 16, temperature: 0, topP: 1 };
      const [alone] = await generator.generate([prompt], greedy);
      assert.deepEqual(alone!.ids, await reference.ints('generate.base'));
      const [padded] = await generator.generate([prompt, [...prompt, ...prompt]], greedy);
      assert.deepEqual(padded!.ids, alone!.ids);
      const [secured] = await generator.generate([prompt], { ...greedy, adapters: [{ ...security, scale: 1 }] });
      assert.deepEqual(secured!.ids, await reference.ints('generate.security'));
    });
  });
}
