import { open, readFile } from 'node:fs/promises';

/**
 * The JSON values of an append-only file. A line that is not whole JSON is left out: a writer that was killed leaves
 * half a last line. No file: no values.
 */
export const readJsonLines = async (file: string): Promise<unknown[]> => (await readJsonTail(file, 0)).values;

/** The values of whole lines from the byte `from` on, and the byte at which the next line begins; also of a file that grows. */
export async function readJsonTail(file: string, from: number): Promise<{ values: unknown[]; to: number }> {
  const bytes = await bytesFrom(file, from);
  const end = bytes.lastIndexOf(0x0a) + 1;
  const values: unknown[] = [];
  for (const line of bytes.toString('utf8', 0, end).split('\n')) {
    if (!line.trim()) continue;
    try {
      values.push(JSON.parse(line));
    } catch {
      // Half a line, which a writer that was killed has left.
    }
  }
  return { values, to: from + end };
}

async function bytesFrom(file: string, from: number): Promise<Buffer> {
  try {
    if (from === 0) return await readFile(file);
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const bytes = Buffer.alloc(Math.max(0, size - from));
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
      return bytes.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

/** The JSON of a file, or undefined when there is no file or it is not JSON. */
export async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
