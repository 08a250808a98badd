import type { RunEvent } from '../contract/events.js';
import type { Expected } from './estimate.js';
import { peakMemory } from '../support/memory.js';
import { median, remember } from './history.js';

/**
 * What the program's own files take, and those of onnxruntime: they are mapped, and the watch does not count them. No
 * measurement of them is kept.
 */
const PROGRAM_FILES = 80e6;
/** Steps that say how long a step takes; the first one warms up. How many is chosen. */
const FEWEST = 4;
/** Trainings of this process so far: what the first has taken from the system stays with the process. */
let trainings = 0;

/** Compares what a run takes with what was expected of it, for the next estimate. */
interface Recorder {
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
      const bytes = used && raw.counted ? (used + PROGRAM_FILES) / raw.counted : undefined;
      await remember({ machine, model, seconds, ...(bytes !== undefined && { bytes }) }, folder);
    },
  };
}
