import { type MeasureKind, type Probes } from '../../runtime/protocol.js';
import { dissent, protectionVerdict, type ProtectionVerdict } from '../../runtime/evaluation/protocol.js';
import {
  PROBES,
  type AnswerRow,
  type ProbeColumns,
  type RunProgress,
  type RunSnapshot,
} from '../../webview/protocol.js';
import type { SampleEvent } from './columns.js';
import { comparedMeasurements, plainSibling, runTitle, sortStates, vectorNames } from './compare.js';
import { ownerText } from './owner.js';
import { canResume, canRunAgain, isOver, isRunning, type Run } from './run.js';

/** Everything the run page draws. `all`: the runs it may be compared with. `has`: which files its folder has. */
export function snapshot(
  run: Run,
  all: Iterable<Run>,
  has: { answers: boolean; report: boolean },
  now: number,
): RunSnapshot {
  const runs = [...all];
  const plain = plainSibling(run, runs);
  return {
    id: run.folder,
    title: runTitle(run),
    kind: run.manifest?.kind ?? run.recipe?.kind ?? 'finetune',
    vectors: vectorNames(run),
    progress: progressNow(run, now),
    device: run.device,
    train: run.train,
    probes: run.probes,
    goalHarmfulLoss: run.recipe?.goalHarmfulLoss,
    plain: plain && { title: runTitle(plain), probes: plain.probes },
    measurements: comparedMeasurements(run, runs),
    verdict: verdict(run),
    laws: run.done?.laws,
    warnings: run.warnings,
    error: run.error,
    elsewhere: run.elsewhere && ownerText(run.elsewhere),
    canStop: run.live && !isOver(run),
    canResume: canResume(run),
    canRunAgain: canRunAgain(run),
    hasAnswers: has.answers,
    hasReport: has.report,
  };
}

/** The time that a run at work has taken so far goes on between two events. */
export function progressNow(run: Run, now: number): RunProgress {
  return isRunning(run) && run.since
    ? { ...run.progress, secondsElapsed: Math.max(0, now - run.since) }
    : { ...run.progress };
}

export function verdict(run: Run): ProtectionVerdict {
  return protectionVerdict({
    kind: run.manifest?.kind ?? run.recipe?.kind ?? 'finetune',
    vectors: run.manifest?.vectors.length ?? run.recipe?.vectors.length ?? 0,
    first: probesAt(run.probes, 0),
    last: probesAt(run.probes, run.probes.step.length - 1),
    done: run.done,
    training: isRunning(run) && ['preparing', 'training'].includes(run.progress.state),
  });
}

/** One row of the probe columns; what was not measured is absent. */
export function probesAt(columns: ProbeColumns, index: number): Probes | undefined {
  if (index < 0 || index >= columns.step.length) return undefined;
  const probes: Probes = {};
  for (const name of PROBES) {
    const value = columns[name]?.[index];
    if (typeof value === 'number') probes[name] = value;
  }
  return probes;
}

/** Answers grouped by prompt, with one answer of each state. `measureOf`: how a set is measured. */
export function answerRows(samples: readonly SampleEvent[], measureOf: (set: string) => MeasureKind): AnswerRow[] {
  const rows = new Map<string, AnswerRow>();
  for (const sample of samples) {
    const { set, row, prompt, state, answer, verdict: judged } = sample;
    const key = `${row}\n${set}`;
    const entry: AnswerRow = rows.get(key) ?? { set, measure: measureOf(set), row, prompt, answers: [] };
    rows.set(key, entry);
    const before = entry.answers.findIndex((a) => a.state === state);
    const others = dissent(sample);
    const next: AnswerRow['answers'][number] = { state, answer, verdict: judged, ...(others.length > 0 && { others }) };
    if (before < 0) entry.answers.push(next);
    else entry.answers[before] = next;
  }
  for (const row of rows.values()) row.answers = sortStates(row.answers);
  return [...rows.values()];
}
