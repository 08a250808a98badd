import { exists } from '../host/checkedFile.js';
import { join } from 'node:path';
import type { ReadAs } from '../../runtime/contract/mapping.js';
import type { TrainingDefaults } from '../../runtime/contract/modelInfo.js';
import type { EvaluateRecipe, FinetuneRecipe, VectorRecipe } from '../../runtime/contract/recipe.js';
import { LORA } from '../../runtime/contract/recipeTraining.js';
import type { Computing, MeasureKind } from '../../runtime/contract/recipeWords.js';
import { firstFree } from '../host/paths.js';
import { replaceFile } from '../host/state.js';
import { relativeTo } from '../runs/recipeEdit.js';

/**
 * Recipes that the commands write: a run's parameters are a file in the workspace, which the person may read and
 * change.
 */

/** With the keys of the schema and no other; the engine checks the values. */
type Keys<R> = { [K in keyof R]?: unknown };

interface Machine extends Computing {
  threads: number;
}

export interface EvaluationChoice {
  name: string;
  file: string;
  measure: MeasureKind;
  /** Further keys as some recipe has them (phrases, limit, format). */
  raw?: Record<string, unknown>;
}

/** A data file, and how it is read. */
export interface DataChoice extends ReadAs {
  file: string;
}

/**
 * Examples of what must not be learned, and ordinary rows, where not all are taken; with more of them a vector takes
 * longer.
 */
export const HARMFUL_ROWS = 100;
export const ORDINARY_ROWS = 200;
/** Which rows a vector learns from: the first ones of the files, or all. */
export type RowsChoice = 'first' | 'all';

/** What a vector is trained on. */
export const vectorSources = ({ harmful, benign, rows = 'first' }: VectorRows): (DataChoice & { limit?: number })[] => [
  { ...harmful, ...(rows === 'first' && { limit: HARMFUL_ROWS }) },
  ...(benign ? [{ ...benign, ...(rows === 'first' && { limit: ORDINARY_ROWS }) }] : []),
];

interface VectorRows {
  harmful: DataChoice;
  benign?: DataChoice;
  rows?: RowsChoice;
}

export interface VectorChoice extends Machine, VectorRows {
  model: string;
  training: TrainingDefaults;
  output: string;
}

export function vectorRecipe(choice: VectorChoice, file: string): Keys<VectorRecipe> {
  const at = relativeTo(file);
  const [harmful, benign] = vectorSources(choice).map((data) => source(data, at));
  return {
    kind: 'vector',
    model: at(choice.model),
    harmful,
    ...(benign && { benign }),
    adapter: LORA,
    ...(choice.benign && { objective: { benignWeight: 1 } }),
    optimizer: { learningRate: choice.training.learningRate },
    batch: choice.training.batch,
    epochs: choice.training.epochs,
    ...machineKeys(choice),
    output: at(choice.output),
  };
}

export interface HeldOutChoice {
  share: number;
  measure: MeasureKind;
  phrases?: string[];
}

export interface FineTuneChoice extends Machine {
  model: string;
  data: DataChoice;
  /** Rows of the data that are kept for evaluation. */
  heldOut?: HeldOutChoice;
  /** The review beside the data counts. */
  reviewed?: boolean;
  method: 'lora' | 'full';
  vectors: string[];
  /** Route and anchor, beyond the paper. */
  strengthened: boolean;
  evaluate: EvaluationChoice[];
  training: TrainingDefaults;
  generation?: unknown;
  judges?: readonly unknown[];
  output: string;
}

export function fineTuneRecipe(choice: FineTuneChoice, file: string): Keys<FinetuneRecipe> {
  const at = relativeTo(file);
  return {
    kind: 'finetune',
    model: at(choice.model),
    data: { ...source(choice.data, at), ...(choice.reviewed && { exclude: 'reviewed' }) },
    ...(choice.heldOut && { heldOut: choice.heldOut }),
    method: choice.method,
    ...(choice.method === 'lora' && { adapter: LORA }),
    ...(choice.vectors.length && { vectors: choice.vectors.map((path) => ({ adapter: at(path), scale: 1 })) }),
    ...(choice.vectors.length && choice.strengthened && { protection: true }),
    evaluate: distinct(choice.evaluate).map((set) => evaluationSet(set, at)),
    ...judgesOf(choice, at),
    ...(choice.generation !== undefined && { generation: choice.generation }),
    optimizer: {
      learningRate: choice.training.learningRate,
      schedule: 'linear',
      warmupSteps: 0.05,
    },
    batch: choice.training.batch,
    epochs: choice.training.epochs,
    ...machineKeys(choice),
    output: at(choice.output),
  };
}

