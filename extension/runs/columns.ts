import type { RunEvent } from '../../runtime/contract/protocol.js';
import { PROBES, type Column, type ProbeColumns, type TrainColumns } from '../../webview/protocol.js';

export type StepEvent = Extract<RunEvent, { kind: 'step' }>;
export type EvaluationEvent = Extract<RunEvent, { kind: 'evaluation' }>;
export type SampleEvent = Extract<RunEvent, { kind: 'sample' }>;

export const emptyTrain = (): TrainColumns => ({ step: [], loss: [], gradNorm: [] });
export const emptyProbes = (): ProbeColumns => ({ step: [] });

/** JSON has no NaN; null is drawn as a gap. */
export const finite = (value: number | null | undefined): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? value : null;

/**
 * Appends in place. A resumed run repeats the steps after its checkpoint: what it repeats replaces what was there.
 * @returns true when rows were only added, false when some were replaced (a page then needs a whole snapshot).
 */
export function appendStep(columns: TrainColumns, event: StepEvent): boolean {
  const only = truncate(columns.step, [columns.loss, columns.gradNorm], event.step);
  columns.step.push(event.step);
  columns.loss.push(finite(event.lossNatsPerToken));
  columns.gradNorm.push(finite(event.gradNorm));
  return only;
}

/** Appends one row; every column present has the length of `step`, a probe that starts late is filled with null before. */
export function appendProbes(columns: ProbeColumns, event: EvaluationEvent): boolean {
  if (!event.probes) return true;
  const present = PROBES.filter((name) => columns[name]);
  const only = truncate(
    columns.step,
    present.map((name) => columns[name]!),
    event.step,
  );
  for (const name of PROBES) {
    const value = event.probes[name];
    if (value === undefined && !columns[name]) continue;
    const column = (columns[name] ??= columns.step.map(() => null));
    column.push(finite(value));
  }
  columns.step.push(event.step);
  return only;
}

/** The rows from `from` on: what a page that has `from` rows lacks. */
export function trainSince({ step, loss, gradNorm }: TrainColumns, from: number): TrainColumns {
  return { step: step.slice(from), loss: loss.slice(from), gradNorm: gradNorm.slice(from) };
}

export function probesSince(columns: ProbeColumns, from: number): ProbeColumns {
  const result: ProbeColumns = { step: columns.step.slice(from) };
  for (const name of PROBES) {
    const column = columns[name];
    if (column) result[name] = column.slice(from);
  }
  return result;
}

function truncate(step: number[], columns: Column[], next: number): boolean {
  let length = step.length;
  while (length > 0 && step[length - 1]! >= next) length--;
  if (length === step.length) return true;
  for (const column of [step, ...columns]) column.length = length;
  return false;
}
