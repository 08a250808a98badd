/** Which files in a run folder are the run's: whatever else lies there is somebody's own, and stays. */
import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ADAPTER_FILES, CHECKPOINT_FILE, CLEARED_FILES, HELD, RUN_FILES } from '../contract/runFiles.js';
import { sum } from '../contract/sum.js';
import { isOfModel } from '../models/weights/saveModel.js';
import { filesBelow, isTrace, removeWith } from '../support/files.js';
import { isPart, isPartOf } from '../support/replaceFile.js';

const isOfAdapter = (name: string): boolean => Object.values<string>(ADAPTER_FILES).includes(name);

/** Also those of an earlier version. */
const CHECKPOINT = new Set([
  ...[CHECKPOINT_FILE, `${HELD}/${CHECKPOINT_FILE}`],
  ...['checkpoint.json', 'state-0.safetensors', 'state-1.safetensors'],
]);

/** Of the folders in a run folder: whether a run writes a file of this name there. Others it has for itself. */
const WRITTEN: Readonly<Record<string, (name: string) => boolean>> = {
  [RUN_FILES.checkpoint]: (name) => CHECKPOINT.has(name),
  [RUN_FILES.adapter]: isOfAdapter,
  [RUN_FILES.absorbed]: isOfAdapter,
  [RUN_FILES.model]: isOfModel,
};
const TOP = new Set<string>(Object.values(RUN_FILES));

/** @param file relative to the run folder, with `/` */
function isOwn(file: string): boolean {
  const [top, ...below] = file.split('/');
  if (isPart(basename(file)) || top.startsWith(RUN_FILES.owner)) return true;
  return TOP.has(top) && (below.length === 0 || (WRITTEN[top]?.(below.join('/')) ?? true));
}

/** The files of a run in its folder, relative, with `/`: what a run that replaces it may remove. */
export async function runFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of [...CLEARED_FILES, RUN_FILES.recipe, RUN_FILES.manifest])
    files.push(...(await ownFiles(folder, name)));
  return files.sort();
}

/** Those of this name, or below it. */
async function ownFiles(folder: string, name: string): Promise<string[]> {
  const found = await lstat(join(folder, name)).catch(() => undefined);
  if (found?.isFile()) return [name];
  if (!found?.isDirectory()) return [];
  return [...(await filesBelow(folder, name))].flatMap(([file, entry]) =>
    entry.isFile() && isOwn(file) ? [file] : [],
  );
}

/** What somebody has put into the folder of a run. */
export const otherFiles = async (folder: string): Promise<string[]> =>
  [...(await filesBelow(folder)).keys()].filter((file) => !isOwn(file) && !isTrace(basename(file)));

/** What they take of the disk. */
export async function runBytes(folder: string): Promise<number> {
  const files = await runFiles(folder);
  return sum(await Promise.all(files.map(async (file) => (await lstat(join(folder, file))).size)));
}

/** Removes what an unfinished run has left that a new one writes anew. */
export async function clearRun(folder: string): Promise<void> {
  for (const name of CLEARED_FILES) {
    for (const file of await ownFiles(folder, name)) await rm(join(folder, file), { force: true });
    await removeEmpty(join(folder, name));
  }
}

/** In `next/`: the name of files that were replaced while they were mapped. */
export const REPLACED = 'replaced';
const isNothing = (name: string): boolean => isTrace(name) || isPartOf(REPLACED, name);

/** Removes a folder with nothing in it but empty folders, what file managers leave, and what was replaced. */
export async function removeEmpty(folder: string): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeEmpty(join(folder, entry.name));
  const left = await readdir(folder).catch(() => []);
  if (left.every(isNothing)) await removeWith(folder, left).catch(() => undefined);
}
