/**
 * One file of the Hub onto the disk. @huggingface/hub lists files but does not carry them here: its downloads cannot be
 * cancelled, take an answer that ignores the range for the rest of the file, and check no checksum.
 */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { HumanError } from '../../support/errors.js';
import type { Handle } from '../../support/replaceFile.js';
import type { HubFile } from './files.js';
import { agrees, piecesOf, summing } from './hashes.js';
import { Interrupted } from './responseErrors.js';
import type { HubAnswer, HubClient } from './request.js';

/** A part is a file of ours; a link in its place would lead to one that is not. Windows has no such flag. */
const NO_LINK = (constants as { O_NOFOLLOW?: number }).O_NOFOLLOW ?? 0;

interface Transfer {
  client: HubClient;
  url: string;
  file: HubFile;
  /** Where the bytes go; what it already has is kept and continued. */
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
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT | NO_LINK, 0o644);
  let sums = summing(file.size);
  let at = 0;
  /** How far any attempt came. */
  let furthest = 0;
  const restart = async (): Promise<void> => {
    await handle.truncate(0);
    sums = summing(file.size);
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
        new HumanError(`the Hub sent a different part of ${file.path} than was requested.`, {
          remedy: 'Download again later, or from another mirror.',
          kind: 'failed',
        }),
      );
    }
    for await (const bytes of answer.body) {
      if (at + bytes.length > file.size) throw await wrong(`has more than the ${file.size} bytes that the Hub lists`);
      await writeAll(handle, bytes, at);
      sums.update(bytes);
      at += bytes.length;
      furthest = Math.max(furthest, at);
      onBytes(bytes.length);
    }
    if (at < file.size)
      throw new Interrupted(
        new HumanError(`${file.path} ended after ${at} of ${file.size} bytes.`, {
          remedy: 'Download again: it resumes where it stopped.',
          kind: 'failed',
        }),
      );
  };
  const wrong = async (what: string): Promise<HumanError> => {
    await rm(part, { force: true });
    return new HumanError(`${file.path} ${what}; the part that was downloaded is deleted.`, {
      place: part,
      remedy: 'Download again; if it happens again, the network or the mirror changes files: do not use it.',
      kind: 'failed',
    });
  };
  try {
    const { size } = await handle.stat();
    if (size > file.size) await handle.truncate(0);
    else {
      for await (const bytes of piecesOf(handle, size, signal)) {
        sums.update(bytes);
        at += bytes.length;
        onBytes(bytes.length);
      }
    }
    const isResumed = at > 0;
    for (let tries = 0; ; tries++) {
      furthest = at;
      if (at < file.size) await client.persistently(attempt, () => furthest);
      const found = sums.end();
      if (agrees(file, found)) {
        await handle.sync();
        return found.sha256;
      }
      // a crash of the system may have spoilt what was there
      if (!isResumed || tries > 0) throw await wrong('is not the file that the Hub lists (checksum)');
      await restart();
    }
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

async function writeAll(handle: Handle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += (await handle.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}
