import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { HumanError } from '../../support/errors.js';

/** In the folder of a model or an adapter: what a download has not finished. */
export const STAGING = '.download';
/** In there, while files come into place: which ones. */
export const COMMIT = 'commit.json';

/** @throws HumanError for a folder in which a download has given some of its files their names, and not yet all */
export function requireCommitted(folder: string): void {
  if (!existsSync(join(folder, STAGING, COMMIT))) return;
  throw new HumanError('a download into this folder was cut off, or is just ending: some of its files are missing.', {
    place: folder,
    remedy: 'Download it again; where another process is downloading it, wait for that.',
  });
}
