import { resolve } from 'node:path';
import { adapterFolder, hashAdapter } from '../../adapters/files.js';
import type { Manifest } from '../../contract/manifest.js';
import { wayTo } from '../../contract/moved.js';

/**
 * Where the vectors of a run lie, of those that are as they were: in a workspace that was moved or copied whole, before
 * where they lay.
 */
export async function vectorsOfRun(folder: string, { vectors, done }: Manifest): Promise<string[]> {
  const found: string[] = [];
  for (const { path, sha256 } of vectors) {
    const way = done && wayTo(done.output, path);
    for (const place of way === undefined ? [path] : [resolve(folder, way), path]) {
      if (!(await isVector(place, sha256))) continue;
      found.push(place);
      break;
    }
  }
  return found;
}

const isVector = (path: string, sha256: string): Promise<boolean> =>
  adapterFolder(path)
    .then(hashAdapter)
    .then((now) => now === sha256)
    .catch(() => false);
