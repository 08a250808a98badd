import { RUN_FILES } from '../contract/runFiles.js';
import { errorData, HumanError, isDiskFull } from '../support/errors.js';
import { hasCheckpoint } from './checkpoint.js';
import type { RunFolder } from './runFolder.js';

/** Says of a full disk that the run can be resumed, where it can. */
export const withResume = (error: unknown, folder: RunFolder): unknown =>
  folder.begun && hasCheckpoint(folder.file(RUN_FILES.checkpoint)) ? resuming(error, 'run') : error;

/** The same of a sweep: one that has begun is only resumed. */
export const withSweepResume = (error: unknown, folder: RunFolder): unknown =>
  folder.begun ? resuming(error, 'sweep') : error;

function resuming(error: unknown, what: 'run' | 'sweep'): unknown {
  if (!isDiskFull(error)) return error;
  const { message, place } = errorData(error);
  const remedy = `Free some space and resume the ${what}: train RECIPE --resume.`;
  return new HumanError(message, { kind: 'failed', place, remedy, cause: error });
}
