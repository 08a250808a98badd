/**
 * What an estimate is made of: the recipe with its model, rows and graphs, the steps that follow from them, and their
 * memory.
 */
import { baselineFacts } from '../contract/baselines.js';
import type { BrokenRows, MemoryParts } from '../contract/estimate.js';
import type { TrainingRecipe } from '../contract/kinds.js';
import type { EvaluationSet } from '../contract/recipeData.js';
import { sum } from '../contract/sum.js';
import { DEVICES } from '../device/devices.js';
import type { Backend } from '../device/session.js';
import { ANSWERED } from '../evaluation/evaluate.js';
import { LOSS_BATCH } from '../learner/packing.js';
import { weightsCount } from '../models/decoder/spec.js';
import { PROBE_ROWS } from '../recipes/training/loop.js';
import { MAX_ANSWER_TOKENS, PROMPTS_AT_ONCE } from '../recipes/protection/prompts.js';
import { TRAINED, type NamedLayout } from './adapters.js';
import { trainingGraphs, type TrainingGraphs } from './graphs.js';
import { answeringMemory, longestRows, trainingMemory } from './memory.js';
import type { PlannedModel } from './model.js';
import {
  dimsOf,
  longestOf,
  meanSize,
  probeBatches,
  stepPlan,
  withLongest,
  type Cutting,
  type RowSize,
  type RowSizes,
  type StepPlan,
} from './rows.js';

/**
 * Bytes of what a run has besides its steps: rows, tokenizer, judges, and the graphs that answer. No measurement of
 * them is kept.
 */
const RUN = 35e6;

export interface Parts {
  readonly recipe: TrainingRecipe;
  readonly model: PlannedModel;
  readonly rows: RowsOfRecipe;
  readonly adapters: readonly NamedLayout[];
  readonly method: 'lora' | 'full';
  readonly graphs: TrainingGraphs;
  readonly cutting: Cutting;
  readonly device: Backend['device'];
}

export interface RowsOfRecipe {
  /** What is learned. */
  readonly data: RowSizes;
  /** Of a vector: how many rows of each kind it is not trained on. */
  readonly unseen: readonly number[];
  /** What the model is held to. */
  readonly held: RowSizes;
  /** Of a vector's own rows, each kind that an anchor holds: a run with none of one is refused. */
  readonly anchored: readonly RowSizes[];
  readonly heldPerBatch: number;
  readonly heldPerStep: number;
  /** Rows whose gradients are measured while training, by kind; undefined: some of the data. */
  readonly probes: readonly (RowSizes | undefined)[];
  /** Sets that the model is evaluated on. */
  readonly sets: readonly (RowSizes & Pick<EvaluationSet, 'measure'> & { readonly prompts: number })[];
  /** By file. */
  readonly broken: ReadonlyMap<string, BrokenRows>;
}

export const bytesOf = (parts: MemoryParts): number => sum(Object.values(parts));

/**
 * What of it lies in the memory of the machine: on a GPU, what is computed does not; and of weights that the device
 * keeps, one at a time is there while they are uploaded. All of a full training start there.
 */
export function hostBytes(
  memory: MemoryParts,
  { device, method, model }: Pick<Parts, 'device' | 'method' | 'model'>,
): number {
  if (device === 'cpu') return bytesOf(memory);
  const largest = (): number => Math.max(...[...model.tensors.values()].map(({ bytes }) => bytes));
  return memory.program + (DEVICES[device].keeps && method === 'lora' ? largest() : memory.weights);
}

const shapes = ({ spec, tensors, packed }: PlannedModel) => ({
  spec,
  model: { folder: '', tensors: new Map(tensors), packed },
});

export function graphsOf(recipe: TrainingRecipe, model: PlannedModel, adapters: Parts['adapters']): TrainingGraphs {
  const method = recipe.kind === 'finetune' ? recipe.method : 'lora';
  return trainingGraphs({ ...shapes(model), method, adapters, trained: TRAINED, recompute: recipe.recompute === true });
}

