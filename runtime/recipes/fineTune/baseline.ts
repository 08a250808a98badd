import { adapterFlat } from '../../adapters/flat.js';
import type { Layout } from '../../adapters/sites.js';
import type { GradientStep, Method, MethodInputs } from '../../baselines/method.js';
import { METHODS } from '../../baselines/table.js';
import { baselineFacts, type BaselineInput } from '../../contract/baselines.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Learner } from '../../learner/learner.js';
import { batchesOf } from '../../learner/packing.js';
import { openModel } from '../../models/folder.js';
import { userCache } from '../../models/cache/userCache.js';
import { flatTensors } from '../../learner/rows.js';
import type { Feeds, Tensor } from '../../device/session.js';
import { loadReporter, loadSource, type Job } from '../training/job.js';
import type { LoopOptions } from '../training/loop.js';
import { summed } from '../training/summed.js';

/**
 * The published method that the recipe names, with all that it reads; one that changes nothing without a name.
 * @param layout of the task adapter; undefined where all weights are trained
 */
export async function openMethod(
  job: Job<FinetuneRecipe>,
  layout: Layout | undefined,
): Promise<{ method: Method; aligned: ExampleList }> {
  const { recipe, context } = job;
  const { baseline: options, seed } = recipe;
  if (!options) return { method: {}, aligned: [] };
  const needs = (input: BaselineInput): boolean => baselineFacts(options.name).needs.includes(input);
  const rows = async (key: 'aligned' | 'harmful'): Promise<ExampleList> =>
    needs(key) ? (await loadSource(job, options[key]!, `baseline.${key}`, recipe.batch.maxTokens)).examples : [];
  const inputs: MethodInputs = {
    options,
    context,
    seed,
    layout,
    aligned: await rows('aligned'),
    harmful: await rows('harmful'),
    ...(needs('unaligned') && {
      unaligned: await openModel(job.path(options.unaligned!), { cache: userCache(), signal: job.signal }),
    }),
    ...(needs('reinforce') && {
      reinforce: await adapterFlat(job.path(options.reinforce!), context, loadReporter(job).warn),
    }),
  };
  return { method: await METHODS[options.name](inputs), aligned: inputs.aligned };
}

/** A method's gradients as the training loop asks for them; undefined where it changes none. */
export function gradientHook(
  { gradients }: Method,
  { recipe, context: { backend } }: Pick<Job<FinetuneRecipe>, 'recipe' | 'context'>,
  {
    learner,
    parameters,
    off,
  }: {
    learner: Learner;
    parameters: () => Feeds;
    off: GradientStep['off'];
  },
): LoopOptions['gradients'] {
  if (!gradients) return undefined;
  const read = (tensors: readonly Tensor[]): Promise<Float32Array[]> =>
    Promise.all(tensors.map((tensor) => backend.read(tensor)));
  const gradientsOf: GradientStep['gradientsOf'] = async (rows) => {
    const { gradients: sum } = await summed(learner, batchesOf(rows, recipe.batch), parameters());
    const values = await read(sum);
    for (const tensor of sum) backend.release(tensor);
    return values;
  };
  return async (own, at) => {
    const before = await read(own);
    const p = await read(at.state.p);
    const after = await gradients(before, { ...at, off, p, learner, gradientsOf });
    const dims = own.map((tensor) => tensor.dims);
    for (const tensor of own) backend.release(tensor);
    return flatTensors(after, dims);
  };
}
