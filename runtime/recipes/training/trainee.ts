import type { SentAdapter } from './adaptersThere.js';
import type { Method } from '../../baselines/method.js';
import { saveAdapter } from '../../adapters/flat.js';
import { joinedConfig } from '../../adapters/joinedConfig.js';
import { flatInput, type Injected } from '../../adapters/inject.js';
import { initialise } from '../../adapters/sites.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import type { Feeds } from '../../device/session.js';
import { openLearner, type Learner, type RowLoss } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import { flatTensor } from '../../learner/rows.js';
import { decaying, parameters as parameterShapes } from '../../models/decoder/spec.js';
import { openOptimizer, type Optimizer, type OptimizerState } from '../../optim/optimizer.js';
import { random } from '../../support/random.js';
import { requireFilesAsBegun } from './dependencies.js';
import { asStored, baseTensors, saveFullModel } from './fullModel.js';
import { provenance, trainingState, withBase, type Job, type TrainingState } from './job.js';
import type { StartAdapter } from './startAdapter.js';

/** Name of the task adapter in the graph. */
export const TASK = 'task';

/** What a fine-tuning trains, a task adapter or all weights of the model, with what trains it. */
export interface Trainee {
  readonly learner: Learner;
  readonly optimizer: Optimizer;
  /** The checkpoint's state, or a fresh one. */
  openState(): Promise<TrainingState>;
  /** What is trained, as the learner takes it. */
  parameters(state: OptimizerState): Feeds;
  /** Losses of rows before training. */
  lossesBefore(rows: readonly TrainingRow[], frozen: Feeds): Promise<RowLoss[]>;
  /** The task adapter as it is sent to a cluster, before training; undefined where all weights are trained. */
  readonly sent?: SentAdapter;
  /**
   * Writes adapter/ (PEFT), or model/.
   * @param delivered makes the adapter that is written of the one that was trained
   * @returns the losses that what is written gives to rows, nats
   */
  deliver(
    state: OptimizerState,
    rows: readonly TrainingRow[],
    frozen: Feeds,
    delivered?: Method['delivered'],
  ): Promise<number[]>;
  dispose(): Promise<void>;
}

/**
 * @param frozen further adapters in the graph
 * @param start the task adapter before training; undefined where all weights are trained
 */
export function openTrainee(
  job: Job<FinetuneRecipe>,
  frozen: readonly Injected[],
  start: StartAdapter | undefined,
): Trainee {
  const { recipe, context, folder } = job;
  const { backend, spec, model, tokenizer, sites } = context;
  const decayed = decaying(spec);
  // An adapter is one vector of matrices.
  const optimizer = openOptimizer(backend, recipe.optimizer, (name) => start !== undefined || decayed.has(name));
  const common = { backend, spec, model, padId: tokenizer.padId, recompute: job.recompute };
  const dispose = (learner: Learner) => async (): Promise<void> => {
    await optimizer.dispose();
    await learner.dispose();
  };

  if (!start) {
    const names = [...parameterShapes(spec).keys()];
    const learner = openLearner({ ...common, adapters: frozen, trainable: names, weightsAsInputs: true });
    return {
      learner,
      optimizer,
      openState: () => trainingState(job, async () => optimizer.init(names, await baseTensors(model, spec)), names),
      parameters: ({ p }) => Object.fromEntries(names.map((name, i) => [name, p[i]])),
      async lossesBefore(rows, feeds) {
        const base = openLearner({ ...common, adapters: frozen, trainable: [] });
        try {
          return await base.losses(rows, feeds);
        } finally {
          await base.dispose();
        }
      },
      async deliver({ p }, rows, feeds) {
        const stored = await asStored(model, spec, p, backend);
        const own = Object.fromEntries(names.map((name, i) => [name, stored[i]]));
        const losses = await learner.losses(rows, { ...feeds, ...own });
        await requireFilesAsBegun(job);
        await saveFullModel(folder.file(RUN_FILES.model), model, spec, stored, backend);
        return losses.map(({ nll }) => nll);
      },
      dispose: dispose(learner),
    };
  }

  const input = flatInput(TASK);
  const { layout, config } = start;
  const initial = (): Float32Array => start.flat ?? initialise(layout, random(`${recipe.seed}/${TASK}`));
  const learner = openLearner({ ...common, adapters: [{ name: TASK, layout }, ...frozen], trainable: [input] });
  return {
    learner,
    optimizer,
    openState: () => trainingState(job, async () => optimizer.init([TASK], [flatTensor(initial().slice())]), [TASK]),
    sent: { name: TASK, layout, flat: initial(), config, role: 'task' },
    parameters: ({ p }) => ({ [input]: p[0] }),
    lossesBefore: (rows, feeds) =>
      learner.losses(rows, { ...feeds, [input]: flatTensor(start.flat ?? new Float32Array(layout.size)) }),
    async deliver({ p }, rows, feeds, delivered) {
      const trained = { layout, flat: await backend.read(p[0]) };
      const adapter = (await delivered?.(trained)) ?? trained;
      const reader = openLearner({
        ...common,
        adapters: [{ name: TASK, layout: adapter.layout }, ...frozen],
        trainable: [],
      });
      try {
        const losses = await reader.losses(rows, { ...feeds, [input]: flatTensor(adapter.flat) });
        const written = adapter.layout === layout ? config : joinedConfig(adapter.layout, [], sites);
        await saveAdapter(folder.file(RUN_FILES.adapter), {
          ...adapter,
          config: await withBase(written, job),
          role: 'task',
          provenance: provenance(job),
        });
        return losses.map(({ nll }) => nll);
      } finally {
        await reader.dispose();
      }
    },
    dispose: dispose(learner),
  };
}
