import { flatInput } from '../adapters/inject.js';
import { WEIGHTS_FILE } from '../adapters/files.js';
import { adapterFlat, plainConfig, saveAdapter } from '../adapters/flat.js';
import { initialise, plainLayout } from '../adapters/sites.js';
import { loadData } from '../context/context.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { openGenerator } from '../evaluation/inference/generate.js';
import { sha256File } from '../support/files.js';
import { openOptimizer } from '../optim/optimizer.js';
import type { Probes, VectorRecipe } from '../contract/protocol.js';
import { formatPercent } from '../contract/format.js';
import { LIMITS } from '../contract/limits.js';
import { random } from '../support/random.js';
import { loadReporter, provenance, trainingState, type Job } from './job.js';
import { flatTensor, mean, rowsOf, tokenCount } from '../learner/rows.js';
import { openLearner } from '../learner/learner.js';
import { requireLearned } from './divergence.js';
import { trainingLoop } from './loop.js';
import { firstLoss } from '../runs/runFolder.js';
import type { TrainingRow } from '../learner/packing.js';
import { firstOf } from '../data/exampleList.js';
import { writePrompts } from './prompts.js';
import { batchPlan, plannedSteps } from './steps.js';
import { heldRows } from '../learner/teacher.js';

const NAME = 'security';
/** Rows whose loss is drawn while training. */
const PROBE_ROWS = 8;

/**
 * Trains a security vector θs with the base θ frozen (Zhou et al., arXiv 2311.02105, section 3):
 *
 *     min_θs  CE(harmful | θ ⊕ θs)  +  λ · KL( p_θ(·|benign) ‖ p_{θ⊕θs}(·|benign) )
 *
 * Writes adapter/ (PEFT) and prompts.jsonl, the vector's own prompts with the base model's answers.
 */
