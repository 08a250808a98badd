/** Codes by which Windows refuses to rename what a virus scanner, an indexer or a watcher has open for a moment. */
const HELD = new Set(['EPERM', 'EACCES', 'EBUSY']);
/** Milliseconds between two tries; two seconds in all. */
const WAITS = [10, 20, 50, 100, 200, 400, 500, 720];

/** Renames, and on Windows tries again for two seconds while another program has the file or a file of the folder open. */
export async function whileHeld(
  rename: () => Promise<void>,
  platform: string,
  sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<void> {
  if (platform === 'win32')
    for (const wait of WAITS) {
      try {
        return await rename();
      } catch (error) {
        if (!HELD.has((error as { code?: string }).code ?? '')) throw error;
        await sleep(wait);
      }
    }
  return rename();
}
