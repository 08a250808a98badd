/** What the extension host takes while a walk goes on: memory, and the longest time that it answered nobody. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

const PROBE = path.resolve(import.meta.dirname, '../host/probe.cjs');

/** What the issue asks of the extension host. */
export const MOST_MB = 250;
export const LONGEST_MS = 50;

/** For `prepare` of a walk: the server's options and environment, and `measured`, which says what was seen since it was last asked. */
export async function hostProbe() {
  const folder = await mkdtemp(path.join(tmpdir(), 'host-probe-'));
  const file = path.join(folder, 'probe.jsonl');
  let from = Date.now();
  return {
    nodeArguments: [`--require=${PROBE}`],
    env: { HOST_PROBE: file },
    stop: () => rm(folder, { recursive: true, force: true }),
    /** Prints and gives it. @throws when nothing was measured */
    async measured(what) {
      const lines = (await readFile(file, 'utf8')).trim().split('\n').map((line) => JSON.parse(line)); // prettier-ignore
      const seen = lines.filter(({ at }) => at >= from);
      from = Date.now();
      if (seen.length === 0) throw new Error(`${what}: the extension host has written nothing`);
      const most = (key) => Math.max(...seen.map((line) => line[key]));
      const busyMs = seen.reduce((sum, line) => sum + line.busyMs, 0);
      const result = { mostMB: most('rssMB'), longestMs: most('longestMs'), busyMs };
      console.log(
        `    ${what}: extension host ${result.mostMB} MB, longest turn ${result.longestMs} ms, ${busyMs} ms in all`,
      );
      return result;
    },
  };
}
