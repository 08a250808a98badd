/** Exports are written beside their target and take its place when they are checked: whole, or not at all. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HumanError } from '../support/errors.js';
import { move } from '../support/replaceFile.js';

const NO_SPACE = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/**
 * Makes the folder `out` by letting `write` fill an empty one beside it.
 * @throws HumanError when something is there already; then, and on every error of `write`, nothing is left.
 */
export async function stagedFolder<T>(out: string, write: (folder: string) => Promise<T>): Promise<T> {
  const entries = await readdir(out).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    if (error.code === 'ENOTDIR') throw taken('this is a file; a folder is written.', out, 'Name a new folder.');
    throw error;
  });
  if (entries && entries.length > 0)
    throw taken('the folder is not empty; nothing is overwritten.', out, 'Name a new folder, or remove this one.');
  return beside(out, async (part) => {
    const result = await write(part);
    if (entries) await rmdir(out);
    await move(part, out);
    return result;
  });
}

/** The same for one file; `write` gets its path in a folder beside it, which may also take what is needed meanwhile. */
export async function stagedFile<T>(out: string, write: (file: string) => Promise<T>): Promise<T> {
  const found = await stat(out).catch(() => undefined);
  if (found?.isDirectory()) throw taken('this is a folder; the export is a file.', out, 'Name a new file.');
  if (found) throw taken('the file already exists; nothing is overwritten.', out, 'Name a new file, or remove it.');
  return beside(out, async (part) => {
    const file = join(part, basename(out));
    const result = await write(file);
    await move(file, out);
    return result;
  });
}

const taken = (message: string, place: string, remedy: string): HumanError =>
  new HumanError(message, { place, remedy });

async function beside<T>(out: string, write: (part: string) => Promise<T>): Promise<T> {
  await mkdir(dirname(out), { recursive: true });
  const part = `${out}.${randomBytes(4).toString('hex')}.part`;
  await mkdir(part);
  try {
    return await write(part);
  } catch (error) {
    throw forPeople(error, part, out);
  } finally {
    await rm(part, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  }
}

/** Errors name the places that the user knows; a full disk is reported as what became of the export. */
function forPeople(error: unknown, part: string, out: string): unknown {
  if (error instanceof HumanError && error.place?.includes(part)) {
    const { message, remedy, kind, cause } = error;
    return new HumanError(message, { place: error.place.replaceAll(part, out), remedy, kind, cause });
  }
  if (error instanceof Error && NO_SPACE.has((error as NodeJS.ErrnoException).code ?? '')) {
    return new HumanError('there is not enough space for the export; nothing was left behind.', {
      place: out,
      remedy: 'Free some space, or export to another disk.',
      kind: 'failed',
      cause: error,
    });
  }
  return error;
}
