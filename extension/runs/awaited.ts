/** What a run uses that another one is to make, and in what words it waits for that. */
import { basename, dirname, join } from 'node:path';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import { t } from '../host/text.js';
import type { RecipeFacts } from './recipe.js';
import { canResume, canRunAgain, isRunning, nameOf, type Run } from './run.js';

const RESULTS: readonly string[] = [RUN_FILES.adapter, RUN_FILES.model, RUN_FILES.absorbed];

/** The run that is to make what a recipe uses, or to replace it, and has not. @param get the run in a folder */
export function unmade(facts: RecipeFacts, get: (folder: string) => Run | undefined): Run | undefined {
  for (const folder of makers(facts)) {
    const maker = get(folder);
    if (maker && !hasMade(maker)) return maker;
    const next = get(join(folder, RUN_FILES.next));
    if (next && next.folder !== facts.output && isReplacing(next)) return next;
  }
  return undefined;
}

/**
 * Of the runs that wait: one that a run with these facts would wait for, and that would wait for it, if only for what
 * others wait for.
 */
export function awaitedByIts(facts: RecipeFacts, waiting: readonly Run[]): Run | undefined {
  const leads = (from: RecipeFacts, others: readonly Run[]): boolean =>
    usesMadeIn(from, facts.output) ||
    others.some(
      (run) =>
        run.recipe &&
        usesMadeIn(from, run.folder) &&
        leads(
          run.recipe,
          others.filter((other) => other !== run),
        ),
    );
  return waiting.find(({ recipe, folder }) => recipe && usesMadeIn(facts, folder) && leads(recipe, waiting));
}

/** What is made in the folder, or replaced from there, is what a recipe uses. */
const usesMadeIn = (facts: RecipeFacts, made: string): boolean =>
  makers(facts).some((folder) => made === folder || made === join(folder, RUN_FILES.next));

/** The folders in which runs would have made what a recipe uses; in many of them there is no run. */
const makers = ({ uses, output }: RecipeFacts): string[] =>
  uses
    .flatMap((path) => (RESULTS.includes(basename(path)) ? [path, dirname(path)] : [path]))
    .filter((folder) => folder !== output);

/** A run that was cut off or stopped late may have made its result, too; a vector is whole at the end of its run. */
const hasMade = (run: Run): boolean =>
  !isRunning(run) &&
  (run.progress.state === 'finished' || (run.result !== undefined && run.manifest?.role !== 'security'));

/**
 * One that ended early replaces nothing yet, whatever it has made; one that was given up before it wrote anything never
 * will.
 */
const isReplacing = (next: Run): boolean =>
  isRunning(next) ||
  !(next.progress.state === 'finished' || (next.progress.state === 'stopped' && next.manifest === undefined));

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

/**
 * What is to be done with a run that others wait for, as a button says it; undefined where that is for the person to
 * find out.
 */
export function goOnText(maker: Run): string | undefined {
  const name = nameOf(maker);
  return canResume(maker) ? t('Resume {0}', name) : canRunAgain(maker) ? t('Run {0} again', name) : undefined;
}
