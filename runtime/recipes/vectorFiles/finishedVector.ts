import { RUN_FILES } from '../../contract/runFiles.js';
import { hasCheckpoint } from '../../runs/checkpoint.js';
import { readManifest } from '../../runs/output.js';
import { ownerOf } from '../../runs/ownerOf.js';
import { HumanError } from '../../support/errors.js';
import { beside } from './calibrationFile.js';

/**
 * Of an adapter that no run made nothing is known.
 * @param path a vector's run, or adapter/ in it
 * @throws HumanError where the run has not reached its end: the vector may be no good, and lacks what is written last
 */
export async function requireFinished(path: string): Promise<void> {
  const run = beside(path, '');
  const manifest = await readManifest(run);
  if (!manifest || manifest.outcome === 'finished') return;
  const isAtWork = (await ownerOf(run)) !== undefined;
  const ended = { stopped: 'was stopped before its end', failed: 'has failed', running: 'was cut off before its end' };
  throw new HumanError(`the run that trains this vector ${isAtWork ? 'is still at work' : ended[manifest.outcome]}.`, {
    place: run,
    remedy: isAtWork
      ? 'Wait until it has ended.'
      : hasCheckpoint(beside(path, RUN_FILES.checkpoint))
        ? 'Finish it: train RECIPE --resume.'
        : 'Run its recipe again.',
  });
}
