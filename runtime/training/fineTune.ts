import { basename } from 'node:path';
import { adapterFlat, plainConfig, saveAdapter, type FlatAdapter } from '../adapters/flat.js';
import { flatInput, type InjectedAdapter } from '../adapters/inject.js';
import { initialise, plainLayout } from '../adapters/sites.js';
import { loadData } from '../context.js';
import { firstOf, subset } from '../data/exampleList.js';
import type { Example } from '../data/examples.js';
import { scanExamples } from '../evaluation/scan.js';
import { HumanError } from '../errors.js';
import { sha256 } from '../files.js';
import { bytesOf } from '../models/safetensors.js';
import { parameters as parameterShapes } from '../models/spec.js';
import { openOptimizer } from '../optim/optimizer.js';
import type { FinetuneRecipe, Probes, RunEvent, ScanResult } from '../protocol.js';
import { random } from '../random.js';
import { anchorExamples, harmfulProbes } from './anchors.js';
import { baseTensors, saveFullModel } from './fullModel.js';
import {
  fingerprint,
  flatTensor,
  mean,
  provenance,
  rowsOf,
  tokenCount,
  trainingState,
  warnings,
  type Job,
} from './job.js';
import { openLearner } from './learner.js';
import { trainingLoop } from './loop.js';
import type { TrainingRow } from './packing.js';
import type { Feeds } from './session.js';
import { batchPlan, plannedSteps } from './steps.js';
import { teacherStore } from './teacher.js';

const TASK = 'task';
/** Rows of each kind whose loss and gradient are drawn while training. */
const PROBE_ROWS = 8;

/** What fine-tuning leaves for the evaluation and the report. */
export interface FineTuned {
  readonly vectors: readonly (FlatAdapter & { name: string; path: string; scale: number })[];
  /** The data as the vectors see it. */
  readonly scan?: ScanResult;
  /** Probe rows with a harmful answer, where there are any. */
  readonly harmful: readonly Example[];
  /** Loss of the delivered model, vectors off, on the harmful probe rows (or the first rows of the data), at the end of training. */
  readonly witness: { readonly examples: readonly Example[]; readonly losses: readonly number[] };
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
export async function* fineTune(job: Job<FinetuneRecipe>): AsyncGenerator<RunEvent, FineTuned> {
  const { recipe, context, folder, signal } = job;
  const { backend, spec, model, tokenizer, sites } = context;
  const { warn, speech, flush } = warnings(job);
  const full = recipe.method === 'full';
  const { route, anchor } =
    recipe.protection === false ? { route: false as const, anchor: false as const } : recipe.protection;

  const data = await loadData(
    context,
    job.path(recipe.data.file),
    { ...recipe.data, maxTokens: recipe.batch.maxTokens },
    speech,
  );
  const vectors: FineTuned['vectors'][number][] = [];
  for (const [i, v] of recipe.vectors.entries()) {
    const path = job.path(v.adapter);
    const flat = await adapterFlat(path, sites);
    if (flat.file.role !== 'security')
      warn(
        `the adapter ${basename(path)} is not marked as a security vector.`,
        flat.file.path,
        'Train it with a "vector" recipe, or check the path.',
      );
    vectors.push({ ...flat, name: `vector${i}`, path, scale: v.scale });
  }
  if (vectors.length === 0 && recipe.protection !== false) {
    throw new HumanError('"protection" needs a vector.', {
      place: 'recipe.json protection',
      remedy: 'List one under "vectors", or remove "protection".',
    });
  }
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
  const { state, checkpoint } = await trainingState(
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

  // what the vectors explain of the data, before anything is trained
  let scan: ScanResult | undefined;
  if (vectors.length > 0) {
    yield { kind: 'state', state: 'preparing', message: 'scanning the data with the vector' };
    const withoutTask = { [TASK]: 0 };
    scan = await scanExamples(
      learner,
      parameters(),
      data.examples,
      { off: withoutTask, on: { ...on, ...withoutTask }, threshold: route === false ? 0.5 : route },
      { signal, onProgress: (share) => job.say('scanning the data with the vector', share) },
    );
    if (scan.flagged > 0.9 * scan.rows) {
      warn(
        `${scan.flagged} of ${scan.rows} rows look harmful: there is little to learn from this file, and an anchor of refusals alone wears ordinary answers down.`,
        data.path,
        'Look at the rows; add ordinary ones, or set protection.anchor.benign.',
      );
    }
  }
  const flagged = new Set(scan?.perRow.filter((r) => r.flagged).map((r) => r.row));
  // the scan has a row for each example, in order
  const ordinary = scan
    ? subset(
        data.examples,
        scan.perRow.flatMap((r, i) => (r.flagged ? [] : [i])),
      )
    : data.examples;
  const scalesOf = (e: Example): Record<string, number> => (route === false || flagged.has(e.row) ? on : off);

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
  const measure = async (
    examples: readonly Example[],
    scales: Record<string, number>,
  ): Promise<{ loss: number; norm: number } | undefined> => {
    if (examples.length === 0) return undefined;
    const { rows: losses, gradients } = await learner.gradients(
      rowsOf(examples, scales, 1 / tokenCount(examples)),
      parameters(),
    );
    const norm = await optimizer.norm(gradients);
    for (const gradient of gradients) backend.release(gradient);
    return { loss: mean(losses), norm };
  };
  const probe = async (): Promise<Probes> => {
    const [harmOff, benignOff] = [await measure(harmful, off), await measure(benign, off)];
    const [harmOn, benignOn] = vectors.length > 0 ? [await measure(harmful, on), await measure(benign, on)] : [];
    return {
      harmfulLossWithout: harmOff?.loss,
      harmfulGradNormWithout: harmOff?.norm,
      benignLossWithout: benignOff?.loss,
      benignGradNormWithout: benignOff?.norm,
      harmfulLossWith: harmOn?.loss,
      harmfulGradNormWith: harmOn?.norm,
      benignLossWith: benignOn?.loss,
      benignGradNormWith: benignOn?.norm,
    };
  };
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
    isHarmful: (row) => row.teacher === undefined && flagged.has((row.example as Example).row),
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
  return { vectors, scan, harmful, witness: { examples: witness, losses } };
}
