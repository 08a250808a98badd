import { createHash } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { readdir, realpath, rm, rmdir, stat } from 'node:fs/promises';
import path, { dirname, join, resolve, type PlatformPath } from 'node:path';
import { Cancelled } from './errors.js';
import { replaceFile, type ReplaceOptions } from './replaceFile.js';

/** Writes beside, syncs, renames: a reader sees the old file or the new one, never half of one. */
export async function writeFileAtomic(
  file: string,
  data: string | Uint8Array,
  options?: ReplaceOptions,
): Promise<void> {
  await replaceFile(file, (handle) => handle.writeFile(data), options);
}

/** Whether two paths lead to one file, after links and by whatever names; not where one of them is not there. */
export async function isSameFile(...paths: [string, string]): Promise<boolean> {
  const [a, b] = await Promise.all(paths.map((path) => stat(path, { bigint: true }).catch(() => undefined)));
  return a !== undefined && a.dev === b?.dev && a.ino === b.ino;
}

const TRACES = new Set(['.ds_store', 'thumbs.db', 'desktop.ini']);

/** What Finder and Explorer leave in a folder that they have shown: people take it for empty. */
export const isTrace = (name: string): boolean => TRACES.has(name.toLowerCase());

/** Removes a folder that holds nothing but these files. @throws where one of them, or another, is still there */
export async function removeWith(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) await rm(join(folder, name), { force: true }).catch(() => undefined);
  await rmdir(folder);
}

/**
 * Removes a folder and those above it that `mkdir` made with it, as far as they are empty.
 * @param made what `mkdir` gave
 */
export async function removeMade(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let at = resolve(folder); ; at = dirname(at)) {
    await rmdir(at).catch(() => undefined);
    if (at === resolve(made) || at === dirname(at)) return;
  }
}

/** What lies below a folder and is none itself, by its name relative to it, with `/`. Links are not followed. */
export async function filesBelow(folder: string, at = ''): Promise<Map<string, Dirent>> {
  const found = new Map<string, Dirent>();
  for (const entry of await readdir(join(folder, at), { withFileTypes: true })) {
    const name = at === '' ? entry.name : `${at}/${entry.name}`;
    if (!entry.isDirectory()) found.set(name, entry);
    else for (const [below, one] of await filesBelow(folder, name)) found.set(below, one);
  }
  return found;
}

/** Whether files can be mapped together: nothing is from two drives of Windows at once. */
export const onOneDrive = async (
  places: readonly string[],
  drive = (place: string) => driveOf(place),
): Promise<boolean> => new Set(await Promise.all(places.map((place) => drive(place)))).size <= 1;

/** The drive or the share of Windows where a place is, or will be, once links are followed; `/` elsewhere. */
export async function driveOf(
  place: string,
  real = realpath as (path: string) => Promise<string>,
  at: PlatformPath = path,
): Promise<string> {
  const found = await real(place).catch(() => undefined);
  const above = at.dirname(place);
  return found === undefined && above !== place
    ? driveOf(above, real, at)
    : at.parse(found ?? place).root.toLowerCase();
}

/** SHA-256 of a file's bytes, hexadecimal. Reads in pieces. @throws Cancelled between two of them */
export async function sha256File(file: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) {
    if (signal?.aborted) throw new Cancelled();
    hash.update(piece as Buffer);
  }
  return hash.digest('hex');
}

/** SHA-256 over data in memory, hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** Names a text (96 bits of SHA-256). */
export const textName = (text: string): string => createHash('sha256').update(text).digest('base64url').slice(0, 16);
