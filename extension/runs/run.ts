import { baselineOf } from '../../runtime/contract/baselines.js';
import { basename, dirname, join } from 'node:path';
import {
  appendClock,
  appendProbes,
  appendStep,
  emptyClock,
  emptyProbes,
  emptyTrain,
  type Clock,
  type ProbeColumns,
  type TrainColumns,
} from '../../runtime/contract/columns.js';
import { KINDS } from '../../runtime/contract/kinds.js';
import type { Estimate } from '../../runtime/contract/estimate.js';
import { measuredAtEnd } from '../../runtime/contract/facts.js';
import { mergeMeasurements } from '../../runtime/contract/measures.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import type { DoneEvent, HarmfulLoss, Measurement, RunEvent } from '../../runtime/contract/events.js';
import type { Manifest } from '../../runtime/contract/manifest.js';
import type { RunOwner } from '../../runtime/contract/owner.js';
import type { Recipe } from '../../runtime/contract/recipe.js';
import { RUN_FILES } from '../../runtime/contract/runFiles.js';
import type { Device } from '../../runtime/contract/recipeWords.js';
import { valuesText, type SweepPoint } from '../../runtime/contract/sweep.js';
import type { RunProgress, RunWarning } from '../../webview/protocol/run.js';
import { t } from '../host/text.js';
import type { RunLabel } from './label.js';
import type { RecipeFacts } from './recipe.js';

/** A run as the host knows it: what its folder says, and for a live one what its child has sent since. */
export interface Run {
  /** Absolute path of the run folder; the run's identity. */
  folder: string;
  name: string;
  /** What a person has said of it. */
  label?: RunLabel;
  recipe?: RecipeFacts;
  manifest?: Manifest;
  /** A child of this window is working on it, or it waits for one. */
  live: boolean;
  /** It waits in the queue of this window, at this place, from 1. */
  place?: number;
  /** The run that it waits for there, by its name, as it uses what that is to make. */
  awaits?: string;
  /** The process that is working on it, if it is none of this window's: the command line, or another window. */
  elsewhere?: RunOwner;
  /** The window, if it is not this one, in whose queue it waits. */
  waitsIn?: RunOwner;
  /** Bytes of events.jsonl that are in the columns; what another process writes is read on from here. */
  eventBytes: number;
  progress: RunProgress;
  device?: Device;
  /** What it was expected to take. */
  estimate?: Estimate;
  /** It can be resumed from one. */
  hasCheckpoint: boolean;
  /** Its columns have only their ends: `RunStore.whole` reads the rest. */
  partial?: boolean;
  train: TrainColumns;
  probes: ProbeColumns;
  clock: Clock;
  measurements: Measurement[];
  /** At its latest measurement. */
  harmfulLoss?: HarmfulLoss;
  warnings: RunWarning[];
  /** Of a sweep: those that are done. */
  points: SweepPoint[];
  done?: DoneEvent;
  error?: ErrorData;
  /** Why the engine has not begun it again: what is in its folder is as it was. */
  refused?: ErrorData;
  /** What the run made and is still there, absolute: its PEFT folder or its model. */
  result?: string;
  /** When the present part of the run began, by the clock that nobody sets (`clock.ts`); 0 for one that is over. */
  since: number;
  /** The present part of the run goes on from what is in its folder. */
  resumed?: boolean;
  /** The last start that the manifest in its folder named when a child began to work there. */
  startedBefore?: string;
}

export function createRun(folder: string, name: string): Run {
  return {
    folder,
    name,
    live: false,
    eventBytes: 0,
    progress: idleProgress(),
    hasCheckpoint: false,
    train: emptyTrain(),
    probes: emptyProbes(),
    clock: emptyClock(),
    measurements: [],
    warnings: [],
    points: [],
    since: 0,
  };
}

export const idleProgress = (): RunProgress => ({
  state: 'preparing',
  message: '',
  step: 0,
  steps: null,
  fraction: null,
  secondsElapsed: 0,
  secondsLeft: null,
});

export const isOver = (run: Run): boolean =>
  ['finished', 'stopped', 'failed', 'interrupted'].includes(run.progress.state);

/** What it is called where people see it: by them, else by its folder. */
export const nameOf = ({ label, name, manifest }: Run): string =>
  label?.name ?? (manifest?.point ? valuesText(manifest.point.values) : name);

export const isFinished = (run: Run): boolean => run.manifest?.outcome === 'finished';

/** Someone is working on it or is to do so, here or elsewhere. */
export const isRunning = (run: Run): boolean => run.live || run.elsewhere !== undefined || run.waitsIn !== undefined;

/** Many runs: its points. */
export const isSweep = (run: Run): boolean => kindOf(run) === 'sweep';

/** The sweep that the run is a point of. */
export const sweepOf = ({ manifest, folder }: Run): string | undefined =>
  manifest?.point && dirname(dirname(placeOf(folder)));

/** Where what a folder holds is, or will be: a replacement lies below that. */
export const placeOf = (folder: string): string => (basename(folder) === RUN_FILES.next ? dirname(folder) : folder);

/** It was to take the place of another: no table of a sweep names its folder. */
export const isReplacement = ({ folder }: Run): boolean => placeOf(folder) !== folder;

/** A run that ended early and has a checkpoint, or points, to go on from. */
export const canResume = (run: Run): boolean => endedEarly(run) && hasSomethingToGoOnFrom(run);

/** A run that ended early and has nothing to go on from: it can only be run again, after a fix if it failed. */
export const canRunAgain = (run: Run): boolean => endedEarly(run) && !hasSomethingToGoOnFrom(run);

const hasSomethingToGoOnFrom = (run: Run): boolean => run.hasCheckpoint || (isSweep(run) && run.manifest !== undefined);

