/** Whether a file can be written, found out before the work that it is to hold. */
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HumanError } from './errors.js';
import { removeMade } from './files.js';
import { partOf, withPath } from './replaceFile.js';
import { makeFolder } from './makeFolder.js';

/**
 * Writes beside it, as who replaces it will, and removes that. What is there stays.
 * @throws what that would end with
 */
export async function requireWritable(file: string): Promise<void> {
  const there = await stat(file).catch(() => undefined);
  if (there && !there.isFile())
    throw new HumanError(`this is a ${there.isDirectory() ? 'folder' : 'device or pipe'}; a file was expected.`, {
      place: file,
      remedy: 'Name a file.',
    });
  const folder = dirname(file);
  const part = partOf(file);
  const made = await makeFolder(folder);
  try {
    const handle = await open(part, 'wx');
    await handle.close();
    await rm(part);
  } catch (error) {
    throw withPath(error, file, part);
  } finally {
    await removeMade(folder, made);
  }
}
