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
  /** Line of the file as it was asked, from 1: rows may have moved since. */
  line: number;
  answers: { state: string; answer: string; verdict: AnswerVerdict }[];
  prompt: string;
}

/**
 * For each row of an evaluation file the newest answer of each model state. A row is known by its prompt, and of those with the
 * same one by its place among them: between two runs others may have come before it. `answersOf`: from memory or disk.
 */
export async function verdictsFor(
  file: string,
  runs: Iterable<Run>,
  answersOf: (folder: string) => Promise<readonly SampleEvent[]>,
  measure?: MeasureKind,
): Promise<RowVerdict[]> {
  const rows = new Map<string, RowVerdict>();
  const done = new Set<string>();
  for (const { run, names } of measuring(file, runs, measure)) {
    const answers = (await answersOf(run.folder)).filter(({ set, state }) => names.includes(set) && !done.has(state));
    const places = placesOf(answers);
    for (const { state, line, prompt, answer, verdict: judged, label } of answers) {
      const verdict = label ?? judged ?? 'open';
      const key = JSON.stringify([prompt, places.get(`${line}\n${prompt}`)]);
      const row = rows.get(key) ?? { line, prompt, answers: [] };
      rows.set(key, row);
      const old = row.answers.find((a) => a.state === state);
      if (old) Object.assign(old, { answer, verdict });
      else row.answers.push({ state, answer, verdict });
    }
    for (const { state } of answers) done.add(state);
  }
  for (const row of rows.values()) row.answers = sortStates(row.answers);
  return [...rows.values()].sort((a, b) => a.line - b.line);
}

/** Which of the rows with its prompt each one is, by their lines. */
function placesOf(answers: readonly SampleEvent[]): Map<string, number> {
  const places = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const { line, prompt } of [...answers].sort((a, b) => a.line - b.line)) {
    const key = `${line}\n${prompt}`;
    if (places.has(key)) continue;
    const place = counts.get(prompt) ?? 0;
    counts.set(prompt, place + 1);
    places.set(key, place);
  }
  return places;
}
