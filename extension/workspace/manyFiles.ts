/** Looks at many files of a workspace. */
import { open, stat } from 'node:fs/promises';

/** Files that are read at once. */
const AT_ONCE = 16;

/** The first characters of a file; empty for what is none. */
export async function startOf(file: string): Promise<string> {
  try {
    if (!(await stat(file)).isFile()) return '';
    const handle = await open(file);
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(1024), 0, 1024, 0);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch {
    return '';
  }
}

/** Does `work` for each, some at once. */
export async function each(files: readonly string[], work: (file: string) => Promise<void>): Promise<void> {
  const waiting = [...files].reverse();
  const next = async (): Promise<void> => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) await work(file);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
}

/** So that the top of the view is there while the rest is read. */
export async function newestWritten(files: readonly string[]): Promise<string[]> {
  const written = (file: string): Promise<number> =>
    stat(file).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    );
  const dated = await Promise.all(files.map(async (file) => ({ file, at: await written(file) })));
  return dated.sort((a, b) => b.at - a.at).map(({ file }) => file);
}
