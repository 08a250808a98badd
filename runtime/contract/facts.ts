import { columnsOf, largestPull, lastProbes, probesAt, stepBack, takenBack } from './columns.js';
import { mergeMeasurements } from './measures.js';
import type { DoneEvent, HarmfulLoss, Measurement, RunEvent } from './events.js';
import type { Manifest } from './manifest.js';
import type { RunFacts } from './verdict.js';

/** A run as its folder holds it: manifest.json, and events.jsonl in order. */
export interface RunRecord {
  manifest: Manifest;
  events: readonly RunEvent[];
}

/** How the run ended; absent when it failed, or was never finished. */
export const doneOf = ({ manifest, events }: RunRecord): DoneEvent | undefined =>
  manifest.done ?? events.findLast((event) => event.kind === 'done');

/** All that was measured, at its latest. */
export function measurementsOf(run: RunRecord): Measurement[] {
  const onTheWay = run.events.flatMap((event) => (event.kind === 'evaluation' ? (event.measurements ?? []) : []));
  const done = doneOf(run);
  return done ? measuredAtEnd(onTheWay, done) : mergeMeasurements(onTheWay, []);
}

/**
 * A run that reached its end names all of them there: what it lacks since does not count, as of a judge that another
 * has replaced.
 */
export const measuredAtEnd = (onTheWay: readonly Measurement[], { outcome, measurements }: DoneEvent): Measurement[] =>
  mergeMeasurements(outcome === 'finished' ? [] : onTheWay, measurements);

/** Of the delivered model, or of the last measurement on the way. */
export const harmfulLossOf = (run: RunRecord): HarmfulLoss | undefined =>
  doneOf(run)?.harmfulLoss ??
  run.events.flatMap((event) => (event.kind === 'evaluation' && event.harmfulLoss ? [event.harmfulLoss] : [])).at(-1);

/** What a verdict needs of a run folder. */
export function factsOf(run: RunRecord): RunFacts {
  const { kind, outcome, vectors, baseline } = run.manifest;
  const done = doneOf(run);
  const { train, probes } = columnsOf(run.events);
  return {
    kind,
    // A folder without a process that works in it has been left.
    phase: outcome === 'running' ? 'interrupted' : outcome,
    vectors: vectors.length,
    ...(baseline && { baseline }),
    step: stepBack(done) ?? done?.step ?? train.step.at(-1),
    first: probesAt(probes, 0),
    last: lastProbes(probes, done),
    largest: largestPull(probes, done),
    harmfulRows: probes.rows?.harmful,
    measurements: measurementsOf(run),
    harmfulLoss: harmfulLossOf(run),
    byVector: done?.byVector,
    flagged: done?.flagged,
    trainedPrompts: done?.trainedPrompts,
    quality: done?.vector,
    watch: done?.watch,
    taken: takenBack(done),
    laws: done?.laws,
    weakened: done?.protectionWeakened,
  };
}
