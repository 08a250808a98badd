import { sha256File } from './files.js';
import { keepLatest, settledStamp } from './fileStamp.js';

/** Files whose hashes are remembered. */
const MOST = 1000;

const known = new Map<string, Promise<string>>();

/**
 * SHA-256 of a file that may be large and is asked for again and again, hexadecimal; read once in this process as long
 * as its size and times are the same.
 */
export async function rememberedHash(file: string, hash = sha256File): Promise<string> {
  const key = await settledStamp([file]);
  if (key === undefined) return hash(file);
  const found = known.get(key) ?? hash(file);
  keepLatest(known, key, found, MOST);
  found.catch(() => known.delete(key));
  return found;
}
