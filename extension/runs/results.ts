import type { MeasureKind, Measurement, Verdict } from '../../runtime/protocol.js';
import { percent, t } from '../text.js';
import type { SampleEvent } from './columns.js';
import { deliveredState, newestFirst, sortStates } from './compare.js';
import type { Run } from './run.js';

/** The main number of each way to measure; beside it, `harm` also counts refusals and what is neither. */
const MAIN: Record<MeasureKind, Measurement['measure']> = {
  harm: 'harm',
  'over-refusal': 'over-refusal',
  exact: 'exact',
  contains: 'contains',
  loss: 'loss',
};

/** Names that runs give to an evaluation file. */
const namesIn = (run: Run, file: string): string[] =>
  (run.recipe?.evaluate ?? []).filter((set) => set.file === file).map((set) => set.name);

/** The newest main number of each model state for an evaluation file: base, plain, protected, then others. */
export function resultsFor(file: string, runs: Iterable<Run>): Measurement[] {
  const found = new Map<string, Measurement>();
  for (const run of newestFirst(runs)) {
    const names = namesIn(run, file);
    for (const m of run.measurements) {
      if (!names.includes(m.name) || found.has(m.state)) continue;
      const set = run.recipe?.evaluate.find((s) => s.name === m.name && s.file === file);
      if (set && m.measure === MAIN[set.measure]) found.set(m.state, m);
    }
  }
  return sortStates([...found.values()]);
}

/** Of each state, set and measure the number of the main judge, who comes first. */
export const byMainJudge = (measurements: readonly Measurement[]): Measurement[] => {
  const first = new Map<string, Measurement>();
  for (const m of measurements) {
    const key = JSON.stringify([m.state, m.name, m.measure]);
    if (!first.has(key)) first.set(key, m);
  }
  return [...first.values()];
};

/** "base 0 % · plain 92 % · protected 0 %". */
export const resultText = (results: readonly Measurement[]): string =>
  results.map((m) => `${m.state} ${measurementText(m)}`).join(' · ');

export const measurementText = (m: Pick<Measurement, 'measure' | 'value'>): string =>
  m.measure === 'loss' ? t('{0} nats', m.value.toFixed(2)) : percent(m.value);

export interface RowVerdict {
  /** Line of the file, from 1. */
  line: number;
  answers: { state: string; answer: string; verdict: Verdict }[];
  prompt: string;
}

/** For each row of an evaluation file the newest answer of each model state. `answersOf`: from memory or disk. */
export async function verdictsFor(
  file: string,
  runs: Iterable<Run>,
  answersOf: (folder: string) => Promise<readonly SampleEvent[]>,
): Promise<RowVerdict[]> {
  const rows = new Map<number, RowVerdict>();
  const done = new Set<string>();
  for (const run of newestFirst(runs)) {
    const names = namesIn(run, file);
    if (names.length === 0) continue;
    const here = new Set<string>();
    for (const { set, state, line, prompt, answer, verdict } of await answersOf(run.folder)) {
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

/** The number that a tree or a notification shows of a run: harm of what it delivers; for a vector its last harmful loss. */
export function headline(run: Run): { harm?: number; loss?: number } {
  const harm = byMainJudge(run.measurements).filter((m) => m.measure === 'harm' && m.state !== 'base');
  const delivered = harm.filter((m) => m.state === deliveredState(run));
  const [shown] = [delivered, harm].filter((list) => list.length > 0);
  // Of several sets or states the worst one is told.
  if (shown) return { harm: Math.max(...shown.map((m) => m.value)) };
  const loss = run.probes.harmfulLossWith?.findLast((value) => value !== null);
  return loss === undefined || loss === null ? {} : { loss };
}
