/** What a training will take, from its recipe and the sizes of its rows. */
import type { Estimate, Range } from '../contract/estimate.js';
import type { TrainingRecipe } from '../contract/kinds.js';
import { recomputes } from '../contract/recipeTraining.js';
import type { DeviceChoice } from '../contract/recipeWords.js';
import { sum } from '../contract/sum.js';
import { DEVICES } from '../device/devices.js';
import { openBackend } from '../device/openBackend.js';
import type { Backend } from '../device/session.js';
import { stepWork } from '../device/trial.js';
import { ANSWERED } from '../evaluation/evaluate.js';
import { LOSS_BATCH } from '../learner/packing.js';
import { weightsCount } from '../models/decoder/spec.js';
import { ABSORBED_ROWS } from '../recipes/protection/absorb.js';
import { HARMFUL_ROWS } from '../recipes/protection/harmfulLoss.js';
import { PROBE_ROWS } from '../recipes/training/loop.js';
import { MAX_ANSWER_TOKENS, MAX_ORDINARY, MAX_PROMPTS } from '../recipes/protection/prompts.js';
import { strategyOf } from '../recipes/protection/strategy.js';
import { TRIAL_ROWS } from '../recipes/securityVector/trial.js';
import { WATCHED } from '../recipes/securityVector/vectorHere.js';
import { freeSpace } from '../support/freeSpace.js';
import { countsMapped, memoryLimit } from '../support/memory.js';
import { adaptersOf } from './adapters.js';
import { diskBytes, type DiskBytes } from './disk.js';
import { correction, machineKey, machineSpeed } from './history.js';
import { plannedModel, type PlannedModel } from './model.js';
import { batchesOf, bytesOf, graphsOf, hostBytes, memoryOf, planOf, type Parts } from './parts.js';
import { remedyFor } from './remedy.js';
import { cuttingOf, dimsOf, meanSize, type RowSize, type RowSizes, type StepPlan } from './rows.js';
import { rowsOfRecipe } from './rowsOfRecipe.js';
import { updateSeconds, workSeconds } from './seconds.js';
import type { Speed } from './speed.js';

export interface EstimateOptions {
  /** Absolute path of a path written in the recipe. */
  readonly path: (written: string) => string;
  readonly device?: DeviceChoice;
  /** Run folder, instead of the recipe's. */
  readonly output?: string;
  /** Where measured runs are kept, for tests. */
  readonly history?: string;
  readonly signal?: AbortSignal;
  /** Whether weights that are read in place count as memory; as on this system, if not given. */
  readonly mapped?: boolean;
}

/** An estimate, and under which names what the run then takes is remembered. */
export interface Expected extends Estimate {
  readonly machine: string;
  readonly model: string;
  readonly written: DiskBytes;
  /**
   * Of a step, and at the peak, before a correction: what is measured is compared with this. `counted` are the bytes
   * without mapped weights, which the watch on the memory does not count; undefined where it counts mapped ones several
   * times, and for a GPU.
   */
  readonly raw: { readonly stepSeconds: number; readonly counted?: number };
}

/**
 * How far from the middle the true value may be, as factors: chosen, and of the memory wider than the errors in
 * docs/performance.md (Memory).
 */
const UNMEASURED: Record<'seconds' | 'bytes', Range> = { seconds: [0.7, 1.7], bytes: [0.88, 1.15] };
const MEASURED: typeof UNMEASURED = { seconds: [0.85, 1.3], bytes: [0.93, 1.1] };

/**
 * Reads no weight: the model's header, the beginning of the data and the adapters' headers are enough.
 * @throws HumanError for a model or a data file that cannot be read; the run says the same
 */
export async function estimateTraining(recipe: TrainingRecipe, options: EstimateOptions): Promise<Expected> {
  const told = recomputes(recipe);
  if (told !== true) {
    const { expected, isEnough } = await estimateAs({ ...recipe, recompute: false }, options);
    if (isEnough || told === false) return expected;
  }
  return { ...(await estimateAs({ ...recipe, recompute: true }, options)).expected, recompute: true };
}

/**
 * @param recipe `recompute` is decided in it
 * @returns whether the memory of the machine would be enough for all of it, too: a GPU, whose memory is not known, is
 * taken to have as much
 */
