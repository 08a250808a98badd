import { basename } from 'node:path';
import { adapterFlat, plainConfig, saveAdapter, type FlatAdapter } from '../adapters/flat.js';
import { flatInput, type InjectedAdapter } from '../adapters/inject.js';
import { initialise, plainLayout } from '../adapters/sites.js';
import { loadData, type LoadedData } from '../context/context.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { firstOf } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { parameters as parameterShapes } from '../models/decoder/spec.js';
import { openOptimizer } from '../optim/optimizer.js';
import type { FinetuneRecipe, Probes, WatchEnd } from '../contract/protocol.js';
import { random } from '../support/random.js';
import { absorb } from './absorb.js';
import { anchorPrompts, anchorRows, ownRows, promptsOf } from './anchors.js';
import { baseTensors, saveFullModel } from './fullModel.js';
import { loadReporter, provenance, trainingState, type Job } from './job.js';
import { flatTensor, rowsOf, tokenCount } from '../learner/rows.js';
import { openLearner, type RowLoss } from '../learner/learner.js';
import { harmfulLoss, harmfulRows, watch, watchAction, watchEnd, type HarmfulRows } from './harmfulLoss.js';
import { lastRows, requireLearned } from './divergence.js';
import { trainingLoop } from './loop.js';
import { firstLoss, readEvents } from '../runs/runFolder.js';
import type { TrainingRow } from '../learner/packing.js';
import { measureProbes } from './probes.js';
import type { Feeds } from '../device/session.js';
import { batchPlan, plannedSteps } from './steps.js';
import { heldRows } from '../learner/teacher.js';
import { plainPlan, reportPlan, rowPlan } from './rowPlan.js';
import { strategyOf, type Strategy } from './strategy.js';
import { readVectors, scanData, type ActiveVector } from './vectors.js';
import { lossesOf } from '../evaluation/inference/losses.js';

const TASK = 'task';
/** Rows of each kind whose loss and gradient are drawn while training. */
const PROBE_ROWS = 8;

/**
 * Loss of the delivered model, vectors off, at the end of training (nats, by row) on the harmful probe rows or, without
 * those, on ordinary ones: what is delivered must give the same when it is read back.
 */
export interface Witness {
  readonly examples: readonly Example[];
  readonly losses: readonly number[];
  readonly watch?: WatchEnd;
}

/** Everything that a fine-tuning reads. */
interface Inputs {
  readonly data: LoadedData;
  readonly vectors: readonly ActiveVector[];
  readonly strategy: Strategy;
  /** The adapter that training starts from. */
  readonly init?: FlatAdapter;
  /** Rows that the anchor holds; undefined without one. */
  readonly held?: readonly Example[];
  readonly harmful: readonly Example[];
  /** The vectors' own harmful rows. */
  readonly own: readonly Example[];
  readonly judged: HarmfulRows;
  /** Undefined: rows of the data. */
  readonly benign?: readonly Example[];
}

/** @throws HumanError for whatever is wrong with the inputs; nothing in the run folder is touched */
async function readInputs(job: Job<FinetuneRecipe>): Promise<Inputs> {
  const { recipe, context } = job;
  const load = (source: FinetuneRecipe['data'], maxTokens?: number): Promise<LoadedData> =>
    loadData(context, job.path(source.file), { ...source, maxTokens }, loadReporter(job));
  const data = await load(recipe.data, recipe.batch.maxTokens);
  const vectors = await readVectors(job);
  const prompts = await promptsOf(vectors);
  const strategy = strategyOf(recipe);
  const { probes, judged } = await harmfulRows(job, prompts);
  return {
    data,
    vectors,
    strategy,
    init:
      recipe.method === 'full' || recipe.adapter.init === undefined
        ? undefined
        : await adapterFlat(job.path(recipe.adapter.init), context.sites),
    held: strategy.anchor === false ? undefined : anchorPrompts(job, prompts),
    harmful: probes.slice(0, PROBE_ROWS),
    own: ownRows(job, prompts),
    judged,
    benign: recipe.probes.benign && firstOf((await load(recipe.probes.benign)).examples, PROBE_ROWS),
  };
}

