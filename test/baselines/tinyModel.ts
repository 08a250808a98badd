/** A tiny model with all that a published method can read of it, for tests of the equations. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { flatInput } from '../../runtime/adapters/inject.js';
import { initialise, plainLayout, type Layout } from '../../runtime/adapters/sites.js';
import type { GradientStep, MethodInputs } from '../../runtime/baselines/method.js';
import { loadData, openContext, type Context } from '../../runtime/context/context.js';
import type { BaselineOptions } from '../../runtime/contract/recipeProtection.js';
import type { ExampleList } from '../../runtime/data/exampleList.js';
import { openLearner } from '../../runtime/learner/learner.js';
import { flatTensor } from '../../runtime/learner/rows.js';
import { bytesOf, readFloat32, readSafetensors, writeSafetensors } from '../../runtime/models/weights/safetensors.js';
import { random } from '../../runtime/support/random.js';
import { writeWorkspace } from '../kills/workspace.js';

export const rng = random('baselines');
export const draw = (n: number): Float32Array => Float32Array.from({ length: n }, () => rng.normal());
export const near = (a: number, b: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(b)), `${what} ${a}, not ${b}`);

export interface TinyModel {
  /** The folder of the model and its data. */
  root: string;
  context: Context;
  layout: Layout;
  rows: Record<'train' | 'harmful' | 'benign' | 'forbidden', ExampleList>;
  inputs(options: Partial<BaselineOptions>, more?: Partial<MethodInputs>): MethodInputs;
  /** A step by parameters that have moved away from the base. */
  stepAt(flat: Float32Array, more?: Partial<GradientStep>): GradientStep;
  moved(): Float32Array;
  /** A copy of the model whose changed layers differ from it by these matrices. */
  unaligned(
    change: (name: string, out: number, inputs: number) => Float32Array | undefined,
  ): Promise<NonNullable<MethodInputs['unaligned']>>;
  isLinear(name: string): boolean;
}

/** Opens the model for the tests of a file. */
export async function useTinyModel(): Promise<TinyModel> {
  const root = await mkdtemp(join(tmpdir(), 'equations-'));
  await writeWorkspace(root);
  const context = await openContext(join(root, 'model'), { device: 'cpu', threads: 1, scratch: root });
  const layout = plainLayout(context.sites, { rank: 2, alpha: 4, sites: 'all-linear' });
  const reporter = { warn: (): void => undefined };
  const load = async (name: string): Promise<ExampleList> =>
    (await loadData(context, join(root, `${name}.jsonl`), {}, reporter)).examples;
  const rows = {
    train: await load('train'),
    harmful: await load('harmful'),
    benign: await load('benign'),
    forbidden: await load('forbidden'),
  };
  const { backend, spec, model } = context;
  const learner = openLearner({
    ...{ backend, spec, model, adapters: [{ name: 'task', layout }] },
    trainable: [flatInput('task')],
  });
  after(async () => {
    await learner.dispose();
    await rm(root, { recursive: true, force: true });
  });
  return {
    ...{ root, context, layout, rows },
    inputs: (options, more = {}) => ({
      options: options as BaselineOptions,
      context,
      seed: 1,
      layout,
      aligned: rows.forbidden,
      harmful: rows.harmful,
      ...more,
    }),
    stepAt(flat, more = {}) {
      const parameters = { [flatInput('task')]: flatTensor(flat) };
      return {
        step: 1,
        steps: 10,
        off: { task: 1 },
        state: { step: 0, names: ['task'], p: [flatTensor(flat)], m: [], v: [] },
        p: [flat],
        learner,
        gradientsOf: async (some) =>
          Promise.all((await learner.gradients(some, parameters)).gradients.map((g) => backend.read(g))),
        ...more,
      };
    },
    moved: () => initialise(layout, rng).map((x) => x + 0.1 * rng.normal()),
    async unaligned(change) {
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
      await mkdir(folder);
      await writeSafetensors(join(folder, 'model.safetensors'), written);
      return { folder, tensors: (await readSafetensors(join(folder, 'model.safetensors'))).tensors };
    },
    isLinear: (name) => context.sites.some((site) => name === `${site.name}.weight`),
  };
}
