/** A sweep from its recipe to its table; sweepPlaces.ts says where each point is, and sweepRuns.ts runs them. */
import { basename, dirname, join, resolve } from 'node:path';
import { scratchFolder } from '../context/context.js';
import type { DoneEvent, RunEvent } from '../contract/events.js';
import { plural } from '../contract/format.js';
import { resumedFrom, type Manifest } from '../contract/manifest.js';
import { RUN_FILES } from '../contract/runFiles.js';
import { changesOf } from '../recipes/training/dependencies.js';
import { plannedPoints, type PlannedPoint } from '../recipes/reading/sweepPoints.js';
import { openCheckpoint } from '../runs/checkpoint.js';
import { withSweepResume } from '../runs/resuming.js';
import {
  anotherKind,
  holdsAlready,
  plainOutput,
  planOutput,
  readManifest,
  requireApart,
  requireAsPlanned,
  type OutputPlan,
} from '../runs/output.js';
import { requireNoLinks } from '../runs/links.js';
import { whileFree } from '../runs/owner.js';
import { openRunFolder } from '../runs/runFolder.js';
import { HumanError } from '../support/errors.js';
import { oneByOne } from '../support/oneByOne.js';
import { stopLeftOut } from './sweepJobs.js';
import { isWhole, placePoints, type Options, type Placed, type Sweep } from './sweepPlaces.js';
import { runPoints } from './sweepRuns.js';
import { openShared } from './sweepShared.js';

/**
 * Runs every point of a sweep, what tells most first (contract/sweepOrder.ts). With `resume`, points whose result would
 * be the same are kept, wherever they stand in the table; the point that was interrupted goes on from its checkpoint.
 * Finished ones whose result would be another one are replaced only with `force`, and interrupted ones started over
 * without their checkpoint; without `resume` it replaces all.
 * A point that fails is a line of the table, and the sweep goes on.
 * @returns the last event; `stopped` when the signal fired
 * @throws HumanError for a sweep that cannot be run as it is written, when every point fails, and for a cluster that is
 * out of reach
 */
export async function runSweep(sweep: Sweep, options: Options): Promise<DoneEvent> {
  const began = performance.now();
  const { recipe, file, path } = sweep;
  const { onEvent } = options;
  const points = await plannedPoints(recipe, sweep);
  const output = await plainOutput(resolve(options.output ?? path(recipe.output)));
  const plan = await whileFree(output, () => requireSweep(output, sweep, options));
  const found = plan.standing[0]?.kind === 'sweep';
  const base = path(recipe.base);
  const ofBase = (written: string): string => resolve(dirname(base), written);
  const shared = openShared();
  const first = points[0].recipe;
  onEvent({ kind: 'state', state: 'preparing', message: 'opening the model' });
  const context = await shared.context(ofBase(first.model), {
    device: options.device ?? first.device,
    threads: first.threads,
    precision: first.precision,
    scratch: scratchFolder(dirname(base)),
    signal: options.signal,
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
      path: ofBase(first.model),
      architecture: context.spec.architecture,
      sha256: (await context.hashes())[0],
    },
    data: [],
    vectors: [],
  };
  const goesOn = options.resume === true && found && resumedFrom(plan.standing[0], manifest);
  const folder = openRunFolder(output, recipe, { ...manifest, ...goesOn }, undefined, () => requireAsPlanned(plan));
  /** Points on a cluster speak at once. */
  const emit = oneByOne(async (event: RunEvent): Promise<void> => {
    await folder.record(event);
    onEvent(event);
  });
  try {
    const isKept = (point: PlannedPoint, { done }: Manifest): boolean =>
      found && (options.resume || !options.force) && (recipe.stop !== undefined || isWhole(point, done));
    const placed = await placePoints(points, { output, base, shared, options, isKept });
    if (!options.force) await requireKept(placed, output);
    await folder.begin();
    await stopLeftOut(placed.left, { path: ofBase, options, emit });
    const ended = await runPoints(placed.points, { sweep, base, path: ofBase, folder, shared, options, emit });
    const done: DoneEvent = {
      kind: 'done',
      outcome: ended,
      output,
      step: 0,
      seconds: (performance.now() - began) / 1000,
      measurements: [],
    };
    await emit(done);
    await folder.marks();
    await folder.manifest({ outcome: ended, ended: new Date().toISOString(), done });
    return done;
  } catch (error) {
    const told = withSweepResume(error, folder);
    await folder.failed(told);
    throw told;
  } finally {
    for (const { model } of shared.sessions.values()) await model.close();
    for (const one of shared.contexts.values()) (await one.catch(() => undefined))?.scratch.close();
    await folder.release();
  }
}

/** @throws HumanError where finished points would be replaced, or the checkpoints of others lost */
async function requireKept({ replaced }: Placed, output: string): Promise<void> {
  if (replaced.length === 0) return;
  const [{ by, run }] = replaced;
  const before = await openCheckpoint(join(run.folder, RUN_FILES.checkpoint)).catch(() => undefined);
  const changes = before && changesOf(before.facts.dependencies, by.depends, by.recipe);
  const finished = replaced.filter(({ run: { manifest } }) => manifest.outcome === 'finished').length;
  const begun = replaced.length - finished;
  const lost = [
    finished > 0 &&
      `${plural(finished, 'a finished point', `${finished} finished points`)} would be run again and replaced`,
    begun > 0 &&
      `${plural(begun, 'an interrupted point', `${begun} interrupted points`)} would be started over without ${plural(begun, 'its checkpoint', 'their checkpoints')}`,
  ].filter(Boolean);
  throw new HumanError(`${lost.join(', ')}: ${changes ?? 'what the result depends on changed'}.`, {
    place: output,
    remedy:
      finished > 0
        ? '--resume --force replaces them, each when its new run is done, and keeps the others; --out DIR writes to another folder.'
        : 'Put back what changed to go on from there. --resume --force starts over and keeps the others; --out DIR writes to another folder.',
    code: 'exists',
  });
}

/** What stands in the folder. @throws HumanError where this one may not be written there */
async function requireSweep(output: string, { file, path, recipe }: Sweep, options: Options): Promise<OutputPlan> {
  const inputs = [
    { key: '', path: file },
    { key: 'base', path: path(recipe.base) },
  ];
  const found = await readManifest(output);
  if (found?.kind !== 'sweep') {
    // One that is to be resumed is none of a sweep, and a finished one is not replaced by many.
    if (found && (found.outcome === 'finished' || options.resume)) throw anotherKind(output, found);
    return planOutput(output, inputs, options);
  }
  await requireApart(output, inputs);
  await requireNoLinks(output);
  if (!options.resume && !options.force)
    throw holdsAlready(
      output,
      `the sweep "${found.name}" of ${found.started}`,
      '--resume keeps the points that would be the same and runs the others, --force runs all of them again.',
    );
  return { output, folder: output, standing: [found, found] };
}