/** A fine-tuning whose inputs were read and found right; nothing in the run folder has been touched. */
export interface FineTuning {
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
 * and without them in what is delivered. Optional strengthening: what is done with rows that look harmful (rowPlan.ts), and an
 * `anchor` that holds the base model's answers to the vectors' own prompts by KL(base ‖ model, vectors off).
 * Writes adapter/ (PEFT), or model/ (full).
 */
export async function openFineTuning(job: Job<FinetuneRecipe>): Promise<FineTuning> {
  const { recipe, context, folder, signal } = job;
  const { backend, spec, model, tokenizer, sites } = context;
  const { data, vectors, strategy, init, held, harmful, judged, ...inputs } = await readInputs(job);
  const full = recipe.method === 'full';
  const { anchor } = strategy;
  await folder.manifest({ data: [{ path: data.path, rows: data.examples.length, sha256: data.sha256 }] });

  // θ: the task adapter's flat vector, or every parameter of the base
  const layout = full ? undefined : (init?.layout ?? plainLayout(sites, recipe.adapter));
  const adapters: InjectedAdapter[] = [...(layout ? [{ name: TASK, layout }] : []), ...vectors];
  const names = full ? [...parameterShapes(spec).keys()] : [TASK];
  const trainable = full ? names : [flatInput(TASK)];
  const learner = openLearner({
    backend,
    spec,
    model,
    adapters,
    trainable,
    weightsAsInputs: full,
    padId: tokenizer.padId,
  });
  const optimizer = openOptimizer(backend, recipe.optimizer);
  const openState = () =>
    trainingState(
      job,
      async () =>
        optimizer.init(
          names,
          layout
            ? [flatTensor(init?.flat ?? initialise(layout, random(`${recipe.seed}/${TASK}`)))]
            : await baseTensors(model, spec),
        ),
      names,
    );
  // A checkpoint that does not fit is found before the folder is touched; a fresh state, of the model's size or more, is
  // made when it is needed.
  const resumed = folder.checkpoint ? await openState() : undefined;

  const frozen: Feeds = Object.fromEntries(vectors.map((v) => [flatInput(v.name), flatTensor(v.flat)]));
  const on = { [TASK]: 1, ...Object.fromEntries(vectors.map((v) => [v.name, v.scale])) };
  const off = { [TASK]: 1 };

  async function train(base: readonly RowLoss[]): Promise<Witness> {
    const training = resumed ?? (await openState());
    const { state, artifacts, checkpoint, ended } = training;
    const parameters = (): Feeds => ({
      ...frozen,
      ...Object.fromEntries(trainable.map((name, i) => [name, state.p[i]!])),
    });

    let plan = plainPlan(data.examples);
    if (vectors.length > 0) {
      await job.emit({ kind: 'state', state: 'preparing', message: 'scanning the data with the vector' });
      const scales = { off: { ...off, [TASK]: 0 }, on: { ...on, [TASK]: 0 } };
      const scan = await scanData(job, learner, parameters(), { data, vectors, strategy }, scales, artifacts);
      plan = rowPlan(data.examples, scan, strategy, tokenizer);
      await reportPlan(job, plan, data);
      if (plan.absorbed.length > 0) {
        const [vector] = vectors;
        const more = { flagged: plan.absorbed, own: inputs.own, ordinary: plan.ordinary };
        frozen[flatInput(vector!.name)] = flatTensor(await absorb(job, vector!, more, artifacts));
      }
    }
    const { ordinary } = plan;
    const scalesOf = (e: Example): Record<string, number> => (plan.vectorOn(e.row) ? on : off);

    const anchors = anchor && held ? anchorRows(held, ordinary, anchor, recipe.seed) : undefined;
    const teach = heldRows(learner);
    const batchAt = batchPlan(plan.rows, { ...recipe.batch, seed: recipe.seed });
    const rows = async (step: number): Promise<TrainingRow[][]> => {
      const examples = batchAt(step);
      const weight = 1 / tokenCount(examples.flat());
      const batches = examples.map((batch) =>
        batch.map((example): TrainingRow => ({ example, scales: scalesOf(example), weight })),
      );
      if (anchors && anchor) {
        const anchored = anchors(step);
        batches[0]!.push(...(await teach(anchored, off, anchor.weight / tokenCount(anchored))));
      }
      return batches;
    };

    const benign = inputs.benign ?? firstOf(ordinary, PROBE_ROWS);
    const probe = (): Promise<Probes> =>
      measureProbes({
        learner,
        optimizer,
        backend,
        parameters,
        harmful,
        benign,
        off,
        on: vectors.length > 0 ? on : undefined,
      });

    /** On rows that were trained on last: the model before training and now. */
    async function checkLearned(): Promise<void> {
      const rows = lastRows(batchAt, state.step).flatMap((example) => rowsOf([example], scalesOf(example), 0));
      const now = await learner.losses(rows, parameters());
      const flat = layout && { [flatInput(TASK)]: flatTensor(init?.flat ?? new Float32Array(layout.size)) };
      const base = full
        ? openLearner({ backend, spec, model, adapters, trainable: [], padId: tokenizer.padId })
        : learner;
      requireLearned(state.step, await base.losses(rows, { ...frozen, ...flat }), now);
      if (full) await base.dispose();
    }

    const steps = plannedSteps(recipe, plan.rows.length);
    const how =
      vectors.length === 0
        ? 'without protection'
        : `with ${vectors.map((v) => basename(v.path)).join(', ')} active and frozen`;
    await job.emit({
      kind: 'state',
      state: 'training',
      message: `fine-tuning on ${plan.rows.length} rows ${how}`,
      device: backend.device,
      steps,
    });
    const action = watchAction(recipe);
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
      harmfulLoss: async () => harmfulLoss(judged, base, await lossesOf(learner, parameters(), judged.examples, off)),
      watch: vectors.length > 0 ? watch(action, steps, training, job.emit, await readEvents(folder.path)) : undefined,
      ended,
      evaluateEvery: recipe.evaluateEvery,
      checkpoint,
      isHarmful: (row) => row.teacher === undefined && plan.looksHarmful((row.example as Example).row),
      vocabSize: spec.vocabSize,
      firstLoss: await firstLoss(folder.path),
      signal,
    });

    await training.forget();
    // Of a state before step 1 nothing was learned.
    if (state.step > 0) await checkLearned();

    await job.emit({ kind: 'state', state: 'saving', message: full ? 'saving the model' : 'saving the adapter' });
    const witness = harmful.length > 0 ? harmful : benign;
    const losses = (await learner.losses(rowsOf(witness, off, 0), parameters())).map((l) => l.nll);
    if (layout) {
      await saveAdapter(folder.file(RUN_FILES.adapter), {
        layout,
        flat: await backend.read(state.p[0]!),
        config: init?.file.config ?? plainConfig(recipe.adapter, layout, sites),
        role: 'task',
        provenance: provenance(job),
      });
    } else await saveFullModel(folder.file(RUN_FILES.model), model, spec, state.p, backend);
    const end = vectors.length > 0 ? watchEnd(action, await readEvents(folder.path), state.step, steps) : undefined;
    return { examples: witness, losses, watch: end };
  }

  return {
    judged,
    train,
    async dispose() {
      await optimizer.dispose();
      await learner.dispose();
    },
  };
}
