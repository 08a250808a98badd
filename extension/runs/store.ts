import { isDeepStrictEqual } from 'node:util';
import { basename } from 'node:path';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { lastStart } from '../../runtime/contract/manifest.js';
import type { RunEvent } from '../../runtime/contract/events.js';
import type { RunOwner } from '../../runtime/contract/owner.js';
import { now as monotonic } from '../host/clock.js';
import { Emitter, type Disposable } from '../host/disposable.js';
import { Turns } from '../../runtime/contract/turns.js';
import { latestAnswers, type SampleEvent } from '../../runtime/contract/answers.js';
import { newestFirst } from './compare.js';
import { distinctNames } from './distinct.js';
import { hasCheckpoint, readAnswers, readNewEvents, readRun, warn } from './folder.js';
import type { RunLabel } from './label.js';
import type { RecipeFacts } from './recipe.js';
import { errorData } from '../host/errors.js';
import { viewOf } from './reading.js';
import {
  applyEvent,
  createRun,
  idleProgress,
  isFinished,
  isOver,
  isSweep,
  nameOf,
  placeOf,
  sweepOf,
  type Run,
} from './run.js';

/** What happened to a run, for pages that draw it. */
export interface RunChange {
  run: Run;
  /**
   * `append`: only rows were added, after the lengths in `from`. `whole`: draw it again. `gone`: its folder was
   * deleted, or what it had is in the folder `to` now.
   */
  kind: 'append' | 'whole' | 'gone';
  to?: string;
  from: { train: number; probes: number };
  /** Answers that came with this change. */
  answers: number;
}

/**
 * The runs of the workspace. Their folders are the truth; a live run is ahead of its folder by what its child has just
 * sent.
 */
export class RunStore implements Disposable {
  private runs = new Map<string, Run>();
  /** `whole`: with those that the folder had before this window heard of new ones. */
  private answers = new Map<string, { list: SampleEvent[]; whole: boolean }>();
  /** A reading that is slow does not replace what a later one has found. */
  private readonly reads = new Map<string, Turns>();
  private readonly changes = new Emitter<RunChange>();
  readonly onDidChange = this.changes.event;
  private readonly judged = new Set<string>();
  private names: ReadonlyMap<string, string> | undefined;
  /** Folders of the runs that are selected in the view. */
  selected: readonly string[] = [];

  constructor(private readonly now: () => number = monotonic) {}

  /** Newest first, without the points of sweeps. */
  list(): Run[] {
    return newestFirst([...this.runs.values()].filter((run) => !this.isPoint(run)));
  }

  /** What it is called among the others. */
  nameOf(run: Run): string {
    if (!this.names) {
      const runs = this.list();
      const names = distinctNames(runs.map((one) => ({ name: nameOf(one), folder: one.folder })));
      this.names = new Map(runs.map(({ folder }, i) => [folder, names[i]!]));
    }
    return this.names.get(run.folder) ?? nameOf(run);
  }

  /** Newest first, with the points of sweeps. */
  all(): Run[] {
    return newestFirst(this.runs.values());
  }

  /** The points of a sweep, the first one first. */
  pointsOf(folder: string): Run[] {
    const sweep = this.runs.get(folder);
    // A view asks it of every run.
    if (!sweep || !isSweep(sweep)) return [];
    return newestFirst([...this.runs.values()].filter((run) => sweepOf(run) === folder)).reverse();
  }

  /** A point whose sweep is gone is a run like any other. */
  isPoint(run: Run): boolean {
    const sweep = sweepOf(run);
    return sweep !== undefined && this.runs.has(sweep);
  }

  get(folder: string): Run | undefined {
    return this.runs.get(folder);
  }

  live(): Run[] {
    return newestFirst([...this.runs.values()].filter((run) => run.live));
  }

  /** Runs that processes of no child of this window work on. */
  elsewhere(): Run[] {
    return [...this.runs.values()].filter((run) => run.elsewhere);
  }

  /** Takes what another process has added to the run's events; `answers`: it has given some, too. */
  async readOn(run: Run, answers: boolean): Promise<void> {
    const events = await readNewEvents(run);
    if (this.runs.get(run.folder) !== run || (events.length === 0 && !answers)) return;
    if (answers) this.answers.delete(run.folder);
    this.append(run, events, answers ? 1 : 0);
  }

  /** The run with all of its events, for who draws its lines. */
  async whole(folder: string): Promise<Run | undefined> {
    const run = await this.open(folder);
    return run?.partial ? this.read(folder, true) : run;
  }

