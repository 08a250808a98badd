/** Runs a sweep: its points one after the other, on a cluster some at once, each an ordinary run in a folder of its own. */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { hubAdapters } from '../adapters/hubAdapters.js';
import { openContext, scratchFolder, type Context } from '../context/context.js';
import { isHubName } from '../contract/hubName.js';
import { recipeInputs } from '../contract/recipeInputs.js';
import { readingOf, runView } from '../contract/runView.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { nextPoint } from '../contract/sweepOrder.js';
import { secondsLeft } from '../contract/sweepTime.js';
import { valuesText, type SweepFile, type SweepPoint } from '../contract/sweep.js';
import { formatDuration } from '../contract/format.js';
import type { DoneEvent, RunEvent } from '../contract/events.js';
import type { Manifest } from '../contract/manifest.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import type { SweepRecipe } from '../contract/recipeSweep.js';
import { readRun } from '../evaluation/report/runReport.js';
import { writeSweepReport } from '../evaluation/report/sweepReport.js';
import { estimateTraining } from '../estimate/estimate.js';
import { dependenciesOf, digestOf } from '../recipes/dependencies.js';
import { watchAction } from '../recipes/harmfulLoss.js';
import { plannedPoints, type PlannedPoint } from '../recipes/sweepPoints.js';
import type { RecipeFile } from '../recipes/readRecipe.js';
import { hasCheckpoint } from '../runs/checkpoint.js';
import { plainOutput, planOutput, readManifest, requireApart } from '../runs/output.js';
import { requireFree } from '../runs/owner.js';
import { openRunFolder, type RunFolder } from '../runs/runFolder.js';
import { Cancelled, errorData, HumanError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { inLanes } from '../support/lanes.js';
import { runOne, sha256Weights, type RunOptions, type Shared } from './run.js';

type Sweep = Pick<RecipeFile, 'file' | 'path'> & { readonly recipe: SweepRecipe };
type Options = Omit<RunOptions, 'values' | 'shared'>;

/** A planned point, and where it is or will be. */
interface Point extends PlannedPoint {
  readonly folder: string;
  /** Everything that its result depends on. */
  readonly depends: string;
  /** A run with the same dependencies that stands in its folder. */
  readonly found?: Manifest;
}

/**
 * Runs every point of a sweep, what tells most first (contract/sweepOrder.ts). With `resume`, points whose result would be the
 * same are kept, wherever they stand in the table; the point that was interrupted goes on from its checkpoint. A point that
 * fails is a line of the table, and the sweep goes on.
 * @returns the last event; `stopped` when the signal fired
 * @throws HumanError for a sweep that cannot be run as it is written, and when every point fails
 */
export async function runSweep(sweep: Sweep, options: Options): Promise<DoneEvent> {
  const began = performance.now();
  const { recipe, file, path } = sweep;
  const { onEvent } = options;
  const points = await plannedPoints(recipe, sweep);
  const output = await plainOutput(resolve(options.output ?? path(recipe.output)));
  const found = await requireSweep(output, sweep, options);
  await requireFree(output);
  const base = path(recipe.base);
  const shared = openShared();
  const first = points[0].recipe;
  onEvent({ kind: 'state', state: 'preparing', message: 'opening the model' });
  const context = await shared.context(resolve(dirname(base), first.model), {
    device: options.device ?? first.device,
    threads: first.threads,
    precision: first.precision,
    scratch: scratchFolder(dirname(base)),
  });
  const manifest: Manifest = {
    version: 1,
    kind: 'sweep',
    name: basename(output),
    recipe: file,
    outcome: 'running',
    started: new Date().toISOString(),
    device: context.backend.device,
    model: {
      path: resolve(dirname(base), first.model),
      architecture: context.spec.architecture,
      sha256: await weightsOf(shared, context, resolve(dirname(base), first.model)),
    },
    data: [],
    vectors: [],
  };
  const folder = openRunFolder(output, recipe, manifest);
  const emit = async (event: RunEvent): Promise<void> => {
    await folder.record(event);
    onEvent(event);
  };
  try {
    await folder.begin();
    const isKept = (point: PlannedPoint, { done }: Manifest): boolean =>
      found && !options.force && (recipe.stop !== undefined || isWhole(point, done));
    const placed = await placePoints(points, { output, base, shared, options, isKept });
    const ended = await runPoints(placed, { sweep, base, folder, shared, options, emit });
    const done: DoneEvent = {
      kind: 'done',
      outcome: ended,
      output,
      step: 0,
      seconds: (performance.now() - began) / 1000,
      measurements: [],
    };
    await emit(done);
    await folder.manifest({ outcome: ended, ended: new Date().toISOString(), done });
    return done;
  } catch (error) {
    if (folder.begun)
      await folder
        .manifest({ outcome: 'failed', ended: new Date().toISOString(), error: errorData(error) })
        .catch(() => undefined);
    throw error;
  } finally {
    for (const one of shared.contexts.values()) (await one.catch(() => undefined))?.scratch.close();
    await folder.release();
  }
}

/** Whether a sweep stands in the folder. @throws HumanError where this one may not be written there */
async function requireSweep(output: string, { file, path, recipe }: Sweep, options: Options): Promise<boolean> {
  const inputs = [
    { key: '', path: file },
    { key: 'base', path: path(recipe.base) },
  ];
  const found = await readManifest(output);
  if (found?.kind !== 'sweep') {
    await planOutput(output, inputs, options);
    return false;
  }
  await requireApart(output, inputs);
  if (!options.resume && !options.force)
    throw new HumanError(`the output folder holds the sweep "${found.name}" of ${found.started}.`, {
      place: output,
      remedy: '--resume keeps the points that would be the same and runs the others, --force runs all of them again.',
      code: 'exists',
    });
  return true;
}

/** Scans of large files take memory. */
const MOST_KEPT = 32;

function openShared(): Shared & { contexts: Map<string, Promise<Context>> } {
  const contexts = new Map<string, Promise<Context>>();
  const made = new Map<string, Promise<unknown>>();
  /** What failed may be tried again. */
  const keep = <T>(from: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> => {
    const known = from.get(key) ?? make();
    from.set(key, known);
    known.catch(() => from.delete(key));
    return known;
  };
  return {
    contexts,
    context: (path, given) =>
      keep(contexts, JSON.stringify([path, given.device, given.threads, given.precision]), () =>
        openContext(path, given),
      ),
    once<T>(key: readonly unknown[], make: () => Promise<T>): Promise<T> {
      const found = keep(made as Map<string, Promise<T>>, JSON.stringify(key), make);
      const [oldest] = made.keys();
      if (made.size > MOST_KEPT && oldest !== undefined) made.delete(oldest);
      return found;
    },
  };
}

const weightsOf = (shared: Shared, context: Context, path: string): Promise<string> =>
  shared.once(['weights', path], () => sha256Weights(context.model));

/** Where each point is: in the folder of a run that would be the same, else in one of its own name. */
async function placePoints(
  points: readonly PlannedPoint[],
  {
    output,
    base,
    shared,
    options,
    isKept,
  }: {
    output: string;
    base: string;
    shared: Shared;
    options: Options;
    isKept: (point: PlannedPoint, manifest: Manifest) => boolean;
  },
): Promise<Point[]> {
  const known = new Map<string, { folder: string; manifest: Manifest }>();
  for (const folder of await pointFolders(output)) {
    const manifest = await readManifest(folder);
    if (manifest?.point) known.set(manifest.point.depends, { folder, manifest });
  }
  const placed: Point[] = [];
  for (const point of points) {
    const depends = await digest(point.recipe, base, shared, options);
    const there = known.get(depends);
    const same = there && isKept(point, there.manifest) ? there : undefined;
    known.delete(depends);
    const folder = same?.folder ?? join(output, RUN_FILES.points, point.name);
    placed.push({ ...point, folder, depends, ...(same && { found: same.manifest }) });
  }
  return apart(placed);
}

/** Whether a run ended as its own recipe says, and not early as its sweep said. */
const isWhole = ({ recipe }: PlannedPoint, done: DoneEvent | undefined): boolean =>
  done?.watch === undefined || watchAction(recipe) !== 'continue';

/** A folder of another point's name that a kept run stands in is not overwritten. */
const apart = (points: readonly Point[]): Point[] => {
  const kept = new Set(points.filter(({ found }) => found).map(({ folder }) => folder));
  return points.map((point) =>
    point.found || !kept.has(point.folder)
      ? point
      : { ...point, folder: `${point.folder}_${point.depends.slice(0, 8)}` },
  );
};

async function pointFolders(output: string): Promise<string[]> {
  const folder = join(output, RUN_FILES.points);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

async function digest(recipe: FinetuneRecipe, base: string, shared: Shared, options: Options): Promise<string> {
  const scratch = scratchFolder(dirname(base));
  const { signal, token } = options;
  const nothing = (): void => undefined;
  const named = recipeInputs(recipe).filter(({ path: written }) => isHubName(written));
  const hub = await hubAdapters(
    named.map(({ path: written }) => written),
    { cache: scratch, token, signal, onProgress: nothing, onLog: nothing },
  );
  const path = (written: string): string => hub.get(written)?.folder ?? resolve(dirname(base), written);
  const context = await shared.context(path(recipe.model), {
    device: options.device ?? recipe.device,
    threads: recipe.threads,
    precision: recipe.precision,
    scratch,
  });
  const modelSha256 = await weightsOf(shared, context, path(recipe.model));
  return digestOf(await dependenciesOf(recipe, { path, context, modelSha256 }));
}

/** Points that compute on a cluster: it decides which of their jobs have room there. */
const MOST_AT_ONCE = 4;

async function runPoints(
  points: readonly Point[],
  at: {
    sweep: Sweep;
    base: string;
    folder: RunFolder;
    shared: Shared;
    options: Options;
    emit: (event: RunEvent) => Promise<void>;
  },
): Promise<DoneEvent['outcome']> {
  const { sweep, folder, options, emit } = at;
  const { over } = sweep.recipe;
  const results: (SweepPoint | undefined)[] = points.map(() => undefined);
  const atOnce = points.some(({ recipe }) => recipe.on) ? MOST_AT_ONCE : 1;
  let reports = Promise.resolve();
  /** One after the other: points may end at once. */
  const report = (i: number, point: SweepPoint, resumed = false): Promise<void> =>
    (reports = reports.then(async () => {
      results[i] = point;
      await writeTable(folder, over, results);
      await emit({ kind: 'point', ...(resumed && { resumed }), ...point });
    }));
  for (const [i, point] of points.entries())
    if (point.found?.outcome === 'finished') await report(i, await resultOf(point), true);
  const expected = results.some(Boolean) ? undefined : await expectedSeconds(points[0], at);
  const left = (): string => {
    const timed = points.map(({ recipe }, i) => ({ recipe, seconds: results[i]?.seconds }));
    const seconds = secondsLeft(timed, expected);
    return seconds === undefined ? '' : `, about ${formatDuration(seconds / atOnce)} left`;
  };
  const found = results.filter(Boolean).length;
  await emit({
    kind: 'state',
    state: 'preparing',
    message: `${points.length} points, ${found} of them are done${left()}`,
    progress: found / points.length,
  });
  const running = new Set<number>();
  const shares = results.map((result) => Number(result !== undefined));
  const whole = (i: number, share: number): number => {
    shares[i] = share;
    return shares.reduce((sum, one) => sum + one, 0) / points.length;
  };
  let begun = found;
  let stopped = false;
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
  if (stopped) return 'stopped';
  const failed = results.filter((result) => result?.error);
  if (failed.length === results.length) {
    const { message, place, remedy, kind } = failed[0]!.error!;
    throw new HumanError(`every point failed; the first: ${message}`, {
      place,
      remedy,
      kind: kind === 'input' ? 'input' : 'failed',
    });
  }
  return 'finished';
}

/** Of a point, before any was run; undefined where it cannot be told, which no run is refused for. */
async function expectedSeconds(
  { recipe }: Point,
  { base, options }: Pick<Parameters<typeof runPoints>[1], 'base' | 'options'>,
): Promise<number | undefined> {
  if (recipe.on) return undefined;
  const path = (written: string): string => resolve(dirname(base), written);
  const { device, signal } = options;
  const estimate = await estimateTraining(recipe, { path, device, signal }).catch(() => undefined);
  return estimate && Math.sqrt(estimate.seconds[0] * estimate.seconds[1]);
}

/** One point: a run like any other. */
async function runPoint(
  point: Point,
  { sweep, base, shared, options, emit }: Parameters<typeof runPoints>[1],
  onEvent: (event: RunEvent) => void,
): Promise<SweepPoint | 'stopped'> {
  const { recipe, folder, found, values } = point;
  const began = performance.now();
  const path = (written: string): string => resolve(dirname(base), written);
  const watch = sweep.recipe.stop && 'stop';
  const isResumed = found !== undefined && hasCheckpoint(join(folder, RUN_FILES.checkpoint));
  // What stands there of another recipe is replaced.
  const force = !isResumed && (await readManifest(folder))?.outcome === 'finished';
  try {
    const done = await runOne(
      { recipe, file: base, path },
      { ...options, output: folder, resume: isResumed, force, onEvent, values, shared, watch },
    );
    return done.outcome === 'stopped' ? 'stopped' : await resultOf(point);
  } catch (thrown) {
    if (thrown instanceof Cancelled) return 'stopped';
    const error = errorData(thrown);
    // A bug is no property of the point.
    if (error.kind === 'internal') throw thrown;
    const place = [valuesText(values), error.place].filter(Boolean).join(' → ');
    await emit({ kind: 'warning', message: `a point failed: ${error.message}`, place, remedy: error.remedy });
    const seconds = (performance.now() - began) / 1000;
    const headline = error.message;
    return { values, folder, verdict: 'failed', headline, measurements: [], seconds, error };
  }
}

async function resultOf({ values, folder }: Point): Promise<SweepPoint> {
  const run = await readRun(folder);
  const { verdict, headline = '' } = runView(readingOf(run));
  const { measurements = [], seconds = 0 } = run.manifest.done ?? {};
  return { values, folder, verdict: verdict.kind, headline, measurements, seconds };
}

async function writeTable(
  folder: RunFolder,
  over: SweepRecipe['over'],
  results: readonly (SweepPoint | undefined)[],
): Promise<void> {
  const points = results.flatMap((result) => (result ? [result] : []));
  const inside = (point: SweepPoint): SweepPoint => ({
    ...point,
    folder: relative(folder.path, point.folder).replaceAll('\\', '/'),
  });
  const file: SweepFile = { version: 1, over, of: results.length, points: points.map(inside) };
  await writeFileAtomic(folder.file(RUN_FILES.sweep), `${JSON.stringify(file, null, 2)}\n`, { makeFolder: false });
  await writeSweepReport(folder.file(RUN_FILES.report), basename(folder.path), file);
}

const EVERY_MS = 1000;

/** What a point at work does, as the progress of the sweep; not recorded. @param whole of the sweep, by the share of the point */
function progressOf(
  say: (event: RunEvent) => void,
  title: string,
  whole: (share: number) => number,
  left: () => string,
): (event: RunEvent) => void {
  let last = -EVERY_MS;
  return (event) => {
    if (event.kind !== 'step' && event.kind !== 'state') return;
    const now = performance.now();
    if (now - last < EVERY_MS) return;
    last = now;
    const isStep = event.kind === 'step';
    const what = isStep ? `step ${event.step}/${event.steps}` : event.message;
    const share = isStep ? 0.8 * (event.step / event.steps) : event.state === 'evaluating' ? 0.9 : 0;
    say({ kind: 'state', state: 'preparing', message: `${title}: ${what}${left()}`, progress: whole(share) });
  };
}