/** Its answers were kept, and nobody works on it: of a sweep those of the points that are done. */
export const canJudge = (run: Run): boolean =>
  !isRunning(run) &&
  (isSweep(run) ? run.points.some(({ error }) => !error) : run.progress.state === 'finished' && answersItself(run));

/** It has models answer prompts; those of a sweep answer in its points. */
export const answersItself = (run: Run): boolean =>
  ['finetune', 'evaluate'].includes(kindOf(run)) && (run.recipe === undefined || asksPrompts(run.recipe));

const asksPrompts = ({ evaluate, raw }: RecipeFacts): boolean =>
  evaluate.some(({ measure }) => measure !== 'loss') || typeof raw.heldOut === 'object';

/** It is over, and its recipe can be run anew. A point has none of its own: it is gone on with by its sweep. */
export const hasRecipeToRun = (run: Run): boolean =>
  isOver(run) && !isRunning(run) && sweepOf(run) === undefined && run.recipe !== undefined;

const endedEarly = (run: Run): boolean => hasRecipeToRun(run) && run.progress.state !== 'finished';

export const kindOf = (run: Run): Recipe['kind'] => run.manifest?.kind ?? run.recipe?.kind ?? 'finetune';

/** Security vectors active while training. A run writes them into its manifest only after the base was evaluated. */
export const vectorCount = ({ manifest, recipe }: Run): number =>
  Math.max(manifest?.vectors.length ?? 0, recipe?.vectors.length ?? 0);

/** Published method that the run follows instead of a protection. */
export const baselineName = ({ manifest, recipe }: Run): string | undefined =>
  manifest?.baseline ?? baselineOf(recipe?.raw);

export const isProtected = (run: Run): boolean => vectorCount(run) > 0 || baselineName(run) !== undefined;

/** What is kept of a run that was stopped. */
export function stoppedText(run: Run): string {
  if (isSweep(run)) return t('Stopped; the points that are done are kept.');
  if (sweepOf(run) !== undefined) return t('Stopped with its sweep. Resume the sweep to continue.');
  if (!KINDS[kindOf(run)].trains) return t('Stopped before its end: an evaluation has no checkpoint. Run it again.');
  return run.hasCheckpoint
    ? t('Stopped at step {0}; the last checkpoint is kept.', run.progress.step)
    : t('Stopped before the first checkpoint. Run it again.');
}

/** Of a run whose process ended: how it goes on. */
export function interruptedText(run: Run): string {
  if (sweepOf(run) !== undefined)
    return t('The window or the engine ended while this ran. Resume its sweep to continue.');
  if (run.hasCheckpoint || isSweep(run)) return t('The window or the engine ended while this ran. It can be resumed.');
  if (KINDS[kindOf(run)].trains) return t('The window or the engine ended before the first checkpoint. Run it again.');
  const { manifest, recipe } = run;
  if (!manifest || !recipe) return t('The window or the engine ended while this ran. Run it again.');
  return t(
    'The window or the engine ended while {0} was evaluated: {1}. Choose "{2}" to do it from its beginning.',
    basename(manifest.model.path),
    recipe.evaluate.map(({ name }) => name).join(', '),
    t('Run again'),
  );
}

/**
 * Takes one event into the run, in place.
 * @returns true when a page that draws the run can go on by appending, false when it needs a whole snapshot.
 */
export function applyEvent(run: Run, event: RunEvent): boolean {
  const { progress } = run;
  switch (event.kind) {
    case 'state':
      progress.fraction = event.progress ?? null;
      progress.message = event.message;
      if (event.steps !== undefined) progress.steps = event.steps;
      if (event.state !== 'training') progress.secondsLeft = null;
      progress.state = event.state;
      if (event.estimate) {
        run.estimate = event.estimate;
        return false;
      }
      if (event.device && event.device !== run.device) {
        run.device = event.device;
        return false;
      }
      return true;
    case 'step':
      progress.state = 'training';
      progress.step = event.step;
      progress.steps = event.steps;
      progress.fraction = event.steps > 0 ? event.step / event.steps : null;
      progress.secondsLeft = event.secondsLeft >= 0 && Number.isFinite(event.secondsLeft) ? event.secondsLeft : null;
      appendClock(run.clock, event);
      return appendStep(run.train, event);
    case 'evaluation':
      run.harmfulLoss = event.harmfulLoss ?? run.harmfulLoss;
      if (event.measurements?.length) {
        run.measurements = mergeMeasurements(run.measurements, event.measurements);
        appendProbes(run.probes, event);
        return false;
      }
      return appendProbes(run.probes, event);
    case 'warning':
      run.warnings.push({ message: event.message, place: event.place, remedy: event.remedy });
      return false;
    case 'sample':
      return true;
    case 'point': {
      // Its sweep may have been moved since.
      const folder = join(run.folder, RUN_FILES.points, event.folder.split(/[\\/]/).at(-1)!);
      const at = event.judged ? run.points.findIndex((point) => point.folder === folder) : -1;
      if (at < 0) run.points.push({ ...event, folder });
      else run.points[at] = { ...event, folder };
      return false;
    }
    case 'checkpoint':
      run.hasCheckpoint = true;
      return true;
    case 'done':
      progress.state = event.outcome;
      progress.step = event.step;
      progress.message = event.outcome === 'stopped' ? stoppedText(run) : '';
      progress.fraction = event.outcome === 'finished' ? 1 : progress.fraction;
      progress.secondsElapsed = event.seconds;
      progress.secondsLeft = null;
      run.measurements = measuredAtEnd(run.measurements, event);
      run.done = event;
      return false;
  }
}
