import { basename } from 'node:path';
import { flatInput } from '../../adapters/inject.js';
import { readAdapter, scalesHash, WEIGHTS_FILE } from '../../adapters/files.js';
import { saveAdapter } from '../../adapters/flat.js';
import { initialise, type Layout } from '../../adapters/sites.js';
import type { LoadedData } from '../../context/context.js';
import { plural } from '../../contract/format.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import { openGenerator } from '../../evaluation/inference/generate.js';
import { sha256File } from '../../support/files.js';
import { openOptimizer } from '../../optim/optimizer.js';
import type { DoneEvent } from '../../contract/events.js';
import type { VectorRecipe } from '../../contract/recipe.js';
import type { DataSource } from '../../contract/recipeData.js';
import { random } from '../../support/random.js';
import { dataFacts, loadSource, provenance, trainingState, withBase, type Job } from '../training/job.js';
import { flatTensor, meanPerToken, rowsOf, tokenCount } from '../../learner/rows.js';
import { openLearner } from '../../learner/learner.js';
import { requireLearned } from '../training/divergence.js';
import { PROBE_ROWS } from '../training/loop.js';
import { planner } from '../../cluster/plan.js';
import { lossWithVector, vectorHere, type PlannedVector } from './vectorHere.js';
import { vectorThere } from './vectorThere.js';
import type { TrainingRow } from '../../learner/packing.js';
import { firstOf, type ExampleList } from '../../data/exampleList.js';
import { languagesOf, summed, type Languages } from '../../data/languages.js';
import { warnOfKinds } from './bothKinds.js';
import { writeCalibration } from '../vectorFiles/calibrationFile.js';
import { holdOut, holdOutOfBoth, type Split } from '../training/heldOut.js';
import {
  heldOutMeasure,
  heldOutQuality,
  probeOf,
  reportHiding,
  reportQuality,
  type Measured,
} from './heldOutMeasure.js';
import { writePrompts } from '../protection/prompts.js';
import { startAdapter, type StartAdapter } from '../training/startAdapter.js';
import { batchPlan, plannedSteps, warnOfWarmup } from '../training/steps.js';
import { readLanguages, readTrained, writeTrained } from '../vectorFiles/trainedFile.js';
import { trial } from './trial.js';
import { heldRows } from '../../learner/teacher.js';

const NAME = 'security';
const ON = { [NAME]: 1 };
const OFF = { [NAME]: 0 };

/**
 * Trains a security vector θs with the base θ frozen (Zhou et al., arXiv 2311.02105, section 3):
 *
 *     min_θs  CE(harmful | θ ⊕ θs)  +  λ · KL( p_θ(·|benign) ‖ p_{θ⊕θs}(·|benign) )
 *
 * Writes adapter/ (PEFT) and prompts.jsonl, the vector's own prompts with the base model's answers.
 */
export async function trainSecurityVector(job: Job<VectorRecipe>): Promise<Pick<DoneEvent, 'vector' | 'taken'>> {
  const { quality, calibration, taken, held, ...vector } = await trained(job);
  // on a cluster the base may be too large to train anything here
  const all = { ...quality, ...(job.cluster ? {} : await trial(job, vector, held)) };
  await reportQuality(job, all);
  const { benign } = job.recipe;
  if (benign) await reportHiding(job, { path: job.path(benign.file), held: held.ordinary }, calibration);
  return { vector: all, taken };
}

interface Trained extends Pick<Measured, 'quality' | 'calibration'> {
  readonly taken: number;
  readonly layout: Layout;
  readonly flat: Float32Array;
  readonly held: { harmful: ExampleList; ordinary: ExampleList };
}