async function estimateAs(
  recipe: TrainingRecipe,
  options: EstimateOptions,
): Promise<{ expected: Expected; isEnough: boolean }> {
  const { path, signal } = options;
  const onCpu = await plannedModel(path(recipe.model), recipe.precision);
  const { spec } = onCpu;
  const work = stepWork(weightsCount(spec), spec.layers.length);
  const backend = await openBackend(options.device ?? recipe.device, recipe.threads, work);
  const isCpu = backend.device === 'cpu';
  const model = isCpu ? onCpu : await plannedModel(path(recipe.model), recipe.precision, backend.device);
  const rows = await rowsOfRecipe(recipe, options);
  const adapters = await adaptersOf(recipe, model, path);
  const method = recipe.kind === 'finetune' ? recipe.method : 'lora';
  const graphs = graphsOf(recipe, model, adapters);
  const machine = machineKey(backend);
  const name = [
    model.spec.architecture,
    weightsCount(model.spec),
    method,
    ...(recipe.precision === 'float32' ? [] : [recipe.precision]),
  ].join(' · ');
  const speed = await machineSpeed(backend, options.history);
  const measured = await correction(machine, name, options.history);
  signal?.throwIfAborted();
  const cutting = cuttingOf(model.spec, method === 'full', backend.pieces);
  const parts = { recipe, model, rows, adapters, method, graphs, cutting, device: backend.device } as const;
  const plan = planOf(parts);
  const memory = memoryOf(parts, plan);
  const { device } = backend;
  const mapped = options.mapped ?? countsMapped();
  const uncounted = ({ bytes: weights }: PlannedModel): number => (mapped || method === 'full' ? 0 : weights);
  const counted = bytesOf(memory) - uncounted(model);
  const raw = { stepSeconds: stepSeconds(parts, plan, speed), ...(device === 'cpu' && !mapped && { counted }) };
  const { factors, spread } = correctedBy(measured, device);
  const step = raw.stepSeconds * factors.seconds;
  const beside = besides(parts, plan, speed);
  const all = (seconds: number): number => plan.steps * step + factors.seconds * seconds;
  const bytes = around(counted * factors.bytes, spread.bytes);
  const limitBytes = memoryLimit();
  const isEnough = bytes[0] <= limitBytes;
  const isOnHost = !DEVICES[device].keeps || method === 'full';
  const fits = device === 'cpu' ? isEnough : hostBytes(memory, parts) - (isOnHost ? uncounted(model) : 0) <= limitBytes;
  const written = diskBytes(parts, plan.steps);
  const free = await freeSpace(options.output ?? path(recipe.output));
  const expected: Expected = {
    memory,
    peakBytes: [uncounted(model) + bytes[0], uncounted(model) + bytes[1]],
    limitBytes,
    fits,
    ...(device !== 'cpu' && { gpu: true as const }),
    ...(!fits && {
      remedy: await remedyFor(parts, path, (total, of) => (total - uncounted(of)) * factors.bytes <= limitBytes),
    }),
    steps: plan.steps,
    ...(recipe.steps === undefined && rows.data.isPart && { extrapolated: true }),
    stepSeconds: around(step, spread.seconds),
    seconds: [all(beside.seconds) * spread.seconds[0], all(beside.most) * spread.seconds[1]],
    usefulTokens: usefulTokens(plan),
    ...(free !== undefined && { disk: { bytes: written.most, freeBytes: free } }),
    measured: measured !== undefined,
    ...(beside.harmPrompts !== undefined && { harmPrompts: beside.harmPrompts }),
    ...(rows.broken.size > 0 && { broken: [...rows.broken.values()] }),
    written,
    machine,
    model: name,
    raw,
  };
  return { expected, isEnough };
}

/** What is computed is multiplied by the factors; how far from that the true value may be. */
function correctedBy(
  measured: Record<'seconds' | 'bytes', number> | undefined,
  device: Backend['device'],
): { factors: Record<'seconds' | 'bytes', number>; spread: typeof UNMEASURED } {
  const factors = { seconds: measured?.seconds ?? 1, bytes: device === 'cpu' && measured ? measured.bytes : 1 };
  return {
    factors,
    spread: {
      seconds: (measured ? MEASURED : UNMEASURED).seconds,
      // a run that took no more than expected says nothing more
      bytes: (factors.bytes > 1 ? MEASURED : UNMEASURED).bytes,
    },
  };
}

const around = (value: number, [low, high]: Range): Range => [value * low, value * high];

