import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStamp } from '../support/fileStamp.js';
import { partsOf } from './gguf/file/split.js';

/** The files that a model is read from: the parts of a GGUF file, or those in the folder. */
export const modelFiles = async (path: string): Promise<string[]> =>
  path.toLowerCase().endsWith('.gguf')
    ? partsOf(path)
    : (await readdir(path, { withFileTypes: true })).filter(isRead).map(({ name }) => join(path, name));

/**
 * The same as long as these files are, of a model or of an adapter; undefined where one is not there, as whoever opens
 * it says.
 */
export const modelStamp = (path: string): Promise<string | undefined> =>
  modelFiles(path)
    .then(fileStamp)
    .catch(() => undefined);

/** Not folders; a link may lead to a file. */
const isRead = (entry: Dirent): boolean => entry.isFile() || entry.isSymbolicLink();