async function trained(job: Job<VectorRecipe>): Promise<Trained> {
  const { recipe, context } = job;
  const { backend, spec, model, tokenizer } = context;
  const inputs = await readInputs(job);
  const { harmful, benign, start } = inputs;
  const { layout, config } = start;
  const learner = openLearner({
    backend,
    spec,
    model,
    adapters: [{ name: NAME, layout }],
    trainable: [flatInput(NAME)],
    padId: tokenizer.padId,
    recompute: job.recompute,
  });
  const optimizer = openOptimizer(backend, recipe.optimizer);
  try {
    const flat = start.flat ?? initialise(layout, random(`${recipe.seed}/${NAME}`));
    const training = await trainingState(job, async () => optimizer.init([NAME], [flatTensor(flat.slice())]), [NAME]);
    const { state } = training;
    await job.begin();
    const parameters = () => ({ [flatInput(NAME)]: state.p[0] });
    const teach = heldRows(job.cluster ? planner(learner) : learner);
    const held = { harmful: harmful.held, ordinary: benign?.held ?? [] };
    const probes = {
      harmful: firstOf(harmful.trained, PROBE_ROWS),
      benign: benign ? firstOf(benign.trained, PROBE_ROWS / 2) : [],
    };
    const withoutVector = meanPerToken(await learner.losses(rowsOf(probes.harmful, OFF, 0), parameters()));
    const steps = plannedSteps(recipe, harmful.trained);
    await warnOfWarmup(recipe, steps, job.emit);
    await job.emit({
      kind: 'state',
      state: 'training',
      message: `training the vector on ${harmful.trained.length} harmful ${plural(harmful.trained.length, 'row', 'rows')}`,
      device: backend.device,
      steps,
    });
    const planned: PlannedVector = {
      learner,
      optimizer,
      training,
      steps,
      parameters,
      rows: stepRows(recipe, inputs, teach),
      teach,
      held,
      unseen: heldOutMeasure(learner, held, { off: OFF, on: ON }),
      adapter: { name: NAME, layout, flat, config, role: 'security' },
      scales: { off: OFF, on: ON },
      probes: { ...probes, withoutVector },
    };
    await (job.cluster ? vectorThere(job, job.cluster, planned) : vectorHere(job, planned));
    const reached = await lossWithVector(planned);
    requireLearned(state.step, [{ nll: withoutVector, tokens: 1 }], [{ nll: reached, tokens: 1 }]);
    const measured = await save(job, planned, inputs);
    return { ...measured, taken: state.step, layout, flat: Float32Array.from(await backend.read(state.p[0])), held };
  } finally {
    await optimizer.dispose();
    await learner.dispose();
  }
}

/** The benign rows, where the objective has them. */
const constraining = ({ objective }: VectorRecipe, { benign }: Inputs): ExampleList | undefined =>
  objective.benignWeight > 0 ? benign?.trained : undefined;

/** The harmful rows of each step, and beside them, in each micro-batch, benign ones that are held to the base. */
function stepRows(recipe: VectorRecipe, inputs: Inputs, teach: PlannedVector['teach']): PlannedVector['rows'] {
  const benign = constraining(recipe, inputs);
  const harmfulAt = batchPlan(inputs.harmful.trained, { ...recipe.batch, seed: recipe.seed });
  const benignAt = benign && batchPlan(benign, { ...recipe.batch, seed: recipe.seed + 1 });
  return async (step) => {
    const harm = harmfulAt(step);
    const kept = benignAt ? benignAt(step).slice(0, harm.length) : [];
    const weight = 1 / tokenCount(harm.flat());
    const klWeight = recipe.objective.benignWeight / Math.max(1, tokenCount(kept.flat()));
    const batches: TrainingRow[][] = [];
    for (const [i, examples] of harm.entries())
      batches.push([...rowsOf(examples, ON, weight), ...(await teach(kept[i] ?? [], ON, klWeight))]);
    return batches;
  };
}

