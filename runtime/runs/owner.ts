import { randomBytes } from 'node:crypto';
import { link, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { HumanError } from '../support/errors.js';
import { removeWith, sha256 } from '../support/files.js';
import { ifThere } from '../support/ifThere.js';
import { move, NO_LINKS, withPath } from '../support/replaceFile.js';
import { OWNER, type RunOwner } from '../contract/owner.js';
import { asked, folderClock, isLiving, ownerOf, parseOwner, thisProcess } from './ownerOf.js';

/**
 * Who works in a run folder: one living process at a time, named in the folder's owner.json while it works there. A
 * process that was killed leaves the file; its id and the time it began tell that it is gone, also when the id was
 * given again.
 *
 * A folder without owner.json is taken by making the file, whole and exclusively, so of many one gets it. The file of a
 * dead owner is not removed first, as that would let two in: whoever wants to follow it makes, exclusively again, the
 * one file that can follow it, named by the hash of what is followed. That holds for a follower that died, too. So from
 * owner.json leads a chain of dead ones, and the living process at its end, as long as it lives, is the only one who
 * may replace owner.json and remove the chain.
 */

/** Refuses a folder that a living process works in. */
export async function requireFree(folder: string): Promise<void> {
  const owner = await ownerOf(folder, folderClock);
  if (owner) throw await taken(folder, owner);
}

/**
 * What is found in a folder that nobody works in. What another process has just begun there stands in nobody's way: its
 * being at work does.
 */
export async function whileFree<T>(folder: string, look: () => Promise<T>): Promise<T> {
  await requireFree(folder);
  try {
    return await look();
  } catch (error) {
    await requireFree(folder);
    throw error;
  }
}

/** What ends the claim, and tells whether it still stands. */
export type Claim = (() => Promise<void>) & {
  /** @throws HumanError where another process has followed this one, which it had to take for gone */
  requireHeld(): Promise<void>;
};

/**
 * Makes this process the owner of an existing folder. @returns what ends that.
 * @throws HumanError while another living process is the owner
 */
export async function claim(folder: string): Promise<Claim> {
  const id = randomBytes(8).toString('hex');
  const owner: RunOwner = {
    ...(await thisProcess()),
    since: new Date().toISOString(),
    claim: id,
  };
  const text = `${JSON.stringify(owner)}\n`;
  const file = join(folder, OWNER.file);
  const own = `${file}.${id}.claim`;
  await writeFile(own, text, { flag: 'wx' }).catch((error: unknown) => {
    throw withPath(error, folder, own);
  });
  try {
    for (let attempt = 0; !(await follow(folder, own, text)); attempt++) {
      if (attempt === MAX_ATTEMPTS)
        throw new HumanError('the run folder cannot be claimed: files left by dead processes are in the way.', {
          place: file,
          remedy: `Remove ${OWNER.file} and the files whose names begin with it.`,
        });
      await delay(attempt);
    }
    await removeOthers(folder);
  } catch (error) {
    await rm(own, { force: true }).catch(() => undefined);
    throw error;
  }
  /** A file that cannot be read is still its own. */
  const isHeld = async (): Promise<boolean> => {
    const now = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => error);
    return typeof now === 'string' ? now === text : now.code !== 'ENOENT';
  };
  /** By writing: the time is then of the file system's clock, which all who look have in common. */
  const touch = async (): Promise<void> => {
    const handle = await open(file, 'r+');
    try {
      if ((await handle.readFile('utf8')) === text) await handle.write('\n', Buffer.byteLength(text) - 1);
    } finally {
      await handle.close();
    }
  };
  const touching = setInterval(() => void touch().catch(() => undefined), OWNER.touchMs).unref();
  const release = async (): Promise<void> => {
    clearInterval(touching);
    if ((await readFile(file, 'utf8').catch(() => '')) === text) await rm(file, { force: true });
  };
  const requireHeld = async (): Promise<void> => {
    if (await isHeld()) return;
    throw (await ifThere(stat(folder))) ? lost(folder) : gone(folder);
  };
  return Object.assign(release, { requireHeld });
}

/**
 * Removes folders in `folder` that a process of this machine had claimed that is certainly dead. One whose owner cannot
 * be asked, such as a process of another machine, stays for a day. One without an owner may be anybody's: it stays,
 * unless it holds nothing.
 */
export async function removeAbandoned(folder: string, isMeant: (name: string) => boolean): Promise<void> {
  for (const name of (await readdir(folder).catch(() => [])).filter(isMeant)) {
    const path = join(folder, name);
    try {
      if (await isAbandoned(path)) await rm(path, { recursive: true });
      else await removeUnclaimed(path);
    } catch {
      // it has no owner, or cannot be removed: it is in nobody's way
    }
  }
}

