import { sortStates } from '../../runtime/contract/states.js';
import type { Measurement } from '../../runtime/contract/events.js';
import type { MeasureKind } from '../../runtime/contract/recipeWords.js';
import type { AnswerVerdict, SampleEvent } from '../../runtime/contract/answers.js';
import { measureOf, newestFirst, sameModel } from './compare.js';
import { setFor } from './recipe.js';
import type { Run } from './run.js';

/**
 * Runs that measure an evaluation file in one way (`measure`, else as they say themselves) on the model of the newest of
 * them, with their names for it: numbers of several models, or of several ways to measure, do not stand in one line.
 */
function measuring(file: string, runs: Iterable<Run>, measure?: MeasureKind): { run: Run; names: string[] }[] {
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
  const [newest] = found;
  return newest ? found.filter(({ run }) => sameModel(run, newest.run)) : [];
}

/** The newest main number of each model state for an evaluation file: base, plain, protected, then others. */
export function resultsFor(file: string, runs: Iterable<Run>, measure?: MeasureKind): Measurement[] {
  const found = new Map<string, Measurement>();
  for (const { run, names } of measuring(file, runs, measure)) {
    for (const m of run.measurements) {
      // Beside its main number a set of harm also counts refusals and what is neither.
      if (!names.includes(m.name) || found.has(m.state) || m.measure !== measureOf(run, m.name)) continue;
      found.set(m.state, m);
    }
  }
  return sortStates([...found.values()]);
}

export interface RowVerdict {
  /** Line of the file, from 1. */
  line: number;
  answers: { state: string; answer: string; verdict: AnswerVerdict }[];
  prompt: string;
}

/** For each row of an evaluation file the newest answer of each model state. `answersOf`: from memory or disk. */
export async function verdictsFor(
  file: string,
  runs: Iterable<Run>,
  answersOf: (folder: string) => Promise<readonly SampleEvent[]>,
  measure?: MeasureKind,
): Promise<RowVerdict[]> {
  const rows = new Map<number, RowVerdict>();
  const done = new Set<string>();
  for (const { run, names } of measuring(file, runs, measure)) {
    const here = new Set<string>();
    for (const { set, state, line, prompt, answer, verdict: judged, label } of await answersOf(run.folder)) {
      const verdict = label ?? judged ?? 'open';
      if (!names.includes(set) || done.has(state)) continue;
      here.add(state);
      const row = rows.get(line) ?? { line, prompt, answers: [] };
      rows.set(line, row);
      const old = row.answers.find((a) => a.state === state);
      if (old) Object.assign(old, { answer, verdict });
      else row.answers.push({ state, answer, verdict });
    }
    for (const state of here) done.add(state);
  }
  for (const row of rows.values()) row.answers = sortStates(row.answers);
  return [...rows.values()].sort((a, b) => a.line - b.line);
}
