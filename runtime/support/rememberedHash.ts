import { stat } from 'node:fs/promises';
import { sha256File } from './files.js';

/** Files whose hashes are remembered. */
const MOST = 1000;
/** A file that was changed so short a time ago may be changed again with the same time, milliseconds. */
const RECENT = 2000;

const known = new Map<string, Promise<string>>();

/**
 * SHA-256 of a file that may be large and is asked for again and again, hexadecimal; read once in this process as long as its
 * size and times are the same.
 */
export async function rememberedHash(file: string, hash = sha256File): Promise<string> {
  const { size, mtimeNs, ctimeNs, mtimeMs } = await stat(file, { bigint: true });
  if (Date.now() - Number(mtimeMs) < RECENT) return hash(file);
  const key = JSON.stringify([file, size, mtimeNs, ctimeNs].map(String));
  const found = known.get(key) ?? hash(file);
  known.delete(key);
  known.set(key, found);
  for (const oldest of [...known.keys()].slice(0, -MOST)) known.delete(oldest);
  found.catch(() => known.delete(key));
  return found;
}