/**
 * Containers of one machine may have the same name and each its own processes, and after a restart nobody can be asked:
 * an owner that lives touches the file, too, and one that cannot be asked and has not for a day is dead wherever it
 * was. Owners of earlier versions do not say which processes theirs is one of: they must be silent, too.
 */
async function isAbandoned(folder: string): Promise<boolean> {
  const file = join(folder, OWNER.file);
  const owner = parseOwner((await ifThere(readFile(file, 'utf8'))) ?? '');
  if (!owner) return false;
  const answer = await asked(owner);
  if (answer === false && owner.system !== undefined) return true;
  const silentMs = (await folderClock(folder)) - (await stat(file)).mtimeMs;
  if (silentMs <= OWNER.silentMs) return false;
  return answer === undefined ? silentMs > ABANDONED_MS : !answer;
}

/** A process that is killed between two calls leaves a folder that it has not claimed yet, or no longer has. */
async function removeUnclaimed(folder: string): Promise<void> {
  const { mtimeMs } = await stat(folder);
  const names = await readdir(folder);
  if (names.every((name) => ATTEMPTS.test(name)) && (await folderClock(folder)) - mtimeMs > OWNER.silentMs)
    await removeWith(folder, names);
}

const ABANDONED_MS = 24 * 3600 * 1000;
const MAX_ATTEMPTS = 50;
const ATTEMPTS = /^owner\.json\.[0-9a-f]+\.(claim|next)$/;

/** The file that follows an owner. */
const after = (folder: string, text: string): string => join(folder, `${OWNER.file}.${sha256(text).slice(0, 32)}.next`);

/** The texts from owner.json to the end of the chain; empty where nobody had the folder. */
async function chain(folder: string): Promise<string[]> {
  const texts: string[] = [];
  for (let file = join(folder, OWNER.file); ; file = after(folder, texts.at(-1)!)) {
    const text = await ifThere(readFile(file, 'utf8'));
    if (text === undefined || texts.includes(text)) break;
    texts.push(text);
  }
  return texts;
}

/** When it was written, by the clock of the file system: a moment ago. An owner may have removed it. */
const writtenMs = (own: string): Promise<number> =>
  stat(own).then(
    ({ mtimeMs }) => mtimeMs,
    () => Date.now(),
  );

/**
 * Tries once. False where others moved meanwhile.
 * @throws HumanError while a living process has, or takes, the folder
 */
async function follow(folder: string, own: string, text: string): Promise<boolean> {
  const before = await chain(folder);
  const last = parseOwner(before.at(-1) ?? '');
  if (last && (await isLiving(last, folder, () => writtenMs(own)))) throw await taken(folder, last);
  const place = before.length === 0 ? join(folder, OWNER.file) : after(folder, before.at(-1)!);
  if (!(await linked(own, place, text))) return false;
  // Half a file: where there are no links its writer may be about to write it.
  if (before.length > 0 && !last) await delay(100);
  if (before.length === 0) {
    await rm(own, { force: true });
    return true;
  }
  const now = await chain(folder);
  if (now.length === before.length + 1 && now.at(-1) === text && before.every((one, i) => one === now[i])) {
    await move(own, join(folder, OWNER.file));
    return true;
  }
  if ((await readFile(place, 'utf8').catch(() => '')) === text) await rm(place, { force: true });
  return false;
}

/** Gives the file a second name that nobody else can get; false where it is there. */
async function linked(own: string, place: string, text: string): Promise<boolean> {
  try {
    await link(own, place);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT') {
      // an owner removed it with what dead ones left
      await writeFile(own, text);
      return false;
    }
    if (!NO_LINKS.has(code)) throw error;
  }
  // a file system without links: as exclusive, but not written at once
  try {
    await writeFile(place, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** What is left of attempts: whoever made them and lives sees that the folder has an owner. */
async function removeOthers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) if (ATTEMPTS.test(name)) await rm(join(folder, name), { force: true });
}

async function taken(folder: string, owner: RunOwner): Promise<HumanError> {
  const { pid, host, since } = owner;
  const silence = `It cannot be asked from here: when it has given no sign for ${OWNER.silentMs / 60_000} minutes, the folder is free. If that process has certainly ended, remove ${OWNER.file}.`;
  const remedy = 'Wait until it has ended, stop it, or choose another output folder.';
  return new HumanError(`another process is working in this run folder (process ${pid} on ${host}, since ${since}).`, {
    place: folder,
    remedy: (await asked(owner)) === undefined ? `${remedy} ${silence}` : remedy,
  });
}

const lost = (place: string): HumanError =>
  new HumanError('this process no longer has the run folder: another one took it, or its owner.json was removed.', {
    kind: 'failed',
    place,
    remedy: 'Look at what is there now: this process writes nothing more into it.',
  });

const gone = (place: string): HumanError =>
  new HumanError('the run folder was moved or deleted while the run was going on.', {
    kind: 'failed',
    place,
    remedy: 'Run the recipe again.',
  });
