import { flatInput } from '../../adapters/inject.js';
import type { Method } from '../../baselines/method.js';
import type { LoadedData } from '../../context/context.js';
import { adapterName } from '../../contract/adapterName.js';
import { baselineFacts } from '../../contract/baselines.js';
import type { FlaggedRows, VectorPart, WatchEnd } from '../../contract/events.js';
import { plural } from '../../contract/format.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { askedIn, questionsOf } from '../../data/askedBy.js';
import { firstOf, type ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Feeds, Tensor } from '../../device/session.js';
import { flaggedByVector } from '../../evaluation/scan/several.js';
import { requireOwnCompanions } from '../../models/weights/saveModel.js';
import { HumanError } from '../../support/errors.js';
import type { RowLoss } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import { flatTensor, rowsOf, tokenCount } from '../../learner/rows.js';
import { readEvents } from '../../runs/runFolder.js';
import { planner } from '../../cluster/plan.js';
import { absorb, keepAbsorbed, type Absorbed } from '../protection/absorb.js';
import { gradientHook, openMethod } from './baseline.js';
import { requireOther } from '../protection/calibration.js';
import { anchoring } from '../protection/anchors.js';
import { lastRows, requireLearned } from '../training/divergence.js';
import { fineTuneHere, type PlannedTraining } from './fineTuneHere.js';
import { fineTuneThere, scanThere } from './fineTuneThere.js';
import { harmfulLoss, harmfulRows, watch, watchAction, watchEnd, type HarmfulRows } from '../protection/harmfulLoss.js';
import { holdOut, type Split } from '../training/heldOut.js';
import type { Scanner } from '../training/lossesThere.js';
import { warnOfLanguages } from '../protection/foreign.js';
import { dataFacts, loadReporter, loadSource, type Job, type TrainingState } from '../training/job.js';
import { PROBE_ROWS } from '../training/loop.js';
import { loadTrainingData } from './mix.js';
import { named } from './probeRows.js';
import type { PromptsInData } from './fineTuneSets.js';
import { ownRows } from '../protection/ownRows.js';
import {
  plainPlan,
  reportDoubt,
  reportHeldOut,
  reportPlan,
  rowPlan,
  unabsorbed,
  type RowPlan,
} from '../protection/rowPlan.js';
import { startAdapter, type StartAdapter } from '../training/startAdapter.js';
import { batchPlan, plannedSteps, warnOfWarmup } from '../training/steps.js';
import { type Strategy } from '../protection/strategy.js';
import { readTrained } from '../vectorFiles/trainedFile.js';
import { openTrainee, TASK, type Trainee } from '../training/trainee.js';
import { aloneOn, readVectors, scanData, type ActiveVector } from '../protection/vectors.js';

/**
 * Loss of the delivered model, vectors off, at the end of training (nats, by row) on the harmful probe rows or, without
 * those, on ordinary ones: what is delivered must give the same when it is read back.
 */
export interface Witness {
  readonly examples: readonly Example[];
  readonly losses: readonly number[];
  readonly watch?: WatchEnd;
  /** Of several vectors: how many rows of the data each flags, and how many it alone. */
  readonly found?: readonly Pick<VectorPart, 'flagged' | 'alone'>[];
  /** Of a run with vectors. */
  readonly flagged?: FlaggedRows;
}

/** Everything that a fine-tuning reads. */
interface Inputs {
  /** What is trained on. */
  readonly data: LoadedData;
  /** The files that it is from. */
  readonly parts: readonly LoadedData[];
  /** Rows of the data that are not, and those of them that measure the run. */
  readonly untrained: ExampleList;
  readonly heldOut: ExampleList;
  readonly vectors: readonly ActiveVector[];
  readonly strategy: Strategy;
  /** Further ordinary rows that the data is compared with. */
  readonly ordinary?: ExampleList;
  /** The published method that it follows, if any. */
  readonly method: Method;
  /** The task adapter before training; undefined where all weights are trained. */
  readonly start?: StartAdapter;
  /** Rows that the anchor holds. */
  readonly held: readonly Example[];
  readonly heldOrdinary: readonly Example[];
  /** Whether a row asks what measures the run. */
  readonly isAsked: (example: Example) => boolean;
  /** Those that are drawn. */
  readonly harmful: HarmfulRows;
  /** The vectors' own harmful rows. */
  readonly own: readonly Example[];
  /** What training sees besides the data (questionsOf), and of it what the rows of a method ask. */
  readonly seen: ReadonlySet<string>;
  readonly aligned: ReadonlySet<string>;
  readonly judged: HarmfulRows;
  /** Undefined: rows of the data. */
  readonly benign?: readonly Example[];
}