  /**
   * Reads the folder again, after who reads it already, unless a child of this window is writing it.
   * @param whole as far as it is to be drawn
   */
  read(folder: string, whole?: boolean): Promise<Run | undefined> {
    const turns = this.reads.get(folder) ?? new Turns();
    this.reads.set(folder, turns);
    return turns.take(() => this.readNow(folder, whole ?? this.runs.get(folder)?.partial === false));
  }

  private async readNow(folder: string, whole: boolean): Promise<Run | undefined> {
    const before = this.runs.get(folder);
    if (before?.live) return before;
    let run: Run | undefined;
    try {
      run = await readRun(folder, { whole });
    } catch (error) {
      this.forget(folder);
      throw error;
    }
    if (this.runs.get(folder)?.live) return this.runs.get(folder);
    if (!run) {
      if (before && !before.error) this.forget(folder);
      return undefined;
    }
    this.runs.set(folder, run);
    this.answers.delete(folder);
    // Between two reads, so that drawing a thousand rows is one short turn.
    viewOf(run);
    this.fire(run, 'whole');
    return run;
  }

  /** The run that a page asks for, from memory or from its folder. */
  async open(folder: string): Promise<Run | undefined> {
    return this.runs.get(folder) ?? this.read(folder);
  }

  /** The answers of a run, read from its folder when they are first asked for. */
  async answersOf(folder: string): Promise<readonly SampleEvent[]> {
    const known = this.answers.get(folder);
    if (known?.whole) return known.list;
    const { answers: read, problem } = await readAnswers(folder);
    const run = this.runs.get(folder);
    if (problem && run) warn(run, problem);
    // Answers that arrived while the file was read, or were read for somebody else, are in `live`; the file may lack
    // them.
    const live = this.answers.get(folder)?.list ?? [];
    const list = latestAnswers([...read, ...live]);
    if (list.length) this.answers.set(folder, { list, whole: true });
    return list;
  }

  /** @param to where what it had is now */
  forget(folder: string, to?: string): void {
    const run = this.runs.get(folder);
    if (!run || run.live) return;
    this.runs.delete(folder);
    this.answers.delete(folder);
    this.fire(run, 'gone', to);
  }

  /** A child is about to work on the run. A resumed run keeps its curves, a new one starts with none. */
  begin(recipe: RecipeFacts, name: string, resume: boolean): Run {
    const before = this.runs.get(recipe.output);
    const run = resume && before ? before : createRun(recipe.output, name);
    run.startedBefore = before?.manifest && lastStart(before.manifest);
    run.resumed = resume;
    run.label ??= before?.label;
    // The old answers are still in the folder until the child clears it.
    if (!resume) this.answers.set(recipe.output, { list: [], whole: true });
    Object.assign(run, {
      recipe,
      live: true,
      since: this.now(),
      error: undefined,
      refused: undefined,
      done: undefined,
      warnings: [],
      points: [],
    });
    run.elsewhere = undefined;
    run.waitsIn = undefined;
    run.progress = { ...idleProgress(), step: run.progress.step, steps: run.progress.steps };
    this.runs.set(recipe.output, run);
    this.fire(run, 'whole');
    return run;
  }

  /** Takes events of a live run; a batch that only adds rows is announced as an append. */
  append(run: Run, events: readonly RunEvent[], answers = 0): void {
    const from = lengths(run);
    let only = true;
    for (const event of events) {
      if (event.kind === 'sample') {
        const known = this.answers.get(run.folder) ?? { list: [], whole: false };
        known.list.push(event);
        this.answers.set(run.folder, known);
        answers++;
      } else if (!applyEvent(run, event)) only = false;
    }
    this.changes.fire({ run, kind: only ? 'append' : 'whole', from, answers });
  }

  /** Words on what a live run is doing, from the host. */
  say(run: Run, message: string): void {
    run.progress.message = message;
    this.changes.fire({ run, kind: 'append', from: lengths(run), answers: 0 });
  }

  /**
   * A run of the queue has another place there; `place` is undefined when it begins. `awaits`: what it waits for,
   * whatever its place.
   */
  queued(run: Run, place: number | undefined, message: string, awaits?: string): void {
    if (run.place === place && run.progress.message === message) return;
    run.place = place;
    run.awaits = awaits;
    run.progress.message = message;
    // Nobody counts the time that it waits.
    if (place !== undefined) run.since = 0;
    this.fire(run, 'whole');
  }

