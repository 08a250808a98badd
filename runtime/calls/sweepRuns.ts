/**
 * The points of a sweep at work: one after the other, on a cluster some at once, each an ordinary run in a folder of
 * its own.
 */
import { basename, join, relative } from 'node:path';
import { reachCluster, wayTo } from '../cluster/cluster.js';
import { isOfTheWay } from '../cluster/faults.js';
import type { ErrorData } from '../contract/errors.js';
import type { DoneEvent, RunEvent, WarningEvent } from '../contract/events.js';
import { plural } from '../contract/format.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { SweepRecipe } from '../contract/recipeSweep.js';
import type { Manifest } from '../contract/manifest.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { readingOf, runView } from '../contract/runView.js';
import { valuesText, type SweepFile, type SweepPoint } from '../contract/sweep.js';
import { nextPoint } from '../contract/sweepOrder.js';
import { ChangedInputs } from '../recipes/training/dependencies.js';
import { evaluationsOf } from '../recipes/evaluation/evaluations.js';
import { readRun } from '../evaluation/report/runReport.js';
import { writeSweepReport } from '../evaluation/report/sweepReport.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { withSweepResume } from '../runs/resuming.js';
import { requireNoLinks } from '../runs/links.js';
import { readManifest } from '../runs/output.js';
import { appendEvents, type RunFolder } from '../runs/runFolder.js';
import { Cancelled, errorData, HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { inLanes } from '../support/lanes.js';
import { oneByOne } from '../support/oneByOne.js';
import { runOne } from './run.js';
import { secretsFrom } from './secrets.js';
import { pointWarnings, warnedOnce, type WarnOnce } from './pointWarnings.js';
import { placeOf, stopJobsIn } from './sweepJobs.js';
import type { Options, Point, Sweep } from './sweepPlaces.js';
import { expectedSeconds, progressOf, sweepProgress } from './sweepProgress.js';
import type { Shared } from './sweepShared.js';
import { readTable } from './sweepTable.js';

/** Points that compute on a cluster: it decides which of their jobs have room there. */
const MOST_AT_ONCE = 4;

/** What the points of a sweep run in. */
interface Surroundings {
  readonly sweep: Sweep;
  /** The recipe that they vary. */
  readonly base: string;
  /** Absolute path of a path written in it. */
  readonly path: (written: string) => string;
  readonly folder: RunFolder;
  readonly shared: Shared;
  readonly options: Options;
  readonly emit: (event: RunEvent) => Promise<void>;
}
interface Together extends Surroundings {
  /** Says what a point was warned of, where none before it was. */
  readonly warn: WarnOnce;
  /**
   * What was wrong on the way to a cluster, where other points compute elsewhere. Undefined: the sweep has but one
   * place, and ends with it.
   */
  readonly lost?: Map<string, HumanError>;
}

/** Says once for all points that wait for a cluster that it is away, and that it is back. */
function saidOnce(emit: Surroundings['emit']): Shared['onAway'] {
  const away = new Set<string | undefined>();
  return async (warning, isBack) => {
    const isNews = isBack ? away.delete(warning.place) : !away.has(warning.place);
    if (!isBack) away.add(warning.place);
    if (isNews) await emit(warning);
  };
}

/** Where a point computes, and how it is reached. */
const placeOfWork = ({ recipe: { on } }: Pick<Point, 'recipe'>): string => (on ? wayTo(on) : '');

/**
 * Runs the points that were not found done.
 * @throws HumanError when every point fails, and for a cluster that is out of reach, where points compute elsewhere
 * when those have ended: the jobs there are found again
 */
export async function runPoints(points: readonly Point[], among: Surroundings): Promise<DoneEvent['outcome']> {
  const open = points.filter(({ found }) => found?.outcome !== 'finished');
  const at: Together = {
    ...among,
    shared: {
      ...among.shared,
      evaluations: evaluationsOf(open.map(({ recipe }) => recipe)),
      onAway: saidOnce(among.emit),
    },
    warn: warnedOnce(among.emit),
    ...(new Set(open.map(placeOfWork)).size > 1 && { lost: new Map() }),
  };
  const { sweep, folder, options, emit, warn } = at;
  const { over } = sweep.recipe;
  const results: (SweepPoint | undefined)[] = points.map(() => undefined);
  const atOnce = points.some(({ recipe }) => recipe.on) ? MOST_AT_ONCE : 1;
  /** Points may end at once. */
  const report = oneByOne(async (i: number, point: SweepPoint): Promise<void> => {
    results[i] = point;
    await writeTable(folder, over, results);
    // Before it was resumed it may have been warned of more.
    await warn(point.warnings, point.values);
    await emit({ kind: 'point', ...point });
  });
  for (const [i, point] of points.entries())
    if (point.found?.outcome === 'finished') results[i] = await resultOf(point);
  const resumed = results.flatMap((result) => result ?? []);
  // Once, with all of them: a table of some would be what a kill leaves. Of none it is that of no earlier sweep.
  await writeTable(folder, over, results);
  for (const point of resumed) {
    await warn(point.warnings, point.values);
    await emit({ kind: 'point', resumed: true, ...point });
  }
  const expected = resumed.length > 0 ? undefined : await expectedSeconds(points[0], at);
  const { whole, left } = sweepProgress(points, results, atOnce, expected);
  const found = resumed.length;
  await emit({
    kind: 'state',
    state: 'preparing',
    message: `${points.length} ${plural(points.length, 'point', 'points')}, ${found} of them done${left()}`,
    progress: found / points.length,
  });
  const running = new Set<number>();
  let begun = found;
  let stopped = !(await isReached(open, at));
  await inLanes(atOnce, async (isOver) => {
    for (;;) {
      const verdicts = results.map((result) => result?.verdict);
      const i = nextPoint(over, verdicts, running);
      if (i === undefined || stopped || isOver()) return;
      stopped = options.signal.aborted;
      if (stopped) return;
      running.add(i);
      const title = `point ${++begun} of ${points.length} (${valuesText(points[i].values)})`;
      const say = progressOf(options.onEvent, title, (share) => whole(i, share), left);
      const outcome = await runPoint(points[i], at, say);
      whole(i, 1);
      if (outcome === 'stopped') stopped = true;
      else await report(i, outcome);
    }
  });
  if (stopped) {
    await stopOthers(points, results, running, at);
    return 'stopped';
  }
  requireResult(results, at.lost);
  return 'finished';
}

/** Stops jobs of points that failed while these went on, and of those that a resumed sweep has not got to. */
async function stopOthers(
  points: readonly Point[],
  results: readonly (SweepPoint | undefined)[],
  running: ReadonlySet<number>,
  at: Together,
): Promise<void> {
  const among = { ...at, unreached: new Map<string, unknown>() };
  for (const [i, point] of points.entries())
    if (results[i] ? results[i].error : at.options.resume && !running.has(i))
      for (const warning of await stopOpen(point, among))
        await at.emit({ ...warning, place: placeOf(point.values, warning) });
}

/** @throws HumanError for a cluster that is out of reach, and when every point failed */
function requireResult(results: readonly (SweepPoint | undefined)[], lost: Together['lost']): void {
  // One that a new token may help comes first: who keeps the old one hears that it was refused.
  const faults = [...(lost?.values() ?? [])];
  const fault = faults.find(({ code }) => code === 'secret') ?? faults[0];
  if (fault) throw fault;
  const failed = results.filter((result) => result?.error);
  if (failed.length < results.length) return;
  const { message, place, remedy, kind } = failed[0]!.error!;
  throw new HumanError(`every point failed; the first: ${message}`, {
    place,
    remedy,
    kind: kind === 'input' ? 'input' : 'failed',
  });
}

/**
 * Hears the cluster of all points before the first one begins. Of several each is waited for by its own points.
 * @returns false where the signal fired meanwhile
 */
async function isReached([first]: readonly Point[], { path, shared, options, emit, lost }: Together): Promise<boolean> {
  const { signal, patience } = options;
  if (lost || !first?.recipe.on) return true;
  const secrets = secretsFrom(options.secrets);
  try {
    await reachCluster({ target: first.recipe.on, path, secrets, signal, emit, patience, answered: shared.clusters });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/**
 * One point: a run like any other.
 * @throws what is no property of the point: a bug, inputs that were changed since the sweep began, and the one cluster
 * of all that is out of reach, where its job goes on
 */
async function runPoint(
  point: Point,
  among: Together,
  hear: (event: RunEvent) => void,
): Promise<SweepPoint | 'stopped'> {
  const { sweep, base, path, shared, options, emit, warn, lost } = among;
  const { recipe, folder, at, values, depends } = point;
  const began = performance.now();
  const watch = sweep.recipe.stop && 'stop';
  /** What is said of a point that was stopped: who stops the sweep looks at that. */
  const last: WarningEvent[] = [];
  /** What it was warned of is said as it comes: a point may take hours. */
  const said: Promise<void>[] = [];
  const onEvent = (event: RunEvent): void => {
    if (event.kind === 'warning' && options.signal.aborted) last.push(event);
    else if (event.kind === 'warning') {
      const one = warn(pointWarnings([event], recipe), values);
      // That it failed is found below.
      one.catch(() => undefined);
      said.push(one);
    }
    hear(event);
  };
  const run = async (resume: boolean): Promise<DoneEvent> => {
    // What stands there of another recipe is replaced.
    const force = !resume && (await readManifest(folder)) !== undefined;
    return runOne(
      { recipe, file: base, path },
      { ...options, output: folder, resume, force, onEvent, values, depends, shared, watch },
    );
  };
  /** A checkpoint that is of no use would fail the point each time. */
  const startOver = async (thrown: unknown): Promise<DoneEvent> => {
    if (!(thrown instanceof HumanError) || thrown.code !== 'restart') throw thrown;
    await emit({ kind: 'warning', message: `a point starts over: ${thrown.message}`, place: placeOf(values, thrown) });
    return run(false);
  };
  const stopped = async (): Promise<'stopped'> => {
    if (last.length === 0 && options.resume) last.push(...(await stopOpen(point, among)));
    for (const warning of last) await emit({ ...warning, place: placeOf(values, warning) });
    return 'stopped';
  };
  const failed = async (error: ErrorData): Promise<SweepPoint> => {
    const { message, remedy, code } = error;
    const place = placeOf(values, error);
    const refused = code === 'secret' && { code };
    await emit({ kind: 'warning', message: `a point failed: ${message}`, place, remedy, ...refused });
    const seconds = (performance.now() - began) / 1000;
    const made = { values, folder, verdict: 'failed', ...plainOf(recipe), headline: message };
    return { ...made, measurements: [], seconds, error };
  };
  const known = lost?.get(placeOfWork(point));
  if (known) return failed(errorData(known));
  try {
    const isResumed = at !== undefined && hasCheckpoint(join(at, RUN_FILES.checkpoint));
    const done = await (isResumed ? run(true).catch(startOver) : run(false));
    await Promise.all(said);
    return done.outcome === 'finished' ? await resultOf(point) : await stopped();
  } catch (thrown) {
    if (thrown instanceof Cancelled) return stopped();
    const error = errorData(withSweepResume(thrown, among.folder));
    if (error.kind === 'internal') throw thrown;
    const isChanged = thrown instanceof ChangedInputs;
    if (!isChanged && !isOfTheWay(thrown)) return failed(error);
    if (lost && !isChanged) {
      lost.set(placeOfWork(point), thrown);
      return failed(error);
    }
    const message = `a point was interrupted, and no more points begin: ${error.message}`;
    await emit({ kind: 'warning', message, place: placeOf(values, error), remedy: error.remedy });
    throw thrown;
  }
}

/** Also of one that was to replace a finished run. */
async function stopOpen(
  { recipe: { on }, folder, at = folder }: Point,
  among: Parameters<typeof stopJobsIn>[2],
): Promise<WarningEvent[]> {
  if (!on) return [];
  const warnings: WarningEvent[] = [];
  for (const place of new Set([at, join(folder, RUN_FILES.next)])) {
    const { left } = await stopJobsIn(place, on, among);
    if (left) warnings.push(left);
  }
  return warnings;
}

/** By a recipe, or by what a finished run says that it used. */
const plainOf = ({
  vectors,
  baseline,
}: Pick<FinetuneRecipe | Manifest, 'vectors' | 'baseline'>): Pick<SweepPoint, 'plain'> =>
  vectors.length === 0 && baseline === undefined ? { plain: true } : {};

async function resultOf({ values, folder }: Pick<Point, 'values' | 'folder'>): Promise<SweepPoint> {
  const run = await readRun(folder);
  const { verdict, headline = '' } = runView(readingOf(run));
  const { measurements = [], seconds = 0, watch } = run.manifest.done ?? {};
  const last = run.events.findLast((event) => event.kind === 'step');
  const share = watch && last && last.step / last.steps;
  const warnings = run.recipe.kind === 'finetune' ? pointWarnings(run.events, run.recipe) : [];
  return {
    values,
    folder,
    verdict: verdict.kind,
    ...plainOf(run.manifest),
    headline,
    measurements,
    seconds,
    ...(share !== undefined && { share }),
    ...(warnings.length > 0 && { warnings }),
  };
}

async function writeTable(
  folder: RunFolder,
  over: SweepRecipe['over'],
  results: readonly (SweepPoint | undefined)[],
): Promise<void> {
  const points = results.flatMap((result) => (result ? [result] : []));
  await folder.requireHeld();
  await writeFiles(folder.path, { version: 1, over, of: results.length, points });
}

/** @param table with absolute folders */
async function writeFiles(path: string, { points, ...table }: SweepFile): Promise<void> {
  const inside = (point: SweepPoint): SweepPoint => ({
    ...point,
    folder: relative(path, point.folder).replaceAll('\\', '/'),
  });
  const file: SweepFile = { ...table, points: points.map(inside) };
  await writeFileAtomic(join(path, RUN_FILES.sweep), `${JSON.stringify(file, null, 2)}\n`, { makeFolder: false });
  await writeSweepReport(join(path, RUN_FILES.report), basename(path), file);
}

/** Writes the lines of these points anew, whose runs were changed since, and reports them. @returns the lines */
export async function rewriteTable(path: string, folders: readonly string[]): Promise<SweepPoint[]> {
  const table = await readTable(path);
  if (!table) return [];
  await requireNoLinks(path);
  const changed = new Map<string, SweepPoint>();
  for (const { values, folder } of table.points)
    if (folders.includes(folder)) changed.set(folder, await resultOf({ values, folder }));
  const points = table.points.map((point) => changed.get(point.folder) ?? point);
  await writeFiles(path, { ...table, points });
  await appendEvents(
    path,
    [...changed.values()].map((point) => ({ kind: 'point', judged: true, ...point })),
  );
  return [...changed.values()];
}
