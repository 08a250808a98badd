import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import { CLEARED_FILES, RUN_FILES } from '../contract/runFiles.js';
import type { Manifest, Recipe, RunEvent } from '../protocol.js';
import { claim } from './owner.js';

/** A run is a folder and the folder is the truth (contract/runFiles.ts). */
export interface RunFolder {
  /** Where the run works. */
  readonly path: string;
  readonly file: (...parts: string[]) => string;
  /** Whether `begin` has taken the folder. */
  readonly begun: boolean;
  /**
   * Takes the folder for this process, until `release`. Until then nothing in it is touched: what is recorded is kept in
   * memory. A new run clears what an unfinished one left, a resumed one goes on in it.
   * @throws HumanError while another living process works in it
   */
  begin(): Promise<void>;
  /** Appends to events.jsonl; `sample` events go to answers.jsonl. */
  record(event: RunEvent): Promise<void>;
  /** Changes manifest.json. */
  manifest(change: Partial<Manifest>): Promise<Manifest>;
  /** This process works in the folder no longer. */
  release(): Promise<void>;
}

export function openRunFolder(path: string, recipe: Recipe, first: Manifest, resume: boolean): RunFolder {
  const file = (...parts: string[]): string => join(path, ...parts);
  let manifest = first;
  let waiting: RunEvent[] | undefined = [];
  let release = async (): Promise<void> => undefined;

  const append = async (event: RunEvent): Promise<void> => {
    const name = event.kind === 'sample' ? RUN_FILES.answers : RUN_FILES.events;
    await appendFile(file(name), `${JSON.stringify(event)}\n`);
  };
  const writeManifest = (): Promise<void> =>
    writeFileAtomic(file(RUN_FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`);

  return {
    path,
    file,
    get begun() {
      return waiting === undefined;
    },
    async begin() {
      await mkdir(path, { recursive: true });
      release = await claim(path);
      // First: it marks the folder as a run's.
      await writeManifest();
      if (resume) for (const name of [RUN_FILES.events, RUN_FILES.answers]) await endLine(file(name));
      else for (const name of CLEARED_FILES) await rm(file(name), { recursive: true, force: true });
      await writeFileAtomic(file(RUN_FILES.recipe), `${JSON.stringify(recipe, null, 2)}\n`);
      const events = waiting ?? [];
      waiting = undefined;
      for (const event of events) await append(event);
    },
    async record(event) {
      if (waiting) waiting.push(event);
      else await append(event);
    },
    async manifest(change) {
      manifest = { ...manifest, ...change };
      if (!waiting) await writeManifest();
      return manifest;
    },
    release: () => release(),
  };
}

/** A writer that was killed leaves half a last line; what is appended next must not become part of it. */
async function endLine(file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text !== '' && !text.endsWith('\n')) await appendFile(file, '\n');
}

/** Events of a run folder; a line cut off by a crash is left out. */
export async function readEvents(path: string, name = 'events.jsonl'): Promise<RunEvent[]> {
  const text = await readFile(join(path, name), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line): RunEvent[] => {
    try {
      return line ? [JSON.parse(line) as RunEvent] : [];
    } catch {
      return [];
    }
  });
}

/** Loss of a run's first step, if it has made one. */
export const firstLoss = async (path: string): Promise<number | undefined> =>
  (await readEvents(path)).find((e) => e.kind === 'step')?.lossNatsPerToken;
