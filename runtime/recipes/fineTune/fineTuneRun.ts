import { WEIGHTS_FILE, adapterFolder, hashAdapter } from '../../adapters/files.js';
import { adapterName } from '../../contract/adapterName.js';
import type {
  HarmfulLoss,
  Invariants,
  Measurement,
  Probes,
  RunEvent,
  TrainedPrompts,
  VectorPart,
} from '../../contract/events.js';
import { latestAnswers } from '../../contract/answers.js';
import { measuredProbes } from '../../contract/columns.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { Manifest } from '../../contract/manifest.js';
import { LIMITS } from '../../contract/limits.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { weakText } from '../../contract/sentences.js';
import { deliveredState } from '../../contract/states.js';
import { runVerdict } from '../../contract/verdict.js';
import {
  blindSets,
  evaluateState,
  judgedRows,
  loadSets,
  sayLabels,
  setFacts,
  withLabels,
  type LoadedSet,
} from '../../evaluation/evaluate.js';
import { judgesOfRun, note, noteUsage } from '../evaluation/judgesOfRun.js';
import { closeJudges } from '../../evaluation/judges/judges.js';
import type { Judge } from '../../evaluation/judges/judge.js';
import { activeAdapters, openState, type OpenState } from '../../evaluation/inference/states.js';
import { isAmong } from '../../data/askedBy.js';
import { sha256File } from '../../support/files.js';
import { decoderSpec } from '../../models/families/config.js';
import { openModel } from '../../models/folder.js';
import type { RowLoss } from '../../learner/learner.js';
import { baseLosses } from '../training/baseLosses.js';
import { harmfulLoss, harmfulLossByVector, type HarmfulRows } from '../protection/harmfulLoss.js';
import { digestOf } from '../training/dependencies.js';
import { tooLong } from '../../evaluation/cutOff.js';
import { isSample, relabelled } from './relabelled.js';
import { openFineTuning, type FineTuning, type Witness } from './fineTune.js';
import {
  asked,
  heldOutSet,
  promptsInData,
  unseen,
  warnOfBase,
  warnOfPrompts,
  type PromptsInData,
} from './fineTuneSets.js';
import { loadReporter, type Ending, type Job } from '../training/job.js';
import { harmfulAnswers } from '../protection/ownRows.js';
import { readEvents } from '../../runs/runFolder.js';

/** The vectors of a run as it found them. */
interface Found {
  readonly paths: readonly string[];
  readonly hashes: readonly string[];
}

/**
 * Fine-tuning with what a run must report: the base and the delivered model on the evaluation sets, and the invariants.
 */
export async function fineTuneRun(job: Job<FinetuneRecipe>): Promise<Ending> {
  const { recipe, context, folder } = job;
  const loaded = await loadSets(context, recipe.evaluate, job.path, loadReporter(job));
  await closeJudges(await judgesOfRun(job, 0));
  const paths = await Promise.all(recipe.vectors.map((v) => adapterFolder(job.path(v.adapter))));
  const hashes = await Promise.all(paths.map(hashAdapter));
  const harmful = await harmfulAnswers(paths);
  const named = loaded.map((set) => ({ ...set, harmful }));
  await folder.manifest({
    vectors: paths.map((path, i) => ({ path, sha256: hashes[i], scale: recipe.vectors[i].scale })),
    ...(recipe.baseline && { baseline: recipe.baseline.name }),
  });
  const inData = promptsInData(named, job.recipe.judges);
  const training = await openFineTuning(job, inData);
  let trained: Trained;
  try {
    trained = await trainOn(job, training, named, inData);
  } finally {
    await training.dispose();
  }
  const { laws, step, probes, ...measured } = await measureDelivered(job, { paths, hashes }, training.judged, trained);
  const { measurements, harmfulLoss, byVector } = measured;
  const { trainedPrompts, witness } = trained;
  const { flagged, watch } = witness;
  return {
    measurements,
    laws,
    ...(harmfulLoss && { harmfulLoss }),
    ...(byVector && { byVector }),
    ...(flagged && { flagged }),
    ...(watch && { watch }),
    ...(trainedPrompts.length > 0 && { trainedPrompts }),
    protectionWeakened: weakened({
      vectors: recipe.vectors.length,
      baseline: recipe.baseline?.name,
      step,
      probes,
      ...measured,
    }),
  };
}

interface Trained {
  /** What the delivered model is asked. */
  readonly sets: readonly LoadedSet[];
  readonly trainedPrompts: TrainedPrompts[];
  /** Of the base: what it answers, and its losses on the rows that the verdict rests on. */
  readonly base: readonly Measurement[];
  readonly harmfulBase: readonly RowLoss[];
  readonly witness: Witness;
}