function usefulTokens(plan: StepPlan): number {
  const batches = batchesOf(plan);
  const padded = sum(batches.map(({ dims }) => dims.B * dims.T));
  return sum(batches.map(({ useful }) => useful)) / padded;
}

/** Mean of the sampled steps. */
function stepSeconds({ recipe, graphs, adapters, method, model }: Parts, plan: StepPlan, speed: Speed): number {
  const size = method === 'full' ? weightsCount(model.spec) : adapters[0].layout.size;
  const update = updateSeconds(size, recipe.optimizer.moments, speed);
  const batches = batchesOf(plan).map((batch) => workSeconds(graphs.gradient(batch).work(batch.dims), speed));
  return sum(batches) / plan.sampled.length + update;
}

/**
 * What a run does besides its steps: it scans, probes, and answers its evaluation sets before and after; of a vector,
 * the base answers its prompts.
 * @returns its seconds, and those at most: what is absorbed is found by the scan; and of a protected run how many
 * prompts the smallest set of harm has, 0 without one
 */
function besides(
  { recipe, rows, graphs, model, cutting }: Parts,
  { steps }: StepPlan,
  speed: Speed,
): { seconds: number; most: number; harmPrompts?: number } {
  const mean = meanSize(rows.data.sizes);
  type Size = Omit<RowSize, 'prompt'>;
  const alike = (count: number, { tokens, supervised }: Size): ReturnType<typeof dimsOf> =>
    dimsOf({ rows: count, longest: tokens, labels: count * supervised, held: 0 }, cutting);
  const lossSeconds = (count: number, size: Size): number => {
    const batch = alike(count, size);
    return workSeconds(graphs.loss(batch).work(batch.dims), speed);
  };
  const losses = (count: number): number => (count / LOSS_BATCH.rows) * lossSeconds(LOSS_BATCH.rows, mean);
  const probed = alike(PROBE_ROWS, mean);
  const probe = workSeconds(graphs.gradient(probed).work(probed.dims), speed);
  const token = (tokens: number): number => lossSeconds(ANSWERED, { tokens, supervised: 1 }) / ANSWERED;
  const answered = (count: number, { sizes }: RowSizes, most: number): number =>
    count * (token(meanSize(sizes).prompt) + most * token(1));
  const probes = 2 + Math.floor(steps / recipe.evaluateEvery);
  if (recipe.kind === 'vector') {
    const watched = sum(rows.unseen.map((count) => Math.min(count, WATCHED)));
    // With the vector and without it, all of them.
    const unseen = 2 * losses(sum(rows.unseen));
    const kept = Math.min(rows.data.rows, MAX_PROMPTS) + Math.min(rows.unseen[0] ?? 0, MAX_PROMPTS);
    const prompts =
      answered(kept, rows.data, MAX_ANSWER_TOKENS) +
      answered(Math.min(rows.held.rows, MAX_ORDINARY), rows.held, MAX_ANSWER_TOKENS);
    const seconds = probes * (probe + losses(watched)) + unseen + (TRIAL_ROWS / PROBE_ROWS) * probe + prompts;
    return { seconds, most: seconds };
  }
  const vectors = recipe.vectors.length > 0;
  const watched = losses(HARMFUL_ROWS * Math.max(recipe.vectors.length, recipe.probes.harmful ? 1 : 0));
  const trained = probes * (probe * (vectors ? 4 : 2) + watched);
  const scan = vectors ? losses(2 * rows.data.rows) : 0;
  let answers = 0;
  /** One that was not read to its end is enough: how many prompts it has is not known. */
  const harmSets: number[] = [];
  for (const set of rows.sets) {
    if (set.measure === 'harm') harmSets.push(set.isPart ? Infinity : set.prompts);
    answers += set.measure === 'loss' ? losses(set.rows) : answered(set.rows, set, recipe.generation.maxNewTokens);
  }
  const { flagged } = strategyOf(recipe);
  const absorbing = recipe.vectors.length === 1 ? (ABSORBED_ROWS / PROBE_ROWS) * probe : 0;
  const harmPrompts = harmSets.length > 0 ? Math.min(...harmSets) : 0;
  const seconds =
    trained + scan + 2 * answers + (model.bytes / speed.moved) * 2 + (flagged === 'absorb' ? absorbing : 0);
  return {
    seconds,
    most: seconds + (flagged === 'auto' ? absorbing : 0),
    ...(vectors && harmPrompts < Infinity && { harmPrompts }),
  };
}
