import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Temporary files of one piece of work. They lose their name as soon as they are open: nothing is left behind, whatever
 * happens.
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
  return {
    open() {
      const descriptor = openedIn(folder);
      open.push(descriptor);
      return descriptor;
    },
    close() {
      for (const descriptor of open.splice(0)) closeSync(descriptor);
    },
  };
}

function openedIn(folder: string): number {
  const name = `scratch-${randomBytes(6).toString('hex')}`;
  try {
    mkdirSync(folder, { recursive: true });
    return nameless(join(folder, name));
  } catch (error) {
    if (!READ_ONLY.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return nameless(join(tmpdir(), `security-vectors-${name}`));
  }
}

function nameless(file: string): number {
  const descriptor = openSync(file, 'wx+', 0o600);
  rmSync(file, { force: true });
  return descriptor;
}
