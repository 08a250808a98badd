/** What a run uses that another one is to make, and in what words it waits for that. */
import { basename, dirname } from 'node:path';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { t } from '../host/text.js';
import type { RecipeFacts } from './recipe.js';
import { canResume, canRunAgain, isRunning, nameOf, type Run } from './run.js';

const RESULTS: readonly string[] = [RUN_FILES.adapter, RUN_FILES.model, RUN_FILES.absorbed];

/** The folders in which runs would have made what a recipe uses; in many of them there is no run. */
export const makers = ({ uses, output }: RecipeFacts): string[] =>
  uses
    .flatMap((path) => (RESULTS.includes(basename(path)) ? [path, dirname(path)] : [path]))
    .filter((folder) => folder !== output);

/** A run that was cut off or stopped late may have made its result, too. */
export const hasMade = (run: Run): boolean =>
  !isRunning(run) && (run.progress.state === 'finished' || run.result !== undefined);

/** What a run says that waits for this one. */
export function waitsFor(maker: Run): string {
  const name = nameOf(maker);
  if (isRunning(maker)) return t('Waiting for "{0}" to end.', name);
  const why =
    maker.progress.state === 'failed'
      ? t('Waits for "{0}", whose run failed.', name)
      : maker.progress.state === 'stopped'
        ? t('Waits for "{0}", whose run was stopped.', name)
        : t('Waits for "{0}", whose run was cut off.', name);
  const first = canResume(maker) ? t('Resume it first.') : canRunAgain(maker) ? t('Run it again first.') : '';
  return `${why} ${first}`.trim();
}

/** What is to be done with a run that others wait for, as a button says it; undefined where that is for the person to find out. */
export function goOnText(maker: Run): string | undefined {
  const name = nameOf(maker);
  return canResume(maker) ? t('Resume {0}', name) : canRunAgain(maker) ? t('Run {0} again', name) : undefined;
}
