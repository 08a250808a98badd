/** What the command line reports at the end of a run, and its exit code. */
import { join } from 'node:path';
import { formatDuration } from '../contract/format.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { readingOf, runView } from '../contract/runView.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { readRun } from '../evaluation/report/runReport.js';
import { EXIT, type DoneEvent } from '../contract/protocol.js';
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
  const { mark, headline, tone, exit } = runView(readingOf(await readRun(done.output)));
  if (done.measurements.length > 0) out.log(measurementTable(done.measurements));
  if (headline) out.log(`${mark} ${headline}`, tone);
  out.log(`Done in ${formatDuration(done.seconds)}: ${done.output}`);
  return EXIT[exit];
}
