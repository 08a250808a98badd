import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

/**
 * Temporary files of one piece of work. They lose their name as soon as they are open: whatever happens, nothing is
 * left behind but a folder of a process that was killed.
 */
export interface Scratch {
  /** Descriptor of a new empty file, for reading and writing. */
  open(): number;
  close(): void;
}

/**
 * What the place beside the data answers where it is not ours to write: the data may be read all the same. Of a folder
 * whose own folder is missing, too, Node says that it is not there where the file system is read-only.
 */
const READ_ONLY = new Set(['EROFS', 'EACCES', 'EPERM', 'ENOENT']);

/**
 * @param folder where there is room for them; where nothing may be written there, they are among the temporary files of
 * the system
 */
export function openScratch(folder: string): Scratch {
  const open: number[] = [];
  const made = new Set<string>();
  return {
    open() {
      const descriptor = openedIn(folder, made);
      open.push(descriptor);
      return descriptor;
    },
    close() {
      for (const descriptor of open.splice(0)) closeSync(descriptor);
      for (const first of made) removeMade(folder, first);
      made.clear();
    },
  };
}

/** @param made gets the first of the folders that were made */
function openedIn(folder: string, made: Set<string>): number {
  const name = `scratch-${randomBytes(6).toString('hex')}`;
  for (let attempt = 0; ; attempt++) {
    try {
      const first = mkdirSync(folder, { recursive: true });
      if (first !== undefined) made.add(first);
      return nameless(join(folder, name));
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      // another process that made the folder, too, may just have removed it
      if (code === 'ENOENT' && attempt === 0) continue;
      if (!READ_ONLY.has(code)) throw error;
      return nameless(join(tmpdir(), `security-vectors-${name}`));
    }
  }
}

/** Removes a folder and those above it, to the first that was made, as far as they are empty. */
function removeMade(folder: string, first: string): void {
  try {
    for (let at = resolve(folder); at.length >= first.length; at = dirname(at)) rmdirSync(at);
  } catch {
    // somebody has something in it
  }
}

function nameless(file: string): number {
  const descriptor = openSync(file, 'wx+', 0o600);
  rmSync(file, { force: true });
  return descriptor;
}
