/** What the engine can do, the same for the child process and the command line. */
import { basename, dirname, resolve } from 'node:path';
import { cacheFolder, openContext, type Context } from './context.js';
import { Cancelled, errorData } from './errors.js';
import { evaluateRun } from './evaluation/evaluateRun.js';
import { sha256, sha256File } from './files.js';
import type { ModelFolder } from './models/folder.js';
import type { Device, DoneEvent, Manifest, Recipe, RunEvent } from './protocol.js';
import { readRecipe } from './recipes.js';
import { fineTuneRun } from './training/fineTuneRun.js';
import type { Job } from './training/job.js';
import { requireFree } from './training/owner.js';
import { openRunFolder, readEvents, type RunFolder } from './training/runFolder.js';
import { trainSecurityVector } from './training/securityVector.js';
import { writeReport } from './evaluation/runReport.js';

export interface RunOptions {
  /** Run folder, instead of the recipe's. */
  readonly output?: string;
  readonly resume?: boolean;
  /** Instead of the recipe's. */
  readonly device?: 'auto' | Device;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** SHA-256 over the weights: of the one file, or of the list of the shards' hashes. */
export async function sha256Weights(model: Pick<ModelFolder, 'tensors'>): Promise<string> {
  const files = [...new Set([...model.tensors.values()].map((t) => t.file))].sort();
  const hashes = [];
  for (const file of files) hashes.push(await sha256File(file));
  return hashes.length === 1 ? hashes[0]! : sha256(hashes.join('\n'));
}

/**
 * Runs a recipe into its run folder: events as they come and in events.jsonl, the end in manifest.json.
 * @returns the last event; `stopped` when the signal fired, with everything up to the last step kept
 * @throws the error that ended the run; it is written to manifest.json first
 */
export async function runRecipe(recipeFile: string, options: RunOptions): Promise<DoneEvent> {
  const began = Date.now();
  const { recipe, path, file } = await readRecipe(recipeFile);
  const output = resolve(options.output ?? path(recipe.output));
  // Before the model is opened, which may take a while; the folder is taken, and this checked again, after that.
  await requireFree(output);
  const events = options.resume ? await readEvents(output) : [];
  const say = (message: string, progress?: number): void =>
    options.onEvent({ kind: 'state', state: 'preparing', message, progress });
  say('opening the model');
  const context = await openContext(path(recipe.model), {
    device: options.device ?? recipe.device,
    threads: recipe.threads,
    cache: cacheFolder(dirname(file)),
    onMessage: say,
  });
  const modelSha256 = await sha256Weights(context.model);
  const first: Manifest = {
    version: 1,
    kind: recipe.kind,
    name: basename(output),
    recipe: file,
    outcome: 'running',
    started: new Date(began).toISOString(),
    device: context.backend.device,
    model: { path: path(recipe.model), architecture: context.spec.architecture, sha256: modelSha256 },
    data: [],
    vectors: [],
    ...(recipe.kind === 'evaluate' ? {} : { role: recipe.kind === 'vector' ? 'security' : 'task' }),
  };
  const folder = await openRunFolder(output, recipe, first, options.resume ?? false);
  try {
    return await work({ recipe, path, context, folder, modelSha256, events, began, say }, options);
  } finally {
    context.scratch.close();
    await folder.release();
  }
}

interface Work extends Pick<Job<Recipe>, 'recipe' | 'path' | 'context' | 'modelSha256' | 'say'> {
  readonly folder: RunFolder;
  /** Of the run that is resumed. */
  readonly events: readonly RunEvent[];
  /** ms since 1970. */
  readonly began: number;
}

async function work(
  { recipe, path, context, folder, modelSha256, events, began, say }: Work,
  options: RunOptions,
): Promise<DoneEvent> {
  let step = events.findLast((e) => e.kind === 'step')?.step ?? 0;
  const emit = async (event: RunEvent): Promise<void> => {
    if (event.kind === 'step') step = event.step;
    await folder.record(event);
    options.onEvent(event);
  };
  const { signal, resume = false } = options;
  const job = { recipe, path, context, folder, signal, resume, modelSha256, say };
  let ending: Pick<DoneEvent, 'outcome' | 'measurements' | 'laws' | 'protectionWeakened'> = {
    outcome: 'finished',
    measurements: [],
  };
  try {
    if (context.backend.reason)
      await emit({
        kind: 'state',
        state: 'preparing',
        message: `${context.backend.device}: ${context.backend.reason}`,
        device: context.backend.device,
      });
    if (context.tokenizer.chatTemplate?.plain) {
      await emit({
        kind: 'warning',
        message: 'the model has no chat template; conversations are written in a plain one.',
        place: context.model.folder,
        remedy: "Put the model's own chat_template into tokenizer_config.json if it was trained with one.",
      });
    }
    const steps = recipeSteps(job);
    for (let next = await steps.next(); ; next = await steps.next()) {
      if (next.done) {
        ending = { outcome: 'finished', ...next.value };
        break;
      }
      await emit(next.value);
    }
  } catch (error) {
    if (!(error instanceof Cancelled) && !options.signal.aborted) {
      await folder
        .manifest({ outcome: 'failed', ended: new Date().toISOString(), error: errorData(error) })
        .catch(() => undefined);
      throw error;
    }
    ending = { outcome: 'stopped', measurements: [] };
  }
  const done: DoneEvent = { kind: 'done', ...ending, output: folder.path, step, seconds: (Date.now() - began) / 1000 };
  await emit(done);
  await folder.manifest({ outcome: done.outcome, ended: new Date().toISOString(), done });
  if (done.outcome === 'finished') await writeReport(folder);
  return done;
}

type Ending = Pick<DoneEvent, 'measurements' | 'laws' | 'protectionWeakened'>;

/** The recipe's own steps, then what every run owes: the base's bytes are unchanged. */
async function* recipeSteps(job: Job<Recipe>): AsyncGenerator<RunEvent, Ending> {
  const { recipe } = job;
  switch (recipe.kind) {
    case 'vector': {
      yield* trainSecurityVector({ ...job, recipe });
      return { measurements: [], laws: { baseUnchanged: await baseUnchanged(job) } };
    }
    case 'finetune': {
      const ending = yield* fineTuneRun({ ...job, recipe });
      return { ...ending, laws: { ...ending.laws, baseUnchanged: await baseUnchanged(job) } };
    }
    case 'evaluate':
      return { measurements: yield* evaluateRun({ ...job, recipe }) };
  }
}

const baseUnchanged = async ({ context, modelSha256 }: { context: Context; modelSha256: string }): Promise<boolean> =>
  (await sha256Weights(context.model)) === modelSha256;
