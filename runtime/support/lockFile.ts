/**
 * One at a time changes a file that several processes change: a file beside it stands for as long as the change takes.
 */
import { randomBytes } from 'node:crypto';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { behindLinks, move, moveNew, partOf } from './replaceFile.js';
import { whileHeld } from '../contract/heldFiles.js';

/** Who changes the file touches its lock all the time: one that stands so long untouched was left by a kill. */
const LEFT_MS = 10_000;
const LOOK_MS = 20;

/** @throws the error of the system where no file can be made beside it */
export async function whileLocked<T>(file: string, change: () => Promise<T>, leftMs = LEFT_MS): Promise<T> {
  // A link to a file is another name of it.
  const lock = `${await behindLinks(file)}.lock`;
  const own = randomBytes(8).toString('hex');
  let known: string | undefined;
  let since = 0;
  while (!(await isMade(lock, own, file))) {
    // By our own clock: that of the machine that has the folder may be another one.
    const found = await stampOf(lock);
    if (found !== known) [known, since] = [found, performance.now()];
    else if (found !== undefined && performance.now() - since > leftMs) await takeAway(lock, found);
    await sleep(LOOK_MS * (0.5 + Math.random()));
  }
  // A disk that is busy may take longer than that to write.
  const touching = setInterval(() => void touch(lock), leftMs / 5).unref();
  try {
    return await change();
  } finally {
    clearInterval(touching);
    // One that was held up for too long has lost it to another.
    if ((await stampOf(lock))?.startsWith(own) !== false)
      await whileHeld(() => rm(lock, { force: true }), process.platform);
  }
}

/** False when it is there already. Of other errors people are told by the name that they know. */
async function isMade(lock: string, own: string, file: string): Promise<boolean> {
  try {
    await whileHeld(() => writeFile(lock, own, { flag: 'wx' }), process.platform);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw Object.assign(error as Error, { path: file });
  }
}

/** Removes a lock that was left. Another who waits may have done so, and have its own there by now: that stays. */
async function takeAway(lock: string, left: string): Promise<void> {
  const taken = partOf(lock);
  try {
    await move(lock, taken);
    if ((await stampOf(taken)) === left) await rm(taken, { force: true });
    else await moveNew(taken, lock);
  } catch {
    // the next look shows what is there
  }
}

const touch = (lock: string): Promise<void> => {
  const now = Date.now() / 1000;
  return utimes(lock, now, now).catch(() => undefined);
};

/** Who made it, and when that was touched; undefined where it is not there. */
const stampOf = async (lock: string): Promise<string | undefined> => {
  try {
    const { mtimeMs } = await stat(lock);
    return `${await readFile(lock, 'utf8')} ${mtimeMs}`;
  } catch {
    return undefined;
  }
};
