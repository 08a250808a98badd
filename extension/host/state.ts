import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import * as z from 'zod';
import { whileLocked } from '../../runtime/support/lockFile.js';
import { replaceFile as replaceWith, type ReplaceOptions } from '../../runtime/support/replaceFile.js';
import { makeFolder } from '../../runtime/support/makeFolder.js';
import { exists, readJson } from './checkedFile.js';
import { fileReason, inputError, type HostError } from './errors.js';
import { editorPath } from './paths.js';
import { t } from './text.js';

const ADAPTER = z.object({ path: z.string(), attached: z.boolean(), scale: z.number().default(1) });
export type AdapterEntry = z.infer<typeof ADAPTER>;

const MODEL = z.object({
  /** Relative to the workspace folder, with `/`; absolute when it lies outside. */
  path: z.string(),
  name: z.string(),
  adapters: z.array(ADAPTER),
  /** Taken out of the view: added again, it has the adapters that it had, each at its scale. */
  removed: z.boolean().optional(),
});
export type ModelEntry = z.infer<typeof MODEL>;

/** `.security-vectors/workspace.json`: which models the workspace works with, and what is attached to them. */
const STATE = z.object({ version: z.literal(1), models: z.array(MODEL) });
export type WorkspaceState = z.infer<typeof STATE>;

export const STATE_FOLDER = '.security-vectors';
export const stateFile = (root: string): string => join(root, STATE_FOLDER, 'workspace.json');
/** Of kept scans: each folder of a workspace has its own. */
export const scansFolder = (root: string): string => join(root, STATE_FOLDER, 'scans');

/** Whether a file lies in a workspace that has been worked with: its first folder has the state, each its own scans. */
export async function hasState(file: string): Promise<boolean> {
  const folder = dirname(file);
  if (folder === file) return false;
  // not that of data alone, beside which the engine has a cache
  return (await exists(stateFile(folder))) || (await exists(scansFolder(folder))) || hasState(folder);
}

/** Absolute → as it is written in the state. */
export function toStatePath(root: string, path: string): string {
  const rel = relative(root, path);
  return rel.startsWith('..') || isAbsolute(rel) ? path : rel.split(sep).join('/') || '.';
}

export const fromStatePath = (root: string, path: string): string =>
  editorPath(isAbsolute(path) ? path : resolve(root, path));

/** Lists a model. One that was taken out of the view is shown again as it was. */
export function listModel(models: ModelEntry[], root: string, path: string): void {
  const known = models.find((model) => fromStatePath(root, model.path) === path);
  if (known) delete known.removed;
  else models.push({ path: toStatePath(root, path), name: modelName(path), adapters: [] });
}

const modelName = (path: string): string => basename(path).replace(/(-00001-of-\d{5})?\.gguf$/i, '');

/**
 * The state of a workspace folder; no file: no models. Every value is checked: a file must not attach what it does not
 * say.
 */
export const readState = async (root: string): Promise<WorkspaceState> =>
  (await readJson(stateFile(root), STATE)) ?? { version: 1, models: [] };

export async function writeState(root: string, state: WorkspaceState): Promise<void> {
  await replaceFile(stateFile(root), `${JSON.stringify(state, undefined, 2)}\n`, { throughLinks: true });
}

/** Changes the state as it is in its file: someone may have edited it, and another window may be about to change it. */
export async function changeState(root: string, change: (state: WorkspaceState) => void): Promise<WorkspaceState> {
  const file = stateFile(root);
  // What is locked has a file beside it.
  await makeFolder(dirname(file)).catch((error: unknown) => Promise.reject(unwritable(file, error)));
  return changeFile(file, async () => {
    const state = await readState(root);
    change(state);
    await writeState(root, state);
    return state;
  });
}

/** @throws HostError where it cannot be written */
export const replaceFile = (file: string, content: string | Uint8Array, options?: ReplaceOptions): Promise<void> =>
  replaceWith(file, (handle) => handle.writeFile(content), options).catch((error: unknown) => {
    throw unwritable(file, error);
  });

/**
 * What reads a file, changes and replaces it; another window that is about to do so waits.
 * @throws HostError where nothing can be written
 */
export const changeFile = <T>(file: string, change: () => Promise<T>): Promise<T> =>
  whileLocked(file, change).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).syscall === undefined ? error : unwritable(file, error);
  });

/** An error for people: folders that are read-only and disks that are full are no bugs. */
export function unwritable(place: string, error: unknown): HostError {
  const reason = fileReason(error) ?? (error as Error).message;
  return inputError(t('the file cannot be written: {0}.', reason), {
    place,
    remedy: t('Check the write permission and the free space on the disk.'),
  });
}
