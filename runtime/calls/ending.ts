/** What the command line reports at the end of a run, and its exit code. */
import { join } from 'node:path';
import { formatDuration } from '../contract/format.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { readingOf, runView } from '../contract/runView.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { readRun } from '../evaluation/report/runReport.js';
import { EXIT } from '../contract/errors.js';
import type { DoneEvent, Measurement } from '../contract/events.js';
import { measurementTable, type Terminal } from '../support/terminal.js';

export async function reportEnd(done: DoneEvent, out: Pick<Terminal, 'log'>): Promise<number> {
  if (done.outcome === 'stopped') {
    out.log(
      hasCheckpoint(join(done.output, RUN_FILES.checkpoint))
        ? `Stopped after step ${done.step}; everything up to there is saved in ${done.output}. Continue with --resume.`
        : 'Stopped before the first checkpoint; there is nothing to resume.',
    );
    return EXIT.stopped;
  }
  const code = await reportRun(done.output, done.measurements, out);
  out.log(`Done in ${formatDuration(done.seconds)}: ${done.output}`);
  return code;
}

/** The table and the verdict of a run as its folder has it, and its exit code. */
export async function reportRun(
  folder: string,
  measurements: readonly Measurement[],
  out: Pick<Terminal, 'log'>,
): Promise<number> {
  const { mark, headline, tone, exit } = runView(readingOf(await readRun(folder)));
  if (measurements.length > 0) out.log(measurementTable(measurements));
  if (headline) out.log(`${mark} ${headline}`, tone);
  return EXIT[exit];
}