/** Measures the base on what training does not see, and trains. */
async function trainOn(
  job: Job<FinetuneRecipe>,
  training: FineTuning,
  named: readonly LoadedSet[],
  inData: PromptsInData,
): Promise<Trained> {
  const { recipe, context } = job;
  inData.leaveOut(training.untrained);
  const all = [...named, ...(await heldOutSet(job, training.heldOut))];
  const isSeen: typeof inData.has = (set, example) => inData.teaches(set, example) || isAmong(training.seen, example);
  const { sets, trainedPrompts } = await unseen(job, all, isSeen);
  const deliveredSets = asked(job, sets, training.prompt);
  await warnOfPrompts(job, sets, {
    data: (set, example) => inData.has(set, example) && !(set.measure === 'harm' && isSeen(set, example)),
    method: ({ measure }, example) => measure !== 'harm' && isAmong(training.aligned, example),
    anchor: ({ measure }, example) => measure !== 'harm' && isAmong(training.anchored, example),
  });
  const facts = setFacts(sets);
  await job.folder.manifest({ sets: withLabels(facts, sets) });
  await job.begin();
  for (const one of tooLong(sets, context.tokenizer, recipe.generation.maxNewTokens)) await job.emit(one);
  for (const one of blindSets(sets, recipe.judges)) await job.emit(one);
  const base = (await knownBase(job, sets)) ?? (await evaluateBase(job, sets, facts));
  await warnOfBase(job, base);
  const harmfulBase = await baseLosses(context, training.judged.examples);
  return { sets: deliveredSets, trainedPrompts, base, harmfulBase, witness: await training.train(harmfulBase) };
}

/** What is delivered is read back from disk, as a user would load it. */
async function measureDelivered(
  job: Job<FinetuneRecipe>,
  { paths, hashes }: Found,
  judged: HarmfulRows,
  { sets, base, harmfulBase, witness }: Trained,
) {
  const { recipe, context, folder } = job;
  const full = recipe.method === 'full';
  const result = full ? RUN_FILES.model : RUN_FILES.adapter;
  const model = full ? await openModel(folder.file(result), { cache: folder.file('cache') }) : context.model;
  const adapters = full ? [] : await activeAdapters(context, [{ path: folder.file(result), scale: 1 }]);
  const state = deliveredState({ vectors: recipe.vectors.length, baseline: recipe.baseline?.name });
  const own = full ? { ...context, spec: decoderSpec(model.config) } : context;
  const delivered = await openState(own, state, adapters, model);
  const reloaded = await delivered.losses(witness.examples);
  const harmfulNow = await delivered.losses(judged.examples);
  const laws: Invariants = {
    ...(paths.length > 0 && {
      vectorUnchanged: (await Promise.all(paths.map(hashAdapter))).every((hash, i) => hash === hashes[i]),
    }),
    ...withoutVector(
      adapters.every((a) => a.role === 'task'),
      witness.losses,
      reloaded.map(({ nll }) => nll),
    ),
  };
  const events = await readEvents(folder.path);
  const step = witness.watch?.delivered ?? events.findLast((e) => e.kind === 'step')?.step ?? 0;
  const measured = await evaluateOnce(job, sets, delivered, step);
  await folder.manifest({
    result: { path: result, sha256: await sha256File(folder.file(result, full ? 'model.safetensors' : WEIGHTS_FILE)) },
  });
  return {
    measurements: [...base, ...measured],
    laws,
    step,
    probes: measuredProbes(events),
    harmfulLoss: harmfulLoss(judged, harmfulBase, harmfulNow),
    byVector: vectorParts(recipe, witness, harmfulLossByVector(judged, harmfulBase, harmfulNow)),
  };
}

/** What is known of each of several vectors; undefined of a single one. */
function vectorParts(
  { vectors, evaluate }: FinetuneRecipe,
  { found }: Witness,
  losses: readonly (HarmfulLoss | undefined)[],
): VectorPart[] | undefined {
  if (vectors.length < 2 || !found) return undefined;
  const harm = evaluate.filter(({ measure }) => measure === 'harm').map(({ name }) => name);
  return vectors.map(({ adapter, sets = harm }, i) => ({
    name: adapterName(adapter),
    sets: [...sets],
    ...found[i],
    ...(losses[i] && { harmfulLoss: losses[i] }),
  }));
}

/**
 * The invariant of the delivered model, by its losses in memory and read back from disk. Without rows to compare it is
 * not checked.
 */
export function withoutVector(
  tasksOnly: boolean,
  losses: readonly number[],
  again: readonly number[],
): Pick<Invariants, 'deliveredWithoutVector'> {
  if (tasksOnly && losses.length === 0) return {};
  const same = losses.every((loss, i) => Math.abs(again[i] - loss) <= LIMITS.sameLoss * Math.max(1, loss));
  return { deliveredWithoutVector: tasksOnly && same };
}

