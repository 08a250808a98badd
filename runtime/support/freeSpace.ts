import { statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ifThere } from './ifThere.js';

/**
 * Bytes that a disk has left for who writes to a place, which need not be there yet; undefined where its file system
 * does not say, as some over a network.
 */
export async function freeSpace(place: string): Promise<number | undefined> {
  for (let at = resolve(place); ; at = dirname(at)) {
    const found = await ifThere(statfs(at), ['ENOENT', 'ENOTDIR']);
    if (found) return found.blocks > 0 ? found.bavail * found.bsize : undefined;
    if (at === dirname(at)) return undefined;
  }
}