export function planOf({ recipe, rows, cutting }: Parts): StepPlan {
  const { data, held, heldPerBatch, heldPerStep } = rows;
  const perBatch = heldPerBatch > 0;
  const size = meanSize(held.sizes);
  // of a vector that is not there yet an anchor's rows are not known
  const longest = held === data || held.sizes.length === 0 ? undefined : longestOf(withLongest(held));
  return stepPlan(recipe, data, { rows: perBatch ? heldPerBatch : heldPerStep, size, longest, perBatch }, cutting);
}

export const batchesOf = (plan: StepPlan): StepPlan['sampled'][number] => plan.sampled.flat();

export function memoryOf(
  { recipe, model, rows, adapters, method, graphs, cutting }: Parts,
  plan: StepPlan,
): MemoryParts {
  const { data, held, heldPerBatch, heldPerStep } = rows;
  const measured = rows.probes.map((probe) =>
    probeBatches((probe ?? data).sizes.slice(0, PROBE_ROWS), recipe.batch, cutting),
  );
  const lossesOf = (sizes: readonly RowSize[]): ReturnType<typeof dimsOf> | undefined =>
    sizes.length === 0 ? undefined : dimsOf(longestRows(sizes, LOSS_BATCH), cutting);
  const hasTeacher = heldPerBatch + heldPerStep > 0;
  const parts = trainingMemory({
    model,
    method,
    adapters: adapters.map(({ layout }) => layout.size),
    graphs,
    batches: batchesOf(plan),
    longest: plan.longest,
    unrolled: cutting.limits.doubled === true,
    adds: [...plan.sampled, ...measured].some(({ length }) => length > 1),
    probes: measured.flat(),
    moments: recipe.optimizer.moments,
    losses: lossesOf(withLongest(data)),
    taught: hasTeacher ? meanSize(held.sizes).supervised * held.rows : 0,
  });
  const { weights, beside } = methodBytes(recipe, model, adapters);
  const training = { ...parts, weights: parts.weights + weights, adapters: parts.adapters + beside };
  const answered = recipe.kind === 'vector' ? [data, held] : rows.sets.filter(({ measure }) => measure !== 'loss');
  const prompts = answered.flatMap(({ sizes }) => sizes.flatMap(({ prompt }) => (prompt > 0 ? [prompt] : [])));
  const losses = lossesOf(rows.sets.flatMap(({ measure, sizes }) => (measure === 'loss' ? sizes : [])));
  const answering =
    (prompts.length > 0 || losses) &&
    answeringMemory({
      model,
      graphs,
      prompts,
      losses,
      adapters: adapters.map(({ layout }) => layout.size),
      ...(recipe.kind === 'vector'
        ? { together: PROMPTS_AT_ONCE, newTokens: MAX_ANSWER_TOKENS }
        : { together: ANSWERED, newTokens: recipe.generation.maxNewTokens }),
    });
  const highest = answering && bytesOf(answering) > bytesOf(training) ? answering : training;
  return { ...highest, program: highest.program + RUN };
}

/**
 * Of methods that compare two models, what alignment has changed of each adapted layer, which stays in memory; and what
 * others hold beside the gradients.
 */
function methodBytes(
  recipe: TrainingRecipe,
  { spec }: PlannedModel,
  [own]: Parts['adapters'],
): { weights: number; beside: number } {
  const baseline = recipe.kind === 'finetune' ? recipe.baseline : undefined;
  const { readsWeights = false, copies = 0 } = baseline ? baselineFacts(baseline.name) : {};
  const weights = readsWeights ? sum(own.layout.sites.map((site) => 4 * site.in * site.out)) : 0;
  const trained = recipe.kind === 'finetune' && recipe.method === 'full' ? weightsCount(spec) : own.layout.size;
  return { weights, beside: copies * 4 * trained };
}
