import { basename, dirname, join } from 'node:path';
import { errorText } from '../runtime/contract/errors.js';
import { HostError, parsePlace } from './host/errors.js';
import type { Notices } from './host/notices.js';
import { runTitle } from './runs/compare.js';
import { goOnText, waitsFor } from './runs/awaited.js';
import { canResume, canRunAgain, isSweep, stoppedText, type Run } from './runs/run.js';
import { viewOf } from './runs/reading.js';
import { t } from './host/text.js';

export interface Pages {
  isVisible(folder: string): boolean;
  show(folder: string): unknown;
  /** Resumes a run that ended early, or runs it again. */
  goOn(run: Run): unknown;
  /**
   * Of a sweep: runs it, and replaces finished points. Of another run: asks what becomes of the one that stands there,
   * and runs it.
   */
  replace(run: Run): unknown;
}

/**
 * Says how a run ended, when its page cannot be seen; the page itself shows everything else. One that would replace a
 * result, or a sweep finished points, has run nothing, and asks.
 */
export function notifyEnd(run: Run, pages: Omit<Pages, 'goOn'>, notices: Notices): void {
  if (run.refused)
    return notices.warn(t('{0} was not run: {1}', runTitle(run), run.refused.message), {
      title: isSweep(run) ? t('Replace them') : t('Run again'),
      run: () => pages.replace(run),
    });
  if (pages.isVisible(run.folder)) return;
  const open = { title: t('Open run'), run: () => pages.show(run.folder) };
  const title = runTitle(run);
  const { tone, headline } = viewOf(run);
  const loud = ['bad', 'warning'].includes(tone);
  const say = (message: string): void => (loud ? notices.warn : notices.info)(message, open);
  switch (run.progress.state) {
    case 'failed': {
      const error = run.error ?? { kind: 'failed' as const, message: t('it does not say why.') };
      return notices.error(
        new HostError({
          ...error,
          place: error.place && placeIn(run.recipe?.file, error.place),
          message: t('{0} failed: {1}', title, errorText({ ...error, place: undefined, remedy: undefined })),
        }),
      );
    }
    case 'stopped':
      return say(t('{0}: {1}', title, stoppedText(run)));
    default:
      return say([t('{0} has finished.', title), headline].filter(Boolean).join(' '));
  }
}

/** Of a run that ended with its window before it was done: another window says so, when its page cannot be seen. */
export function notifyCutOff(run: Run, pages: Pick<Pages, 'isVisible' | 'goOn'>, notices: Pick<Notices, 'warn'>): void {
  if (pages.isVisible(run.folder) || !(canResume(run) || canRunAgain(run))) return;
  notices.warn(t('{0}: {1}', runTitle(run), run.progress.message), {
    title: canResume(run) ? t('Resume') : t('Run again'),
    run: () => pages.goOn(run),
  });
}

/** The engine names a recipe without its folder, and another folder may have one of that name. */
function placeIn(recipe: string | undefined, place: string): string {
  return recipe !== undefined && parsePlace(place)?.file === basename(recipe) ? join(dirname(recipe), place) : place;
}

/** Its page, if it has one, shows what its folder holds: that it will not run is said in any case. */
export function notifyWithdrawn(run: Run, notices: Notices): void {
  notices.info(t('{0} was removed from the queue before it began: nothing was run or changed.', runTitle(run)));
}

/** A run that waits for what another one has not made: that one goes on first. */
export function notifyHeld(
  { run, by }: { run: Run; by: Run },
  { goOn, show }: Pick<Pages, 'goOn' | 'show'>,
  notices: Pick<Notices, 'warn'>,
): void {
  const title = goOnText(by);
  notices.warn(
    t('{0} does not begin. {1}', runTitle(run), waitsFor(by)),
    title === undefined ? { title: t('Open run'), run: () => show(by.folder) } : { title, run: () => goOn(by) },
  );
}
