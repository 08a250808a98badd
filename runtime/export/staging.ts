/** Exports are written beside their target and take its place when they are checked: whole, or not at all. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { OWNER } from '../contract/owner.js';
import { claim, removeAbandoned } from '../runs/owner.js';
import { folderClock, ownerOf } from '../runs/ownerOf.js';
import { HumanError } from '../support/errors.js';
import { isTrace, removeWith } from '../support/files.js';
import { behindLinks, isPartOf, move, moveNew, partOf, shortened } from '../support/replaceFile.js';
import { makeFolder } from '../support/makeFolder.js';

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Makes the folder `named`, or the one that a link of this name leads to, by letting `write` fill an empty one beside
 * it.
 * @param options.replaces what is there stays until the new folder is whole, and is then removed
 * @throws HumanError when something is there already, or at the end, or a disk is mounted there; then, and on every
 * error of `write`, nothing is left.
 */
export async function stagedFolder<T>(
  named: string,
  write: (folder: string) => Promise<T>,
  { replaces = false } = {},
): Promise<T> {
  const out = await targetOf(resolve(named));
  if (await isMounted(out)) throw mounted(out);
  await tidy(out);
  if (!replaces) await requireFreeFolder(out);
  return beside(out, async (folder) => {
    await mkdir(folder);
    const result = await write(folder);
    const old = oldOf(folder);
    try {
      if (replaces) await move(out, old);
      else {
        const traces = await requireFreeFolder(out);
        if (traces) await removeWith(out, traces);
      }
      await move(folder, out);
    } catch (error) {
      if (!replaces) await requireFreeFolder(out);
      else if (existsSync(old)) await move(old, out).catch(() => Promise.reject(lyingIn(old, out, error)));
      throw error;
    }
    return result;
  });
}

/** The folder that a link leads to; any other is itself, by the name that was given. */
const targetOf = async (out: string): Promise<string> =>
  (await lstat(out).catch(() => undefined))?.isSymbolicLink() ? behindLinks(out) : out;

/** Whether a folder is the root of another file system than the folder that it lies in. */
async function isMounted(folder: string): Promise<boolean> {
  const [own, above] = await Promise.all([folder, dirname(folder)].map((each) => stat(each).catch(() => undefined)));
  return own !== undefined && above !== undefined && own.isDirectory() && own.dev !== above.dev;
}

const mounted = (place: string): HumanError =>
  new HumanError('a disk is mounted at this folder: a new folder cannot take its place.', {
    place,
    remedy: 'Name a folder in it.',
  });

/** Where what is replaced lies until the new folder is in its place. */
const oldOf = (staged: string): string => `${shortened(staged)}.old`;

const lyingIn = (old: string, place: string, cause: unknown): HumanError =>
  new HumanError(`the new folder could not be put in the place of the earlier one, which now lies in ${old}.`, {
    place,
    remedy: 'Move it back to its place.',
    kind: 'failed',
    cause,
  });

/**
 * What processes that were killed before `target` was whole were about to replace is put back; the rest they left is
 * removed.
 */
export async function tidy(target: string): Promise<void> {
  const out = resolve(target);
  await putBack(out);
  await removeAbandoned(dirname(out), (name) => isPartOf(basename(out), name));
}

async function putBack(out: string): Promise<void> {
  const names = await readdir(dirname(out)).catch(() => []);
  for (const name of names.filter((one) => isPartOf(basename(out), one))) {
    const part = join(dirname(out), name);
    const staged = join(part, basename(out));
    // without the new folder the replacement was done, and `out` was removed since
    if (existsSync(out) || !existsSync(staged) || !existsSync(oldOf(staged)) || (await ownerOf(part, folderClock)))
      continue;
    await move(oldOf(staged), out);
  }
}

/** The same for one file; `write` gets its path in a folder beside it, which may also take what is needed meanwhile. */
export async function stagedFile<T>(out: string, write: (file: string) => Promise<T>): Promise<T> {
  await tidy(out);
  await requireFreeFile(out);
  return beside(out, async (file) => {
    const result = await write(file);
    await moveNew(file, out).catch(async (error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') await requireFreeFile(out);
      throw error;
    });
    return result;
  });
}

/** @returns what a file manager has left in the empty folder that is there; undefined where none is */
async function requireFreeFolder(out: string): Promise<string[] | undefined> {
  const entries = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'ENOTDIR') throw taken('this is a file; a folder is written.', out, 'Name a new folder.');
    throw error;
  });
  if (entries && !entries.every(isTrace))
    throw taken('the folder is not empty; nothing is overwritten.', out, 'Name a new folder, or remove this one.');
  return entries;
}

async function requireFreeFile(out: string): Promise<void> {
  const found = await lstat(out).catch(() => undefined);
  if (found?.isDirectory()) throw taken('this is a folder; the export is a file.', out, 'Name a new file.');
  if (found) throw taken('the file already exists; nothing is overwritten.', out, 'Name a new file, or remove it.');
}

const taken = (message: string, place: string, remedy: string): HumanError =>
  new HumanError(message, { place, remedy });

/** In a folder that names its owner, so that what a killed export left is told from what another one is writing. */
async function beside<T>(target: string, write: (staged: string) => Promise<T>): Promise<T> {
  const out = resolve(target);
  await makeFolder(dirname(out));
  const part = partOf(out);
  const staged = join(part, basename(out));
  let release = (): Promise<void> => Promise.resolve();
  /** The owner last: without it, what a kill leaves, or what cannot be removed, would be anybody's. */
  const clear = async (): Promise<void> => {
    await removeContent(part);
    await release();
    await rm(part, FOLDER);
  };
  await mkdir(part).catch((error: unknown) => Promise.reject(forPeople(error, staged, out)));
  let result: T;
  try {
    release = await claim(part);
    result = await write(staged);
  } catch (error) {
    // The first error is the one to report.
    await (existsSync(oldOf(staged)) ? release() : clear()).catch(() => undefined);
    throw forPeople(error, staged, out);
  }
  // What was asked for is in its place. What is left goes with what the next one there finds of those that were killed.
  await clear().catch(() => undefined);
  return result;
}

const FOLDER = { recursive: true, force: true, maxRetries: 3, retryDelay: 100 } as const;

async function removeContent(part: string): Promise<void> {
  for (const name of await readdir(part)) if (!name.startsWith(OWNER.file)) await rm(join(part, name), FOLDER);
}

/** Errors name the places that the user knows; a full disk is reported as what became of the export. */
function forPeople(error: unknown, staged: string, out: string): unknown {
  if (error instanceof HumanError && error.place?.includes(dirname(staged))) {
    const { message, remedy, kind, cause } = error;
    const place = error.place.replaceAll(staged, out).replaceAll(dirname(staged), out);
    return new HumanError(message, { place, remedy, kind, cause });
  }
  if (!(error instanceof Error)) return error;
  const { code = '', path } = error as NodeJS.ErrnoException;
  if (NO_SPACE.has(code)) {
    return new HumanError('there is not enough space for the export; nothing was left behind.', {
      place: out,
      remedy: 'Free some space, or export to another disk.',
      kind: 'failed',
      cause: error,
    });
  }
  if (!path?.startsWith(dirname(staged))) return error;
  return Object.assign(error, { path: path.startsWith(staged) ? out + path.slice(staged.length) : out });
}
