import { createHash } from 'node:crypto';
import { openFile, unreadable } from '../host/checkedFile.js';
import { t } from '../host/text.js';

const PIECE_BYTES = 1024 * 1024;

/** Names the text of a row: equal texts have equal keys, and other texts others (96 bits of SHA-256). */
export const rowKey = (text: string): string => createHash('sha256').update(text).digest('base64').slice(0, 16);

/** A file as it is now: its bytes in one number, how many lines an editor shows, and the keys of some of them. */
export interface FileRows {
  size: number;
  mtimeMs: number;
  sha256: string;
  lineCount: number;
  /** By line, from 1. */
  keys: Map<number, string>;
}

/** Reads the whole file once, piece by piece; of rows only those of `lines` are held. */
export async function readRows(file: string, lines: ReadonlySet<number> = new Set()): Promise<FileRows> {
  const opened = await openFile(file);
  if (!opened) throw unreadable(file, t('the file is gone.'), t('Scan another one.'));
  const { handle } = opened;
  try {
    const { mtimeMs } = await handle.stat();
    const hash = createHash('sha256');
    const keys = new Map<number, string>();
    let size = 0;
    let line = 1;
    let row: Buffer[] = [];
    const end = (): void => {
      if (!lines.has(line)) return;
      const text = Buffer.concat(row).toString('utf8').replace(/\r$/, '');
      // The editor's text has no byte order mark.
      keys.set(line, rowKey(line === 1 ? text.replace(/^\uFEFF/, '') : text));
      row = [];
    };
    for (;;) {
      const piece = Buffer.alloc(PIECE_BYTES);
      const { bytesRead } = await handle.read(piece, 0, PIECE_BYTES, size);
      if (bytesRead === 0) break;
      size += bytesRead;
      const bytes = piece.subarray(0, bytesRead);
      hash.update(bytes);
      for (let from = 0; ; line++) {
        const at = bytes.indexOf(0x0a, from);
        if (lines.has(line)) row.push(bytes.subarray(from, at < 0 ? undefined : at));
        if (at < 0) break;
        end();
        from = at + 1;
      }
    }
    end();
    return { size, mtimeMs, sha256: hash.digest('hex'), lineCount: line, keys };
  } finally {
    await handle.close();
  }
}
