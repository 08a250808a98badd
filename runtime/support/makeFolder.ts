import { lstat, mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ifThere } from './ifThere.js';

/**
 * Makes a folder, and those above it that are missing. Node's recursive `mkdir` says of a file system that is read-only
 * that there is no such folder, and below /proc it never ends.
 * @returns the first that was made, if any
 * @throws the error of the system, with the folder that could not be made; ENOLINK of a link that leads nowhere
 */
export async function makeFolder(folder: string): Promise<string | undefined> {
  const whole = resolve(folder);
  const made: string[] = [];
  try {
    await makeMissing(whole, made);
  } catch (error) {
    // another process may have removed one above meanwhile
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await makeMissing(whole, made);
  }
  // what lies above another comes before it
  return made.sort()[0];
}

async function makeMissing(whole: string, made: string[]): Promise<void> {
  if (await isFolder(whole)) return;
  const missing = [whole];
  for (let at = dirname(whole); at !== missing[0] && !(await found(at)); at = dirname(at)) missing.unshift(at);
  for (const one of missing) {
    try {
      await mkdir(one);
      made.push(one);
    } catch (error) {
      // another process may have made it meanwhile
      if ((error as NodeJS.ErrnoException).code === 'EEXIST' && (await isFolder(one))) continue;
      throw (await isBroken(one)) ? Object.assign(error as Error, { code: 'ENOLINK' }) : error;
    }
  }
}

const found = (path: string) => ifThere(stat(path), ['ENOENT', 'ENOTDIR']);
const isFolder = async (path: string): Promise<boolean> => (await found(path))?.isDirectory() === true;
const isBroken = async (path: string): Promise<boolean> =>
  !(await found(path)) && (await ifThere(lstat(path), ['ENOENT', 'ENOTDIR']))?.isSymbolicLink() === true;
