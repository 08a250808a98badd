/**
 * One place per user for what is made of models: folders converted from GGUF files, by the hash of their content, and
 * weights in blocks. A folder appears by being renamed as a whole and disappears the same way, so that no process sees
 * half of one.
 */
import { access, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { constants, rmSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import type { CacheEntry, CacheInfo } from '../../contract/modelInfo.js';
import { sum } from '../../contract/sum.js';
import { HumanError } from '../../support/errors.js';
import { asked, thisProcess, type NamedProcess } from '../../runs/ownerOf.js';
import { writeFileAtomic } from '../../support/files.js';
import type { JsonObject } from '../../support/jsonFile.js';
import { makeFolder } from '../../support/makeFolder.js';
import { move, partOf } from '../../support/replaceFile.js';

/** Where the system keeps what can be made again; SECURITY_VECTORS_CACHE is another folder. */
export function userCache(env: NodeJS.ProcessEnv = process.env, platform: string = process.platform): string {
  const given = env.SECURITY_VECTORS_CACHE;
  if (given) {
    if (isAbsolute(given)) return given;
    throw new HumanError('the folder of the cache must be given as an absolute path.', {
      place: 'SECURITY_VECTORS_CACHE',
      remedy: 'Give it from the root on.',
    });
  }
  const home = homedir();
  if (platform === 'win32')
    return join(env.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'security-vectors', 'Cache');
  if (platform === 'darwin') return join(home, 'Library', 'Caches', 'security-vectors');
  // A relative path counts as none (XDG Base Directory Specification).
  const xdg = env.XDG_CACHE_HOME;
  return join(xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.cache'), 'security-vectors');
}

/** Makes the folder of the cache. @throws HumanError where nothing can be written to it */
export async function makeCache(cache: string): Promise<void> {
  try {
    await makeFolder(cache);
    await access(cache, constants.W_OK);
  } catch (error) {
    throw cacheError(error, cache);
  }
}

/** An error of who writes to the cache: where it cannot be written, it says how to have it elsewhere. */
export function cacheError(error: unknown, cache: string): unknown {
  const { code = '' } = (error instanceof HumanError ? (error.cause ?? {}) : error) as NodeJS.ErrnoException;
  if (!READ_ONLY.includes(code)) return error;
  return new HumanError(`the cache cannot be written (${code}).`, {
    place: cache,
    remedy: 'Check its permissions, or name another folder in the environment variable SECURITY_VECTORS_CACHE.',
    cause: error,
  });
}

const READ_ONLY = ['EROFS', 'EACCES', 'EPERM'];

const ENTRY = /^(gguf|packed)-[0-9a-f]{32}-\d+(-whole|-float32)?(-int[48])?$/;
/** An entry that is not yet, or no longer, in its place. */
const HALF = /^(gguf|packed)-.*\.part$/;
/** What an entry was made from. */
export const SOURCE = 'source.json';
const USE = /^use-.+\.json$/;
/** Of a process that cannot be asked, as on another machine, the mark counts for this long. */
const FOREIGN_MS = 24 * 3600 * 1000;
const ABANDONED_MS = 6 * 3600 * 1000;

/** The marks of this process. */
const used = new Set<string>();

/**
 * Marks an entry as used until this process ends, so that nobody clears it meanwhile.
 * @returns false when the entry is gone
 */
export async function useEntry(folder: string): Promise<boolean> {
  const own = join(folder, `use-${hostname()}-${process.pid}.json`);
  try {
    await writeFile(own, JSON.stringify(await thisProcess()));
    const now = new Date();
    await utimes(folder, now, now);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return false;
    // A cache that is shared and read-only is used as it is.
    if (!READ_ONLY.includes(code)) throw error;
    return (await stat(folder).catch(() => undefined)) !== undefined;
  }
  if (used.size === 0) process.once('exit', () => used.forEach((mark) => rmSync(mark, { force: true })));
  used.add(own);
  return true;
}

/**
 * Makes an entry: `write` fills a folder beside it, which says from its beginning what it is made of, and by whom. On
 * an error nothing is left.
 */
export async function makeEntry(
  folder: string,
  source: JsonObject,
  write: (beside: string) => Promise<void>,
): Promise<void> {
  const beside = partOf(folder);
  try {
    await mkdir(beside);
    await useEntry(beside);
    await writeFileAtomic(join(beside, SOURCE), `${JSON.stringify(source, undefined, 2)}\n`);
    await write(beside);
    await move(beside, folder);
  } catch (error) {
    await rm(beside, { recursive: true, force: true });
    // Another process may have made the same in the meantime.
    if (!(await stat(folder).catch(() => undefined))) throw error;
  }
}

async function isUsed(folder: string): Promise<boolean> {
  for (const name of await names(folder)) {
    if (!USE.test(name)) continue;
    const file = join(folder, name);
    try {
      const mark = JSON.parse(await readFile(file, 'utf8')) as NamedProcess;
      if ((await asked(mark)) ?? Date.now() - (await stat(file)).mtimeMs < FOREIGN_MS) return true;
    } catch {
      // of a process that is just writing it, or just ended
      if (Date.now() - ((await stat(file).catch(() => undefined))?.mtimeMs ?? 0) < 60_000) return true;
    }
  }
  return false;
}

/**
 * Whether a process is, or may be, making half an entry: one without a mark was just begun, or is of an earlier
 * version.
 */
async function isMade(folder: string): Promise<boolean> {
  if ((await names(folder)).some((name) => USE.test(name))) return isUsed(folder);
  const found = await stat(folder).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs < ABANDONED_MS;
}

const names = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** What is in the cache, half entries too, the latest used first. */
export async function listCache(cache = userCache()): Promise<CacheInfo> {
  const entries: CacheEntry[] = [];
  for (const name of await names(cache)) {
    if (!ENTRY.test(name) && !HALF.test(name)) continue;
    const folder = join(cache, name);
    const found = await stat(folder).catch(() => undefined);
    if (!found) continue;
    const source = JSON.parse(await readFile(join(folder, SOURCE), 'utf8').catch(() => '{}')) as {
      file?: string;
    };
    const used = found.mtime.toISOString();
    const inUse = await (HALF.test(name) ? isMade(folder) : isUsed(folder));
    entries.push({ folder, file: source.file ?? folder, bytes: await size(folder), used, inUse });
  }
  entries.sort((a, b) => b.used.localeCompare(a.used));
  return { path: cache, bytes: sum(entries.map(({ bytes }) => bytes)), entries };
}

/** Removes what no process uses. @returns what it was, and what is left */
export async function clearCache(cache = userCache()): Promise<{ removed: CacheEntry[]; left: CacheInfo }> {
  const removed: CacheEntry[] = [];
  for (const entry of (await listCache(cache)).entries) {
    if (entry.inUse) continue;
    const isHalf = HALF.test(basename(entry.folder));
    const away = isHalf ? entry.folder : partOf(entry.folder);
    if (!isHalf) await move(entry.folder, away);
    // A process may have begun to use it in the meantime; from now on nobody finds it.
    if (!isHalf && (await isUsed(away))) await move(away, entry.folder);
    else {
      await rm(away, { recursive: true, force: true });
      removed.push(entry);
    }
  }
  if (removed.length > 0)
    for (const name of await names(cache))
      if (/^known-[0-9a-f]+\.json$/.test(name)) await rm(join(cache, name), { force: true });
  return { removed, left: await listCache(cache) };
}

/** Folders that a killed process left half done. */
export async function removeAbandoned(cache: string): Promise<void> {
  for (const name of (await names(cache)).filter((one) => HALF.test(one)))
    if (!(await isMade(join(cache, name)))) await rm(join(cache, name), { recursive: true, force: true });
}

async function size(folder: string): Promise<number> {
  const found = await Promise.all((await names(folder)).map((name) => stat(join(folder, name)).catch(() => undefined)));
  return sum(found.map((one) => one?.size ?? 0));
}
