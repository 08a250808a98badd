/** The events of a run as columns: what charts draw, and what a verdict reads of the probes. */
import { isFiniteNumber, share } from './measures.js';
import { probeRowsOf } from './probeRows.js';
import type { Stretches } from './smoothing.js';
import type { DoneEvent, ProbeRows, Probes, RunEvent } from './events.js';

/** null: not measured at this step, or not a finite number (JSON has no NaN). Drawn as a gap and named in words. */
export type Column = (number | null)[];

/** One entry per optimizer step, as columns of equal length. */
export interface TrainColumns {
  step: number[];
  /** Mean loss of the step's rows, nats per supervised token. */
  loss: Column;
  /** Global L2 norm before clipping. */
  gradNorm: Column;
}

/** Where steps are left out: what these were. */
export interface ThinnedColumns extends TrainColumns {
  stretches?: Record<'loss' | 'gradNorm', Stretches>;
}

/** How far a training had come at each step, since its first: supervised tokens, and seconds of computing. */
export interface Clock {
  step: number[];
  tokens: number[];
  seconds: number[];
}

/**
 * One entry per measurement of the probe rows, from step 0; a column is absent when the run never measures it. `rows`:
 * those of all its values.
 */
export type ProbeColumns = { step: number[]; rows?: ProbeRows } & { [P in keyof Probes]?: Column };

/** The columns a probe may fill, in the order of `Probes`. */
export const PROBES = [
  'harmfulLossWith',
  'harmfulLossWithout',
  'benignLossWith',
  'benignLossWithout',
  'harmfulGradNormWith',
  'harmfulGradNormWithout',
  'benignGradNormWith',
  'benignGradNormWithout',
  'benignKl',
  'heldOutLossWith',
  'heldOutLossWithout',
  'heldOutAuroc',
] as const satisfies readonly (keyof Probes)[];

type StepEvent = Extract<RunEvent, { kind: 'step' }>;
type EvaluationEvent = Extract<RunEvent, { kind: 'evaluation' }>;

export const emptyTrain = (): TrainColumns => ({ step: [], loss: [], gradNorm: [] });
export const emptyClock = (): Clock => ({ step: [], tokens: [], seconds: [] });
export const emptyProbes = (): ProbeColumns => ({ step: [] });

/** Of a whole run. */
export function columnsOf(events: readonly RunEvent[]): { train: TrainColumns; probes: ProbeColumns } {
  const [train, probes] = [emptyTrain(), emptyProbes()];
  for (const event of events) {
    if (event.kind === 'step') appendStep(train, event);
    if (event.kind === 'evaluation') appendProbes(probes, event);
  }
  return { train, probes };
}

const orGap = (value: unknown): number | null => (isFiniteNumber(value) ? value : null);

/**
 * Appends in place. A resumed run repeats the steps after its checkpoint: what it repeats replaces what was there.
 * @returns true when rows were only added, false when some were replaced (a page then needs a whole snapshot).
 */
export function appendStep(columns: TrainColumns, event: StepEvent): boolean {
  const only = truncate(columns.step, [columns.loss, columns.gradNorm], event.step);
  columns.step.push(event.step);
  columns.loss.push(orGap(event.lossNatsPerToken));
  columns.gradNorm.push(orGap(event.gradNorm));
  return only;
}

/** Appends in place, as `appendStep` does. */
export function appendClock({ step, tokens, seconds }: Clock, event: StepEvent): void {
  truncate(step, [tokens, seconds], event.step);
  step.push(event.step);
  tokens.push((tokens.at(-1) ?? 0) + (orGap(event.tokens) ?? 0));
  seconds.push((seconds.at(-1) ?? 0) + (orGap(event.stepMs) ?? 0) / 1000);
}

/**
 * Appends one row; every column present has the length of `step`, a probe that starts late is filled with null before.
 * @returns as `appendStep` does; false also when the rows are first told, on which depends what is drawn beside them
 */
export function appendProbes(columns: ProbeColumns, event: EvaluationEvent): boolean {
  if (!event.probes) return true;
  const present = PROBES.flatMap((name) => (columns[name] ? [columns[name]] : []));
  let only = truncate(columns.step, present, event.step);
  const rows = probeRowsOf(event.probeRows);
  if (rows) {
    only &&= columns.rows !== undefined;
    columns.rows = rows;
  }
  for (const name of PROBES) {
    const value = event.probes[name];
    if (value === undefined && !columns[name]) continue;
    const column = (columns[name] ??= columns.step.map(() => null));
    column.push(orGap(value));
  }
  columns.step.push(event.step);
  return only;
}

/** What a run has measured of its probes, each step once. */
export function measuredProbes(events: readonly RunEvent[]): Probes[] {
  const { probes } = columnsOf(events);
  return probes.step.map((_, i) => probesAt(probes, i)!);
}

/** The earlier step that a vector is taken from, where its last one was worse. */
export const takenBack = (done: DoneEvent | undefined): number | undefined =>
  done?.taken === done?.step ? undefined : done?.taken;

/** The step which a run went back to. */
export const stepBack = (done: DoneEvent | undefined): number | undefined => done?.watch?.delivered ?? takenBack(done);

/** The row of what is delivered: the last, or that of the step which the run went back to. */
export const lastProbes = (columns: ProbeColumns, done: DoneEvent | undefined): Probes | undefined =>
  probesAt(columns, lastIndex(columns, done));

function lastIndex({ step }: ProbeColumns, done: DoneEvent | undefined): number {
  const back = stepBack(done);
  return back === undefined ? step.length - 1 : step.indexOf(back);
}

/** The largest shares that harmful rows had with the vector of what they have without it, until that row. */
export interface LargestPull {
  gradient?: number;
  loss?: number;
}

export function largestPull(columns: ProbeColumns, done: DoneEvent | undefined): LargestPull {
  const last = lastIndex(columns, done);
  const largest = (name: 'harmfulGradNorm' | 'harmfulLoss'): number | undefined => {
    const [on, off] = [columns[`${name}With`], columns[`${name}Without`]];
    let most: number | undefined;
    for (let i = 0; i <= last; i++) {
      const one = share(on?.[i] ?? undefined, off?.[i] ?? undefined);
      if (one !== undefined) most = Math.max(one, most ?? one);
    }
    return most;
  };
  return { gradient: largest('harmfulGradNorm'), loss: largest('harmfulLoss') };
}

function truncate(step: number[], columns: Column[], next: number): boolean {
  let length = step.length;
  while (length > 0 && step[length - 1] >= next) length--;
  if (length === step.length) return true;
  for (const column of [step, ...columns]) column.length = length;
  return false;
}

/** One row of the probe columns; what was not measured is absent. */
export function probesAt(columns: ProbeColumns, index: number): Probes | undefined {
  if (index < 0 || index >= columns.step.length) return undefined;
  const probes: Probes = {};
  for (const name of PROBES) {
    const value = columns[name]?.[index];
    if (isFiniteNumber(value)) probes[name] = value;
  }
  return probes;
}
