/** Runs as the page that compares any number of them is sent them. */
import { dirname, isAbsolute, resolve } from 'node:path';
import { agreements } from '../../runtime/contract/agreement.js';
import {
  answerRows,
  byDisagreement,
  latestAnswers,
  type AnswerRow,
  type SampleEvent,
} from '../../runtime/contract/answers.js';
import type { ThinnedColumns, TrainColumns } from '../../runtime/contract/columns.js';
import type { Basis, ComparedRun } from '../../runtime/contract/comparedRuns.js';
import { dataHashes } from '../../runtime/contract/comparison.js';
import type { HarmfulLoss, VectorQuality } from '../../runtime/contract/events.js';
import { isObject } from '../../runtime/contract/isObject.js';
import { judgeIdentity } from '../../runtime/contract/judgeText.js';
import { isHubName } from '../../runtime/contract/hubName.js';
import { KINDS } from '../../runtime/contract/kinds.js';
import { recipeSchema } from '../../runtime/contract/recipe.js';
import { HELD_OUT_SET } from '../../runtime/contract/recipeWords.js';
import { safeParse } from '../../runtime/contract/safeParse.js';
import { stretchesOf } from '../../runtime/contract/smoothing.js';
import { stateOfRun, measureOf, runTitle } from './compare.js';
import { readingOf } from './reading.js';
import { t } from '../host/text.js';
import { distinctNames } from './distinct.js';
import type { RecipeFacts } from './recipe.js';
import { kindOf, type Run } from './run.js';

/** Of longer trainings a page of this many lines could not show more. */
const MAX_STEPS = 1500;
/** Rows with answers of all runs; those that disagree come first. */
const MAX_ANSWER_ROWS = 1000;

/** Names that no two of the runs have: by their folders, where they are called the same. */
export function titlesOf(runs: readonly Run[]): Map<string, string> {
  const names = distinctNames(runs.map((run) => ({ name: runTitle(run), folder: run.folder })));
  return new Map(runs.map(({ folder }, i) => [folder, names[i]!]));
}

/** Two judges agree or not; of two, one is no list of phrases, and so is named in the manifest. */
export const mayHaveSeveralJudges = ({ manifest }: Run): boolean => (manifest?.judges ?? []).length > 0;

/**
 * @param run whole, with all of its events
 * @param samples its answers, where it may have several judges
 */
export function comparedRun(
  run: Run,
  title: string,
  shortPath: (path: string) => string,
  samples: readonly SampleEvent[] = [],
): ComparedRun {
  const reading = readingOf(run);
  const kept = thinned(run.train, new Set(run.probes.step));
  const { step, tokens, seconds } = run.clock;
  const at = <T>(column: readonly T[]): T[] => kept.map((i) => column[i]!);
  const loss = run.done?.harmfulLoss ?? run.harmfulLoss;
  const quality = run.done?.vector;
  return {
    id: run.folder,
    title,
    reading: {
      ...reading,
      train: thinnedTrain(run.train, kept),
    },
    clock: { step: at(step), tokens: at(tokens), seconds: at(seconds) },
    recipe: recipeOf(run, shortPath),
    states: statesOf(run),
    sets: setsOf(run),
    judges: Object.fromEntries((run.manifest?.judges ?? []).map((judge) => [judge.name, judgeIdentity(judge)])),
    ...(loss && { harmfulLoss: { ...loss, basis: keptBasis(run, loss) } }),
    ...(quality && { quality: { ...quality, basis: qualityBasis(run, quality) } }),
    agreements: agreements(latestAnswers(samples), (set) => measureOf(run, set)),
  };
}

