/** Where each point of a sweep is, and which of them a run that stands there already is. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { hubAdapters } from '../adapters/hubAdapters.js';
import { scratchFolder } from '../context/context.js';
import type { DoneEvent } from '../contract/events.js';
import { isHubName } from '../contract/hubName.js';
import type { Manifest } from '../contract/manifest.js';
import type { FinetuneRecipe } from '../contract/recipe.js';
import { recipeInputs } from '../contract/recipeInputs.js';
import type { SweepRecipe } from '../contract/recipeSweep.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { canonical, sameValues } from '../contract/sweep.js';
import { dependenciesOf, digestOf, MAY_CHANGE, type Dependencies } from '../recipes/training/dependencies.js';
import { watchAction } from '../recipes/protection/harmfulLoss.js';
import type { RecipeFile } from '../recipes/reading/readRecipe.js';
import type { PlannedPoint } from '../recipes/reading/sweepPoints.js';
import { canGoOn, finishReplacement, readManifest } from '../runs/output.js';
import { readOptionalJson } from '../support/jsonFile.js';
import type { RunOptions } from './run.js';
import type { Shared } from './sweepShared.js';

export type Sweep = Pick<RecipeFile, 'file' | 'path'> & { readonly recipe: SweepRecipe };
export type Options = Omit<RunOptions, 'values' | 'depends' | 'shared'>;

/** A planned point, and where it is or will be. */
export interface Point extends PlannedPoint {
  readonly folder: string;
  /** Everything that its result depends on, as the sweep began. */
  readonly depends: Dependencies;
  /** A run with the same dependencies that stands in its folder, or was cut off there while it replaced another. */
  readonly found?: Manifest;
  /** Where that one works. */
  readonly at?: string;
}

/** The points of a sweep, and what of other runs stands in its folder. */
export interface Placed {
  readonly points: readonly Point[];
  /** Those that are no points, and that none takes the place of. */
  readonly left: readonly Standing[];
  /** Finished ones, and those that could go on, whose place a point takes that depends on something else. */
  readonly replaced: readonly { readonly by: Point; readonly run: Standing }[];
}

/** Where each point is: in the folder of a run that would be the same, else in one of its own name. */
export async function placePoints(
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
): Promise<Placed> {
  const depends: Dependencies[] = [];
  for (const { recipe } of points) depends.push(await dependencies(recipe, base, shared, options));
  const digests = depends.map((one) => digestOf(one));
  const all = await standing(output);
  const free = [...all];
  const take = (i: number, fits: (run: Standing, point: PlannedPoint) => boolean): Standing | undefined => {
    const at = free.findIndex(
      (run) => run.depends === digests[i] && isKept(points[i], run.manifest) && fits(run, points[i]),
    );
    return at < 0 ? undefined : free.splice(at, 1)[0];
  };
  // A point's own run comes first: others may have the same dependencies.
  const own = points.map((_, i) => take(i, ({ values }, point) => sameValues(values, point.values)));
  const varied = variedAlone(points);
  const isAlike = (run: Standing, { recipe }: PlannedPoint): boolean =>
    varied.every((key) => canonical(run.recipe[key]) === canonical(recipe[key]));
  const wanted = points.map((point, i): Point => {
    const found = own[i] ?? take(i, isAlike);
    // One that was being made anew is nearer than the finished one that it was to replace.
    const anew = found && take(i, ({ folder, values }) => folder === found.folder && sameValues(values, point.values));
    const same = anew ?? found;
    const folder = same?.folder ?? join(output, RUN_FILES.points, point.name);
    return { ...point, folder, depends: depends[i], ...(same && { found: same.manifest, at: same.at }) };
  });
  const placed = apart(wanted);
  const used = new Set(placed.map(({ at }) => at));
  const begun = new Set(placed.flatMap(({ folder, found }) => (found?.outcome === 'finished' ? [] : folder)));
  const left = all.filter(({ at, folder }) => !used.has(at) && !begun.has(folder));
  // One that was cut off while it replaced a run was to do so.
  const kept = all.filter(({ at, manifest }) => manifest.outcome === 'finished' || canGoOn(at));
  const byFolder = new Map(kept.map((run) => [run.at, run]));
  const replaced = placed.flatMap((by) => {
    const run = by.found ? undefined : byFolder.get(by.folder);
    return run && run.depends !== digestOf(by.depends) ? [{ by, run }] : [];
  });
  return { points: placed, left, replaced };
}

