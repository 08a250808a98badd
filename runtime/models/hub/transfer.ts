/**
 * One file of the Hub onto the disk. @huggingface/hub lists files but does not carry them here: its downloads cannot be
 * cancelled, take an answer that ignores the range for the rest of the file, and check no checksum.
 */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { Cancelled, HumanError } from '../../errors.js';
import type { Handle } from '../../files.js';
import type { HubFile } from './files.js';
import { Interrupted } from './refusals.js';
import type { HubAnswer, HubClient } from './request.js';

const PIECE = 1 << 20;

export interface Transfer {
  client: HubClient;
  url: string;
  file: HubFile;
  /** Where the bytes go; what it has already is kept and gone on from. */
  part: string;
  signal: AbortSignal;
  /** Bytes that are there now and were not before; negative when they had to be given up. */
  onBytes: (bytes: number) => void;
}

/**
 * Brings the file into `part`, complete, checked and synced. What came stays on the disk when it is cancelled or fails,
 * but for wrong content.
 * @returns SHA-256 of the content, hexadecimal.
 */
export async function transfer({ client, url, file, part, signal, onBytes }: Transfer): Promise<string> {
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT, 0o644);
  let sums = checksums(file);
  let at = 0;
  let received = 0;
  const restart = async (): Promise<void> => {
    await handle.truncate(0);
    sums = checksums(file);
    onBytes(-at);
    at = 0;
  };
  const attempt = async (): Promise<void> => {
    const answer = await client.open(url, at > 0 ? { range: `bytes=${at}-` } : {});
    const goesOn = at > 0 && continues(answer, at, file.size);
    if (!goesOn && at > 0) await restart();
    if (!goesOn && answer.status !== 200) {
      await answer.cancel();
      throw new Interrupted(
        new HumanError(`the Hub sends another part of ${file.path} than asked.`, { kind: 'failed' }),
      );
    }
    for await (const bytes of answer.body) {
      if (at + bytes.length > file.size) throw await wrong(`has more than the ${file.size} bytes that the Hub lists`);
      await writeAll(handle, bytes, at);
      sums.update(bytes);
      at += bytes.length;
      received += bytes.length;
      onBytes(bytes.length);
    }
    if (at < file.size)
      throw new Interrupted(
        new HumanError(`${file.path} ended after ${at} of ${file.size} bytes.`, {
          remedy: 'Download again: it goes on where it stopped.',
          kind: 'failed',
        }),
      );
  };
  const wrong = async (what: string): Promise<HumanError> => {
    await rm(part, { force: true });
    return new HumanError(`${file.path} ${what}; what was downloaded of it is deleted.`, {
      place: part,
      remedy: 'Download again; if it happens again, the network or the mirror changes files: do not use it.',
      kind: 'failed',
    });
  };
  try {
    const { size } = await handle.stat();
    if (size > file.size) await handle.truncate(0);
    else {
      for await (const bytes of pieces(handle, size, signal)) {
        sums.update(bytes);
        at += bytes.length;
        onBytes(bytes.length);
      }
    }
    if (at < file.size) await client.persistently(attempt, () => received);
    const { sha256, right } = sums.end();
    if (!right) throw await wrong('is not the file that the Hub lists (checksum)');
    await handle.sync();
    return sha256;
  } finally {
    await handle.close();
  }
}

/** SHA-256 of a file that is what the Hub lists; undefined for another one, or when the Hub gives no checksum. */
export async function sameContent(path: string, file: HubFile, signal: AbortSignal): Promise<string | undefined> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (!handle) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size !== file.size || (file.sha256 ?? file.gitOid) === undefined) return undefined;
    const sums = checksums(file);
    for await (const bytes of pieces(handle, file.size, signal)) sums.update(bytes);
    const { sha256, right } = sums.end();
    return right ? sha256 : undefined;
  } finally {
    await handle.close();
  }
}

/** The answer is exactly the rest of the file. */
function continues(answer: HubAnswer, at: number, size: number): boolean {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(answer.headers.get('content-range') ?? '');
  if (answer.status !== 206 || !range) return false;
  return Number(range[1]) === at && Number(range[2]) === size - 1 && (range[3] === '*' || Number(range[3]) === size);
}

function checksums(file: HubFile) {
  const sha256 = createHash('sha256');
  // git's name of a file: SHA-1 over `blob SIZE\0` and the content
  const git = file.gitOid === undefined ? undefined : createHash('sha1').update(`blob ${file.size}\0`);
  return {
    update(bytes: Uint8Array): void {
      sha256.update(bytes);
      git?.update(bytes);
    },
    end(): { sha256: string; right: boolean } {
      const sum = sha256.digest('hex');
      const right = (file.sha256 ?? sum) === sum && (git === undefined || git.digest('hex') === file.gitOid);
      return { sha256: sum, right };
    },
  };
}

/** The first `size` bytes, in pieces. A piece is good until the next one is asked for. */
async function* pieces(handle: Handle, size: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(Math.min(PIECE, Math.max(size, 1)));
  for (let at = 0; at < size;) {
    if (signal.aborted) throw new Cancelled();
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - at), at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

async function writeAll(handle: Handle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