/** Everything that the base's answers depend on. */
const BASE_KEYS = /^(arithmetic|model |evaluate\.|judges\.|recipe (evaluate|judges|generation|precision|on)\b)/;
const BASE_KEYS_HELD_OUT =
  /^(arithmetic|model |evaluate\.|judges\.|data\.|recipe (evaluate|judges|generation|precision|data|heldOut|batch\.maxTokens|on)\b)/;

/** @param sets what is asked: not what the vectors of this run were trained on */
export function baseKey(
  { recipe, dependencies, machine }: Pick<Job<FinetuneRecipe>, 'recipe' | 'dependencies' | 'machine'>,
  sets: Manifest['sets'],
): unknown[] {
  const isSeeded = recipe.heldOut !== 0 || recipe.generation.temperature > 0;
  const which = recipe.heldOut === 0 ? BASE_KEYS : BASE_KEYS_HELD_OUT;
  return ['base', digestOf(dependencies, which), machine, isSeeded && recipe.seed, sets];
}

/**
 * What a run that is resumed has measured of the base; where people have labelled its answers since, by what they say.
 */
async function knownBase(job: Job<FinetuneRecipe>, sets: readonly LoadedSet[]): Promise<Measurement[] | undefined> {
  const { path } = job.folder;
  const found = (await readEvents(path)).findLast((e) => e.kind === 'evaluation' && e.step === 0 && e.measurements);
  if (found?.kind !== 'evaluation' || !found.measurements) return undefined;
  const answers = latestAnswers((await readEvents(path, RUN_FILES.answers)).filter(isSample));
  const latest = answers.filter(({ state }) => state === 'base');
  const anew = relabelled(job.recipe, sets, latest, found.measurements);
  for (const sample of anew.changed) await job.emit(sample);
  if (anew.changed.length > 0) {
    await sayLabels(sets, anew.samples, job.emit);
    await job.emit({ kind: 'evaluation', step: 0, measurements: anew.measurements });
  }
  return anew.measurements;
}

/**
 * The base answers the sets of a sweep once; each of its runs records the answers, as people have labelled them until
 * then.
 */
async function evaluateBase(
  job: Job<FinetuneRecipe>,
  sets: readonly LoadedSet[],
  facts: Manifest['sets'],
): Promise<Measurement[]> {
  const { emit } = job;
  const made = await job.once(baseKey(job, facts), async () => {
    const events: RunEvent[] = [];
    const record = async (event: RunEvent): Promise<void> => {
      if (event.kind !== 'state') events.push(event);
      await emit(event);
    };
    const state = await openState(job.context, 'base', []);
    return { job, events, measurements: await evaluateOnce({ ...job, emit: record }, sets, state, 0) };
  });
  if (made.job === job) return made.measurements;
  const { samples, measurements } = relabelled(job.recipe, sets, made.events.filter(isSample), made.measurements);
  await sayLabels(sets, samples, emit);
  const next = samples.values();
  for (const event of made.events)
    if (event.kind === 'sample') await emit(next.next().value!);
    else await emit(event.kind === 'evaluation' ? { ...event, measurements } : event);
  return measurements;
}

async function evaluateOnce(
  job: Job<FinetuneRecipe>,
  sets: Parameters<typeof evaluateState>[1],
  state: OpenState,
  step: number,
): Promise<Measurement[]> {
  const { recipe, signal, emit } = job;
  const generation = { ...recipe.generation, seed: recipe.seed };
  let judges: Judge[] = [];
  try {
    if (sets.length === 0) return [];
    judges = await judgesOfRun(job, job.evaluations * judgedRows(sets), true);
    const measured = await evaluateState(job.context, sets, state, { step, generation, signal, emit, judges });
    await noteUsage(job, judges);
    return measured;
  } catch (error) {
    // What was asked until then is told by the run that goes on.
    await note(job, judges).catch(() => undefined);
    throw error;
  } finally {
    await closeJudges(judges);
    await state.dispose();
  }
}

/**
 * Why the protection did not hold, by any judge of harm or by the probes; undefined when it held, and for a plain run.
 */
export function weakened(run: {
  vectors: number;
  baseline?: string;
  step: number;
  probes: readonly Probes[];
  measurements: readonly Measurement[];
  harmfulLoss?: HarmfulLoss;
  byVector?: readonly VectorPart[];
}): string | undefined {
  const verdict = runVerdict({
    ...run,
    kind: 'finetune',
    phase: 'finished',
    first: run.probes.at(0),
    last: run.probes.at(-1),
  });
  return verdict.kind === 'weakened' || verdict.kind === 'lost' ? weakText(verdict, verdict) : undefined;
}
