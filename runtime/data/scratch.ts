import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Temporary files of one piece of work. They lose their name as soon as they are open: nothing is left behind, whatever happens. */
export interface Scratch {
  /** Descriptor of a new empty file, for reading and writing. */
  open(): number;
  close(): void;
}

export function openScratch(folder: string): Scratch {
  const open: number[] = [];
  return {
    open() {
      mkdirSync(folder, { recursive: true });
      const file = join(folder, `scratch-${randomBytes(6).toString('hex')}`);
      const descriptor = openSync(file, 'wx+', 0o600);
      open.push(descriptor);
      rmSync(file, { force: true });
      return descriptor;
    },
    close() {
      for (const descriptor of open.splice(0)) closeSync(descriptor);
    },
  };
}
