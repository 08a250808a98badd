import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Manifest, RunEvent, RunOwner } from '../../runtime/protocol.js';
import { readJson, readJsonLines, readJsonTail } from '../jsonLines.js';
import { t } from '../text.js';
import { adapterFacts } from '../workspace/adapterFiles.js';
import { ownerOf } from '../../runtime/training/protocol.js';
import { guessedBase, recipeFacts, type RecipeFacts } from './recipe.js';
import { applyEvent, createRun, idleProgress, isOver, type Run } from './run.js';
import type { SampleEvent } from './columns.js';

/** Files of a run folder. */
export const FILES = {
  recipe: 'recipe.json',
  events: 'events.jsonl',
  answers: 'answers.jsonl',
  manifest: 'manifest.json',
  report: 'report.html',
} as const;

/** Reads a run folder; undefined when it is none. Never throws for what a writer left half done. */
export async function readRun(folder: string): Promise<Run | undefined> {
  const manifest = await readJson(join(folder, FILES.manifest));
  if (!isManifest(manifest)) return undefined;
  const run = createRun(folder, manifest.name || basename(folder));
  run.recipe = await readRecipe(folder, manifest);
  const owner = manifest.outcome === 'running' ? await ownerOf(folder) : undefined;
  for (const event of await readNewEvents(run)) applyEvent(run, event);
  applyManifest(run, manifest, owner);
  run.result = await resultOf(folder, manifest);
  return run;
}

/** The events that were written since they were last read; takes note of how far that was. */
export async function readNewEvents(run: Run): Promise<RunEvent[]> {
  const { values, to } = await readJsonTail(join(run.folder, FILES.events), run.eventBytes);
  run.eventBytes = to;
  return values.filter(isRunEvent);
}

/** What the manifest says of how the run ended overrules its events: those may end in the middle. */
export function applyManifest(run: Run, manifest: Manifest, owner?: RunOwner): void {
  run.manifest = manifest;
  run.device ??= manifest.device;
  if (manifest.done) applyEvent(run, manifest.done);
  run.error = manifest.error;
  if (run.live) return;
  if (owner) {
    run.elsewhere = owner;
    run.since = Date.parse(owner.since) / 1000 || 0;
    // A run that was resumed has ended before; its events say so until there are newer ones.
    run.done = manifest.done;
    if (isOver(run)) run.progress = { ...idleProgress(), step: run.progress.step, steps: run.progress.steps };
    return;
  }
  const { progress } = run;
  progress.secondsLeft = null;
  progress.state = manifest.outcome === 'running' ? 'interrupted' : manifest.outcome;
  if (progress.state === 'interrupted') {
    progress.message = t('The window or the engine ended while this ran. It can be resumed.');
  }
  // What it was about to do is not why it failed.
  if (progress.state === 'failed') progress.message = '';
  const ended = manifest.ended ? Date.parse(manifest.ended) : NaN;
  const seconds = (ended - Date.parse(manifest.started)) / 1000;
  if (!manifest.done && Number.isFinite(seconds)) progress.secondsElapsed = seconds;
}

/** A run that was stopped may have made something without having said so at its end. */
async function resultOf(folder: string, { role, result }: Manifest): Promise<string | undefined> {
  if (result) return join(folder, result.path);
  const adapter = join(folder, 'adapter');
  return role && (await adapterFacts(adapter)) ? adapter : undefined;
}

/** The answers of a run, in the order in which they were given. */
export async function readAnswers(folder: string): Promise<SampleEvent[]> {
  const lines = await readJsonLines(join(folder, FILES.answers));
  return lines.filter((line): line is SampleEvent => isRunEvent(line) && line.kind === 'sample');
}

async function readRecipe(folder: string, manifest: Manifest): Promise<RecipeFacts | undefined> {
  const file = join(folder, FILES.recipe);
  try {
    const text = await readFile(file, 'utf8');
    const base = manifest.recipe ? dirname(manifest.recipe) : guessedBase(text, folder);
    return recipeFacts(text, manifest.recipe ?? file, base);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function isManifest(value: unknown): value is Manifest {
  const m = value as Partial<Manifest> | null | undefined;
  return (
    typeof m === 'object' &&
    m !== null &&
    m.version === 1 &&
    typeof m.kind === 'string' &&
    typeof m.outcome === 'string' &&
    typeof m.model?.path === 'string' &&
    Array.isArray(m.data) &&
    Array.isArray(m.vectors)
  );
}

function isRunEvent(value: unknown): value is RunEvent {
  return typeof value === 'object' && value !== null && typeof (value as { kind?: unknown }).kind === 'string';
}
