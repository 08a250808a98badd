import { isShallow, openFile, unreadable } from './checkedFile.js';
import { errorData, HostError } from './errors.js';
import { numbers, t } from './text.js';
import { megabytes } from '../../runtime/contract/format.js';
import type { ErrorData } from '../../runtime/contract/errors.js';

/** Read at once; the thread is given back between two of these. */
const PIECE_BYTES = 1024 * 1024;
/** What is read of one file at a time: more is more than a page can draw or a table can show. */
const MAX_BYTES = 64 * PIECE_BYTES;
/** An answer of the longest context is far below. */
const MAX_LINE_BYTES = 1e6;

interface Tail<T> {
  values: T[];
  /** The byte at which the next line begins. */
  to: number;
  /** What could not be read, once, for people. */
  problem?: ErrorData;
}

/**
 * The values of an append-only file of JSON lines from the byte `from` on, also of one that grows. Never throws: no
 * file has no values, a half last line is a writer that was killed, and lines that `take` refuses are counted as a
 * problem.
 */
export async function readJsonLines<T>(
  file: string,
  take: (value: unknown) => T | undefined,
  from = 0,
): Promise<Tail<T>> {
  const tail: Tail<T> = { values: [], to: from };
  let refused = 0;
  try {
    const opened = await openFile(file);
    if (!opened) return tail;
    const { handle, size } = opened;
    try {
      const end = Math.min(size, from + MAX_BYTES);
      let rest = Buffer.alloc(0);
      for (let at = from; at < end;) {
        const piece = Buffer.alloc(Math.min(PIECE_BYTES, end - at));
        const { bytesRead } = await handle.read(piece, 0, piece.length, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        const bytes = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
        const whole = bytes.lastIndexOf(0x0a) + 1;
        for (const line of whole > 0 ? bytes.toString('utf8', 0, whole - 1).split('\n') : []) {
          if (!line.trim()) continue;
          const value = parsed(line);
          const taken = value === undefined ? undefined : take(value);
          if (taken !== undefined) tail.values.push(taken);
          else refused++;
        }
        rest = bytes.subarray(whole);
        if (rest.length > MAX_LINE_BYTES)
          throw unreadable(file, t('it has a line of more than {0} MB.', megabytes(MAX_LINE_BYTES, numbers())));
        tail.to = at - rest.length;
      }
      // Half a line of a writer that was killed begins as a whole one does.
      if (rest.length > 0 && rest[0] !== 0x7b) refused++;
      if (end < size)
        throw unreadable(
          file,
          t('only the first {0} of its {1} MB are shown.', megabytes(end, numbers()), megabytes(size, numbers())),
          t('The file itself is whole.'),
        );
    } finally {
      await handle.close();
    }
    if (refused > 0)
      throw unreadable(file, t('{0} of its lines do not belong in this file; the others are shown.', refused));
  } catch (error) {
    tail.problem =
      error instanceof HostError
        ? error.data
        : unreadable(file, errorData(error).message.replace('internal: ', '')).data;
  }
  return tail;
}

function parsed(line: string): unknown {
  try {
    const value: unknown = JSON.parse(line);
    return isShallow(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
