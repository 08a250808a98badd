import type { RunEvent } from '../contract/events.js';
import type { Expected } from './estimate.js';
import { peakMemory } from '../support/memory.js';
import { median, remember } from './history.js';

/** Steps that say how long a step takes; the first one warms up. */
const FEWEST = 4;
/** Trainings of this process so far: what the first has taken from the system stays with the process. */
let trainings = 0;

/** Compares what a run takes with what was expected of it, for the next estimate. */
export interface Recorder {
  hear(event: RunEvent): void;
  /** To be called when the training has ended; too few steps say nothing. */
  done(): Promise<void>;
}

export function recorder({ machine, model, raw }: Expected, folder?: string, peak = peakMemory): Recorder {
  const isFirst = trainings++ === 0;
  const stepMs: number[] = [];
  return {
    hear(event) {
      if (event.kind === 'step') stepMs.push(event.stepMs);
    },
    async done() {
      if (stepMs.length < FEWEST) return;
      const seconds = median(stepMs.slice(1)) / 1000 / raw.stepSeconds;
      const used = isFirst && peak();
      // What lies between two looks of the watch is not seen: that it was less than expected is not known.
      const bytes = used && raw.bytes ? Math.max(1, (used + raw.uncounted) / raw.bytes) : undefined;
      await remember({ machine, model, seconds, ...(bytes !== undefined && { bytes }) }, folder);
    },
  };
}