/** What stands behind its sets, and behind the rows that it held out. */
function setsOf({ recipe, manifest }: Run): Record<string, Basis> {
  if (!recipe) return {};
  const basis = (how: unknown, from: unknown, name: string): [string, Basis] => {
    const sha256 = manifest?.sets?.[name]?.sha256;
    return [name, { how: JSON.stringify(how), from: JSON.stringify(from), ...(sha256 && { sha256 }) }];
  };
  const { heldOut } = recipe.raw;
  return Object.fromEntries([
    ...recipe.evaluate.map(({ name, file, measure, raw }) =>
      basis([measure, raw['phrases']], [file, raw['limit']], name),
    ),
    basis(typeof heldOut === 'object' ? { ...heldOut, share: undefined } : {}, '', HELD_OUT_SET),
  ]);
}

/**
 * The rows of the loss that was kept. Those that charts are drawn from are the first of them, where they are of the
 * same kind; else they follow from the vectors, or from the recipe.
 */
function keptBasis({ manifest, recipe, probes }: Run, { rows, of }: HarmfulLoss): Basis {
  const drawn = probes.rows?.harmful;
  const vectors = manifest?.vectors.map(({ sha256 }) => sha256);
  return {
    how: JSON.stringify([rows, of]),
    from: JSON.stringify(rows === 'probes' ? recipe?.probes?.harmful : vectors),
    ...(drawn?.rows === rows && { sha256: drawn.id }),
  };
}

/** The rows that a vector was not trained on: a function of its data, the share, and the seed. */
function qualityBasis({ manifest, recipe }: Run, { harmful, ordinary }: VectorQuality): Basis {
  const { heldOut, seed } = (recipe ? valuesOf(recipe) : {}) as { heldOut?: unknown; seed?: unknown };
  return {
    how: JSON.stringify([harmful, ordinary]),
    from: JSON.stringify([manifest && dataHashes(manifest), heldOut, seed]),
  };
}

/** What a run delivers; an evaluation judges any number of states. */
const statesOf = (run: Run): string[] =>
  kindOf(run) === 'evaluate' ? [...new Set(run.measurements.map(({ state }) => state))] : [stateOfRun(run)];

/**
 * Indices of the rows that are sent: of each stretch those with the smallest and largest loss and gradient, and those
 * of the steps in `needed`, whose time is asked for.
 */
export function thinned({ step, loss, gradNorm }: TrainColumns, needed: ReadonlySet<number>): number[] {
  const all = step.map((_, i) => i);
  if (step.length <= MAX_STEPS) return all;
  const stretch = Math.ceil((4 * step.length) / MAX_STEPS);
  const kept = new Set([0, step.length - 1, ...all.filter((i) => needed.has(step[i]!))]);
  for (let from = 0; from < step.length; from += stretch) {
    const here = all.slice(from, from + stretch);
    for (const column of [loss, gradNorm]) {
      const known = here.filter((i) => column[i] !== null);
      const by = (sign: number) => (a: number, b: number) => (sign * column[a]! < sign * column[b]! ? a : b);
      if (known.length > 0) kept.add(known.reduce(by(1))).add(known.reduce(by(-1)));
      if (known.length < here.length) kept.add(here.find((i) => column[i] === null)!);
    }
  }
  return [...kept].sort((a, b) => a - b);
}

/** Whoever smooths the line needs the mean of what is left out: its extremes alone are no picture of it. */
function thinnedTrain({ step, loss, gradNorm }: TrainColumns, kept: readonly number[]): ThinnedColumns {
  const at = <T>(column: readonly T[]): T[] => kept.map((i) => column[i]!);
  return {
    step: at(step),
    loss: at(loss),
    gradNorm: at(gradNorm),
    ...(kept.length < step.length && {
      stretches: { loss: stretchesOf(loss, kept), gradNorm: stretchesOf(gradNorm, kept) },
    }),
  };
}

/** With its defaults filled in. */
const valuesOf = ({ raw }: RecipeFacts): object => safeParse(recipeSchema, raw).data ?? raw;

/** Keys that say nothing of what was done. */
const SILENT = new Set(['$schema', 'output']);

/**
 * Every key of the recipe as text, defaults filled in and paths made alike; and what the inputs held, by their hashes.
 */