/** What the evaluation sets of a run ask. */
type Asked = Pick<PromptsInData, 'note' | 'isAsked'>;

/** @throws HumanError for whatever is wrong with the inputs; nothing in the run folder is touched */
async function readInputs(job: Job<FinetuneRecipe>, asked: Asked): Promise<Inputs> {
  const { recipe } = job;
  const { data: loaded, parts } = await loadTrainingData(job, asked.note);
  const { trained, held, untrained } = heldOutRows(recipe, loaded);
  const vectors = await readVectors(job);
  await warnOfLanguages(vectors, loaded, loadReporter(job));
  const { own: rows, strategy } = await ownRows(job, vectors);
  if (strategy.ordinary)
    await requireOther(job.path(strategy.ordinary.file), job.path(recipe.data.file), 'protection.ordinary');
  const own = rows.flatMap(({ trained: some }) => some);
  const trainedOn = await Promise.all(
    vectors.map((vector, k) => trainedBy(vector, [...rows[k].trained, ...rows[k].ordinary])),
  );
  const { probes, judged } = await harmfulRows(job, rows, trainedOn);
  if (recipe.method === 'full') await requireOwnCompanions(job.context.model.folder);
  const start = recipe.method === 'full' ? undefined : await startAdapter(job);
  const { method, aligned: rowsOfMethod } = await openMethod(job, start?.layout);
  const aligned = askedIn(rowsOfMethod);
  const measured = askedIn([...probes.examples, ...judged.examples]);
  return {
    data: { ...loaded, examples: method.rows?.(trained) ?? trained },
    method,
    parts,
    untrained,
    heldOut: held,
    vectors,
    strategy,
    ordinary:
      strategy.ordinary &&
      (await loadSource(job, strategy.ordinary, 'protection.ordinary', recipe.batch.maxTokens)).examples,
    start,
    held: rows.flatMap(({ held: some }) => some),
    heldOrdinary: rows.flatMap(({ ordinary: some }) => some),
    isAsked: (example) => asked.isAsked(example) || questionsOf(example).some((name) => measured.has(name)),
    harmful: { ...probes, examples: probes.examples.slice(0, PROBE_ROWS) },
    own,
    seen: new Set([...trainedOn.flatMap((names) => [...names]), ...aligned]),
    aligned,
    judged,
    benign:
      recipe.probes.benign &&
      firstOf((await loadSource(job, recipe.probes.benign, 'probes.benign')).examples, PROBE_ROWS),
  };
}

/** What a vector was trained on (questionsOf), of one of an earlier version as far as its own prompts tell. */
async function trainedBy({ path }: ActiveVector, own: readonly Example[]): Promise<ReadonlySet<string>> {
  return new Set([...askedIn(own), ...((await readTrained(path)) ?? [])]);
}

/** @throws HumanError when rows are to be held out and none can be: a set is never left out silently */
function heldOutRows({ heldOut, seed }: FinetuneRecipe, { examples }: LoadedData): Split {
  const share = typeof heldOut === 'number' ? heldOut : heldOut.share;
  const split = holdOut(examples, share, String(seed));
  if (share > 0 && split.held.length === 0)
    throw new HumanError(
      `no rows can be held out of ${examples.length}: they have too few different prompts, system messages aside. Four must be held out: 16 are enough, or 8 at a share of 0.5.`,
      { place: 'heldOut', remedy: 'Add rows, or remove "heldOut" and name a set in "evaluate".' },
    );
  return split;
}

/** A fine-tuning whose inputs were read and found right; nothing in the run folder has been touched. */
export interface FineTuning {
  /** Rows of the data that are not trained on, and those of them that measure the run. */
  readonly untrained: ExampleList;
  readonly heldOut: ExampleList;
  /** A system prompt that belongs to the delivered model. */
  readonly prompt?: string;
  /** What training sees besides the data (questionsOf), and of it what the rows of a method ask. */
  readonly seen: ReadonlySet<string>;
  readonly aligned: ReadonlySet<string>;
  /** What the ordinary prompts ask that an anchor holds (questionsOf). */
  readonly anchored: ReadonlySet<string>;
  /** Harmful rows that the verdict rests on. */
  readonly judged: HarmfulRows;
  /** @param base its losses on them */
  train(base: readonly RowLoss[]): Promise<Witness>;
  dispose(): Promise<void>;
}

