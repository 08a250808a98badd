/** What a file's content is: by SHA-256, and by git's name for it, as the Hub lists one or the other. */
import { createHash } from 'node:crypto';
import { lstat, open, stat } from 'node:fs/promises';
import { Cancelled } from '../../support/errors.js';
import type { Handle } from '../../support/replaceFile.js';
import type { HubFile } from './files.js';

export interface Sums {
  sha256: string;
  gitOid: string;
}

const PIECE = 1 << 20;

/** Takes the content of `size` bytes in pieces. */
export function summing(size: number): { update(bytes: Uint8Array): void; end(): Sums } {
  const sha256 = createHash('sha256');
  // git's name of a file: SHA-1 over `blob SIZE\0` and the content
  const git = createHash('sha1').update(`blob ${size}\0`);
  return {
    update(bytes) {
      sha256.update(bytes);
      git.update(bytes);
    },
    end: () => ({ sha256: sha256.digest('hex'), gitOid: git.digest('hex') }),
  };
}

/** The Hub gives one sum of a file or none. */
export const agrees = ({ sha256, gitOid }: HubFile, sums: Sums): boolean =>
  (sha256 ?? sums.sha256) === sums.sha256 && (gitOid ?? sums.gitOid) === sums.gitOid;

/** What stands under a name. */
interface Standing {
  /** Changes with the content. */
  signature: string;
  /** undefined: no file. */
  size?: number;
  isFolder: boolean;
}

/** undefined where there is nothing. Links are followed. */
export async function standing(path: string): Promise<Standing | undefined> {
  const itself = await lstat(path, { bigint: true }).catch(none);
  if (!itself) return undefined;
  const behind = itself.isSymbolicLink() ? await stat(path, { bigint: true }).catch(none) : itself;
  const signature = [itself, behind].map((s) => s && [s.dev, s.ino, s.size, s.mtimeNs, s.ctimeNs].join(':')).join();
  const isFolder = itself.isDirectory();
  return { signature, isFolder, size: behind?.isFile() === true ? Number(behind.size) : undefined };
}

function none(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT' && error.code !== 'ELOOP') throw error;
}

/** Sums of files; one that is asked for again and was not changed is not read again. */
export function fileSums(signal: AbortSignal): (path: string, standing: Standing) => Promise<Sums> {
  const known = new Map<string, Sums>();
  return async (path, { signature, size = 0 }) => {
    const found = known.get(signature);
    if (found) return found;
    const handle = await open(path, 'r');
    try {
      const sums = summing(size);
      for await (const bytes of piecesOf(handle, size, signal)) sums.update(bytes);
      const result = sums.end();
      known.set(signature, result);
      return result;
    } finally {
      await handle.close();
    }
  };
}

/** The first `size` bytes, in pieces. A piece is good until the next one is asked for. */
export async function* piecesOf(handle: Handle, size: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(PIECE, Math.max(size, 1)));
  for (let at = 0; at < size;) {
    if (signal.aborted) throw new Cancelled();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
