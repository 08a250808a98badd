/**
 * A run folder that came from somebody else may hold links: what is written, moved or removed through one is not the
 * run's.
 */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RUN_FILES } from '../contract/runFiles.js';
import { HumanError } from '../support/errors.js';
import { ifThere } from '../support/ifThere.js';

/**
 * To be called before anything in a run folder is changed. The folder itself may be a link, or lie below one.
 * @throws HumanError where a file or folder of a run, or anything in such a folder, is a link
 */
export async function requireNoLinks(folder: string): Promise<void> {
  const link = await linkIn(folder, Object.values(RUN_FILES));
  if (link === undefined) return;
  throw new HumanError(`"${link}" in the run folder is a link: what is written there would change files elsewhere.`, {
    place: folder,
    remedy: 'Remove the link, or put what it leads to in its place.',
  });
}

/** The first link among these names and below them, with `/`. */
async function linkIn(folder: string, names: readonly string[]): Promise<string | undefined> {
  for (const name of names) {
    const place = join(folder, name);
    const found = await ifThere(lstat(place), ['ENOENT', 'ENOTDIR']);
    if (found?.isSymbolicLink()) return name;
    const inner = found?.isDirectory() ? await linkIn(place, await readdir(place)) : undefined;
    if (inner !== undefined) return `${name}/${inner}`;
  }
  return undefined;
}
