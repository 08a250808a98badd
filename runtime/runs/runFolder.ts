import { appendFile, readFile, rm, rmdir, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { safeParse } from '../contract/safeParse.js';
import { errorData } from '../support/errors.js';
import { jsonOrNone } from '../support/jsonFile.js';
import { writeFileAtomic } from '../support/files.js';
import { isPart, withPath, removeParts } from '../support/replaceFile.js';
import { makeFolder } from '../support/makeFolder.js';
import { whileHeld } from '../contract/heldFiles.js';
import { HELD, RUN_FILES } from '../contract/runFiles.js';
import { eventSchema, type RunEvent, type WarningEvent } from '../contract/events.js';
import type { Manifest } from '../contract/manifest.js';
import type { Recipe } from '../contract/recipe.js';
import type { Checkpoint } from './checkpoint.js';
import { openEventLog, type EventLog, type LogMarks } from './eventLog.js';
import { claim, removeAbandoned, type Claim } from './owner.js';
import { clearRun } from './ownFiles.js';
import { openTensorboard } from './tensorboard.js';

/** A run is a folder and the folder is the truth (contract/runFiles.ts). */
export interface RunFolder {
  /** Where the run works. */
  readonly path: string;
  readonly file: (...parts: string[]) => string;
  /** What the run goes on from. */
  readonly checkpoint?: Checkpoint;
  /** Whether `begin` has taken the folder. */
  readonly begun: boolean;
  /**
   * Takes the folder for this process, until `release`. Until then nothing in it is touched: what is recorded is kept
   * in memory. A new run clears what an unfinished one left, a resumed one goes on in it from its checkpoint.
   * @throws HumanError while another living process works in it, and when its logs are not those of the checkpoint
   */
  begin(): Promise<void>;
  /** Appends to events.jsonl; `sample` events go to answers.jsonl. */
  record(event: RunEvent): Promise<void>;
  /** How far the logs are, for a checkpoint. */
  marks(): Promise<LogMarks>;
  /**
   * For who writes other files there.
   * @throws HumanError where another process has the folder by now, as whatever writes here does
   */
  requireHeld(): Promise<void>;
  /** Changes manifest.json. */
  manifest(change: Partial<Manifest>): Promise<Manifest>;
  /** Says in manifest.json what ended the run, where it had begun and that can still be written. */
  failed(error: unknown): Promise<void>;
  /** This process works in the folder no longer. */
  release(): Promise<void>;
}

/** @param taken is done when the folder was taken; nothing in it is touched when it throws */
export function openRunFolder(
  path: string,
  recipe: Recipe,
  first: Manifest,
  checkpoint?: Checkpoint,
  taken: () => Promise<void> = () => Promise.resolve(),
): RunFolder {
  const file = (...parts: string[]): string => join(path, ...parts);
  let manifest = first;
  let waiting: RunEvent[] | undefined = [];
  let log: EventLog;
  let tensorboard: ((event: RunEvent) => Promise<void>) | undefined;
  let owned: Claim | undefined;

  /** Warnings of a run that is resumed, which meets them again. */
  let known = new Set<string>();
  const append = async (event: RunEvent): Promise<void> => {
    if (event.kind === 'warning' && known.has(saidBy(event))) return;
    await requireHeld();
    await log.append(event);
    await tensorboard?.(event);
  };
  const requireHeld = async (): Promise<void> => owned?.requireHeld();
  const writeManifest = async (): Promise<void> => {
    await requireHeld();
    await writeFileAtomic(file(RUN_FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`, { makeFolder: false });
  };
  const change = async (to: Partial<Manifest>): Promise<Manifest> => {
    manifest = { ...manifest, ...to };
    if (!waiting) await writeManifest();
    return manifest;
  };

  return {
    path,
    file,
    checkpoint,
    get begun() {
      return waiting === undefined;
    },
    async begin() {
      const made = await makeFolder(path);
      owned = await claim(path);
      try {
        await taken();
      } catch (error) {
        await owned();
        if (made !== undefined) await rmdir(path).catch(() => undefined);
        throw error;
      }
      if (checkpoint) {
        log = await openEventLog(path, checkpoint.facts.logs);
        const events = await readEvents(path);
        known = new Set(events.flatMap((event) => (event.kind === 'warning' ? [saidBy(event)] : [])));
        // The logs were marked for it before it was told.
        const { step } = checkpoint.facts;
        const isTold = events.some((event) => event.kind === 'checkpoint' && event.step === step);
        if (step > 0 && !isTold) await append({ kind: 'checkpoint', step, path: file(RUN_FILES.checkpoint) });
      }
      // First: it marks the folder as a run's.
      await writeManifest();
      const folders = [RUN_FILES.checkpoint, join(RUN_FILES.checkpoint, HELD), RUN_FILES.adapter, RUN_FILES.model];
      await removeParts(path, ...folders.map((name) => file(name)));
      // of an export into the run folder
      await removeAbandoned(path, isPart);
      if (!checkpoint) {
        await clearRun(path);
        log = await openEventLog(path);
      }
      await writeFileAtomic(file(RUN_FILES.recipe), `${JSON.stringify(recipe, null, 2)}\n`);
      await rm(file(RUN_FILES.tensorboard), { force: true });
      if ('tensorboard' in recipe && recipe.tensorboard)
        tensorboard = await openTensorboard(file(RUN_FILES.tensorboard), await readEvents(path));
      const events = waiting ?? [];
      waiting = undefined;
      for (const event of events) await append(event);
    },
    async record(event) {
      if (waiting) waiting.push(event);
      else await append(event);
    },
    async marks() {
      await requireHeld();
      return log.marks();
    },
    requireHeld,
    manifest: change,
    async failed(error) {
      const ended = new Date().toISOString();
      // What was to be said of its end is not so.
      const none = { done: undefined, files: undefined };
      await change({ ...none, outcome: 'failed', ended, error: errorData(error) }).catch(() => undefined);
    },
    release: async () => owned?.(),
  };
}

/** What a warning says, whatever the order of its fields: reading an event changes it. */
const saidBy = ({ message, place, remedy, set, code }: WarningEvent): string =>
  JSON.stringify([message, place, remedy, set, code]);

/** Events of a run folder: none where there is no such file. A line that is none, as one cut off by a crash, is left out. */
export async function readEvents(path: string, name: string = RUN_FILES.events): Promise<RunEvent[]> {
  const text = await readFile(join(path, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw withPath(error, join(path, name));
  });
  return text.split('\n').flatMap((line) => safeParse(eventSchema, jsonOrNone(line)).data ?? []);
}

/** Adds events to those of a run that has ended. */
export async function appendEvents(path: string, events: readonly RunEvent[]): Promise<void> {
  const file = join(path, RUN_FILES.events);
  const before = await readFile(file).catch(() => undefined);
  // The last line of a process that was killed may be cut off.
  if (before) await truncate(file, before.lastIndexOf('\n') + 1);
  const lines = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  await whileHeld(() => appendFile(file, lines), process.platform);
}

/** Loss of each step that a run has made. */
export const stepLosses = async (path: string): Promise<number[]> =>
  (await readEvents(path)).flatMap((e) => (e.kind === 'step' ? [e.lossNatsPerToken] : []));

/** The last step that a run has made; 0 before the first. */
export async function stepsMade(path: string): Promise<number> {
  const last = (await readEvents(path)).findLast((event) => event.kind === 'step');
  return last?.kind === 'step' ? last.step : 0;
}
