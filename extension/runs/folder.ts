import { safeParse } from '../../runtime/contract/safeParse.js';
import { access } from 'node:fs/promises';
import paths, { basename, dirname, join } from 'node:path';
import * as z from 'zod';
import { ADAPTER_FILES, CHECKPOINT_FILE, RUN_FILES } from '../../runtime/contract/runFiles.js';
import { stepBack } from '../../runtime/contract/columns.js';
import type { ErrorData } from '../../runtime/contract/errors.js';
import { eventSchema, sampleSchema, type RunEvent } from '../../runtime/contract/events.js';
import { lastStart, manifestSchema, type Manifest } from '../../runtime/contract/manifest.js';
import { OWNER, type RunOwner } from '../../runtime/contract/owner.js';
import type { SweepPoint } from '../../runtime/contract/sweep.js';
import { checked, exists, readJson, readText } from '../host/checkedFile.js';
import { now, sinceThen } from '../host/clock.js';
import { errorData } from '../host/errors.js';
import { readJsonLines } from '../host/jsonLines.js';
import { editorPath } from '../host/paths.js';
import { t } from '../host/text.js';
import { adapterFacts } from './adapterFiles.js';
import { readEnds } from './ends.js';
import { readLabel } from './label.js';
import { inPlace } from './moved.js';
import { ownerIn } from './owner.js';
import { guessedBase, recipeFacts, withBase, type RecipeFacts } from './recipe.js';
import { applyEvent, createRun, idleProgress, interruptedText, isOver, stoppedText, type Run } from './run.js';
import type { SampleEvent } from '../../runtime/contract/answers.js';

/**
 * Reads a run folder; undefined when it is none. What a writer left half done is left out, and files beside the
 * manifest that cannot be read are warnings of the run.
 * @param options `whole`: with all of its events. Of a finished run the others are its verdict and its place in a view,
 * no more than that: its lines lack what lies between their ends (`partial`).
 * @throws HostError for a manifest that cannot be read
 */
export async function readRun(folder: string, { whole = true } = {}): Promise<Run | undefined> {
  const written = await readManifest(folder);
  if (!written) return undefined;
  const run = createRun(folder, written.name || basename(folder));
  const text = await orWarning(run, () => readText(join(folder, RUN_FILES.recipe)));
  const manifest = await inPlace(folder, written, text);
  run.recipe = await orWarning(run, () => recipeOf(folder, manifest, text));
  run.label = await orWarning(run, () => readLabel(folder));
  const owner = manifest.outcome === 'running' ? await ownerIn(folder) : undefined;
  const { kind, outcome, done } = manifest;
  const isKnown = kind !== 'sweep' && outcome === 'finished' && done !== undefined && stepBack(done) === undefined;
  const ends = whole || !isKnown ? undefined : await readEnds(join(folder, RUN_FILES.events));
  run.partial = ends !== undefined;
  for (const event of ends ?? (await readNewEvents(run))) applyEvent(run, event);
  run.points = await standing(run.points);
  // A finished run is not resumed.
  run.hasCheckpoint = manifest.outcome !== 'finished' && (await hasCheckpoint(folder));
  applyManifest(run, manifest, owner);
  run.result = await orWarning(run, () => resultOf(folder, manifest));
  if (outcome === 'finished') await warnOfGone(run, manifest);
  return run;
}

/** Points whose runs were not deleted since: the others are not done, and a resume runs them again. */
async function standing(points: readonly SweepPoint[]): Promise<SweepPoint[]> {
  const isThere = async ({ folder, error }: SweepPoint) =>
    error !== undefined || (await exists(join(folder, RUN_FILES.manifest)));
  const there = await Promise.all(points.map(isThere));
  return points.filter((_, i) => there[i]);
}

/** Whether something is there to go on from. */
export const hasCheckpoint = (folder: string): Promise<boolean> =>
  exists(join(folder, RUN_FILES.checkpoint, CHECKPOINT_FILE));

/**
 * Files called manifest.json are other people's, too: it is a run's when it says so, or when a run's other files lie
 * beside it.
 */
async function readManifest(folder: string): Promise<Manifest | undefined> {
  const file = join(folder, RUN_FILES.manifest);
  let value: unknown;
  try {
    value = await readJson(file, z.unknown());
  } catch (error) {
    if (await isRunFolder(folder)) throw error;
    return undefined;
  }
  const { version, outcome } = (value ?? {}) as Partial<Manifest>;
  if (version !== 1 || outcome === undefined) if (value === undefined || !(await isRunFolder(folder))) return undefined;
  return withEditorPaths(checked(value, manifestSchema, file));
}

