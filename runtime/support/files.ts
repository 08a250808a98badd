import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
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

/** SHA-256 of a file's bytes, hexadecimal. Reads in pieces. */
export async function sha256File(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return hash.digest('hex');
}

/** SHA-256 over data in memory, hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
