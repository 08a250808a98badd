/**
 * One at a time changes a file that several processes change: a file beside it stands for as long as the change takes.
 */
import { open, rm, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindLinks } from './replaceFile.js';
import { whileHeld } from '../contract/heldFiles.js';

/** Much longer than a change takes: a lock that stands so long is of a process that was killed. */
const LEFT_MS = 10_000;
const LOOK_MS = 20;

/** @throws the error of the system where no file can be made beside it */
export async function whileLocked<T>(file: string, change: () => Promise<T>, leftMs = LEFT_MS): Promise<T> {
  // A link to a file is another name of it.
  const lock = `${await behindLinks(file)}.lock`;
  let known: string | undefined;
  let since = 0;
  while (!(await isMade(lock, file))) {
    // By our own clock: that of the machine that has the folder may be another one.
    const found = await stampOf(lock);
    if (found !== known) [known, since] = [found, performance.now()];
    else if (found !== undefined && performance.now() - since > leftMs) await rm(lock, { force: true });
    await sleep(LOOK_MS * (0.5 + Math.random()));
  }
  try {
    return await change();
  } finally {
    await whileHeld(() => rm(lock, { force: true }), process.platform);
  }
}

/** False when it is there already. Of other errors people are told by the name that they know. */
async function isMade(lock: string, file: string): Promise<boolean> {
  try {
    await whileHeld(async () => (await open(lock, 'wx')).close(), process.platform);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw Object.assign(error as Error, { path: file });
  }
}

const stampOf = (lock: string): Promise<string | undefined> =>
  stat(lock).then(
    ({ ino, mtimeMs }) => `${ino} ${mtimeMs}`,
    () => undefined,
  );
