/** What is settled of a run before its model is opened: where its inputs are, where it may write, what it is to take. */
import { basename, resolve } from 'node:path';
import { hubAdapters } from '../adapters/hubAdapters.js';
import { estimateText, hasRoom, remedyText } from '../contract/estimate.js';
import type { RunEvent } from '../contract/events.js';
import { isTraining, KINDS } from '../contract/kinds.js';
import type { Manifest } from '../contract/manifest.js';
import type { Recipe, RunRecipe } from '../contract/recipe.js';
import { recipeInputs } from '../contract/recipeInputs.js';
import type { DeviceChoice } from '../contract/recipeWords.js';
import { estimateTraining, type Expected } from '../estimate/estimate.js';
import type { RecipeFile } from '../recipes/reading/readRecipe.js';
import { canGoOn, lostBy, plainOutput, planOutput, type OutputOptions, type OutputPlan } from '../runs/output.js';
import { runBytes } from '../runs/ownFiles.js';
import { requireFree, whileFree } from '../runs/owner.js';
import { stepsMade } from '../runs/runFolder.js';
import { Cancelled, HumanError } from '../support/errors.js';
import { plain } from './estimate.js';

export interface PlanOptions extends OutputOptions {
  /** Run folder, instead of the recipe's. */
  readonly output?: string;
  /** Instead of the recipe's. */
  readonly device?: DeviceChoice;
  /** Of the Hub, for adapters that are named by it. Default: the environment's. */
  readonly token?: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** Inputs that may be named by the Hub. */
const ADAPTERS = ['vector', 'adapter', 'start'] as const;

export type Given = Pick<RecipeFile, 'path' | 'file'> & { recipe: RunRecipe };
export type Planned = Awaited<ReturnType<typeof planned>>;

/** Where inputs are and the run may write, and what it is expected to take. @throws HumanError if it does not fit */
export async function planned({ recipe, path: local, file }: Given, options: PlanOptions) {
  const began = performance.now();
  const started = new Date().toISOString();
  const { token, signal, onEvent } = options;
  const progress = (message: string, share?: number): void =>
    onEvent({ kind: 'state', state: 'preparing', message, progress: share });
  const hub = await hubAdapters(
    ADAPTERS.flatMap((role) => recipeInputs(recipe, role).map((input) => input.path)),
    { token, signal, onProgress: progress, onLog: (_, message) => progress(message) },
  );
  const path = (written: string): string => hub.get(written)?.folder ?? local(written);
  const output = await plainOutput(resolve(options.output ?? path(recipe.output)));
  const inputs = recipeInputs(recipe).map(({ key, path: relative }) => ({ key, path: path(relative) }));
  const plan = await whileFree(output, () => planOutput(output, [{ key: '', path: file }, ...inputs], options));
  if (!isTraining(recipe)) requireNothingTrained(plan);
  // The folder is taken, and this checked again, when the inputs have been read, which may take a while.
  await requireFree(plan.folder);
  const estimate = await expectedOf(recipe, path, { ...options, output: plan.folder });
  const expected = options.resume ? undefined : estimate;
  if (expected && !expected.fits) throw doesNotFit(expected, file);
  if (expected) await requireRoom(expected, plan.folder);
  const lost = options.resume ? undefined : lostBy(plan);
  if (lost) progress(`starting over without ${await shownLoss(lost, plan.folder)}`);
  return { began, started, progress, hub, path, plan, estimate, expected };
}

/** What took hours to train is not lost to an evaluation, which a script always starts with --force. */
function requireNothingTrained({ output, standing: [found] }: OutputPlan): void {
  if (!found || !KINDS[found.kind].trains || !(found.outcome === 'finished' || canGoOn(output))) return;
  throw new HumanError(
    `the output folder holds what the run "${found.name}" of ${found.started} trained, which no evaluation takes the place of.`,
    { place: output, remedy: 'Name another folder as "output", or with --out.' },
  );
}

/** What is wrong with the inputs is not told here: the run reads them all. */
async function expectedOf(
  recipe: Recipe,
  path: (written: string) => string,
  { device, output, signal }: PlanOptions,
): Promise<Expected | undefined> {
  if (!isTraining(recipe) || recipe.on) return undefined;
  try {
    return await estimateTraining(recipe, { path, device, output, signal });
  } catch (error) {
    if (signal.aborted) throw new Cancelled();
    if (error instanceof HumanError) return undefined;
    throw error;
  }
}

/** How it is told. */
export const expectation = (expected: Expected): RunEvent => ({
  kind: 'state',
  state: 'preparing',
  message: `expected: ${estimateText(expected)}`,
  estimate: plain(expected),
});

function doesNotFit(expected: Expected, file: string): HumanError {
  const { remedy } = expected;
  return new HumanError(`the run ${estimateText({ ...expected, remedy: undefined })}.`, {
    place: remedy ? `${basename(file)} ${remedy.key}` : basename(file),
    remedy: remedy
      ? `Use ${remedyText(remedy)}. SECURITY_VECTORS_MEMORY_GB sets another limit.`
      : 'Use a smaller model, or a machine with more memory. SECURITY_VECTORS_MEMORY_GB sets another limit.',
  });
}

/** What is left of an unfinished run, which a new one removes, makes room for it. */
async function requireRoom({ disk, ...expected }: Expected, folder: string): Promise<void> {
  if (!disk) return;
  const freeBytes = disk.freeBytes + (await runBytes(folder));
  const found = { ...expected, disk: { ...disk, freeBytes } };
  if (hasRoom(found)) return;
  throw new HumanError(`the run ${estimateText(found)}.`, {
    place: folder,
    remedy: 'Free some space, or write to another disk, with --out or "output".',
  });
}

const shownLoss = async ({ name, started }: Manifest, folder: string): Promise<string> =>
  `the run "${name}" of ${started}, which had come to step ${await stepsMade(folder)}, and its checkpoint`;
