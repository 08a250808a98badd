import { RUN_FILES } from '../contract/runFiles.js';
import { errorData, HumanError, isDiskFull } from '../support/errors.js';
import { hasCheckpoint } from './checkpoint.js';
import type { RunFolder } from './runFolder.js';

/** Says of a full disk that the run can be resumed, where it can. */
export function withResume(error: unknown, folder: RunFolder): unknown {
  if (!isDiskFull(error) || !folder.begun || !hasCheckpoint(folder.file(RUN_FILES.checkpoint))) return error;
  const { message, place } = errorData(error);
  const remedy = 'Free some space and resume the run: train RECIPE --resume.';
  return new HumanError(message, { kind: 'failed', place, remedy, cause: error });
}