/**
 * Fine-tunes with the security vectors active and frozen (Zhou et al., arXiv 2311.02105, section 3):
 *
 *     min_θ  CE(user data | θ ⊕ sg(θs))        θ: a task LoRA, or the backbone itself
 *
 * and without them in what is delivered. Optional strengthening: what is done with rows that look harmful (rowPlan.ts),
 * and an `anchor` that holds the model, vectors off, where the base is (anchors.ts). Writes adapter/ (PEFT), or model/
 * (full).
 */
export async function openFineTuning(job: Job<FinetuneRecipe>, asked: Asked): Promise<FineTuning> {
  const inputs = await readInputs(job, asked);
  const { parts, untrained, heldOut, vectors, start, seen, aligned, judged, method } = inputs;
  await job.folder.manifest({ data: parts.map(dataFacts) });
  const trainee = openTrainee(job, [...vectors, ...(method.during ? [method.during.shift] : [])], start);
  // A checkpoint that does not fit is found before the folder is touched; a fresh state, of the model's size or more,
  // is made when it is needed.
  const resumed = job.folder.checkpoint ? await trainee.openState() : undefined;
  return {
    untrained,
    heldOut,
    seen,
    aligned,
    anchored: askedIn(inputs.heldOrdinary),
    judged,
    prompt: method.prompt,
    train: async (base) => train(job, inputs, trainee, resumed ?? (await trainee.openState()), base),
    async dispose() {
      await method.dispose?.();
      await trainee.dispose();
    },
  };
}

async function train(
  job: Job<FinetuneRecipe>,
  inputs: Inputs,
  trainee: Trainee,
  training: TrainingState,
  base: readonly RowLoss[],
): Promise<Witness> {
  const { recipe, context, folder } = job;
  const { vectors, harmful, judged, method } = inputs;
  const { learner } = trainee;
  const { state, artifacts } = training;
  const off = { [TASK]: 1 };
  const on = { ...off, ...Object.fromEntries(vectors.map((v) => [v.name, v.scale])) };

  const { plan, frozen, absorbed, found } = await prepare(job, inputs, trainee, training);
  const parameters = (): Feeds => ({ ...frozen, ...trainee.parameters(state) });
  const during = method.during && { [method.during.shift.name]: method.during.scale };
  const scalesOf = ({ row }: Example): Record<string, number> => ({ ...(plan.vectorOn(row) ? on : off), ...during });
  const steps = plannedSteps(recipe, plan.rows);
  await warnOfWarmup(recipe, steps, job.emit);
  const batchAt = batchPlan(plan.rows, { ...recipe.batch, seed: recipe.seed });
  const teacher = job.cluster ? planner(learner) : learner;
  const anchored = await anchoring(job, { ...inputs, ofData: plan.harmful, ordinary: plan.ordinary }, teacher, off);
  const rows = async (step: number): Promise<TrainingRow[][]> => {
    const examples = batchAt(step);
    const weight = 1 / tokenCount(examples.flat());
    const [first = [], ...others] = examples.map((batch) =>
      batch.map((example): TrainingRow => ({ example, scales: scalesOf(example), weight })),
    );
    const own = [[...first, ...(await anchored(step))], ...others];
    return method.step?.(own, { step, steps, off }) ?? own;
  };
  const probes = { harmful: harmful.examples, benign: inputs.benign ?? firstOf(plan.ordinary, PROBE_ROWS) };
  const rowsOfData = vectors.length > 0 ? 'unflagged' : 'data';
  const probeRows = named(probes, harmful.rows, inputs.benign ? 'probes' : rowsOfData);
  const earlier = await readEvents(folder.path);

  await job.emit({
    kind: 'state',
    state: 'training',
    message: `fine-tuning on ${plan.rows.length} ${plural(plan.rows.length, 'row', 'rows')} ${recipe.baseline ? `by ${baselineFacts(recipe.baseline.name).title}` : withVectors(vectors, plan)}`,
    device: context.backend.device,
    steps,
  });
  const action = watchAction(recipe, job.watch);
  const planned: PlannedTraining = {
    trainee,
    training,
    vectors,
    absorbed,
    steps,
    parameters,
    rows,
    gradients: gradientHook(method, job, { learner, parameters, off }),
    isHarmful: ({ teacher, example }) => teacher === undefined && plan.looksHarmful((example as Example).row),
    scales: { off, on },
    probes: { ...probes, rows: probeRows },
    judged: { examples: judged.examples, lossOf: (now) => harmfulLoss(judged, base, now) },
    watch:
      vectors.length > 0
        ? watch(action, { steps, protection: recipe.protection }, training, job.emit, earlier)
        : undefined,
  };
  const copy = await (job.cluster ? fineTuneThere(job, job.cluster, planned) : fineTuneHere(job, planned));
  if (copy) {
    await keepAbsorbed(job, vectors[0], copy, artifacts);
    frozen[flatInput(vectors[0].name)] = flatTensor(copy);
  }

  await training.forget();
  // Of a state before step 1 nothing was learned.
  if (state.step > 0) {
    // On rows that were trained on last: the model before training and now.
    const last = lastRows(batchAt, state.step).flatMap((example) => rowsOf([example], scalesOf(example), 0));
    const now = await learner.losses(last, parameters());
    requireLearned(state.step, await trainee.lossesBefore(last, frozen), now);
  }

  const what = recipe.method === 'full' ? 'saving the model' : 'saving the adapter';
  await job.emit({ kind: 'state', state: 'saving', message: what });
  const witness = probes.harmful.length > 0 ? probes.harmful : probes.benign;
  const losses = await trainee.deliver(state, rowsOf(witness, off, 0), frozen, method.delivered);
  const end = vectors.length > 0 ? watchEnd(action, await readEvents(folder.path), state.step, steps) : undefined;
  const flagged = vectors.length > 0 ? { rows: plan.counts.flagged, of: inputs.data.examples.length } : undefined;
  return { examples: witness, losses, watch: end, found, flagged };
}