export interface ModelStateChoice {
  name: string;
  /** A fully fine-tuned model instead of the recipe's. */
  model?: string;
  adapters: { path: string; scale: number }[];
}

interface EvaluateChoice extends Machine {
  model: string;
  states: ModelStateChoice[];
  evaluate: EvaluationChoice[];
  generation?: unknown;
  judges?: readonly unknown[];
  output: string;
}

export function evaluateRecipe(choice: EvaluateChoice, file: string): Keys<EvaluateRecipe> {
  const at = relativeTo(file);
  return {
    kind: 'evaluate',
    model: at(choice.model),
    states: distinct(choice.states).map(({ name, model, adapters }) => ({
      name,
      ...(model && { model: at(model) }),
      adapters: adapters.map((a) => ({ adapter: at(a.path), scale: a.scale })),
    })),
    evaluate: distinct(choice.evaluate).map((set) => evaluationSet(set, at)),
    ...judgesOf(choice, at),
    ...(choice.generation !== undefined && { generation: choice.generation }),
    ...machineKeys(choice),
    output: at(choice.output),
  };
}

/** Sets and states are known by their names: "test", "test 2", … */
function distinct<T extends { name: string }>(all: readonly T[]): T[] {
  const taken = new Set<string>();
  return all.map((one) => {
    let { name } = one;
    for (let i = 2; taken.has(name); i++) name = `${one.name} ${i}`;
    taken.add(name);
    return { ...one, name };
  });
}

/** Writes a recipe, atomically. */
export async function writeRecipe(file: string, recipe: object): Promise<void> {
  await replaceFile(file, `${JSON.stringify(recipe, undefined, 2)}\n`);
}

/** `folder/name.json`, or `name-2.json`, … : nobody's recipe is written over. */
export async function freeFile(folder: string, name: string, extension = '.json'): Promise<string> {
  const file = (one: string): string => join(folder, `${one}${extension}`);
  return file(await firstFree(name, (one) => exists(file(one))));
}

/** What names of data files and models end with; other dots belong to the name, as in `v0.2`. */
const ENDINGS = /(\.(jsonl|json|csv|tsv|parquet|txt|gz|gguf|safetensors))+$/i;

/** "Forbidden topic.jsonl" → "forbidden-topic": a name for files and folders on every system. */
export function slug(text: string): string {
  const name = text
    .replace(ENDINGS, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-+|-+$/g, '');
  return name || 'run';
}

const machineKeys = ({ device, precision, threads }: Machine): Partial<Machine> => ({
  ...(device !== 'auto' && { device }),
  ...(precision && { precision }),
  ...(threads !== 0 && { threads }),
});

const source = (
  { file, columns, format, limit }: DataChoice & { limit?: number },
  at: (path: string) => string,
): object => ({
  file: at(file),
  ...(format && { format }),
  ...(columns && { columns }),
  ...(limit !== undefined && { limit }),
});

function evaluationSet({ name, file, measure, raw }: EvaluationChoice, at: (path: string) => string): object {
  return { ...raw, name, file: at(file), measure };
}

/** Judges as another recipe has them; classifiers are folders. */
const judgesOf = ({ judges }: { judges?: readonly unknown[] }, at: (path: string) => string): object =>
  judges
    ? { judges: judges.map((judge) => (isClassifier(judge) ? { ...judge, classifier: at(judge.classifier) } : judge)) }
    : {};

const isClassifier = (judge: unknown): judge is { classifier: string } =>
  typeof judge === 'object' && judge !== null && typeof (judge as { classifier?: unknown }).classifier === 'string';