/** Writes the vector, what it does with rows that it is not trained on, what it was trained on, and its prompts. */
async function save(
  job: Job<VectorRecipe>,
  planned: PlannedVector,
  inputs: Inputs,
): Promise<Pick<Measured, 'quality' | 'calibration'>> {
  const { recipe, context, folder } = job;
  const { learner, training, parameters, held, adapter } = planned;
  const { harmful, benign, seen, languages } = inputs;
  await job.emit({
    kind: 'state',
    state: 'saving',
    message: "saving the vector and the base model's own answers to its prompts",
  });
  await saveAdapter(folder.file(RUN_FILES.adapter), {
    layout: adapter.layout,
    flat: await context.backend.read(training.state.p[0]),
    config: await withBase(adapter.config, job),
    role: 'security',
    provenance: provenance(job),
  });
  const sha256 = await sha256File(folder.file(RUN_FILES.adapter, WEIGHTS_FILE));
  await folder.manifest({ result: { path: RUN_FILES.adapter, sha256 } });
  await training.forget();
  const probe = await probeOf(learner, { harmful: harmful.trained, ordinary: benign?.trained ?? [] }, held);
  const { calibration, quality } = await heldOutQuality(learner, held, ON, parameters(), probe);
  await learner.endComparison();
  const scales = scalesHash(await readAdapter(folder.path));
  const measured = { adapter: sha256, scales, precision: recipe.precision };
  if (calibration) await writeCalibration(folder.path, calibration, measured);
  if (seen) {
    const ofAll = languages && summed(languages, await languagesOf(harmful.trained, job));
    await writeTrained(folder.path, [harmful.trained, ...(benign ? [benign.trained] : [])], seen, ofAll);
  }
  await savePrompts(job, { ...harmful, ordinary: constraining(recipe, inputs) });
  return { quality, calibration };
}

/** The vector's own prompts, which are kept as texts. */
async function savePrompts(job: Job<VectorRecipe>, rows: Split & { readonly ordinary?: ExampleList }): Promise<void> {
  const { context, folder } = job;
  const { backend, spec, model, tokenizer } = context;
  if (tokenizer.absent) return;
  const generator = await openGenerator({
    backend,
    spec,
    model,
    adapters: [],
    stopIds: tokenizer.eosIds,
    padId: tokenizer.padId,
  });
  try {
    await writePrompts(folder.file(RUN_FILES.prompts), rows, generator, tokenizer, job);
  } finally {
    await generator.dispose();
  }
}

interface Inputs {
  readonly harmful: Split;
  readonly benign?: Split;
  readonly start: StartAdapter;
  /** What the vector that it continues was trained on; undefined where that is not known. */
  readonly seen?: ReadonlySet<string>;
  /** Those of its harmful rows. */
  readonly languages?: Languages;
}

/** @throws HumanError for whatever is wrong with the inputs; nothing in the run folder is touched */
async function readInputs(job: Job<VectorRecipe>): Promise<Inputs> {
  const { recipe, folder } = job;
  const load = (source: DataSource, key: string): Promise<LoadedData> =>
    loadSource(job, source, key, recipe.batch.maxTokens);
  const harmful = await load(recipe.harmful, 'harmful');
  const benign = recipe.benign && (await load(recipe.benign, 'benign'));
  const data = [harmful, ...(benign ? [benign] : [])];
  await folder.manifest({ data: data.map(dataFacts) });
  await warnOfKinds(job, { harmful, benign });
  if (!benign || recipe.objective.benignWeight === 0) {
    await job.emit({
      kind: 'warning',
      message: 'there are no benign rows to constrain the vector: it may change ordinary answers too.',
      place: 'benign',
      remedy: 'Name a file of ordinary rows and keep objective.benignWeight above 0.',
    });
  }
  const { init: from } = recipe.adapter;
  const seen = from === undefined ? new Set<string>() : await readTrained(job.path(from));
  const languages = from === undefined ? new Map<string, number>() : await readLanguages(job.path(from));
  const share = seen ? recipe.heldOut : 0;
  const splits = benign
    ? holdOutOfBoth([harmful.examples, benign.examples], share, String(recipe.seed), seen)
    : [holdOut(harmful.examples, share, String(recipe.seed), seen)];
  for (const [i, { path }] of data.entries())
    if (from !== undefined && recipe.heldOut > 0 && splits[i].held.length === 0)
      await job.emit({
        kind: 'warning',
        message: seen
          ? `nothing of ${basename(path)} is held out: too few of its rows have a prompt that the vector of "adapter.init" was not trained on.`
          : `nothing of ${basename(path)} is held out: it is not known what the adapter of "adapter.init" was trained on.`,
        place: i === 0 ? 'harmful' : 'benign',
        remedy: seen
          ? 'Add rows with other prompts, or train without "adapter.init".'
          : 'Name the run folder of a vector, trained by this version, or train without "adapter.init".',
      });
  return {
    harmful: splits[0],
    benign: splits.at(1),
    seen,
    languages,
    start: await startAdapter(job),
  };
}