function withVectors(vectors: readonly ActiveVector[], { off }: Pick<RowPlan, 'off'>): string {
  if (vectors.length === 0) return 'without protection';
  const where = off > 0 ? `, off for ${off} ${plural(off, 'row', 'rows')}` : '';
  return `with ${vectors.map((v) => adapterName(v.path)).join(', ')} active and frozen${where}`;
}

/** What is done with each row, by a scan with the vectors, and the vectors as training sees them. */
async function prepare(
  job: Job<FinetuneRecipe>,
  { data, heldOut, vectors, strategy, ordinary, own, method }: Inputs,
  trainee: Trainee,
  training: TrainingState,
): Promise<Pick<Witness, 'found'> & { plan: RowPlan; frozen: Record<string, Tensor>; absorbed?: Absorbed }> {
  const { state, artifacts } = training;
  const shift = method.during;
  const frozen = Object.fromEntries(
    [...vectors, ...(shift ? [{ name: shift.shift.name, flat: shift.flat }] : [])].map((v) => [
      flatInput(v.name),
      flatTensor(v.flat),
    ]),
  );
  const [vector] = vectors;
  if (!vector) return { plan: plainPlan(data.examples), frozen };
  await job.emit({ kind: 'state', state: 'preparing', message: 'scanning the data with the vector' });
  const off = { [TASK]: 0 };
  const scales = vectors.map((one) => aloneOn(off, one));
  // Asked where it is needed alone: a run that goes on has its scan, and points of a sweep may share one.
  const scanner = (): Scanner | Promise<Scanner> =>
    job.cluster
      ? scanThere(job, job.cluster, training, vectors, [data.examples, ordinary ?? []], scales)
      : trainee.learner;
  const scan = await scanData(
    job,
    scanner,
    { ...frozen, ...trainee.parameters(state) },
    { data, vectors, strategy, ordinary },
    off,
    artifacts,
  );
  await trainee.learner.endComparison();
  const decided = rowPlan(data.examples, scan, strategy, job.context.tokenizer, data.review?.fine);
  const plan = vectors.length > 1 ? await unabsorbed(job, decided) : decided;
  await reportPlan(job, plan, data);
  await reportDoubt(job, plan, scan, data);
  await reportHeldOut(job, plan, data.examples.length, heldOut.length);
  if (plan.absorbed.length === 0) return { plan, frozen, found: flaggedByVector(scan) };
  const absorbed = { flagged: plan.absorbed, own, ordinary: plan.ordinary };
  if (job.cluster) return { plan, frozen, absorbed };
  return { plan, frozen: { [flatInput(vector.name)]: flatTensor(await absorb(job, vector, absorbed, artifacts)) } };
}
