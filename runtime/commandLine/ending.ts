/** What the command line reports at the end of a run, and its exit code. */
import { join } from 'node:path';
import { formatDuration, plural } from '../contract/format.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { readingOf, runView } from '../contract/runView.js';
import type { Manifest } from '../contract/manifest.js';
import type { SweepFile } from '../contract/sweep.js';
import { readTable } from '../calls/sweepTable.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { readManifest } from '../runs/output.js';
import { readRun } from '../evaluation/report/runReport.js';
import { EXIT } from '../contract/errors.js';
import type { DoneEvent, Measurement } from '../contract/events.js';
import { lessMemory } from '../support/memory.js';
import { type CommandName, commands } from './commands.js';
import { measurementTable, sweepTable, type Terminal } from './terminal.js';

/** @param isJudged its answers were judged anew: that points of a sweep failed before does not count */
export async function reportEnd(
  done: DoneEvent,
  out: Pick<Terminal, 'log' | 'width'>,
  isJudged = false,
): Promise<number> {
  const manifest = await readManifest(done.output);
  // What stands there is of another run, which is as it was.
  if (done.outcome === 'stopped' && manifest?.done?.seconds !== done.seconds) {
    out.log('Stopped before anything was changed.');
    return EXIT.stopped;
  }
  const isSweep = manifest?.kind === 'sweep';
  const sweep = isSweep ? await readTable(done.output) : undefined;
  if (sweep && sweep.points.length > 0) out.log(sweepTable(sweep, out.width));
  if (done.outcome === 'stopped') {
    out.log(isSweep ? stoppedSweep(done, sweep) : stoppedRun(done, manifest?.kind));
    return EXIT.stopped;
  }
  const code = await reportRun(done.output, done.measurements, out);
  out.log(`Done in ${formatDuration(done.seconds)}: ${done.output}`);
  return !isJudged && sweep?.points.some(({ error }) => error) ? EXIT.failed : code;
}

function stoppedRun({ output, step }: DoneEvent, kind: Manifest['kind'] | undefined): string {
  if (kind === 'evaluate') return 'Stopped; an evaluation is not resumed. Run it again.';
  return hasCheckpoint(join(output, RUN_FILES.checkpoint))
    ? `Stopped after step ${step}; everything up to there is saved in ${output}. Continue with --resume.`
    : 'Stopped before the first checkpoint; there is nothing to resume.';
}

/** A point that failed is run again. */
function stoppedSweep({ output }: DoneEvent, sweep?: SweepFile): string {
  const done = sweep?.points.filter(({ error }) => !error).length ?? 0;
  return done === 0
    ? 'Stopped before the first point was done. Continue with --resume.'
    : `Stopped; ${done} of ${sweep!.of} points ${plural(done, 'is', 'are')} done, and kept in ${output}. Continue with --resume.`;
}

/** The table and the verdict of a run as its folder has it, and its exit code. */
export async function reportRun(
  folder: string,
  measurements: readonly Measurement[],
  out: Pick<Terminal, 'log' | 'width'>,
): Promise<number> {
  const { mark, headline, tone, exit } = runView(readingOf(await readRun(folder)));
  if (measurements.length > 0) out.log(measurementTable(measurements, out.width));
  if (headline) out.log([mark, headline].filter(Boolean).join(' '), tone);
  return EXIT[exit];
}

/** What takes less memory than the command did. */
export function lessMemoryThan(command: CommandName): string {
  if (command === 'train' || command === 'evaluate') return lessMemory(command === 'train');
  return commands[command].options.includes('precision')
    ? 'Use --precision int8 or int4, a smaller model, or a machine with more memory.'
    : 'Use a machine with more memory.';
}
