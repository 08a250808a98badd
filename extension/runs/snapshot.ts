import type { RunAppend, RunProgress, RunSnapshot } from '../../webview/protocol/run.js';
import { takenBack } from '../../runtime/contract/columns.js';
import { probesSince, trainSince } from './columns.js';
import { comparison, runTitle, vectorNames } from './compare.js';
import { expectation } from './estimates.js';
import { ownerText, waitsInText } from './owner.js';
import { overOf } from '../../runtime/contract/sweep.js';
import { canJudge, canResume, canRunAgain, isOver, isRunning, isSweep, type Run } from './run.js';
import { readingOf } from './reading.js';
import type { RunStore } from './store.js';

/**
 * Everything the run page draws. `all`: the runs it may be compared with. `has`: which files its folder has, and what
 * opens the place of its error.
 */
export function snapshot(
  run: Run,
  all: Iterable<Run>,
  has: { answers: boolean; report: boolean; place?: string },
  now: number,
): RunSnapshot {
  const { plain, plainLoss, measurements, compared } = comparison(run, all);
  const over = isSweep(run) ? overOf(run.recipe?.raw) : undefined;
  return {
    ...readingOf(run),
    id: run.folder,
    title: runTitle(run),
    vectors: vectorNames(run),
    progress: progressNow(run, now),
    device: run.device,
    cluster: run.recipe?.cluster?.address,
    plain: plain && {
      probes: plain.probes,
      named: plain.recipe?.probes,
      harmfulLoss: plainLoss,
    },
    measurements,
    compared,
    warnings: run.warnings,
    error: run.error,
    openPlace: has.place,
    elsewhere: run.elsewhere && ownerText(run.elsewhere),
    expected: run.estimate && isRunning(run) ? expectation(run.estimate) : undefined,
    ...(run.done?.taken !== undefined && { reachedGoal: takenBack(run.done) === undefined }),
    ...(over && { sweep: { over, points: run.points, canJudge: canJudge(run) } }),
    ...((run.place !== undefined || run.waitsIn) && { waits: true }),
    canStop: run.live && !isOver(run),
    canResume: canResume(run),
    canRunAgain: canRunAgain(run),
    hasAnswers: has.answers,
    hasReport: has.report,
  };
}

/** What has come to a run since its columns had these lengths. */
export const append = (run: Run, from: RunAppend['from'], now: number): RunAppend => ({
  type: 'append',
  from,
  train: trainSince(run.train, from.train),
  probes: probesSince(run.probes, from.probes),
  progress: progressNow(run, now),
  verdict: readingOf(run).verdict,
});

/** The time that a run at work has taken so far goes on between two events. */
export function progressNow(run: Run, now: number): RunProgress {
  if (run.waitsIn) return { ...run.progress, state: 'preparing', message: waitsInText(run.waitsIn) };
  return isRunning(run) && run.since
    ? { ...run.progress, secondsElapsed: Math.max(0, now - run.since) }
    : { ...run.progress };
}

/** The run, and the plain one that is drawn beside it, with all of their events. */
export async function wholeRun(store: RunStore, folder: string): Promise<Run | undefined> {
  const run = await store.whole(folder);
  const plain = run && comparison(run, store.list()).plain;
  if (plain) await store.whole(plain.folder);
  return run;
}