  /**
   * Which runs wait in other windows, by their folders: what another process has begun, or this one, no longer does.
   * One of which there is nothing yet is shown by what its recipe says.
   */
  waitElsewhere(waiting: ReadonlyMap<string, { owner: RunOwner; recipe?: RecipeFacts }>): void {
    for (const [folder, { owner, recipe }] of waiting) {
      const run = this.runs.get(folder) ?? createRun(folder, basename(placeOf(folder)));
      if (run.live || run.elsewhere || isDeepStrictEqual(run.waitsIn, owner)) continue;
      Object.assign(run, { waitsIn: owner, recipe: run.recipe ?? recipe });
      this.runs.set(folder, run);
      this.fire(run, 'whole');
    }
    for (const run of this.all()) {
      if (!run.waitsIn || waiting.has(run.folder)) continue;
      run.waitsIn = undefined;
      if (run.manifest) this.fire(run, 'whole');
      else this.forget(run.folder);
    }
  }

  /** The recipe of a run that waits says something else by now. False where it does not. */
  rewritten(run: Run, recipe: RecipeFacts): boolean {
    if (isDeepStrictEqual(run.recipe, recipe)) return false;
    run.recipe = recipe;
    this.fire(run, 'whole');
    return true;
  }

  /** A run was taken out of the queue before it began: its folder is as it was, and so is what is shown of it. */
  async withdraw(run: Run, message: string): Promise<Run> {
    run.live = false;
    run.place = undefined;
    run.awaits = undefined;
    const read = await readRun(run.folder).catch(() => undefined);
    const result = read ?? run;
    if (!read) Object.assign(run.progress, { state: 'stopped', message, secondsLeft: null, secondsElapsed: 0 });
    // Meanwhile it may have been started again.
    if (this.runs.get(run.folder) !== run) return result;
    this.answers.delete(run.folder);
    this.runs.set(run.folder, result);
    this.fire(result, 'whole');
    return result;
  }

  /** Judges the run's answers once more; who does so reads the run again then. */
  async whileJudged<T>(folder: string, judge: () => PromiseLike<T>): Promise<T> {
    const run = this.runs.get(folder);
    this.judged.add(folder);
    if (run) this.fire(run, 'whole');
    try {
      return await judge();
    } finally {
      this.judged.delete(folder);
    }
  }

  /** Whether this window judges the run's answers at the moment, by itself or with its sweep. */
  isJudged(folder: string): boolean {
    const run = this.runs.get(folder);
    return this.judged.has(folder) || this.judged.has((run && sweepOf(run)) ?? folder);
  }

  /** A person has named, tagged or archived the run. */
  relabel(folder: string, label: RunLabel): void {
    const run = this.runs.get(folder);
    if (!run) return;
    run.label = label;
    this.fire(run, 'whole');
  }

  /**
   * The child is done with the run: from now on its folder says how it ended. `error`: how, if the folder does not.
   * `folder`: where the run is now, if it has taken the place of the one it replaces.
   */
  async end(run: Run, error?: ErrorData, folder = run.folder): Promise<Run> {
    run.live = false;
    delete run.progress.isStopping;
    if (folder !== run.folder) {
      this.forget(run.folder, folder);
      run.folder = folder;
    }
    run.progress.secondsElapsed = Math.max(run.progress.secondsElapsed, this.now() - run.since);
    const read = await readRun(run.folder).catch((unreadable: unknown) => {
      error ??= errorData(unreadable);
      return null;
    });
    // Deleted under it: it is as one that never had a folder, and says how it ended until a person has it go.
    if (read === undefined) run.manifest = undefined;
    const known = read && read.manifest?.outcome !== 'running' ? read : undefined;
    const isRefused = error?.code === 'exists' && read;
    const result = isRefused ? read : known && !(error && isStale(known, run)) ? known : run;
    if (isRefused) {
      result.refused = error;
    } else if (error) {
      result.error = error;
      result.progress.state = 'failed';
      result.progress.message = '';
    } else if (!isOver(result)) {
      result.progress.state = 'stopped';
    }
    result.manifest ??= read?.manifest;
    result.hasCheckpoint = !isFinished(result) && (await hasCheckpoint(result.folder));
    // What it goes on from was made by the recipe in its folder, where the engine has refused the one that it has now.
    if (run.resumed && result === run) run.recipe = read?.recipe ?? run.recipe;
    result.recipe ??= run.recipe;
    result.label ??= run.label;
    result.progress.secondsLeft = null;
    if (result !== run) this.answers.delete(run.folder);
    this.runs.set(run.folder, result);
    this.fire(result, 'whole');
    return result;
  }

  dispose(): void {
    this.changes.dispose();
  }

  private fire(run: Run, kind: RunChange['kind'], to?: string): void {
    this.names = undefined;
    this.changes.fire({ run, kind, to, from: lengths(run), answers: 0 });
  }
}

/** The folder is that of an earlier run: the failed one wrote nothing. */
const isStale = ({ manifest }: Run, run: Run): boolean => (manifest && lastStart(manifest)) === run.startedBefore;

const lengths = (run: Run): RunChange['from'] => ({ train: run.train.step.length, probes: run.probes.step.length });
