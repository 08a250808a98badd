import { RUN_FILES } from '../contract/runFiles.js';
import { DeviceFailure } from '../device/failures.js';
import { errorData, HumanError, isDiskFull, isOutOfMemory } from '../support/errors.js';
import { lessMemory } from '../support/memory.js';
import { hasCheckpoint } from './checkpoint.js';
import type { RunFolder } from './runFolder.js';

/**
 * Says of a full disk and of a GPU that failed that the run can be resumed, where it can, and where memory ran out what
 * in the recipe takes less.
 */
export function withRemedy(error: unknown, folder: RunFolder, trains: boolean): unknown {
  if (isOutOfMemory(error)) {
    const { message, place, remedy } = errorData(error, lessMemory(trains));
    return new HumanError(message, { kind: 'failed', place, remedy, cause: error });
  }
  if (!folder.begun || !hasCheckpoint(folder.file(RUN_FILES.checkpoint))) return error;
  if (!(error instanceof DeviceFailure)) return resuming(error, 'run');
  const remedy = 'Continue from the checkpoint on the CPU: train RECIPE --resume --device cpu.';
  return new DeviceFailure(error.message, remedy, true, error);
}

/** The same of a sweep: one that has begun is only resumed. */
export const withSweepResume = (error: unknown, folder: RunFolder): unknown =>
  folder.begun ? resuming(error, 'sweep') : error;

function resuming(error: unknown, what: 'run' | 'sweep'): unknown {
  if (!isDiskFull(error)) return error;
  const { message, place } = errorData(error);
  const remedy = `Free some space and resume the ${what}: train RECIPE --resume.`;
  return new HumanError(message, { kind: 'failed', place, remedy, cause: error });
}
