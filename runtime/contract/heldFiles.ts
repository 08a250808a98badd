/** Codes by which Windows refuses what it cannot do to a file that somebody has open or mapped. */
const HELD: ReadonlySet<unknown> = new Set(['EPERM', 'EACCES', 'EBUSY']);
/** Milliseconds between two tries; two seconds in all. */
const WAITS = [10, 20, 50, 100, 200, 400, 500, 720];

export const isHeld = (error: unknown): boolean => HELD.has((error as { code?: string }).code);

/**
 * Renames, removes or opens, and on Windows tries again for two seconds while a virus scanner, an indexer or a watcher
 * has the file, or a file of the folder, open.
 */
export async function whileHeld<T>(
  use: () => Promise<T>,
  platform: string,
  sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<T> {
  if (platform === 'win32')
    for (const wait of WAITS) {
      try {
        return await use();
      } catch (error) {
        if (!isHeld(error)) throw error;
        await sleep(wait);
      }
    }
  return use();
}
