import { columnsOf, probesAt } from './columns.js';
import type { DoneEvent, Manifest, Measurement, RunEvent } from './protocol.js';
import type { RunFacts } from './verdict.js';

/** A run as its folder holds it: manifest.json, and events.jsonl in order. */
export interface RunRecord {
  manifest: Manifest;
  events: readonly RunEvent[];
}

/** How the run ended; absent when it failed, or was never finished. */
export const doneOf = ({ manifest, events }: RunRecord): DoneEvent | undefined =>
  manifest.done ?? events.findLast((event) => event.kind === 'done');

/** Measurements of the end of a run; of the way there when it did not reach its end. */
export function measurementsOf(run: RunRecord): Measurement[] {
  const done = doneOf(run);
  if (done && done.measurements.length > 0) return done.measurements;
  return run.events.flatMap((event) => (event.kind === 'evaluation' ? (event.measurements ?? []) : []));
}

/** What a verdict needs of a run folder. */
export function factsOf(run: RunRecord): RunFacts {
  const { kind, outcome, vectors } = run.manifest;
  const done = doneOf(run);
  const { train, probes } = columnsOf(run.events);
  return {
    kind,
    // A folder without a process that works in it has been left.
    phase: outcome === 'running' ? 'interrupted' : outcome,
    vectors: vectors.length,
    step: done?.step ?? train.step.at(-1),
    first: probesAt(probes, 0),
    last: probesAt(probes, probes.step.length - 1),
    measurements: measurementsOf(run),
    laws: done?.laws,
    weakened: done?.protectionWeakened,
  };
}