/** A run in the folder of a sweep. */
export interface Standing extends NonNullable<Manifest['point']> {
  readonly folder: string;
  /** The same, or `next/` in it. */
  readonly at: string;
  readonly manifest: Manifest;
  readonly recipe: Readonly<Record<string, unknown>>;
}

/** Those that stand, before those that were to replace one. */
async function standing(output: string): Promise<Standing[]> {
  const found: Standing[] = [];
  const replacing: Standing[] = [];
  for (const folder of await pointFolders(output)) {
    const next = join(folder, RUN_FILES.next);
    const hasNext = existsSync(next);
    if (hasNext) await finishReplacement(folder);
    for (const at of hasNext ? [folder, next] : [folder]) {
      const manifest = await readManifest(at);
      if (!manifest?.point) continue;
      const recipe = await readOptionalJson(join(at, RUN_FILES.recipe)).catch(() => undefined);
      (at === folder ? found : replacing).push({ ...manifest.point, folder, at, manifest, recipe: recipe ?? {} });
    }
  }
  return [...found, ...replacing];
}

/** Keys that a result does not depend on, but in which these points differ. */
const variedAlone = (points: readonly PlannedPoint[]): (keyof FinetuneRecipe)[] =>
  ([...MAY_CHANGE] as (keyof FinetuneRecipe)[]).filter(
    (key) => new Set(points.map(({ recipe }) => canonical(recipe[key]))).size > 1,
  );

/** Whether a run ended as its own recipe says, and not early as its sweep said. */
export const isWhole = ({ recipe }: PlannedPoint, done: DoneEvent | undefined): boolean =>
  done?.watch === undefined || watchAction(recipe) !== 'continue';

/** A folder that a kept run stands in, or works in to replace another one, is not overwritten by another point. */
const apart = (points: readonly Point[]): Point[] => {
  const whole = new Set(points.filter(({ at, folder }) => at === folder).map(({ folder }) => folder));
  /** Not one that would replace a run that is kept. */
  const goesOn = ({ at, folder }: Point): boolean => at === folder || (at !== undefined && !whole.has(folder));
  const kept = new Set(points.filter(goesOn).map(({ folder }) => folder));
  return points.map((point) => {
    if (goesOn(point)) return point;
    const folder = join(dirname(point.folder), point.name);
    const free = kept.has(folder) ? `${folder}_${digestOf(point.depends).slice(0, 8)}` : folder;
    return { ...point, folder: free, found: undefined, at: undefined };
  });
};

async function pointFolders(output: string): Promise<string[]> {
  const folder = join(output, RUN_FILES.points);
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

async function dependencies(
  recipe: FinetuneRecipe,
  base: string,
  shared: Shared,
  options: Options,
): Promise<Dependencies> {
  const scratch = scratchFolder(dirname(base));
  const { signal, token } = options;
  const nothing = (): void => undefined;
  const named = recipeInputs(recipe).filter(({ path: written }) => isHubName(written));
  const hub = await hubAdapters(
    named.map(({ path: written }) => written),
    { token, signal, onProgress: nothing, onLog: nothing },
  );
  const path = (written: string): string => hub.get(written)?.folder ?? resolve(dirname(base), written);
  const context = await shared.context(path(recipe.model), {
    device: options.device ?? recipe.device,
    threads: recipe.threads,
    precision: recipe.precision,
    scratch,
    signal,
  });
  const [modelSha256] = await context.hashes();
  return dependenciesOf(recipe, { path, context, modelSha256 });
}