function recipeOf({ recipe, manifest }: Run, shortPath: (path: string) => string): Record<string, string> {
  const found: Record<string, string> = {};
  if (recipe) {
    const inputs = KINDS[recipe.kind].inputs.map(([key]) => key.split('.'));
    const base = dirname(recipe.file);
    const isInput = (path: readonly string[]): boolean =>
      inputs.some((key) => key.length === path.length && key.every((part, i) => part === '*' || part === path[i]));
    for (const { path, names, value } of leaves(valuesOf(recipe))) {
      if (SILENT.has(path[0] ?? '')) continue;
      const isPath = typeof value === 'string' && isInput(path) && !isHubName(value);
      const text = isPath ? shortPath(isAbsolute(value) ? value : resolve(base, value)) : written(value);
      found[names.join('.')] = text;
    }
  }
  if (manifest) {
    const content = (of: string, sha256: string): void => void (found[t('{0} · content', of)] = sha256.slice(0, 8));
    content(t('model'), manifest.model.sha256);
    for (const [i, { sha256 }] of manifest.data.entries()) content(t('data {0}', i + 1), sha256);
    for (const [i, { sha256 }] of manifest.vectors.entries()) content(t('vector {0}', i + 1), sha256);
    for (const [name, { sha256 }] of Object.entries(manifest.sets ?? {})) content(name, sha256);
  }
  return found;
}

const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** The values of a recipe by their paths; entries of a list are called by their name, where they have one. */
function leaves(
  value: unknown,
  path: string[] = [],
  names: string[] = [],
): { path: string[]; names: string[]; value: unknown }[] {
  const isList = Array.isArray(value) && value.some((one) => typeof one === 'object' && one !== null);
  if (!isList && !isObject(value)) return value === undefined ? [] : [{ path, names, value }];
  return Object.entries(value as object).flatMap(([key, inner]: [string, unknown]) => {
    const own = isList && typeof inner === 'object' && inner !== null ? (inner as { name?: unknown }).name : undefined;
    return leaves(inner, [...path, key], [...names, typeof own === 'string' ? own : key]);
  });
}

const promptKey = ({ set, prompt }: SampleEvent): string => JSON.stringify([set, prompt]);

/**
 * The answers of all runs to the same prompt of the same set beside each other, under the runs' names; disagreements
 * first. `total`: how many rows there are, of which the first are given.
 */
export async function comparedAnswers(
  runs: readonly Run[],
  titles: ReadonlyMap<string, string>,
  answersOf: (folder: string) => Promise<readonly SampleEvent[]>,
): Promise<{ rows: AnswerRow[]; total: number }> {
  const samples: SampleEvent[] = [];
  const rows = new Map<string, number>();
  const measures = new Map<string, ReturnType<typeof measureOf>>();
  for (const run of runs) {
    const states = statesOf(run);
    const all = await answersOf(run.folder);
    const asked = new Map<string, Set<number>>();
    for (const one of all) asked.set(promptKey(one), (asked.get(promptKey(one)) ?? new Set()).add(one.row));
    for (const sample of all) {
      if (!states.includes(sample.state)) continue;
      // The same row of a set may be another prompt in another run. Rows may ask the same behind other system messages.
      const before = [...asked.get(promptKey(sample))!].filter((row) => row < sample.row).length;
      const key = JSON.stringify([before, promptKey(sample)]);
      const row = rows.get(key) ?? rows.size;
      rows.set(key, row);
      const title = titles.get(run.folder)!;
      const state = states.length > 1 ? `${title} · ${sample.state}` : title;
      samples.push({ ...sample, row, state });
      if (!measures.has(sample.set)) measures.set(sample.set, measureOf(run, sample.set));
    }
  }
  const found = byDisagreement(answerRows(samples, (set) => measures.get(set)!));
  return { rows: found.slice(0, MAX_ANSWER_ROWS), total: found.length };
}
