import { WEIGHTS_FILE } from '../../adapters/files.js';
import { adapterFlat, saveAdapter } from '../../adapters/flat.js';
import { flatInput } from '../../adapters/inject.js';
import type { FinetuneRecipe } from '../../contract/recipe.js';
import type { OptimizerOptions } from '../../contract/recipeTraining.js';
import { RUN_FILES } from '../../contract/runFiles.js';
import type { ExampleList } from '../../data/exampleList.js';
import type { Example } from '../../data/examples.js';
import type { Learner } from '../../learner/learner.js';
import type { TrainingRow } from '../../learner/packing.js';
import { rowsOf, tokenCount } from '../../learner/rows.js';
import { heldRows } from '../../learner/teacher.js';
import { HumanError } from '../../support/errors.js';
import { sha256File } from '../../support/files.js';
import { digestOf } from '../training/dependencies.js';
import { provenance, type Job } from '../training/job.js';
import { ADAMW, shortTraining } from '../training/shortTraining.js';
import { batchPlan } from '../training/steps.js';
import type { ActiveVector } from './vectors.js';

/** Chosen, not measured: with half of them one run is in docs/protection-figures.md (Free-form text). */
const STEPS = 20;
/** Of each step: so many harmful ones, and so many ordinary ones. */
const ROWS = 8;
/** Rows that it computes at most. */
export const ABSORBED_ROWS = STEPS * 2 * ROWS;
/**
 * This, the rows and the learning rate with its course are those with which the vectors of docs/protection-figures.md
 * are trained (VECTOR_RECIPE of test/protection/rows.mjs).
 */
const KL_WEIGHT = 1;
const OPTIMIZER: OptimizerOptions = { ...ADAMW, learningRate: 2e-3, schedule: 'linear', warmupSteps: 0.1 };

/** What a vector is trained on some more. */
export interface Absorbed {
  /** Rows of the data that look harmful; what the vector explains of them is supervised. */
  readonly flagged: readonly Example[];
  /** The vector's own harmful rows, so that it does not forget them. */
  readonly own: readonly Example[];
  /** Rows on which it must not change the model. */
  readonly ordinary: ExampleList;
}

/** The training of the vector on them, as a learner's rows. */
export function absorption(
  { recipe }: Job<FinetuneRecipe>,
  vector: Pick<ActiveVector, 'name' | 'scale'>,
  { flagged, own, ordinary }: Absorbed,
  learner: Learner,
): { steps: number; optimizer: OptimizerOptions; rows: (step: number) => Promise<TrainingRow[]> } {
  const on = { [vector.name]: vector.scale };
  const teach = heldRows(learner);
  const harmfulAt = batchPlan([...flagged, ...own], { rows: ROWS, accumulate: 1, seed: recipe.seed });
  const ordinaryAt = batchPlan(ordinary, { rows: ROWS, accumulate: 1, seed: recipe.seed + 1 });
  return {
    steps: STEPS,
    optimizer: OPTIMIZER,
    async rows(step) {
      const harmful = harmfulAt(step).flat();
      const held = ordinary.length > 0 ? ordinaryAt(step).flat() : [];
      return [
        ...rowsOf(harmful, on, 1 / tokenCount(harmful)),
        ...(await teach(held, on, KL_WEIGHT / Math.max(1, tokenCount(held)))),
      ];
    },
  };
}

/**
 * The vector, trained some more on the rows that it flags, so that they leave no gradient. The vector's own folder
 * stays as it is: the copy is kept in the run's folder, and a resumed run reads it from there.
 * @param artifacts gets the hash of the copy
 * @returns the copy as a flat vector
 */
export async function absorb(
  job: Job<FinetuneRecipe>,
  vector: ActiveVector,
  absorbed: Absorbed,
  artifacts: Record<string, string>,
): Promise<Float32Array> {
  const { context, folder } = job;
  const copy = folder.file(RUN_FILES.absorbed);
  const weights = folder.file(RUN_FILES.absorbed, WEIGHTS_FILE);
  const known = artifacts[RUN_FILES.absorbed];
  if (known !== undefined) {
    if ((await sha256File(weights).catch(() => undefined)) !== known)
      throw new HumanError('the copy of the vector that the run started with is gone or was changed.', {
        place: copy,
        remedy: 'Put it back as it was, or start the run over.',
        code: 'restart',
      });
    return (await adapterFlat(copy, context)).flat;
  }
  const flat = await job.once(absorbKey(job), () => trained(job, vector, absorbed));
  await keepAbsorbed(job, vector, flat, artifacts);
  return flat;
}

/** Everything that the copy depends on. */
const ABSORBED =
  /^(arithmetic|model |data\.|vectors\.|protection\.|recipe (data|heldOut|vectors|protection|method|precision|batch|seed)\b)/;
export const absorbKey = ({
  dependencies,
  machine,
}: Pick<Job<FinetuneRecipe>, 'dependencies' | 'machine'>): unknown[] => [
  'absorb',
  digestOf(dependencies, ABSORBED),
  machine,
];

const trained = (job: Job<FinetuneRecipe>, vector: ActiveVector, absorbed: Absorbed): Promise<Float32Array> =>
  shortTraining(
    job,
    {
      adapters: [vector],
      name: vector.name,
      start: vector.flat,
      optimizer: OPTIMIZER,
      steps: STEPS,
      rows: (learner) => absorption(job, vector, absorbed, learner).rows,
      message: 'training the vector on the flagged rows',
    },
    async (_, parameters) => Float32Array.from(await job.context.backend.read(parameters[flatInput(vector.name)])),
  );

/** Keeps the copy in the run's folder. */
export async function keepAbsorbed(
  job: Job<FinetuneRecipe>,
  vector: ActiveVector,
  flat: Float32Array,
  artifacts: Record<string, string>,
): Promise<void> {
  await saveAdapter(job.folder.file(RUN_FILES.absorbed), {
    layout: vector.layout,
    flat,
    config: vector.file.config,
    role: 'security',
    provenance: provenance(job),
  });
  artifacts[RUN_FILES.absorbed] = await sha256File(job.folder.file(RUN_FILES.absorbed, WEIGHTS_FILE));
}
