import { basename } from 'node:path';
import { adapterFlat, plainConfig, saveAdapter } from '../adapters/flat.js';
import { flatInput, type InjectedAdapter } from '../adapters/inject.js';
import { initialise, plainLayout } from '../adapters/sites.js';
import { loadData } from '../context.js';
import { firstOf } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { sha256 } from '../files.js';
import { bytesOf } from '../models/safetensors.js';
import { parameters as parameterShapes } from '../models/spec.js';
import { openOptimizer } from '../optim/optimizer.js';
import type { FinetuneRecipe, Probes, RunEvent } from '../protocol.js';
import { random } from '../random.js';
import { anchorExamples, harmfulProbes } from './anchors.js';
import { baseTensors, saveFullModel } from './fullModel.js';
import { fingerprint, flatTensor, provenance, rowsOf, tokenCount, trainingState, warnings, type Job } from './job.js';
import { openLearner } from './learner.js';
import { trainingLoop } from './loop.js';
import type { TrainingRow } from './packing.js';
import { measureProbes } from './probes.js';
import type { Feeds } from './session.js';
import { batchPlan, plannedSteps } from './steps.js';
import { teacherStore } from './teacher.js';
import { readVectors, scanData, type DataSeen } from './vectors.js';

const TASK = 'task';
/** Rows of each kind whose loss and gradient are drawn while training. */
const PROBE_ROWS = 8;

const UNPROTECTED = { route: false, anchor: false } as const;

/**
 * Loss of the delivered model, vectors off, at the end of training (nats, by row) on the harmful probe rows or, without
 * those, on ordinary ones: what is delivered must give the same when it is read back.
 */
export interface Witness {
  readonly examples: readonly Example[];
  readonly losses: readonly number[];
}

/**
 * Fine-tunes with the security vectors active and frozen (Zhou et al., arXiv 2311.02105, section 3):
 *
 *     min_θ  CE(user data | θ ⊕ sg(θs))        θ: a task LoRA, or the backbone itself
 *
 * and without them in what is delivered. Optional strengthening: `route` lets only rows that the vectors explain train
 * with them on; `anchor` holds the base model's answers to the vectors' own prompts by KL(base ‖ model, vectors off).
 * Writes adapter/ (PEFT), or model/ (full).
 */
export async function* fineTune(job: Job<FinetuneRecipe>): AsyncGenerator<RunEvent, Witness> {
  const { recipe, context, folder, signal } = job;
  const { backend, spec, model, tokenizer, sites } = context;
  const { warn, speech, flush } = warnings(job);
  const full = recipe.method === 'full';
  const { route, anchor } = recipe.protection === false ? UNPROTECTED : recipe.protection;

  const data = await loadData(
    context,
    job.path(recipe.data.file),
    { ...recipe.data, maxTokens: recipe.batch.maxTokens },
    speech,
  );
  const vectors = await readVectors(job, warn);
  const dataEntries = [{ path: data.path, rows: data.examples.length, sha256: data.sha256 }];
  await folder.manifest({ data: dataEntries });
  yield* flush();

  // θ: the task adapter's flat vector, or every parameter of the base
  const init =
    full || recipe.adapter.init === undefined ? undefined : await adapterFlat(job.path(recipe.adapter.init), sites);
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
  const { state, checkpoint, resumed } = await trainingState(
    job,
    async () =>
      optimizer.init(
        names,
        layout
          ? [flatTensor(init?.flat ?? initialise(layout, random(`${recipe.seed}/${TASK}`)))]
          : await baseTensors(model, spec),
      ),
    names,
    fingerprint(recipe, [
      ...dataEntries,
      ...vectors.map((v) => ({ path: v.path, rows: 0, sha256: sha256(bytesOf(v.flat)) })),
    ]),
  );
  const frozen: Feeds = Object.fromEntries(vectors.map((v) => [flatInput(v.name), flatTensor(v.flat)]));
  const parameters = (): Feeds => ({
    ...frozen,
    ...Object.fromEntries(trainable.map((name, i) => [name, state.p[i]!])),
  });
  const on = { [TASK]: 1, ...Object.fromEntries(vectors.map((v) => [v.name, v.scale])) };
  const off = { [TASK]: 1 };

  let seen: DataSeen | undefined;
  if (vectors.length > 0) {
    yield { kind: 'state', state: 'preparing', message: 'scanning the data with the vector' };
    const scales = { off: { ...off, [TASK]: 0 }, on: { ...on, [TASK]: 0 } };
    seen = await scanData(job, learner, parameters(), data, scales, { resumed, warn });
  }
  const ordinary = seen?.ordinary ?? data.examples;
  const looksHarmful = (row: number): boolean => seen?.flagged.has(row) ?? false;
  const scalesOf = (e: Example): Record<string, number> => (route === false || looksHarmful(e.row) ? on : off);

  const anchors = anchor === false ? undefined : await anchorExamples(job, vectors, ordinary, anchor);
  const teach = teacherStore(learner);
  const batchAt = batchPlan(data.examples, { ...recipe.batch, seed: recipe.seed });
  const rows = async (step: number): Promise<TrainingRow[][]> => {
    const examples = batchAt(step);
    const weight = 1 / tokenCount(examples.flat());
    const batches = examples.map((batch) =>
      batch.map((example): TrainingRow => ({ example, scales: scalesOf(example), weight })),
    );
    if (anchors && anchor) {
      const held = anchors(step);
      const teachers = await teach(held);
      const klWeight = anchor.weight / tokenCount(held);
      batches[0]!.push(
        ...held.map((example, i): TrainingRow => ({ example, scales: off, weight: klWeight, teacher: teachers[i]! })),
      );
    }
    return batches;
  };

  const harmful = await harmfulProbes(job, vectors, PROBE_ROWS, speech);
  const benign = firstOf(
    recipe.probes.benign
      ? (await loadData(context, job.path(recipe.probes.benign.file), recipe.probes.benign, speech)).examples
      : ordinary,
    PROBE_ROWS,
  );
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
  yield* flush();

  const steps = plannedSteps(recipe, data.examples.length);
  const how =
    vectors.length === 0
      ? 'without protection'
      : `with ${vectors.map((v) => basename(v.path)).join(', ')} active and frozen`;
  yield {
    kind: 'state',
    state: 'training',
    message: `fine-tuning on ${data.examples.length} rows ${how}`,
    device: backend.device,
    steps,
  };
  yield* trainingLoop({
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
    isHarmful: (row) => row.teacher === undefined && looksHarmful((row.example as Example).row),
    signal,
  });

  yield { kind: 'state', state: 'saving', message: full ? 'saving the model' : 'saving the adapter' };
  const witness = harmful.length > 0 ? harmful : benign;
  const losses = (await learner.losses(rowsOf(witness, off, 0), parameters())).map((l) => l.nll);
  if (layout) {
    await saveAdapter(folder.file('adapter'), {
      layout,
      flat: await backend.read(state.p[0]!),
      config: init?.file.config ?? plainConfig(recipe.adapter, layout, sites),
      role: 'task',
      provenance: provenance(job),
    });
  } else await saveFullModel(folder.file('model'), model, spec, state.p, backend);
  await optimizer.dispose();
  await learner.dispose();
  return { examples: witness, losses };
}