export async function trainSecurityVector(job: Job<VectorRecipe>): Promise<void> {
  const { recipe, context, folder, signal } = job;
  const { backend, spec, model, tokenizer } = context;
  const reporter = loadReporter(job);

  const harmful = await loadData(
    context,
    job.path(recipe.harmful.file),
    { ...recipe.harmful, maxTokens: recipe.batch.maxTokens },
    reporter,
  );
  const benign =
    recipe.benign &&
    (await loadData(
      context,
      job.path(recipe.benign.file),
      { ...recipe.benign, maxTokens: recipe.batch.maxTokens },
      reporter,
    ));
  const data = [harmful, ...(benign ? [benign] : [])].map((d) => ({
    path: d.path,
    rows: d.examples.length,
    sha256: d.sha256,
  }));
  await folder.manifest({ data });
  if (!benign || recipe.objective.benignWeight === 0) {
    await job.emit({
      kind: 'warning',
      message: 'there are no benign rows to constrain the vector: it may change ordinary answers too.',
      place: 'benign',
      remedy: 'Name a file of ordinary rows and keep objective.benignWeight above 0.',
    });
  }

  const init =
    recipe.adapter.init === undefined ? undefined : await adapterFlat(job.path(recipe.adapter.init), context.sites);
  const layout = init?.layout ?? plainLayout(context.sites, recipe.adapter);
  const adapters = [{ name: NAME, layout }];
  const learner = openLearner({ backend, spec, model, adapters, trainable: [flatInput(NAME)], padId: tokenizer.padId });
  const optimizer = openOptimizer(backend, recipe.optimizer);
  const { state, ended, checkpoint } = await trainingState(
    job,
    async () =>
      optimizer.init([NAME], [flatTensor(init?.flat ?? initialise(layout, random(`${recipe.seed}/${NAME}`)))]),
    [NAME],
  );
  await job.begin();
  const parameters = () => ({ [flatInput(NAME)]: state.p[0]! });
  const on = { [NAME]: 1 };
  const off = { [NAME]: 0 };

  const teach = heldRows(learner);
  const harmfulAt = batchPlan(harmful.examples, { ...recipe.batch, seed: recipe.seed });
  const benignAt =
    benign && recipe.objective.benignWeight > 0
      ? batchPlan(benign.examples, { ...recipe.batch, seed: recipe.seed + 1 })
      : undefined;

  const rows = async (step: number): Promise<TrainingRow[][]> => {
    const harm = harmfulAt(step);
    const held = benignAt ? benignAt(step).slice(0, harm.length) : [];
    const weight = 1 / tokenCount(harm.flat());
    const klWeight = recipe.objective.benignWeight / Math.max(1, tokenCount(held.flat()));
    const batches: TrainingRow[][] = [];
    for (const [i, examples] of harm.entries())
      batches.push([...rowsOf(examples, on, weight), ...(await teach(held[i] ?? [], on, klWeight))]);
    return batches;
  };

  const probeHarmful = firstOf(harmful.examples, PROBE_ROWS);
  const probeBenign = benign ? firstOf(benign.examples, PROBE_ROWS / 2) : [];
  const withoutVector = mean(await learner.losses(rowsOf(probeHarmful, off, 0), parameters()));
  const withVector = async (): Promise<number> => mean(await learner.losses(rowsOf(probeHarmful, on, 0), parameters()));
  const probe = async (): Promise<Probes> => {
    const held = await teach(probeBenign, on, 0);
    const measured = await learner.gradients([...rowsOf(probeHarmful, on, 0), ...held], parameters());
    for (const gradient of measured.gradients) backend.release(gradient);
    return {
      harmfulLossWith: mean(measured.rows.filter((r) => r.tokens > 0)),
      harmfulLossWithout: withoutVector,
      benignKl: measured.kl,
    };
  };

  const steps = plannedSteps(recipe, harmful.examples.length);
  await job.emit({
    kind: 'state',
    state: 'training',
    message: `training the vector on ${harmful.examples.length} harmful rows`,
    device: backend.device,
    steps,
  });
  const goal = recipe.stop?.harmfulLoss;
  await trainingLoop({
    emit: job.emit,
    steps,
    state,
    learner,
    optimizer,
    optimizerOptions: recipe.optimizer,
    parameters,
    rows,
    probe,
    evaluateEvery: recipe.evaluateEvery,
    checkpoint,
    ended,
    enough:
      goal === undefined ? undefined : async ({ harmfulLoss }) => harmfulLoss! < goal && (await withVector()) < goal,
    isHarmful: (row) => row.teacher === undefined,
    vocabSize: spec.vocabSize,
    firstLoss: await firstLoss(folder.path),
    signal,
  });
  const reached = await withVector();
  requireLearned(state.step, [{ nll: withoutVector, tokens: 1 }], [{ nll: reached, tokens: 1 }]);
  if (reached > LIMITS.vectorLossShare * withoutVector) {
    await job.emit({
      kind: 'warning',
      message: `the vector leaves ${formatPercent(reached / withoutVector)} of the harmful loss (${reached.toFixed(3)} of ${withoutVector.toFixed(2)} nats per token); above ${formatPercent(LIMITS.vectorLossShare)} harmful rows still train the model.`,
      place: 'vector',
      remedy: 'Train it longer (epochs), or with a higher optimizer.learningRate.',
    });
  }

  await job.emit({
    kind: 'state',
    state: 'saving',
    message: "saving the vector and the base model's own answers to its prompts",
  });
  await saveAdapter(folder.file(RUN_FILES.adapter), {
    layout,
    flat: await backend.read(state.p[0]!),
    config: init?.file.config ?? plainConfig(recipe.adapter, layout, context.sites),
    role: 'security',
    provenance: provenance(job),
  });
  await folder.manifest({
    result: { path: RUN_FILES.adapter, sha256: await sha256File(folder.file(RUN_FILES.adapter, WEIGHTS_FILE)) },
  });
  // prompts are kept as texts
  if (!tokenizer.absent) {
    const { eosIds: stopIds, padId } = tokenizer;
    const generator = await openGenerator({ backend, spec, model, adapters: [], stopIds, padId });
    await writePrompts(folder.file(RUN_FILES.prompts), harmful.examples, generator, tokenizer, signal);
    await generator.dispose();
  }
  await optimizer.dispose();
  await learner.dispose();
}
