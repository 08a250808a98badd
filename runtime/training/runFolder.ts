import { appendFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../files.js';
import type { Manifest, Recipe, RunEvent } from '../protocol.js';
import { claim } from './owner.js';

/**
 * A run is a folder and the folder is the truth: recipe.json, events.jsonl, answers.jsonl, manifest.json, checkpoint/,
 * adapter/ or model/, report.html; and owner.json while a process works in it.
 */
export interface RunFolder {
  readonly path: string;
  /** Appends to events.jsonl; `sample` events go to answers.jsonl. */
  record(event: RunEvent): Promise<void>;
  /** Writes manifest.json anew. */
  manifest(change: Partial<Manifest>): Promise<Manifest>;
  readonly file: (...parts: string[]) => string;
  /** This process works in the folder no longer. */
  release(): Promise<void>;
}

/**
 * Makes the folder and takes it for this process, until `release`; a new run clears what an older one left, a resumed one
 * goes on in it.
 * @throws HumanError while another living process works in it
 */
export async function openRunFolder(
  path: string,
  recipe: Recipe,
  first: Manifest,
  resume: boolean,
): Promise<RunFolder> {
  await mkdir(path, { recursive: true });
  const release = await claim(path);
  try {
    return await openClaimed(path, recipe, first, resume, release);
  } catch (error) {
    await release();
    throw error;
  }
}

async function openClaimed(
  path: string,
  recipe: Recipe,
  first: Manifest,
  resume: boolean,
  release: () => Promise<void>,
): Promise<RunFolder> {
  const file = (...parts: string[]): string => join(path, ...parts);
  if (!resume) {
    for (const old of [
      'events.jsonl',
      'answers.jsonl',
      'report.html',
      'prompts.jsonl',
      'checkpoint',
      'adapter',
      'model',
      'manifest.json',
    ]) {
      await rm(file(old), { recursive: true, force: true });
    }
  } else for (const name of ['events.jsonl', 'answers.jsonl']) await endLine(file(name));
  await writeFileAtomic(file('recipe.json'), `${JSON.stringify(recipe, null, 2)}\n`);
  let manifest = first;
  const change = async (more: Partial<Manifest>): Promise<Manifest> => {
    manifest = { ...manifest, ...more };
    await writeFileAtomic(file('manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    return manifest;
  };
  await change({});
  return {
    path,
    file,
    release,
    manifest: change,
    record: (event) =>
      appendFile(file(event.kind === 'sample' ? 'answers.jsonl' : 'events.jsonl'), `${JSON.stringify(event)}\n`),
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
