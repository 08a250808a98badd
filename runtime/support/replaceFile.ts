/**
 * How a file is replaced: beside it, synced, renamed. A reader sees the old file or the new one, also after a power
 * failure.
 */
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { link, lstat, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { isHeld, whileHeld } from '../contract/heldFiles.js';
import { ifThere } from './ifThere.js';
import { makeFolder } from './makeFolder.js';

export interface ReplaceOptions {
  /** Make the folder where there is none; default. Without it a folder that was deleted meanwhile is an error. */
  readonly makeFolder?: boolean;
  /**
   * Where the file is a link, what it leads to is replaced, and not the link: for what a person keeps where they like.
   */
  readonly throughLinks?: boolean;
  /** What is there by then stays, also what another process has just put there: an error, EEXIST. */
  readonly isNew?: boolean;
}

export type Handle = Awaited<ReturnType<typeof open>>;

/**
 * For data that is produced while it is written. On an error nothing is left behind and the old file stays. Who may
 * read and write the old one may do so with the new one.
 */
export async function replaceFile(
  named: string,
  write: (handle: Handle) => Promise<void>,
  { makeFolder: makesFolder = true, throughLinks = false, isNew = false }: ReplaceOptions = {},
): Promise<void> {
  const file = throughLinks ? await behindLinks(named) : named;
  const created = makesFolder ? await makeFolder(dirname(file)) : undefined;
  if (created !== undefined) await syncFolder(dirname(created));
  const temporary = partOf(file);
  const old = await lstat(file).catch(() => undefined);
  const mode = old?.isFile() ? old.mode & 0o777 : undefined;
  let now = 0;
  try {
    const handle = await open(temporary, 'wx', mode);
    try {
      // Some file systems know no modes.
      if (mode !== undefined) await handle.chmod(mode).catch(() => undefined);
      await write(handle);
      await handle.sync();
      now = (await handle.stat()).mtimeMs;
    } finally {
      await handle.close();
    }
    await (isNew ? moveNew : move)(temporary, file);
  } catch (error) {
    // The first error is the one to report; who writes the file later removes a leftover.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw withPath(error, named, temporary);
  }
  await syncFolder(dirname(file));
  await removeAbandoned(file, now);
}

/**
 * What a link leads to; a file that is none, or that is not there, is itself.
 * @throws the error of the system for a link that leads nowhere, as to a disk that is away: it would be replaced by a
 * file
 */
export const behindLinks = (file: string): Promise<string> =>
  realpath(file).catch(async (error: NodeJS.ErrnoException) => {
    const found = await lstat(file).catch(() => undefined);
    if (!found?.isSymbolicLink()) return file;
    throw Object.assign(error, { path: file, code: error.code === 'ENOENT' ? 'ENOLINK' : error.code });
  });

/** A copy is as durable as a file that is written. */
export const copyDurably = (from: string, to: string): Promise<void> =>
  replaceFile(to, async (handle) => {
    for await (const piece of createReadStream(from, { highWaterMark: 1 << 20 }))
      await handle.writeFile(piece as Buffer);
  });

/** Renames a file or a folder, patiently on Windows: see {@link whileHeld}. */
export const move = (from: string, to: string): Promise<void> => whileHeld(() => rename(from, to), process.platform);

/** Codes of file systems without links; EISDIR is what Node makes of Windows's answer on exFAT and FAT32. */
export const NO_LINKS: ReadonlySet<string> = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EISDIR']);

/**
 * Renames a file to a name that nobody has. Where somebody has it, an error: EEXIST; both files then stay. The old name
 * may stay beside the new one where it cannot be removed.
 */
export async function moveNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!NO_LINKS.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // without links there is a moment between the look and the change
    if (await ifThere(lstat(to))) throw Object.assign(error as Error, { code: 'EEXIST', path: to });
    await move(from, to);
  }
  await rm(from, { force: true }).catch(() => undefined);
}

/**
 * Changes a place where a file may be mapped, as by a chat with the model in it: Windows refuses to replace or remove
 * such a file, but not to rename it. It then goes to a part of `aside`, for who has it, and is removed later.
 */
export async function whereMapped(file: string, aside: string, change: () => Promise<void>): Promise<void> {
  try {
    await change();
  } catch (error) {
    if (!isHeld(error)) throw error;
    await move(file, partOf(aside)).catch(() => Promise.reject(error));
    await change();
  }
}

/** Errors of an open file do not name it, and people do not know the temporary one. */
export function withPath(error: unknown, file: string, beside?: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException;
  if (code !== undefined && (path === undefined || path === beside)) Object.assign(error as Error, { path: file });
  return error;
}

/** A name beside a file, for what is not yet, or no longer, in its place. */
export const partOf = (file: string): string => `${shortened(file)}.${randomBytes(4).toString('hex')}.part`;

const PART = /\.[0-9a-f]{8}\.part$/;
const PART_LENGTH = '.12345678.part'.length;

/** A file that a killed process was about to put in the place of `name`. */
export const isPartOf = (name: string, file: string): boolean =>
  PART.test(file) && file.slice(0, -PART_LENGTH) === shortened(name);

/** Bytes of a name that most file systems take. */
const LONGEST_NAME = 255;

/** A path whose name leaves room for what stands behind it in that of a part. */
export function shortened(file: string): string {
  const name = [...basename(file)];
  while (Buffer.byteLength(name.join('')) > LONGEST_NAME - PART_LENGTH) name.pop();
  return file.slice(0, file.length - basename(file).length) + name.join('');
}

export const isPart = (name: string): boolean => PART.test(name);

/** Removes what a killed process left of files that it was about to replace in these folders; what is held stays. */
export async function removeParts(...folders: string[]): Promise<void> {
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true }).catch(() => []))
      if (isPart(entry.name) && !entry.isDirectory())
        await rm(join(folder, entry.name), { force: true }).catch((error: unknown) => {
          if (!isHeld(error)) throw error;
        });
  }
}

/** What is about to take the place of a file is written to all the time; a folder of such a name is an export's. */
const ABANDONED_MS = 24 * 3600 * 1000;

/**
 * Removes what killed processes left that were about to replace this file.
 * @param now by the clock of its file system
 */
async function removeAbandoned(file: string, now: number): Promise<void> {
  const names = await readdir(dirname(file)).catch(() => []);
  for (const name of names.filter((one) => isPartOf(basename(file), one))) {
    const part = join(dirname(file), name);
    const found = await lstat(part).catch(() => undefined);
    // One that cannot be removed is in nobody's way.
    if (found?.isFile() && now - found.mtimeMs > ABANDONED_MS) await rm(part, { force: true }).catch(() => undefined);
  }
}

/** Error codes of file systems that cannot sync a folder. */
const NO_FOLDER_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EISDIR', 'EPERM']);

/**
 * Makes the names in a folder durable: without it a renamed file may have its old content again after a power failure.
 */
export async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return; // Windows cannot, and does not need to
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } catch (error) {
    if (!NO_FOLDER_SYNC.has((error as NodeJS.ErrnoException).code ?? '')) throw withPath(error, folder);
  } finally {
    await handle.close();
  }
}
