import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';

/** A file of JSON lines that is written row by row. */
export interface JsonLinesFile {
  add(row: object): Promise<void>;
  /** A row as it is written, in one line. */
  addLine(text: string): Promise<void>;
  /** Synced. */
  end(): Promise<{ rows: number; sha256: string }>;
  close(): Promise<void>;
}

const AT_ONCE = 2 ** 20;

export async function jsonLinesFile(file: string): Promise<JsonLinesFile> {
  const handle = await open(file, 'wx');
  const hash = createHash('sha256');
  let waiting = '';
  let rows = 0;
  let isOpen = true;
  const flush = async (): Promise<void> => {
    hash.update(waiting);
    await handle.writeFile(waiting);
    waiting = '';
  };
  const close = async (): Promise<void> => {
    if (isOpen) await handle.close();
    isOpen = false;
  };
  const addLine = async (text: string): Promise<void> => {
    rows++;
    waiting += `${text}\n`;
    if (waiting.length >= AT_ONCE) await flush();
  };
  return {
    add: (row) => addLine(JSON.stringify(row)),
    addLine,
    async end() {
      await flush();
      await handle.sync();
      await close();
      return { rows, sha256: hash.digest('hex') };
    },
    close,
  };
}
