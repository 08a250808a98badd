import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HumanError } from '../errors.js';
import { OWNER, type RunOwner } from '../protocol.js';
import { ownerOf, parseOwner, processStart } from './protocol.js';

/**
 * Who works in a run folder: one living process at a time, named in the folder's owner.json while it works there. A process
 * that was killed leaves the file; its id and the time it began tell that it is gone, also when the id was given again.
 */

/** Refuses a folder that a living process works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await ownerOf(folder);
  if (owner) throw taken(folder, owner);
}

/**
 * Makes this process the owner of an existing folder. @returns what ends that.
 * @throws HumanError while another living process is the owner
 */
export async function claim(folder: string): Promise<() => Promise<void>> {
  const file = join(folder, OWNER.file);
  const started = await processStart(process.pid);
  const owner: RunOwner = {
    pid: process.pid,
    host: hostname(),
    started: started ?? '',
    since: new Date().toISOString(),
  };
  const text = `${JSON.stringify(owner)}\n`;
  for (let attempt = 0; ; attempt++) {
    try {
      // Exclusive: of two that come at once one gets it.
      await writeFile(file, text, { flag: 'wx' });
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 3) throw error;
      await requireFree(folder);
      await removeDead(file);
    }
  }
  return async () => {
    if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true });
  };
}

/** Takes away what a dead process left; what a living one has put there meanwhile is put back. */
async function removeDead(file: string): Promise<void> {
  let dead = await readFile(file, 'utf8').catch(() => '');
  if (!parseOwner(dead)) {
    // Its writer may be about to write it.
    await delay(100);
    dead = await readFile(file, 'utf8').catch(() => '');
    if (parseOwner(dead)) return;
  }
  const aside = `${file}.${randomBytes(4).toString('hex')}.part`;
  await rename(file, aside).catch(() => undefined);
  const moved = await readFile(aside, 'utf8').catch(() => dead);
  if (moved !== dead) await writeFile(file, moved, { flag: 'wx' }).catch(() => undefined);
  await rm(aside, { force: true });
}

const taken = (folder: string, { pid, host, since }: RunOwner): HumanError =>
  new HumanError(`another process is working in this run folder (process ${pid} on ${host}, since ${since}).`, {
    place: folder,
    remedy: 'Wait until it has ended, stop it, or choose another output folder.',
  });
