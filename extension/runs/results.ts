import { sortStates } from '../../runtime/contract/states.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import type { AnswerVerdict, SampleEvent } from '../../runtime/contract/answers.js';
import { measureOf, modelPath, newestFirst, numbersAlike, sameModel } from './compare.js';
import { setFor } from './recipe.js';
import type { Run } from './run.js';

/** Which runs say something of an evaluation file. */
interface Asked {
  /** How it is measured; else as the newest of them says. */
  measure?: MeasureKind;
  /** Path of the model; else that of the newest which has measured something. */
  model?: string;
}

/**
 * Runs that measure an evaluation file in one way on one model, the newest first, with their names for it: numbers of
 * several models, or of several ways to measure, do not stand in one line.
 */
function measuring(file: string, runs: Iterable<Run>, { measure, model }: Asked): { run: Run; names: string[] }[] {
  const known = newestFirst(runs).filter((run) => run.progress.state !== 'failed');
  const how =
    measure ??
    setFor(
      file,
      known.flatMap(({ recipe }) => recipe ?? []),
    )?.measure;
  const found = known.flatMap((run) => {
    const sets = (run.recipe?.evaluate ?? []).filter((set) => set.file === file && set.measure === how);
    return sets.length > 0 ? [{ run, names: sets.map(({ name }) => name) }] : [];
  });
  if (model !== undefined) return found.filter(({ run }) => modelPath(run) === model);
  const newest =
    found.find(({ run, names }) => run.measurements.some(({ name }) => names.includes(name))) ??
    found.find(({ run }) => run.place === undefined && run.manifest !== undefined);
  return newest ? found.filter(({ run }) => sameModel(run, newest.run)) : [];
}

/**
 * The newest main number of each model state for an evaluation file: base, plain, protected, then others. Runs that
 * asked other prompts than the newest, as the file was edited, or another judge, have none.
 */
export function resultsFor(file: string, runs: Iterable<Run>, asked: Asked = {}): Measurement[] {
  const found = new Map<string, Measurement>();
  let first: { run: Run; m: Measurement } | undefined;
  for (const { run, names } of measuring(file, runs, asked)) {
    for (const m of run.measurements) {
      // Beside its main number a set of harm also counts refusals and what is neither.
      if (!names.includes(m.name) || found.has(m.state) || m.measure !== measureOf(run, m.name)) continue;
      first ??= { run, m };
      if (run === first.run || numbersAlike(first.run, first.m, run, m)) found.set(m.state, m);
    }
  }
  return sortStates([...found.values()]);
}

export interface RowVerdict {
  /** Line of the file as it was asked, from 1: rows may have moved since. */
  line: number;
  answers: { state: string; answer: string; verdict: AnswerVerdict }[];
  prompt: string;
  /** The newest of the runs has asked it, so that their numbers are of it, too. */
  isLatest?: boolean;
}

export interface Verdicts {
  rows: RowVerdict[];
  /** Folder of the newest run whose answers are among them. */
  run?: string;
  /**
   * When the oldest run began whose answers are among them, or the newest if there are numbers alone, in milliseconds:
   * a file that is older is as it was for all of them. Infinity where nothing was measured.
   */
  since: number;
}

/**
 * For each row of an evaluation file the newest answer of each model state. Between two runs rows may have moved: one
 * is known by its prompt, and where several have it by its line, too. `answersOf`: from memory or disk.
 */
export async function verdictsFor(
  file: string,
  runs: Iterable<Run>,
  answersOf: (folder: string) => Promise<readonly SampleEvent[]>,
  asked: Asked = {},
): Promise<Verdicts> {
  const rows = new Map<string, RowVerdict>();
  const done = new Set<string>();
  const measured = measuring(file, runs, asked);
  let since = Infinity;
  let newest: string | undefined;
  for (const { run, names } of measured) {
    const answers = (await answersOf(run.folder)).filter(({ set, state }) => names.includes(set) && !done.has(state));
    if (answers.length === 0) continue;
    newest ??= run.folder;
    since = Math.min(since, Date.parse(run.manifest?.started ?? '') || -Infinity);
    const lines = linesOf(answers);
    for (const { state, line, prompt, answer, verdict: judged, label } of answers) {
      const verdict = label ?? judged ?? 'open';
      const key = lines.get(prompt)!.size > 1 ? `${line}\n${prompt}` : prompt;
      const row = rows.get(key) ?? { line, prompt, answers: [], isLatest: run.folder === newest };
      rows.set(key, row);
      const old = row.answers.find((a) => a.state === state);
      if (old) Object.assign(old, { answer, verdict });
      else row.answers.push({ state, answer, verdict });
    }
    for (const { state } of answers) done.add(state);
  }
  for (const row of rows.values()) row.answers = sortStates(row.answers);
  if (rows.size === 0) {
    const counted = measured.find(({ run, names }) => run.measurements.some(({ name }) => names.includes(name)));
    since = Date.parse(counted?.run.manifest?.started ?? '') || Infinity;
  }
  return { rows: [...rows.values()].sort((a, b) => a.line - b.line), run: newest, since };
}

/** By the prompt. */
function linesOf(answers: readonly SampleEvent[]): Map<string, Set<number>> {
  const lines = new Map<string, Set<number>>();
  for (const { line, prompt } of answers) {
    const known = lines.get(prompt);
    if (known) known.add(line);
    else lines.set(prompt, new Set([line]));
  }
  return lines;
}