/** The engine and the command line write paths as they were given them: here they are compared with the editor's. */
export function withEditorPaths(manifest: Manifest, at = paths): Manifest {
  const own = <T extends { path: string }>(one: T): T => ({ ...one, path: editorPath(one.path, at) });
  const { recipe, model, data, vectors } = manifest;
  return {
    ...manifest,
    ...(recipe !== undefined && { recipe: editorPath(recipe, at) }),
    model: own(model),
    data: data.map(own),
    vectors: vectors.map(own),
  };
}

async function orWarning<T>(run: Run, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    warn(run, errorData(error));
    return undefined;
  }
}

/** Once, however often the file is read. */
export function warn({ warnings }: Run, { message, place, remedy }: ErrorData): void {
  if (!warnings.some((known) => known.message === message && known.place === place))
    warnings.push({ message, place, remedy });
}

/** The events that were written since they were last read; takes note of how far that was. */
export async function readNewEvents(run: Run): Promise<RunEvent[]> {
  const { values, to, problem } = await readJsonLines(
    join(run.folder, RUN_FILES.events),
    (value) => safeParse(eventSchema, value).data,
    run.eventBytes,
  );
  run.eventBytes = to;
  if (problem) warn(run, problem);
  return values;
}

/** What the manifest says of how the run ended overrules its events: those may end in the middle. */
function applyManifest(run: Run, manifest: Manifest, owner?: RunOwner): void {
  run.manifest = manifest;
  run.device ??= manifest.device;
  if (manifest.done) applyEvent(run, manifest.done);
  run.error = manifest.error;
  if (run.live) return;
  if (owner) {
    run.elsewhere = owner;
    run.since = now() - sinceThen(owner.since);
    // A run that was resumed has ended before; its events say so until there are newer ones.
    run.done = manifest.done;
    if (isOver(run)) run.progress = { ...idleProgress(), step: run.progress.step, steps: run.progress.steps };
    return;
  }
  const { progress } = run;
  progress.secondsLeft = null;
  progress.state = manifest.outcome === 'running' ? 'interrupted' : manifest.outcome;
  if (progress.state === 'interrupted') progress.message = interruptedText(run);
  // Its events do not say whether the checkpoint is still there.
  if (progress.state === 'stopped') progress.message = stoppedText(run);
  // What it was about to do is not why it failed.
  if (progress.state === 'failed') progress.message = '';
  // By the clock on the wall, which may have been set between the two: then it took nobody knows how long.
  const seconds = (Date.parse(manifest.ended ?? '') - Date.parse(lastStart(manifest))) / 1000;
  if (!manifest.done && Number.isFinite(seconds)) progress.secondsElapsed = seconds;
}

/**
 * What is there: it may have been deleted since, and a stopped run may have made something that no event at its end
 * names.
 */
async function resultOf(folder: string, { role, result }: Manifest): Promise<string | undefined> {
  if (result) {
    const path = join(folder, result.path);
    return (await exists(path)) ? path : undefined;
  }
  const adapter = join(folder, 'adapter');
  return role && (await adapterFacts(adapter)) ? adapter : undefined;
}

const WEIGHTS: Readonly<Record<string, string>> = {
  [RUN_FILES.adapter]: ADAPTER_FILES.weights,
  [RUN_FILES.model]: 'model.safetensors',
};

/** Its manifest says how it ended, whatever has become of its other files. */
async function warnOfGone(run: Run, { result }: Manifest): Promise<void> {
  const weights = result && join(run.folder, result.path, WEIGHTS[result.path] ?? '');
  if (weights !== undefined && !(await exists(weights)))
    warn(run, { kind: 'input', message: t('what the run made is gone.'), place: weights });
  const events = join(run.folder, RUN_FILES.events);
  if (!(await exists(events)))
    warn(run, {
      kind: 'input',
      message: t('the file is gone: charts and earlier warnings are not shown.'),
      place: events,
    });
}

/** The answers of a run, in the order in which they were given. */
export async function readAnswers(folder: string): Promise<{ answers: SampleEvent[]; problem?: ErrorData }> {
  const file = join(folder, RUN_FILES.answers);
  const { values, problem } = await readJsonLines(file, (value) => safeParse(sampleSchema, value).data);
  return { answers: values, problem };
}

async function recipeOf(
  folder: string,
  manifest: Manifest,
  text: string | undefined,
): Promise<RecipeFacts | undefined> {
  if (text === undefined) return undefined;
  const base = manifest.recipe ? dirname(manifest.recipe) : guessedBase(text, folder);
  const facts = recipeFacts(text, manifest.recipe ?? join(folder, RUN_FILES.recipe), base);
  return facts && withBase(facts);
}

async function isRunFolder(folder: string): Promise<boolean> {
  const names = [RUN_FILES.recipe, RUN_FILES.events, OWNER.file];
  const found = await Promise.allSettled(names.map((name) => access(join(folder, name))));
  return found.some(({ status }) => status === 'fulfilled');
}
